#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""For hung_disk.sh: SIGTERM while one disk hangs and one pipe is full.

	hung_disk_stop.py ENGINE DIRECTORY BLK_SH
"""

import os
import pathlib
import select
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

from harness import KIB, STREAM, Daemon, random_bytes, wait_until  # noqa: E402

OTHERS = 5
DEADLINE = 3


def main():
    engine, directory, blk = sys.argv[1:]
    config = (f"[daemon]\ndrainTimeout = {DEADLINE}s\n"
              f"[store hanging]\npath = {directory}/hanging-{engine}\n")
    os.mkdir(f"{directory}/hanging-{engine}")
    daemon = Daemon(engine=engine, config=config).start()
    content = random_bytes(300 * KIB)
    client = daemon.client()
    reader, writer = os.pipe()
    piped = client.open_stream(fd=writer)
    os.close(writer)
    piped.write(content)
    hanging = client.open_stream("hanging", store="hanging", onDisconnect="finish")
    hanging.write(b"one")
    hanging.wait("synced")
    others = [client.open_stream(f"other{number}", onDisconnect="finish")
              for number in range(OTHERS)]
    subprocess.run(["bash", blk, "stop"], check=True)
    go_on = threading.Timer(3 * DEADLINE, subprocess.run, (["bash", blk, "cont"],))
    go_on.start()
    try:
        hanging.write(b"two")
        for stream in others:
            stream.write(content)
        client.send(STREAM + "Wait", {"id": hanging.id, "level": "synced"})
        daemon.process.send_signal(signal.SIGTERM)
        told = time.monotonic()
        wait_until(lambda: all(daemon.file(f"other{number}").exists()
                               for number in range(OTHERS)), "the others end", DEADLINE)
        others_after = time.monotonic() - told
        wait_until(lambda: daemon.log().count("stream was not finished in time") >= 2,
                   "what is lost is named", 2 * DEADLINE)
        named_after = time.monotonic() - told
        # Whatever a hung disk has in its hands cannot be taken out of them: the process goes
        # when the kernel lets it, and nobody else waits for that.
        ended = bool(select.select([daemon.exited], [], [], 0.5)[0])
    finally:
        go_on.cancel()
        subprocess.run(["bash", blk, "cont"], check=True)
    print(f"{engine}: others ended after {others_after:.2f} s, the lost were named after "
          f"{named_after:.2f} s; gone while the disk hung: {'yes' if ended else 'no'}")
    status = daemon.wait_exit()
    log = daemon.log()
    assert status == 0, status
    assert named_after >= 0.8 * DEADLINE, "it gave up before its deadline"
    for stream in (piped, hanging):
        assert f"in time id={stream.id}" in log, log
    for number, stream in enumerate(others):
        assert f"in time id={stream.id}" not in log, log
        assert daemon.file(f"other{number}").read_bytes() == content
    os.close(reader)
    daemon.remove()


main()
