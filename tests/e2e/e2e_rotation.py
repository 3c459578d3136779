#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Rotation and retention: where segments end, their names and digests, restarts, failures."""

import contextlib
import gzip
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time
import zlib

from harness import (FOREBAYCTL, KIB, MIB, STORE, STREAM, Daemon, ForebayTest, VarlinkError, main,
                     random_bytes, wait_until)


class RotationTest(ForebayTest):
    def setUp(self):
        super().setUp()
        self.root = pathlib.Path(self.daemon.store)

    def segments(self, folder, pattern=r"seg-(\d+)"):
        """(number, content) of each segment, by number."""
        found = []
        for path in (self.root / folder).iterdir():
            match = re.fullmatch(pattern, path.name)
            with contextlib.suppress(FileNotFoundError):        # retention was quicker
                if match:
                    found.append((int(match[1]), path.read_bytes()))
        return sorted(found)

    def whole(self, folder, pattern=r"seg-(\d+)", undo=bytes):
        return b"".join(undo(data) for _, data in self.segments(folder, pattern))

    def watch(self, stream):
        """A subscription to the stream; ready when this returns."""
        client = self.connect()
        client.send(STREAM + "SubscribeEvents", {"id": stream.id}, more=True)
        client.receive_for(STREAM + "SubscribeEvents")
        return client

    def events(self, client):
        """All events up to close."""
        while True:
            reply = client.receive_for(STREAM + "SubscribeEvents")
            yield reply.parameters
            if not reply.continues:
                return


class Boundaries(RotationTest):
    def rotate(self, folder, writes, every, **context):
        stream = self.open(f"{folder}/seg-{{n}}", rotate={"everyBytes": every}, **context)
        for data in writes:
            if stream.write(data)["needDrain"]:
                stream.wait("drain")
        runtime = stream.finish()
        self.assertEqual("finished", runtime["state"])
        self.no_temporaries()
        return runtime

    def lengths(self, folder):
        return [len(data) for _, data in self.segments(folder)]

    def test_segments_end_between_writes(self):
        for name, sizes, every, wanted in (
                ("exact", [100] * 4, 200, [200, 200]),
                ("within", [90] * 5, 200, [180, 180, 90]),
                ("each", [100] * 3, 100, [100, 100, 100]),
                ("small", [1] * 5, 1, [1] * 5),
                ("oversized", [500, 10, 500, 10, 10], 100, [500, 10, 500, 20]),
                ("after", [60, 100, 40], 100, [60, 100, 40]),
                ("single", [10], 100, [10]),
                ("empty-writes", [50, 0, 50, 0, 50], 100, [100, 50]),
                ("never-empty", [100, 100], 100, [100, 100]),
                ("nothing", [], 100, [0])):
            with self.subTest(name=name):
                writes = [random_bytes(size, seed=i) for i, size in enumerate(sizes)]
                self.rotate(name, writes, every)
                self.assertEqual(wanted, self.lengths(name))
                self.assertEqual(b"".join(writes), self.whole(name))
                self.assertEqual(list(range(1, len(wanted) + 1)),
                                 [number for number, _ in self.segments(name)])

    def test_concatenated_segments_are_the_source(self):
        data = random_bytes(5 * MIB + 321)
        for every in (MIB - 1, MIB, MIB + 1, 1500 * KIB, 4096, 4095, 64 * MIB):
            writes = 300 * KIB if every > 64 * KIB else 20000
            source = data if every > 64 * KIB else data[:400 * KIB]
            for ack in ("written", "synced", "published"):
                folder = f"cat-{every}-{ack}"
                self.rotate(folder, [source[i:i + writes] for i in range(0, len(source), writes)],
                            every, ack=ack)
                self.assertEqual(source, self.whole(folder), folder)

    def test_by_ring_too(self):
        data = random_bytes(9 * MIB + 77)
        for every, step in ((MIB, 100 * KIB), (MIB + 1, 64 * KIB), (3 * MIB, MIB), (65536, 65536),
                            (10 * KIB, 999)):
            for ack in ("written", "synced", "published"):
                source = data if every >= MIB else data[:MIB // 2]
                folder = f"ring-{every}-{step}-{ack}"
                stream = self.open(f"{folder}/seg-{{n}}", rotate={"everyBytes": every}, ack=ack,
                                   ring_bytes=4 * MIB)
                for offset in range(0, len(source), step):
                    stream.ring.write_all(source[offset:offset + step], chunk=step)
                stream.ring.end()
                runtime = stream.wait("finish")
                self.assertEqual("finished", runtime["state"])
                self.assertEqual(source, self.whole(folder), folder)
                lengths = self.lengths(folder)
                # A cut is where the producer's head once was, and no segment is empty.
                position = 0
                for length in lengths[:-1]:
                    self.assertGreater(length, 0)
                    position += length
                    self.assertEqual(0, position % step, folder)
        self.no_temporaries()

    def test_a_slow_ring_producer_is_cut_at_the_last_head_within_the_limit(self):
        stream = self.open("slow/seg-{n}", rotate={"everyBytes": 1000}, ring_bytes=64 * KIB)
        for i in range(10):
            stream.ring.write_all(bytes([i]) * 300)
            stream.wait("synced")
        stream.ring.end()
        stream.wait("finish")
        self.assertEqual([900, 900, 900, 300], self.lengths("slow"))

    def test_compressed_segments_are_each_whole(self):
        data = b"".join(b"line %d of the log\n" % i for i in range(200000))
        undo = {"gzip": gzip.decompress,
                "zstd": lambda text: subprocess.run(["zstd", "-dc"], input=text, check=True,
                                                    capture_output=True).stdout}
        for step in ("gzip", "zstd"):
            if step == "zstd" and not shutil.which("zstd"):
                continue
            for ring in (None, 4 * MIB):
                folder = f"{step}-{ring}"
                stream = self.open(f"{folder}/seg-{{n}}", rotate={"everyBytes": MIB},
                                   steps=[{"name": step}], checksum="sha256", ring_bytes=ring)
                watcher = self.watch(stream)
                for offset in range(0, len(data), 100 * KIB):
                    piece = data[offset:offset + 100 * KIB]
                    if ring:
                        stream.ring.write_all(piece)
                    elif stream.write(piece)["needDrain"]:
                        stream.wait("drain")
                stream.end()
                stream.wait("finish")
                self.assertEqual(data, self.whole(folder, undo=undo[step]))
                sizes = [len(undo[step](text)) for _, text in self.segments(folder)]
                self.assertGreater(len(sizes), 1)
                if not ring:
                    self.assertEqual([MIB // (100 * KIB) * 100 * KIB] * (len(sizes) - 1),
                                     sizes[:-1])
                digests = {event["runtime"]["path"]: event["runtime"]["digest"]
                           for event in self.events(watcher)
                           if event["event"] in ("rotate", "finish")}
                self.assertEqual(len(sizes), len(digests))
                for path, digest in digests.items():
                    text = pathlib.Path(path).read_bytes()
                    self.assertEqual("sha256:" + hashlib.sha256(text).hexdigest(), digest)

    def test_every_so_often(self):
        stream = self.open("often/seg-{n}", rotate={"everyUSec": 300000}, syncIntervalUSec=1000)
        watcher = self.watch(stream)
        for i in range(3):
            stream.write(bytes([i]) * 10)
            for reply in iter(lambda: watcher.receive_for(STREAM + "SubscribeEvents"), None):
                if reply.parameters["event"] == "rotate":
                    break
        time.sleep(0.7)                 # nothing is there to be rotated: no empty segments
        stream.write(b"end")
        stream.finish()
        self.assertEqual([10, 10, 10, 3], self.lengths("often"))

    def test_rotate_events_tell_each_segment_in_order(self):
        stream = self.open("told/seg-{n}", rotate={"everyBytes": 10}, checksum="crc32")
        watcher = self.watch(stream)
        for i in range(4):
            stream.write(bytes([65 + i]) * 10)
        stream.finish()
        events = list(self.events(watcher))
        told = [event["runtime"] for event in events if event["event"] == "rotate"]
        finish = [event["runtime"] for event in events if event["event"] == "finish"][0]
        paths = [str(self.root / f"told/seg-{n}") for n in range(1, 5)]
        self.assertEqual(paths, sorted({runtime["path"] for runtime in told + [finish]}))
        self.assertEqual(paths[:3], [runtime["path"] for runtime in told[:3]])
        self.assertEqual(paths[3], finish["path"])
        for runtime in told:
            content = pathlib.Path(runtime["path"]).read_bytes()
            self.assertEqual(f"crc32:{zlib.crc32(content):08x}", runtime["digest"])
        order = [event["event"] for event in events]
        self.assertEqual(["finish", "close"], [name for name in order
                                               if name in ("finish", "close")])

    def test_segments_can_be_verified_and_have_side_files(self):
        stream = self.open("sided/seg-{n}", rotate={"everyBytes": 100}, checksum="sha256",
                           sideFile=True)
        for i in range(3):
            stream.write(bytes([i]) * 100)
        stream.finish()
        for n in (1, 2, 3):
            self.assertIs(True, self.client.call(STORE + "Verify",
                                                 {"path": f"sided/seg-{n}"})["intact"])
        subprocess.run(["sha256sum", "--quiet", "-c", *(f"seg-{n}.sha256" for n in (1, 2, 3))],
                       cwd=self.root / "sided", check=True)


class Names(RotationTest):
    engines = ("auto",)

    def test_times_and_numbers_in_names_and_folders(self):
        stream = self.open("%Y/%m/log-%F-{n}.txt", rotate={"everyBytes": 1})
        stream.write(b"a")
        stream.write(b"b")
        stream.finish()
        folder = self.root / time.strftime("%Y/%m")
        self.assertEqual([time.strftime(f"log-%F-{n}.txt") for n in (1, 2)],
                         sorted(path.name for path in folder.iterdir()))

    def test_a_time_alone_is_enough_for_a_name(self):
        stream = self.open("only/%Y%m%d-%H%M%S", rotate={"everyUSec": 1100000})
        for _ in range(2):
            stream.write(b"x")
            wait_until(lambda n=stream.describe()["bytesAccepted"]:
                       len(list((self.root / "only").glob("2*"))) == n, "the segment is placed")
        stream.finish()
        self.assertEqual(2, len(list((self.root / "only").iterdir())))

    def test_numbers_go_on_over_streams_gaps_and_removed_files(self):
        def store(count):
            stream = self.open("on/seg-{n}", rotate={"everyBytes": 1})
            for _ in range(count):
                stream.write(b"x")
            stream.finish()
            return [number for number, _ in self.segments("on")]

        self.assertEqual([1, 2], store(2))
        self.assertEqual([1, 2, 3], store(1))
        (self.root / "on/seg-3").unlink()
        self.assertEqual([1, 2, 4], store(1))
        (self.root / "on/seg-40").write_bytes(b"foreign")
        self.assertEqual([1, 2, 4, 40, 41], store(1))
        self.assertEqual(b"foreign", (self.root / "on/seg-40").read_bytes())

    def test_two_streams_of_one_template_share_the_numbers(self):
        streams = [self.open("shared/seg-{n}", rotate={"everyBytes": 1}) for _ in range(3)]
        for i in range(5):
            for stream in streams:
                stream.write(b"x")
        for stream in streams:
            stream.finish()
        self.assertEqual(list(range(1, 16)), [number for number, _ in self.segments("shared")])

    def test_what_makes_no_sense_is_refused(self):
        for wrong, context in (
                ("path", {"path": "plain", "rotate": {"everyBytes": 1}}),
                ("open", {"path": "{n}", "rotate": {"everyBytes": 1}, "open": "append"}),
                ("open", {"path": "{n}", "rotate": {"everyBytes": 1}, "open": "replace"}),
                ("rotate", {"path": "{n}", "rotate": {}}),
                ("everyBytes", {"path": "{n}", "rotate": {"everyBytes": 0}}),
                ("everyUSec", {"path": "{n}", "rotate": {"everyUSec": -1}}),
                ("retention", {"path": "{n}", "retention": {"keepLast": 1}}),
                ("keepLast", {"path": "{n}", "rotate": {"everyBytes": 1},
                              "retention": {"keepLast": 0}})):
            with self.subTest(context=context), self.fails_parameter(wrong):
                self.client.call(STREAM + "Open", {"context": context})
        for path in ("%q-{n}", "{n}-{n}", "{n}/a", "{n:06}", "../{n}"):
            with self.subTest(path=path), self.fails(STREAM + "PathRefused", path=path):
                self.open(path, rotate={"everyBytes": 1})
        read, write = os.pipe()
        with self.fails_parameter("rotate"):
            self.open(fd=write, rotate={"everyBytes": 1})
        os.close(read)
        os.close(write)

    def test_without_rotation_a_path_is_only_a_path(self):
        self.open("100%/{n}").finish(b"x")
        self.assertEqual(b"x", (self.root / "100%/{n}").read_bytes())

    def test_the_context_is_told_as_given(self):
        stream = self.open("context/{n}", rotate={"everyBytes": 5, "everyUSec": 9000000},
                           retention={"keepLast": 3, "minimumFreeBytes": 1})
        self.assertEqual({"everyBytes": 5, "everyUSec": 9000000}, stream.context["rotate"])
        self.assertEqual({"keepLast": 3, "minimumFreeBytes": 1}, stream.context["retention"])
        self.assertEqual(("context/{n}", "exclusive"),
                         (stream.context["path"], stream.context["open"]))
        stream.abort()

    def test_a_passed_directory(self):
        with tempfile.TemporaryDirectory() as folder:
            fd = os.open(folder, os.O_RDONLY)
            for numbers in ([1, 2], [1, 2, 3, 4]):
                stream = self.open("seg-{n}", directory=fd, rotate={"everyBytes": 1})
                stream.write(b"a")
                stream.write(b"b")
                stream.finish()
                self.assertEqual([f"seg-{n}" for n in numbers], sorted(os.listdir(folder)))
            os.close(fd)


class Ends(RotationTest):
    def test_abort_keeps_what_is_in_place(self):
        stream = self.open("abort/seg-{n}", rotate={"everyBytes": 100})
        for _ in range(3):
            stream.write(b"x" * 100)
        stream.write(b"y" * 50)
        stream.wait("synced")
        self.assertEqual(50, stream.abort()["discardedBytes"])
        wait_until(lambda: stream.state() == "aborted", "it is aborted")
        wait_until(lambda: len(list((self.root / "abort").iterdir())) == 3, "all is cleaned up")
        self.assertEqual([100] * 3, [len(data) for _, data in self.segments("abort")])

    def test_abort_at_any_time_leaves_whole_segments(self):
        for pause in range(12):
            folder = f"any-{pause}"
            stream = self.open(f"{folder}/seg-{{n}}", rotate={"everyBytes": 1000})
            for i in range(20):
                stream.write(bytes([i]) * 500)
            time.sleep(pause / 1000)
            stream.abort()
            wait_until(lambda: stream.state() == "aborted", "it is aborted")
            wait_until(lambda: not [name for name in self.daemon.files() if ".forebay" in name],
                       "the temporary is gone")
            data = bytes(b for i in range(20) for b in bytes([i]) * 500)
            there = self.whole(folder)
            self.assertEqual(data[:len(there)], there)
            self.assertEqual(0, len(there) % 1000)

    def test_salvage_keeps_the_unfinished_segment_as_partial(self):
        client = self.daemon.client()
        stream = client.open_stream("salvage/seg-{n}", rotate={"everyBytes": 100})
        stream.write(b"x" * 100)
        stream.write(b"y" * 60)
        stream.wait("written")
        client.close()
        partial = self.root / "salvage/seg-2.partial"
        wait_until(partial.exists, "what was taken is kept")
        self.assertEqual(b"y" * 60, partial.read_bytes())
        self.assertEqual([(1, b"x" * 100)], self.segments("salvage"))
        wait_until(lambda: len(list(partial.parent.iterdir())) == 2, "nothing else is there")

    def test_salvage_between_two_segments_keeps_nothing(self):
        client = self.daemon.client()
        stream = client.open_stream("between/seg-{n}", rotate={"everyBytes": 100})
        stream.write(b"x" * 100)
        wait_until(lambda: (self.root / "between/seg-1").exists(), "the segment is in place")
        client.close()
        wait_until(lambda: self.client.call(STREAM + "Describe", {"id": stream.id})["runtime"]
                   ["state"] == "aborted", "it has ended")
        self.assertEqual(["seg-1"], os.listdir(self.root / "between"))

    def test_paused_and_resumed_streams_rotate(self):
        stream = self.open("paused/seg-{n}", rotate={"everyBytes": 10})
        for i in range(30):
            stream.write(bytes([i]) * 10)
            if i % 7 == 0:
                self.client.call(STREAM + "Pause", {"id": stream.id})
            if i % 7 == 3:
                self.client.call(STREAM + "Resume", {"id": stream.id})
        self.client.call(STREAM + "Resume", {"id": stream.id})
        stream.finish()
        self.assertEqual([bytes([i]) * 10 for i in range(30)],
                         [data for _, data in self.segments("paused")])

    def test_waits_are_answered_over_segments(self):
        stream = self.open("waits/seg-{n}", rotate={"everyBytes": 10}, highWaterMark=1)
        for i in range(20):
            stream.write(bytes([i]) * 7)
            runtime = stream.wait(("drain", "written", "synced")[i % 3])
            self.assertGreaterEqual(runtime["bytesSynced" if i % 3 == 2 else "bytesWritten"],
                                    7 * (i + 1))
        stream.finish()
        self.assertEqual(b"".join(bytes([i]) * 7 for i in range(20)), self.whole("waits"))


class Retention(RotationTest):
    engines = ("auto",)

    def store(self, folder, count, size=10, retention=None, every=None, **context):
        if retention:
            context["retention"] = retention
        stream = self.open(f"{folder}/seg-{{n}}", rotate={"everyBytes": every or size}, **context)
        for i in range(count):
            stream.write(bytes([i]) * size)
        stream.finish()

    def numbers(self, folder):
        return [number for number, _ in self.segments(folder)]

    def wait_for(self, folder, numbers):
        try:
            wait_until(lambda: self.numbers(folder) == numbers, "", timeout=10)
        except AssertionError:
            self.assertEqual(numbers, self.numbers(folder))

    def test_the_last_few_are_kept(self):
        self.store("last", 8, retention={"keepLast": 3})
        self.wait_for("last", [6, 7, 8])
        self.store("last", 1, retention={"keepLast": 3})
        self.wait_for("last", [7, 8, 9])

    def test_no_more_than_so_many_bytes(self):
        self.store("bytes", 8, size=1000, retention={"maximumBytes": 2500})
        self.wait_for("bytes", [7, 8])

    def test_none_older_than_that(self):
        self.store("age", 3)
        time.sleep(1.2)
        self.store("age", 1, retention={"keepUSec": 1000000})
        self.wait_for("age", [4])

    def test_until_enough_is_free(self):
        self.store("free", 4, retention={"minimumFreeBytes": 1 << 50})
        self.wait_for("free", [4])

    def test_side_files_go_with_their_files(self):
        self.store("sides", 3, checksum="sha256", sideFile=True)
        (self.root / "sides/seg-2.sha256").write_text("a note of somebody's\n")
        self.store("sides", 1, checksum="sha256", sideFile=True, retention={"keepLast": 1})
        self.wait_for("sides", [4])
        wait_until(lambda: sorted(os.listdir(self.root / "sides")) ==
                   ["seg-2.sha256", "seg-4", "seg-4.sha256"], "only what is foreign stays")

    def test_other_files_are_not_touched(self):
        self.store("other", 3)
        foreign = ["seg-900", "seg-x", "note"]
        for name in foreign:
            (self.root / "other" / name).write_bytes(b"mine")
        # Touched, replaced, and recorded for another template: not those of this rotation.
        with open(self.root / "other/seg-1", "ab") as file:
            file.write(b"more")
        (self.root / "other/seg-2").unlink()
        (self.root / "other/seg-2").write_bytes(bytes([1]) * 10)
        stream = self.open("other/also-{n}", rotate={"everyBytes": 10})
        for _ in range(3):
            stream.write(b"x" * 10)
        stream.finish()
        self.store("other", 2, retention={"keepLast": 1})
        wait_until(lambda: not (self.root / "other/seg-901").exists(), "the old one is removed")
        self.assertEqual(sorted(foreign + ["seg-1", "seg-2", "seg-902", "also-1", "also-2",
                                           "also-3"]),
                         sorted(os.listdir(self.root / "other")))

    def test_a_link_in_the_way_is_not_followed(self):
        self.store("linked", 3)
        with tempfile.TemporaryDirectory() as outside:
            os.rename(self.root / "linked", f"{outside}/linked")
            (self.root / "linked").symlink_to(f"{outside}/linked")
            # The template's path is the same, but leads through the link: refused at Open.
            with self.fails(STREAM + "PathRefused"):
                self.store("linked", 1, retention={"keepLast": 1})
            self.assertEqual(3, len(os.listdir(f"{outside}/linked")))
            (self.root / "linked").unlink()


class Restart(RotationTest):
    engines = ("auto",)

    def again(self):
        self.client.close()
        self.daemon.kill(remove=False)
        self.daemon.start()
        self.wait_until_alone()
        self.before = self.daemon.descriptors()
        self.client = self.connect()

    def test_numbers_and_retention_go_on_after_a_kill(self):
        for round_number in range(3):
            if round_number > 0:
                self.again()
            stream = self.open("restart/seg-{n}", rotate={"everyBytes": 10},
                               retention={"keepLast": 4})
            for i in range(2):
                stream.write(bytes([i]) * 10)
            stream.finish()
        wait_until(lambda: [n for n, _ in self.segments("restart")] == [3, 4, 5, 6],
                   "the last four are kept")

    def test_a_kill_leaves_whole_segments(self):
        for round_number in range(4):
            folder = f"killed-{round_number}"
            stream = self.open(f"{folder}/seg-{{n}}", rotate={"everyBytes": 64 * KIB},
                               ring_bytes=MIB, steps=[{"name": "gzip"}] if round_number % 2 else [])
            data = random_bytes(4 * MIB, seed=round_number)
            written = 0
            deadline = time.monotonic() + 0.1 * (round_number + 1)
            while written < len(data) and time.monotonic() < deadline:
                piece = data[written:written + 16 * KIB]
                if stream.ring.write(piece) is None:
                    stream.ring.wait_drain()
                else:
                    written += len(piece)
            self.again()
            wait_until(lambda: not [name for name in self.daemon.files() if ".forebay" in name],
                       "leftovers are seen to")
            undo = gzip.decompress if round_number % 2 else bytes
            there = self.whole(folder, undo=undo)
            self.assertEqual(data[:len(there)], there)
            for _, text in self.segments(folder):
                self.assertGreaterEqual(len(undo(text)), 1)


class Failures(RotationTest):
    engines = ("auto",)

    @classmethod
    def setUpClass(cls):
        pass

    @classmethod
    def tearDownClass(cls):
        pass

    def setUp(self):
        pass

    def tearDown(self):
        pass

    def run_with(self, faults, on_error, check, operation):
        with Daemon(engine=self.engine, faults=faults) as daemon:
            root = pathlib.Path(daemon.store)
            with daemon.client() as client:
                stream = client.open_stream("f/seg-{n}", rotate={"everyBytes": 1000},
                                            onError=on_error, checksum="crc32")
                data = b"".join(bytes([i]) * 500 for i in range(10))
                try:
                    for i in range(10):
                        stream.write(data[500 * i:500 * i + 500])
                    stream.end()
                except VarlinkError as error:
                    # It may have failed before the last of them.
                    self.assertEqual("fail", on_error)
                    self.assertEqual(STREAM + "StreamFailed", error.name)
                check(daemon, root, stream, data, operation)

    def check_paused(self, daemon, root, stream, data, operation):
        runtime = stream.wait("finish")
        self.assertEqual("finished", runtime["state"])
        files = sorted((root / "f").iterdir(), key=lambda path: int(path.name[4:]))
        self.assertEqual(data, b"".join(path.read_bytes() for path in files))
        self.assertEqual([f"seg-{n}" for n in range(1, 6)], [path.name for path in files])

    def check_failed(self, daemon, root, stream, data, operation):
        wait_until(lambda: stream.state() == "failed", "it has failed")
        fault = stream.describe()["fault"]
        self.assertIn(fault["operation"], operation)
        wait_until(lambda: not [name for name in daemon.files() if ".forebay" in name],
                   "the temporary is gone")
        files = sorted((root / "f").iterdir())
        there = b"".join(path.read_bytes() for path in files)
        self.assertEqual(data[:len(there)], there)
        self.assertLess(len(there), len(data))

    def test_failures_of_a_segment_obey_on_error(self):
        for faults, operation in (("rename:ENOSPC@2", ("rename",)), ("rename:EIO@2", ("rename",)),
                                  ("open:ENOSPC@4", ("open",)), ("syncDirectory:EIO@4",
                                                                 ("syncDirectory",)),
                                  ("write:ENOSPC@3", ("write",)), ("syncData:EIO@2",
                                                                   ("syncData",))):
            with self.subTest(faults=faults, on_error="pause"):
                self.run_with(faults, "pause", self.check_paused, operation)
            if operation != ("syncData",):          # that one is written again, and no fault
                with self.subTest(faults=faults, on_error="fail"):
                    self.run_with(faults, "fail", self.check_failed, operation)


class Ctl(RotationTest):
    engines = ("auto",)

    def ctl(self, *words, data=b""):
        done = subprocess.run([FOREBAYCTL, *words], input=data, capture_output=True, timeout=60,
                              env={**os.environ, "FOREBAY_SOCKET": self.daemon.path})
        self.assertEqual(0, done.returncode, done.stderr)
        return done

    def test_forebayctl_write_rotates(self):
        data = random_bytes(3 * MIB)
        self.ctl("write", "ctl/seg-{n}", "--rotate-size", "1M", "--keep", "100", data=data)
        self.assertEqual(data, self.whole("ctl"))
        self.ctl("write", "ctl/seg-{n}", "--rotate-every", "1h", "--keep", "1", data=b"last")
        wait_until(lambda: len(self.segments("ctl")) == 1, "only the last is kept")
        self.assertEqual(b"last", self.whole("ctl"))


if __name__ == "__main__":
    main()
