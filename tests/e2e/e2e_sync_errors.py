#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A sync that the kernel refuses is answered by writing again, not by a second sync; and a
disk that is full is waited for.

The first is watched by strace, which makes one fdatasync of the threads engine fail (io_uring
cannot be watched so); the second needs a small tmpfs, and so root.
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import unittest

from harness import KIB, MIB, STREAM, ForebayTest, main, random_bytes, wait_until

def may_trace():
    return shutil.which("strace") and subprocess.run(
        ["strace", "-o", "/dev/null", "true"], stderr=subprocess.DEVNULL).returncode == 0


@unittest.skipUnless(may_trace(), "strace may not trace here")
class Traced(ForebayTest):
    engines = ("threads",)
    daemon_options = {"environment": {"ASAN_OPTIONS": "detect_leaks=0"}}
    size = 300_001

    @contextlib.contextmanager
    def strace(self, trace):
        """From the loop's thread and all others; the first fdatasync of each one fails."""
        tracer = subprocess.Popen(
            ["strace", "-q", "-f", "-y", "-s", "0", "-o", trace, "-p", str(self.daemon.pid),
             "-e", "trace=fdatasync,pwritev,open,openat",
             "-e", "inject=fdatasync:error=EIO:when=1"])
        tasks = f"/proc/{self.daemon.pid}/task"
        wait_until(lambda: all("TracerPid:\t0\n" not in open(f"{tasks}/{task}/status").read()
                               for task in os.listdir(tasks)), "all threads are traced")
        yield
        tracer.send_signal(signal.SIGINT)
        tracer.wait()

    def trace(self, content, **context):
        """The calls made for the file of one stream."""
        trace = f"{self.daemon.directory}/trace"
        stream = self.open("file", onError="pause", **context)
        with self.strace(trace):
            if stream.ring:
                stream.ring.write(content)
            else:
                stream.write(content)
            stream.wait("synced")
            self.assertEqual(len(content), stream.finish()["bytesSynced"])
        self.assertEqual(content, self.read_stored("file"))
        return [call for call in self.whole_calls(trace)
                if ".forebay-" in call or "/proc/self/fd" in call]

    @staticmethod
    def whole_calls(trace):
        """One line a call, where it ended: another thread's may have come in between."""
        begun, calls = {}, []
        with open(trace) as lines:
            for line in lines:
                thread, _, text = line.rstrip().partition(" ")
                text = text.strip()
                if text.endswith("<unfinished ...>"):
                    begun[thread] = text.removesuffix("<unfinished ...>")
                    continue
                resumed = re.match(r"<\.\.\. \w+ resumed>(.*)", text)
                calls.append(begun.pop(thread, "") + resumed[1] if resumed else text)
        return calls

    def check_rewrite(self, calls):
        """From one failed sync to the next sync; returns the bytes written past the cache."""
        sync = next(i for i, call in enumerate(calls) if "fdatasync(" in call)
        fresh = re.search(r"fdatasync\((\d+)", calls[sync])[1]
        # Syncs run beside writes: what was on its way when this one failed comes first.
        reopened = next(i for i, call in enumerate(calls) if "/proc/self/fd/" in call)
        opened, direct, written = set(), set(), {}
        for call in calls[reopened:sync]:
            found = re.search(r"open(?:at)?\(.*/proc/self/fd/.* = (\d+)<", call)
            if found:
                (direct if "O_DIRECT" in call else opened).add(found[1])
            found = re.search(r"pwritev\((\d+)<.* = (\d+)$", call)
            if found:
                written[found[1]] = written.get(found[1], 0) + int(found[2])
        self.assertIn(fresh, opened, calls)
        self.assertLessEqual(set(written), opened | direct, calls)
        self.assertEqual(self.size, sum(written.values()), calls)
        return sum(count for fd, count in written.items() if fd in direct), bool(direct)

    def test_written_again_past_the_cache_then_synced_through_a_fresh_descriptor(self):
        content = random_bytes(self.size)
        for ring_bytes in (None, MIB):
            with self.subTest(ring_bytes=ring_bytes):
                calls = self.trace(content, ring_bytes=ring_bytes)
                failed = [i for i, call in enumerate(calls) if "(INJECTED)" in call]
                self.assertTrue(failed)
                for at in failed:
                    direct_bytes, has_direct = self.check_rewrite(calls[at + 1:])
                    self.assertEqual(self.size // 4096 * 4096 if has_direct else 0, direct_bytes)


@unittest.skipUnless(os.geteuid() == 0, "needs root")
class Full(ForebayTest):
    """A disk of one mebibyte."""

    @classmethod
    def setUpClass(cls):
        cls.disk = tempfile.mkdtemp()
        try:
            subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1M", "tmpfs", cls.disk], check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            os.rmdir(cls.disk)
            raise unittest.SkipTest(f"no tmpfs: {error}")
        cls.daemon_options = {"store": cls.disk}
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        try:
            super().tearDownClass()
        finally:
            subprocess.run(["umount", cls.disk], check=True)
            os.rmdir(cls.disk)

    def setUp(self):
        super().setUp()
        self.blocker = self.daemon.file("blocker")
        self.blocker.write_bytes(bytes(700 * KIB))
        self.cleanup.callback(lambda: self.blocker.unlink(missing_ok=True))

    def paused(self, stream):
        runtime = wait_until(lambda: stream.state() == "paused" and stream.describe(), "paused")
        self.assertEqual(("write", "ENOSPC"),
                         (runtime["fault"]["operation"], runtime["fault"]["errnoName"]))
        return runtime

    def remove_file(self):
        self.daemon.file("file").unlink()
        self.blocker.unlink(missing_ok=True)
        # The daemon closes it a moment after it has told the end.
        wait_until(lambda: os.statvfs(self.disk).f_bavail * 4096 > 1000 * KIB, "there is room")

    def test_a_full_disk_pauses_and_goes_on_by_itself_when_there_is_room(self):
        content = random_bytes(600_000)
        for ring_bytes in (None, MIB):
            with self.subTest(ring_bytes=ring_bytes):
                self.blocker.write_bytes(bytes(700 * KIB))
                stream = self.open("file", ring_bytes=ring_bytes, onError="pause",
                                   highWaterMark=100_000, maximumLength=MIB)
                for at in range(0, len(content), 50_000):
                    if stream.ring:
                        self.assertIsNotNone(stream.ring.write(content[at:at + 50_000]))
                    else:
                        stream.write(content[at:at + 50_000])
                runtime = self.paused(stream)
                self.assertEqual(len(content), runtime["bytesAccepted"])
                self.assertLess(runtime["bytesWritten"], len(content))
                self.assertTrue(ring_bytes or runtime["needDrain"])
                self.blocker.unlink()
                self.assertEqual("finished", stream.finish()["state"])
                self.assertEqual(content, self.read_stored("file"))
                self.no_temporaries()
                self.remove_file()

    def test_without_pause_it_is_a_named_fault_and_the_old_file_stays(self):
        self.daemon.file("file").write_bytes(b"old")
        stream = self.open("file", maximumLength=MIB)
        stream.write(random_bytes(600_000))
        with self.fails(STREAM + "StreamFailed") as caught:
            stream.finish()
        fault = caught.exception.parameters["fault"]
        self.assertEqual(("write", "ENOSPC"), (fault["operation"], fault["errnoName"]))
        self.no_temporaries()
        self.assertEqual(b"old", self.read_stored("file"))
        self.remove_file()


if __name__ == "__main__":
    main()
