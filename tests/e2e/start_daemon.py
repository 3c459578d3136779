#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""For daemon.sh: starts a forebayd and waits for READY=1, or stops one and waits for its end.

	start_daemon.py DIRECTORY COMMAND...	prints the pid; the log is DIRECTORY/log
	start_daemon.py --stop PID LOG

A keeper process stays the daemon's parent and writes its exit status to DIRECTORY/status.
"""

import os
import pathlib
import select
import signal
import socket
import subprocess
import sys

WORDS = ("Sanitizer", "runtime error:", "a reply is not as defined")


def start(directory, command):
    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notify.bind(f"{directory}/n")
    said, say = os.pipe()
    if os.fork() == 0:
        keep(directory, command, say)
    os.close(say)
    pid = int(os.read(said, 100))
    ready, _, _ = select.select([notify, said], [], [], 60)
    while notify in ready:
        data, fds, _, _ = socket.recv_fds(notify, 65536, 16)
        for fd in fds:
            os.close(fd)
        if b"READY=1" in data.split(b"\n"):
            print(pid)
            return 0
        ready, _, _ = select.select([notify, said], [], [], 60)
    return 1


def keep(directory, command, say):
    os.setsid()
    null = os.open("/dev/null", os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    with open(f"{directory}/log", "ab") as log:
        process = subprocess.Popen(command, stdin=null, stdout=log, stderr=log,
                                   env={**os.environ, "NOTIFY_SOCKET": f"{directory}/n"})
    os.write(say, str(process.pid).encode())
    status = process.wait()
    pathlib.Path(directory, "status").write_text(str(status))
    os._exit(0)       # the pipe closes: whoever waits for READY=1 knows that none will come


def stop(pid, log):
    handle = os.pidfd_open(pid)
    os.kill(pid, signal.SIGTERM)
    if not select.select([handle], [], [], 60)[0]:
        print("the daemon did not end within a minute")
        return 1
    status = pathlib.Path(log).parent / "status"
    while not status.exists() or not status.read_text():
        os.sched_yield()
    text = pathlib.Path(log).read_text(errors="replace")
    if status.read_text() != "0" or any(word in text for word in WORDS):
        print(f"the daemon ended with {status.read_text()}:\n{text}")
        return 1
    return 0


if __name__ == "__main__":
    if sys.argv[1] == "--stop":
        sys.exit(stop(int(sys.argv[2]), sys.argv[3]))
    sys.exit(start(sys.argv[1], sys.argv[2:]))
