#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Kills a producer at random moments before its end and looks at what is left.

	producer_kill.py [ROUNDS]	50 if not said otherwise

The producer writes the position told by each drain to a pipe. After kill -9 the old file is
intact, and PATH.partial is an exact prefix of the source, at least as long as the last drain
told, and at most one ring short of what was taken.
"""

import mmap
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

from harness import (KIB, MIB, STREAM, Client, ForebayTest, main, random_bytes,  # noqa: E402
                     wait_until)

ROUNDS = 50
SOURCE_BYTES = 8 * MIB


def produce(socket_path, ack, ring_bytes, shared_path):
    """The victim: its id and each drain's position to the pipe, its head to the shared file."""
    source = random_bytes(SOURCE_BYTES)
    shared = mmap.mmap(os.open(shared_path, os.O_RDWR), 8)
    head = memoryview(shared).cast("Q")
    client = Client(socket_path)
    stream = client.open_stream("victim", ack=ack, ring_bytes=ring_bytes)
    os.write(1, stream.id.encode() + b"\n")
    at, sizes = 0, random.Random(ring_bytes)
    while at < len(source):
        piece = source[at:at + sizes.randrange(1, ring_bytes // 3)]
        said = stream.ring.write(piece)
        if said is not None:
            at += len(piece)
            head[0] = at
        if not said:
            stream.ring.wait_drain()
            os.write(1, b"%d\n" % stream.ring.tail)
    # It never ends: whoever kills it later than this kills it here.
    signal.pause()


class ProducerKill(ForebayTest):
    def test_kill_at_random_moments(self):
        source = random_bytes(SOURCE_BYTES)
        moments = random.Random()
        seed = moments.randrange(2 ** 32)
        moments.seed(seed)
        print(f"seed {seed}", end=" ", flush=True)
        engines = 2 if self.engine in ("uring", "threads") else 1
        for round_number in range(max(1, ROUNDS // engines)):
            ack = moments.choice(("written", "synced", "published"))
            ring_bytes = moments.choice((64 * KIB, 256 * KIB, MIB))
            moment = moments.randrange(SOURCE_BYTES)
            with self.subTest(round=round_number, ack=ack, ring=ring_bytes, moment=moment):
                self.one_round(source, ack, ring_bytes, moment)

    def one_round(self, source, ack, ring_bytes, moment):
        old = b"the old file"
        self.daemon.file("victim").write_bytes(old)
        self.daemon.file("victim.partial").unlink(missing_ok=True)
        with tempfile.NamedTemporaryFile(dir=self.daemon.directory) as file:
            file.write(bytes(8))
            file.flush()
            shared = mmap.mmap(file.fileno(), 8)
            head = memoryview(shared).cast("Q")
            victim = subprocess.Popen(
                [sys.executable, "-B", __file__, "--produce", self.daemon.path, ack,
                 str(ring_bytes), file.name], stdout=subprocess.PIPE)
            stream_id = victim.stdout.readline().decode().strip()
            self.assertTrue(stream_id, "the producer could not begin")
            # The pipe is read all the while, or the victim would wait for us.
            told, rest = 0, b""
            os.set_blocking(victim.stdout.fileno(), False)

            def reached():
                nonlocal rest
                rest += victim.stdout.read() or b""
                self.assertIsNone(victim.poll(), "the producer ended by itself")
                return head[0] >= moment
            wait_until(reached, "the moment")
            victim.kill()
            victim.wait()
            os.set_blocking(victim.stdout.fileno(), True)
            rest += victim.stdout.read()
            victim.stdout.close()
            taken = head[0]
            head.release()
            shared.close()
        lines = rest.split(b"\n")
        positions = [int(line) for line in lines[:-1] if line]
        told = positions[-1] if positions else 0

        runtime = wait_until(lambda: (found := self.client.call(
            STREAM + "Describe", {"id": stream_id})["runtime"])["state"] in (
                "aborted", "failed", "finished") and found, "the stream is over")
        self.assertEqual(old, self.daemon.file("victim").read_bytes())
        partial = b""
        if self.daemon.file("victim.partial").exists():
            partial = self.daemon.file("victim.partial").read_bytes()
        self.assertEqual(source[:len(partial)], partial, "not a prefix of the source")
        self.assertGreaterEqual(len(partial), told, "shorter than the last drain told")
        self.assertGreaterEqual(len(partial), taken - ring_bytes, "more than a ring is missing")
        self.assertEqual(runtime["bytesAccepted"], len(partial))
        self.no_temporaries()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--produce"]:
        produce(sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5])
    if sys.argv[1:2] and sys.argv[1].isdigit():
        ROUNDS = int(sys.argv.pop(1))
    main()
