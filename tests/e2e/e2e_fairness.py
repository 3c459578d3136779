#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who gets how much: users share a disk, streams share their user's part, rates are kept."""

import os
import shutil
import tempfile
import threading
import time

from harness import (KIB, MIB, STREAM, ForebayTest, main)
from ring import W_HEAD

MANY, ONE = 65534, 65533
STREAMS = 20
SECONDS = 2.5


class Shares(ForebayTest):
    """Every write takes 200 ms, so that what is had depends on the places that are given."""

    @classmethod
    def setUpClass(cls):
        if os.geteuid() != 0:
            cls.skipTest(cls, "needs root")
        cls.shared = tempfile.mkdtemp(prefix="f", dir=os.environ.get("TMPDIR", "/tmp"))
        os.chmod(cls.shared, 0o755)
        cls.daemon_options = {
            "faults": "write:delay=200ms",
            "config": f"[store users]\npath = {cls.shared}\nperUser = yes\n",
        }
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        shutil.rmtree(cls.shared, ignore_errors=True)

    def ring_stream(self, client, name, ring_bytes):
        return self.open(name, client, store="users", ring_bytes=ring_bytes, ack="written",
                         onDisconnect="abort")

    @staticmethod
    def fill(streams):
        """There is always more: what is in the ring already will do."""
        for stream in streams:
            ring = stream.ring
            if ring.length < ring.ring_bytes:
                ring.words[W_HEAD] = ring.tail + ring.ring_bytes
                ring.poke()

    def bytes_of(self, streams, until):
        """Keeps the rings full, and says what each stream has had from the first drain on."""
        while not all(stream.ring.tail > 0 for stream in streams[-2:]):
            self.fill(streams)
            time.sleep(0.002)
        start = [stream.ring.tail for stream in streams]
        while time.monotonic() < until:
            self.fill(streams)
            time.sleep(0.002)
        return [stream.ring.tail - before for stream, before in zip(streams, start)]

    def test_a_user_of_one_stream_gets_as_much_as_a_user_of_many(self):
        many, one = self.connect(MANY), self.connect(ONE)
        streams = [self.ring_stream(many, f"many{number}", 4 * MIB) for number in range(STREAMS)]
        streams.append(self.ring_stream(one, "one", 32 * MIB))
        had = self.bytes_of(streams, time.monotonic() + SECONDS)
        share = had[-1] / sum(had)
        print(f"share of the one: {share:.2f} of {sum(had) // MIB} MiB ", end="", flush=True)
        self.assertGreaterEqual(share, 0.35)
        self.assertLessEqual(share, 0.65)
        # Nobody went without among the many either.
        self.assertGreater(min(had[:-1]), 0)

    def test_a_stream_of_small_writes_is_not_starved_by_large_rings(self):
        client, small_client = self.connect(ONE), self.connect(ONE)
        large = [self.ring_stream(client, f"large{number}", 32 * MIB) for number in range(4)]
        small = self.open("small", small_client, store="users", ack="written",
                          onDisconnect="abort")
        over = threading.Event()
        waits = []

        def write_small():
            while not over.is_set():
                before = time.monotonic()
                small.write(b"x" * 4096)
                small.wait("written")
                waits.append(time.monotonic() - before)
        thread = threading.Thread(target=write_small)
        thread.start()
        try:
            had = self.bytes_of(large, time.monotonic() + SECONDS)
        finally:
            over.set()
            thread.join()
        print(f"{len(waits)} small writes, slowest {max(waits):.2f} s, beside "
              f"{sum(had) // MIB} MiB ", end="", flush=True)
        # Each takes its 200 ms, and a turn of each of the others before.
        self.assertGreaterEqual(len(waits), 4)
        self.assertLess(max(waits), 1.2)


class Rates(ForebayTest):
    """In a tmpfs, where there is one: what is measured is the pace, not the disk."""

    @classmethod
    def setUpClass(cls):
        folder = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        cls.shared = tempfile.mkdtemp(prefix="f", dir=folder)
        cls.daemon_options = {"store": cls.shared}
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        shutil.rmtree(cls.shared, ignore_errors=True)

    def set_rate(self, stream, rate):
        self.client.call(STREAM + "SetRate", {"id": stream.id, "rateBytesPerSecond": rate})

    def sample(self, stream, seconds):
        """(asked, answered, bytes written), every few ms, with a ring that is full."""
        samples, until = [], time.monotonic() + seconds
        while time.monotonic() < until:
            if stream.ring:
                Shares.fill([stream])
            asked = time.monotonic()
            written = stream.describe()["bytesWritten"]
            samples.append((asked, time.monotonic(), written))
            time.sleep(0.005)
        return samples

    def check_windows(self, samples, rate, window=0.2):
        """No stretch of `window` has more than its time is worth, and what may be saved up."""
        # What the bucket holds, a step that went out whole, and one whose end was seen late.
        burst = 3 * rate / 10
        worst = 0
        for first, (asked, _, before) in enumerate(samples):
            for _, answered, after in samples[first + 1:]:
                # The bytes were counted somewhere between question and answer.
                if answered - asked > window:
                    break
                worst = max(worst, after - before - rate * (answered - asked))
        print(f"burst {worst / rate * 1000:.0f} ms of {burst / rate * 1000:.0f} ", end="",
              flush=True)
        self.assertLessEqual(worst, burst)

    def check_total(self, samples, rate):
        seconds = samples[-1][0] - samples[0][1]
        written = samples[-1][2] - samples[0][2]
        self.assertGreater(written, 0.7 * rate * seconds)

    def check_rates(self, stream):
        for rate in (4 * MIB, 16 * MIB, MIB):
            self.set_rate(stream, rate)
            samples = self.sample(stream, 1.2)
            self.check_windows(samples, rate)
            # The steps of the slow one are paid for after they went out.
            self.check_total(samples[len(samples) // 4:], rate)
        # Without a rate nothing holds it back.
        self.set_rate(stream, 0)
        samples = self.sample(stream, 0.5)
        self.assertGreater(samples[-1][2] - samples[0][2], 16 * MIB)

    def test_a_file_is_written_at_its_rate_and_the_rate_changes_at_once(self):
        stream = self.open("paced", ring_bytes=4 * MIB, ack="written", onDisconnect="abort",
                           rateBytesPerSecond=4 * MIB)
        self.check_rates(stream)

    def test_a_pipe_is_written_at_its_rate_and_the_rate_changes_at_once(self):
        reader, writer = os.pipe()

        def drink():
            while os.read(reader, MIB):
                pass
            os.close(reader)
        thread = threading.Thread(target=drink)
        thread.start()
        self.cleanup.callback(thread.join)
        stream = self.open(fd=writer, ring_bytes=4 * MIB, onDisconnect="abort",
                           rateBytesPerSecond=4 * MIB)
        os.close(writer)
        self.check_rates(stream)
        stream.abort()

    def test_a_pause_is_not_made_up_for(self):
        rate = 4 * MIB
        stream = self.open("paused", ring_bytes=4 * MIB, ack="written", onDisconnect="abort",
                           rateBytesPerSecond=rate)
        self.sample(stream, 0.3)
        self.client.call(STREAM + "Pause", {"id": stream.id})
        time.sleep(0.5)
        self.client.call(STREAM + "Resume", {"id": stream.id})
        self.check_windows(self.sample(stream, 0.6), rate)

    def test_small_writes_by_calls_are_paced_too(self):
        rate = 64 * KIB
        stream = self.open("calls", ack="written", onDisconnect="abort",
                           rateBytesPerSecond=rate, highWaterMark=512 * KIB)
        for _ in range(64):
            stream.write(b"x" * 4096)
        samples = self.sample(stream, 1.5)
        self.check_windows(samples, rate)
        self.check_total(samples, rate)


if __name__ == "__main__":
    main()
