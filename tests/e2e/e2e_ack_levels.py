#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The three ack levels differ as they say: shown by the system calls on the threads engine.

written	bytes leave `length` when written: no fdatasync before End
synced	bytes leave `length` when a data sync covers them; finish is told after the rename
published	as synced; finish is told after the directory sync
Whatever the level, a file ends with data sync, rename, directory sync, in this order.
"""

import re
import shutil
import unittest

from harness import KIB, Daemon, main, wait_until

CALL = re.compile(r"^\d+\s+([\d.]+)\s+(\w+)\((.*)")
RESUMED = re.compile(r"^(\d+)\s+([\d.]+) <\.\.\. (\w+) resumed>")
TRACED = ("fdatasync,fsync,rename,renameat,renameat2,link,linkat,openat2,pwrite64,pwritev,pwritev2,"
          "sync_file_range,sendmsg,sendto,write")


class Trace:
    """forebayd under strace, and what it did, in order."""

    def __init__(self):
        self.daemon = Daemon(engine="threads", wrapper=[
            "strace", "-f", "--seccomp-bpf", "-ttt", "-y", "-s", "200", "-e", "trace=" + TRACED,
            "-o", "/dev/stderr"])
        self.daemon.wrapper[-1] = f"{self.daemon.directory}/trace"
        self.daemon.environment["ASAN_OPTIONS"] = "detect_leaks=0"      # not under ptrace

    def lines(self):
        with open(f"{self.daemon.directory}/trace", errors="replace") as trace:
            return trace.read().splitlines()

    def mark(self):
        return len(self.lines())

    def since(self, mark, until=None):
        """[(name, text)] of calls in the store, begun in this part of the trace."""
        found = []
        for line in self.lines()[mark:until]:
            match = CALL.match(line)
            if match and self.daemon.store in match.group(3):
                found.append((match.group(2), match.group(3)))
        return found


def is_directory_sync(name, text, store):
    return name == "fsync" and re.match(rf"\d+<{re.escape(store)}(/sub)?>", text)


@unittest.skipUnless(shutil.which("strace"), "needs strace")
class AckLevels(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.trace = Trace()
        cls.daemon = cls.trace.daemon
        cls.daemon.start()

    @classmethod
    def tearDownClass(cls):
        cls.daemon.stop()

    def calls(self, mark, *names):
        return [call for call in self.trace.since(mark) if call[0] in names]

    def kinds(self, mark):
        """The story of a file: "data" syncs, "rename"s and "directory" syncs, in order."""
        story = []
        for name, text in self.trace.since(mark):
            if name in ("rename", "renameat", "renameat2", "linkat"):
                story.append("rename")
            elif is_directory_sync(name, text, self.daemon.store):
                story.append("directory")
            elif name in ("fdatasync", "fsync"):
                story.append("data")
        return story

    def write_and_finish(self, ack, path, **context):
        with self.daemon.client() as client:
            stream = client.open_stream(path, ack=ack, syncIntervalUSec=60_000_000, **context)
            opened = self.trace.mark()
            stream.write("x" * (8 * KIB))
            stream.wait("written")
            written = self.kinds(opened)
            runtime = stream.describe()
            stream.finish()
            # The last call may still be on its way into the trace.
            wait_until(lambda: self.kinds(opened)[-2:] == ["rename", "directory"],
                       "the directory is synced")
            return written, runtime, self.kinds(opened)

    def test_every_level_ends_with_data_sync_rename_directory_sync(self):
        for ack in ("written", "synced", "published"):
            with self.subTest(ack=ack):
                _, _, story = self.write_and_finish(ack, f"order-{ack}")
                self.assertEqual(1, story.count("rename"), story)
                at = story.index("rename")
                self.assertIn("data", story[:at], story)
                self.assertEqual("directory", story[at + 1], story)

    def test_written_does_not_wait_for_a_sync(self):
        written, runtime, _ = self.write_and_finish("written", "level-written")
        self.assertNotIn("data", written)
        self.assertEqual((0, 1), (runtime["writableLength"], runtime["doneSequence"]))

    def test_synced_and_published_hold_bytes_until_a_data_sync(self):
        for ack in ("synced", "published"):
            with self.subTest(ack=ack), self.daemon.client() as client:
                opened = self.trace.mark()
                stream = client.open_stream(f"held-{ack}", ack=ack, syncIntervalUSec=60_000_000)
                mark = self.trace.mark()
                stream.write("x" * (8 * KIB))
                stream.wait("written")
                runtime = stream.describe()
                self.assertEqual((8 * KIB, 8 * KIB, 0), (
                    runtime["writableLength"], runtime["bytesWritten"], runtime["bytesSynced"]))
                self.assertNotIn("data", self.kinds(mark))
                runtime = stream.wait("synced")
                self.assertEqual((0, 8 * KIB), (runtime["writableLength"], runtime["bytesSynced"]))
                self.assertEqual(1, self.kinds(mark).count("data"))
                # The temporary's name is in its directory before its bytes are told synced.
                self.assertIn("directory", self.kinds(opened))
                stream.finish()

    def test_a_wait_above_the_ack_forces_the_sync(self):
        with self.daemon.client() as client:
            stream = client.open_stream("forced", ack="written", syncIntervalUSec=60_000_000)
            stream.write("x")
            stream.wait("written")
            mark = self.trace.mark()
            self.assertEqual(1, stream.wait("synced")["bytesSynced"])
            self.assertEqual(1, self.kinds(mark).count("data"))
            stream.finish()

    def test_the_interval_makes_a_sync_by_itself(self):
        with self.daemon.client() as client:
            stream = client.open_stream("interval", syncIntervalUSec=50_000)
            stream.write("x")
            wait_until(lambda: stream.describe()["bytesSynced"] == 1, "synced by the interval", 10)
            stream.finish()

    def told(self, ack):
        """Where in the trace finish was told: (names of the calls begun before, after)."""
        with self.daemon.client() as client:
            stream = client.open_stream(f"told-{ack}", ack=ack)
            mark = self.trace.mark()
            stream.write("x")
            stream.finish()
            wait_until(lambda: "directory" in self.kinds(mark)[::-1][:1], "the directory is synced")
            lines = self.trace.lines()[mark:]
        answer = max(index for index, line in enumerate(lines)
                     if '"finished"' in line.replace("\\", "") and ("sendmsg" in line
                                                                   or "sendto" in line))
        return [kind for index, line in enumerate(lines) for kind in [self.kind_of_end(line, lines)]
                if kind and index < answer]

    def kind_of_end(self, line, lines):
        """What is over at this line: an unfinished call ends where it is resumed."""
        match = CALL.match(line)
        if match and "<unfinished" not in line:
            name, text = match.group(2), match.group(3)
        elif match := RESUMED.match(line):
            begun = [other for other in lines if other.startswith(match.group(1) + " ")
                     and match.group(3) + "(" in other and "<unfinished" in other]
            if not begun:
                return None
            name, text = match.group(3), CALL.match(begun[-1]).group(3)
        else:
            return None
        if name in ("rename", "renameat", "renameat2", "linkat"):
            return "rename"
        if name in ("fsync", "fdatasync") and self.daemon.store in text:
            return "directory" if is_directory_sync(name, text, self.daemon.store) else "data"
        return None

    def test_published_is_told_after_the_directory_sync(self):
        over = self.told("published")
        self.assertIn("rename", over)
        self.assertIn("directory", over[over.index("rename"):])

    def test_synced_and_written_are_told_after_data_sync_and_rename(self):
        for ack in ("synced", "written"):
            with self.subTest(ack=ack):
                over = self.told(ack)
                self.assertIn("rename", over)
                self.assertIn("data", over[:over.index("rename")])

    def test_published_makes_a_new_name_durable_in_place_too(self):
        with self.daemon.client() as client:
            mark = self.trace.mark()
            stream = client.open_stream("sub/in-place", ack="published", open="append")
            stream.finish("x")
            self.assertIn("directory", self.kinds(mark))
            self.assertIn("data", self.kinds(mark))
            self.assertNotIn("rename", self.kinds(mark))


if __name__ == "__main__":
    main()
