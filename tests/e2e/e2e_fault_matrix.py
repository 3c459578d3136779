#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every call of the engine × the errors it can give × when × how often × onError, both engines.

Whatever fails: every byte is right in the end, or a fault is named and the old file is whole
and nothing else is left. What onError pause keeps is kept, told, and goes on by itself. Each
cell has a directory of its own, by which its rules of the plan (daemon/io/fault_plan.h) find
it, so that one daemon carries all cells of an engine.
"""

import collections
import contextlib
import itertools
import os
import re
import subprocess

from harness import KIB, STREAM, ForebayTest, VarlinkError, main, random_bytes, wait_until

OLD = b"old content"
CHUNKS = [random_bytes(size, size) for size in (5_000, 70_001, 30_000)]

# The operation: the errors it can give.
ERRORS = {
    "write": ("EIO", "ENOSPC", "EDQUOT", "EINTR", "EAGAIN", "EFBIG", "EROFS", "EFAULT"),
    "syncData": ("EIO", "ENOSPC", "EDQUOT", "EINTR", "EROFS"),
    "truncate": ("EIO", "ENOSPC", "EINTR", "EFBIG", "EROFS"),
    "rename": ("EIO", "ENOSPC", "EDQUOT", "EROFS", "EEXIST", "EACCES"),
    "syncDirectory": ("EIO", "ENOSPC", "EDQUOT", "EINTR", "EROFS"),
    "open": ("EIO", "ENOSPC", "EDQUOT", "EMFILE", "EROFS"),
    "unlink": ("EIO", "EROFS"),
}

# When: which of the stream's calls of that kind. "empty" is the one sync of an empty file,
# "cut" the one after it was cut to its length, "gone" one of a stream with ack written, whose
# bytes are held no more.
WHEN = {
    "write": {"first": 1, "middle": 2, "last": 3},
    "syncData": {"first": 1, "middle": 2, "last": 3, "empty": 1, "cut": 4, "gone": 1},
    "truncate": {"only": 1},
    "rename": {"only": 1},
    "syncDirectory": {"first": 1, "last": 2},
    "open": {"first": 1, "last": 2},
    "unlink": {"only": 1},
}

# A sync that fails once is answered by writing again; twice, and that has failed as well.
TIMES = {"syncData": ("once", "twice", "always")}

NEVER_PASS = ("EFBIG", "EFAULT", "EEXIST")
STATED = 800            # cells for one engine

# As it is, or as what a step makes of it: then what was lost is made anew.
FORMS = ("plain", "zstd")

Cell = collections.namedtuple("Cell", "number operation error when times on_error form")


def make_cells():
    cells = []
    for operation, errors in ERRORS.items():
        for error, when, times, on_error, form in itertools.product(
                errors, WHEN[operation], TIMES.get(operation, ("once", "always")),
                ("fail", "pause"), FORMS):
            cells.append(Cell(len(cells), operation, error, when, times, on_error, form))
    return cells


CELLS = make_cells()


def rules_of(cell):
    first = WHEN[cell.operation][cell.when]
    for at in {"once": [first], "twice": [first, first + 1], "always": [f"{first}+"]}[cell.times]:
        yield f"{cell.operation}(c{cell.number:04}/):{cell.error}@{at}"


PLAN = ";".join(rule for cell in CELLS for rule in rules_of(cell))


class Matrix(ForebayTest):
    daemon_options = {"faults": PLAN}
    lost = None

    # ---- one cell ----

    def directory(self, cell):
        return self.daemon.file(f"c{cell.number:04}")

    def open_cell(self, cell, rings):
        self.directory(cell).mkdir(parents=True)
        self.directory(cell).joinpath("file").write_bytes(OLD)
        context = {"onError": cell.on_error, "onDisconnect": "abort",
                   "ack": "written" if cell.when == "gone" else "published",
                   "syncIntervalUSec": 60_000_000}
        if cell.operation == "truncate" or cell.when == "cut":
            context["sizeHint"] = 1 << 20
        if cell.form == "zstd":
            context.update(steps=[{"name": "zstd", "level": 1}], checksum="sha256")
        # Half of the cells by calls, half through a ring.
        ring_bytes = 512 * KIB if cell.number // 4 % 2 else None
        stream = self.client.open_stream(f"c{cell.number:04}/file", ring_bytes=ring_bytes,
                                         **context)
        if stream.ring:
            rings.callback(stream.ring.close)
        return stream

    @staticmethod
    def chunks_of(cell):
        return [] if cell.when == "empty" else CHUNKS

    def put(self, stream, chunk):
        if stream.ring:
            self.assertIsNotNone(stream.ring.write(chunk))
        else:
            stream.write(chunk)

    def waits(self, cell, stream, level):
        """True: reached. False: paused, with the fault told. An error goes to the caller."""
        with self.daemon.client() as waiter:
            waiter.send(STREAM + "Wait", {"id": stream.id, "level": level})
            while True:
                try:
                    waiter.receive_for(STREAM + "Wait", timeout=0.004)
                    return True
                except TimeoutError:
                    runtime = stream.describe()
                if runtime["state"] == "paused":
                    self.assertEqual((cell.operation, cell.error), (
                        runtime["fault"]["operation"], runtime["fault"]["errnoName"]))
                    return False

    def drive(self, cell, stream):
        """Writes, ends, and waits: "finished", or "paused" where it stopped for an error."""
        level = "written" if cell.operation == "write" or cell.when == "gone" else "synced"
        paused, self.safe = False, 0
        for chunk in self.chunks_of(cell):
            self.put(stream, chunk)
            if not paused:
                paused = not self.waits(cell, stream, level)
            if not paused and stream.describe()["bytesSynced"]:
                self.safe = self.temporary(cell).stat().st_size
        if cell.when == "gone":
            self.waits(cell, stream, "synced")
        if stream.ring:
            stream.ring.end()
        else:
            stream.end()
        if paused or not self.waits(cell, stream, "finish"):
            return "paused"
        return "finished"

    def check_directory(self, cell, content):
        directory = self.directory(cell)
        wait_until(lambda: os.listdir(directory) == ["file"], "the file is alone", timeout=5)
        stored = directory.joinpath("file").read_bytes()
        if cell.form == "zstd" and content != OLD:
            stored = subprocess.run(["zstd", "-dcq"], input=stored, stdout=subprocess.PIPE,
                                    check=True).stdout
        self.assertEqual(content, stored)

    def check_failed(self, cell, failed):
        self.assertEqual(STREAM + "StreamFailed", failed.name)
        fault = failed.parameters["fault"]
        self.assertEqual((cell.operation, cell.error), (fault["operation"], fault["errnoName"]))
        renamed = cell.operation == "syncDirectory" and cell.when == "last"
        self.check_directory(cell, self.content(cell) if renamed else OLD)

    def content(self, cell):
        return b"".join(self.chunks_of(cell))

    # ---- what is to come of it ----

    def wanted(self, cell):
        if cell.operation == "open" or cell.when == "gone":
            return "failed"
        if cell.operation == "syncData" and cell.times == "once":
            return "finished"
        if cell.on_error == "fail" or cell.error in NEVER_PASS:
            return "failed"
        return "paused"

    def run_cell(self, cell, rings):
        try:
            stream = self.open_cell(cell, rings)
            came = self.drive(cell, stream)
        except VarlinkError as failed:
            came = "failed"
            self.check_failed(cell, failed)
        self.assertEqual(self.wanted(cell), came)
        if came == "finished":
            self.check_directory(cell, self.content(cell))
        elif came == "paused" and cell.times == "always":
            self.give_up(cell, stream)
        elif came == "paused" and self.has_pages_to_lose(cell):
            self.lose_pages(cell, stream)
        elif came == "paused":
            self.left_alone.append((cell, stream))
            self.cleanup.push(rings.pop_all())

    def run_or_lose(self, cell, rings):
        """Where the connection, or more, is lost, all further cells would fail because of it."""
        try:
            self.run_cell(cell, rings)
        except (AssertionError, VarlinkError):
            raise
        except Exception as lost:
            self.lost = lost
            raise

    def give_up(self, cell, stream):
        """Resume tries it again, in vain; then it is aborted."""
        self.client.call(STREAM + "Resume", {"id": stream.id})
        wait_until(lambda: stream.state() == "paused", "paused once more")
        stream.abort()
        runtime = wait_until(lambda: stream.state() == "aborted" and stream.describe(), "aborted")
        self.assertEqual(cell.error, runtime["fault"]["errnoName"])
        renamed = cell.operation == "syncDirectory" and cell.when == "last"
        self.check_directory(cell, self.content(cell) if renamed else OLD)

    def temporary(self, cell):
        return next(self.directory(cell).glob(".forebay-*"))

    @staticmethod
    def has_pages_to_lose(cell):
        return (cell.operation == "syncData" and cell.error == "EIO"
                and cell.when in ("first", "middle", "last"))

    def lose_pages(self, cell, stream):
        """What the failed sync covered is no longer in the file: a bare sync would not see it."""
        self.client.call(STREAM + "Pause", {"id": stream.id})
        temporary = self.temporary(cell)
        lost = temporary.stat().st_size - self.safe
        with open(temporary, "r+b") as file:
            file.seek(self.safe)
            file.write(b"?" * lost)
        self.client.call(STREAM + "Resume", {"id": stream.id})
        self.assertEqual("finished", stream.wait("finish")["state"])
        self.check_directory(cell, self.content(cell))
        self.lost_bytes[cell.form] += lost

    def check_healed(self, cell, stream):
        """Nobody resumed it: it tried again by itself. It may be forgotten already."""
        wait_until(lambda: f"stream: finish id={stream.id} " in self.daemon.log(), "finished")
        self.check_directory(cell, self.content(cell))

    def test_matrix(self):
        self.left_alone, self.lost_bytes, ran = [], collections.Counter(), collections.Counter()
        for cell in CELLS:
            if cell.operation != "unlink":
                # There are more cells than a process may have descriptors.
                with self.subTest(cell=cell), contextlib.ExitStack() as rings:
                    self.run_or_lose(cell, rings)
                    ran[cell.operation] += 1
            if self.lost:
                self.daemon.show_log()
                self.fail(f"not a fault that was asked for, in {cell}: {self.lost!r}")
        for cell, stream in self.left_alone:
            with self.subTest(cell=cell, then="alone"):
                self.check_healed(cell, stream)
        self.assertEqual(sum(len(chunk) for chunk in CHUNKS), self.lost_bytes["plain"])
        # The chunks are random: they have not become smaller.
        self.assertGreater(self.lost_bytes["zstd"], self.lost_bytes["plain"])
        self.check_log()
        self.run_unlink(ran)
        for operation, count in ran.items():
            print(f"{operation}: {count} cells on {self.engine}", flush=True)
        self.assertGreaterEqual(sum(ran.values()), STATED)
        print(f"{sum(ran.values())} cells hold on {self.engine}, "
              f"{len(self.left_alone)} of them healed by themselves", flush=True)

    def check_log(self):
        """A pause is said once and its end once, however often it was tried in between."""
        lines = self.daemon.log().splitlines()
        for cell, stream in self.left_alone:
            with self.subTest(cell=cell, then="log"):
                mine = [line for line in lines if f"id={stream.id} " in line + " "]
                said = collections.Counter(re.sub(r"^.*?: stream: (\w+).*", r"\1", line)
                                           for line in mine)
                self.assertEqual((1, 1), (said["failed"], said["resumed"]), mine)

    def run_unlink(self, ran):
        """Removed at the second try; or, where it cannot be, when the daemon starts again."""
        for cell in CELLS:
            if cell.operation != "unlink":
                continue
            with self.subTest(cell=cell), contextlib.ExitStack() as rings:
                stream = self.open_cell(cell, rings)
                self.put(stream, CHUNKS[0])
                stream.wait("written")
                stream.abort()
                wait_until(lambda: stream.state() == "aborted", "aborted")
                if cell.times == "once":
                    self.check_directory(cell, OLD)
                ran["unlink"] += 1

    def tearDown(self):
        super().tearDown()
        self.daemon.stop(remove=False)
        self.daemon.faults = None
        self.daemon.start()
        for cell in CELLS:
            if cell.operation == "unlink":
                with self.subTest(cell=cell, then="restart"):
                    self.check_directory(cell, OLD)


if __name__ == "__main__":
    main()
