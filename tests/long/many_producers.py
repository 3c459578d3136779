#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""200 producers at once, in mixed modes and ways in.

	many_producers.py [SECONDS]	a minute if not said otherwise

Every file is right, the daemon's resident memory stays within its rings and pools and 64 MiB
more, and its descriptors are the same before and after.
"""

import hashlib
import mmap
import os
import pathlib
import random
import select
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

from harness import (BUFFER, DAEMON, KIB, MIB, POOL, Client, ForebayTest,  # noqa: E402
                     main)

SECONDS = 60
PRODUCERS = 200
PROCESSES = 8
MODES = ("replace", "exclusive", "append", "truncate", "update")
WAYS = ("inline", "buffer", "ring")
ACKS = ("written", "synced", "published")


class Producer:
    """One producer: a connection, and a file of its own again and again."""

    def __init__(self, socket_path, store, number):
        self.client = Client(socket_path)
        self.path = pathlib.Path(store, f"producer/{number}")
        self.name = f"producer/{number}"
        self.random = random.Random(number)
        self.number = number
        self.files = 0
        self.buffer = None

    def memory(self):
        """A buffer of 64 KiB in a pool of one's own, mapped."""
        if self.buffer is None:
            pool = f"pool{self.number}"
            self.client.call(POOL + "Create", {"context": {"name": pool, "sizeBytes": 128 * KIB}})
            self.buffer = self.client.call(BUFFER + "Alloc", {"pool": pool, "length": 64 * KIB})[
                "buffer"]
            reply = self.client.call_reply(POOL + "Acquire", {"name": pool})
            self.map = mmap.mmap(reply.fds[reply.parameters["fileDescriptorIndex"]], 128 * KIB)
            for fd in reply.fds:
                os.close(fd)
        return self.buffer

    def one_file(self):
        mode, way, ack = (self.random.choice(MODES), self.random.choice(WAYS),
                          self.random.choice(ACKS))
        content = self.random.randbytes(self.random.choice((0, 10, 5000, 65536, 300_001)))
        self.path.parent.mkdir(exist_ok=True)
        self.path.unlink(missing_ok=True)
        old = b""
        if mode in ("append", "update"):
            old = b"old content"
            self.path.write_bytes(old)
        expected = {"append": old + content, "update": content + old[len(content):]}.get(
            mode, content)
        stream = self.client.open_stream(
            self.name, open=mode, ack=ack, ring_bytes=64 * KIB if way == "ring" else None,
            highWaterMark=self.random.choice((1, 16 * KIB, 64 * KIB)))
        self.WRITERS[way](self, stream, content)
        stream.wait("finish", timeout_usec=120_000_000, call_timeout=150)
        got = self.path.read_bytes()
        if got != expected:
            raise AssertionError(f"{self.name} {mode} {way} {ack}: {len(got)} bytes of "
                                 f"{len(expected)} {hashlib.sha256(got).hexdigest()}")
        self.files += 1

    def inline(self, stream, content):
        for at in range(0, len(content), 20_000):
            if not stream.write(content[at:at + 20_000])["writable"]:
                stream.wait("drain", call_timeout=150)
        stream.end()

    def ranges(self, stream, content):
        buffer = self.memory()
        for at in range(0, len(content), 64 * KIB):
            piece = content[at:at + 64 * KIB]
            self.map[buffer["offset"]:buffer["offset"] + len(piece)] = piece
            stream.write_buffer(buffer["id"], offset=0, length=len(piece))
            # The same range again: it must be done first.
            stream.wait(call_timeout=150)
        stream.end()

    def ring(self, stream, content):
        stream.ring.write_all(content, 10_000, timeout=120)
        stream.ring.end()
        stream.ring.close()

    # What the words of WAYS do.
    WRITERS = {"inline": inline, "buffer": ranges, "ring": ring}


def produce(socket_path, store, first, count, seconds):
    """Some of the producers, one thread each; reports files and failures on stdout."""
    deadline = time.monotonic() + seconds
    failures, files = [], []

    def run(number):
        try:
            producer = Producer(socket_path, store, number)
            while time.monotonic() < deadline or not producer.files:
                producer.one_file()
            files.append(producer.files)
            producer.client.close()
        except BaseException as error:
            failures.append(f"{number}: {type(error).__name__} {error}")

    threads = [threading.Thread(target=run, args=(number,)) for number in
               range(first, first + count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(sum(files))
    for failure in failures:
        print(failure)
    sys.exit(bool(failures))


class ManyProducers(ForebayTest):
    def test_every_file_is_right_and_memory_bounded(self):
        share = PRODUCERS // PROCESSES
        parts = [subprocess.Popen(
            [sys.executable, "-B", __file__, "--produce", self.daemon.path, self.daemon.store,
             str(number * share), str(share), str(SECONDS)], stdout=subprocess.PIPE, text=True)
            for number in range(PROCESSES)]
        worst, most = 0, 0
        while any(part.poll() is None for part in parts):
            usage = [self.client.call(DAEMON + "Describe")["usage"]]
            resident = self.daemon.memory_kib() * KIB
            usage.append(self.client.call(DAEMON + "Describe")["usage"])
            held = max(use["ringBytes"] + use["poolBytes"] for use in usage)
            worst = max(worst, resident - held)
            most = max(most, usage[0]["connections"])
            select.select([], [], [], 0.05)
        files = 0
        for part in parts:
            lines = part.communicate()[0].splitlines()
            files += int(lines[0])
            self.assertEqual([], lines[1:])
            self.assertEqual(0, part.returncode)
        self.assertEqual(PRODUCERS + 1, most)
        self.assertGreaterEqual(files, PRODUCERS)
        print(f"{files} files, {worst // MIB} MiB beyond rings and pools", end=" ", flush=True)
        if not self.daemon.is_sanitized():
            self.assertLessEqual(worst, 64 * MIB)
        self.no_temporaries()
        self.client.call(DAEMON + "Ping")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--produce"]:
        produce(sys.argv[2], sys.argv[3], *map(int, sys.argv[4:7]))
    if sys.argv[1:2] and sys.argv[1].isdigit():
        SECONDS = int(sys.argv.pop(1))
    main()
