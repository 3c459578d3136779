#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Pipes that fail, are given up or refused: nothing changes that should not."""

import gzip
import os
import signal
import unittest

from harness import (BUFFER, DAEMON, KIB, MIB, POOL, SERVICE, STORE, STREAM, Daemon,
                     VarlinkError, main, random_bytes, wait_until)
from readable_test import GUNZIP, GZIP, NOBODY, ZSTD, PipeTest, waiting_bytes

CONTENT = random_bytes(2 * MIB + 777)


class Failing(PipeTest):
    def check_old(self, name, old=b"old"):
        self.assertEqual(old, self.read_stored(name))
        self.no_temporaries()
        self.assertFalse(self.daemon.file(name + ".partial").exists())

    def fails_pipe(self, **rest):
        """The fault that it failed with."""
        with self.fails(STREAM + "StreamFailed") as caught:
            self.pipe(**rest)
        fault = caught.exception.parameters["fault"]
        self.check_fault(fault)
        self.assertEqual({}, self.client.call(DAEMON + "Ping"))
        return fault

    def test_input_that_is_damaged_leaves_the_old_file_whole(self):
        packed = gzip.compress(CONTENT, 1)
        damaged = bytearray(packed)
        damaged[-6] ^= 1
        for name, content in (("no gzip", CONTENT), ("damaged", bytes(damaged)),
                              ("cut", packed[:-1]), ("half", packed[:len(packed) // 2])):
            for mark in (1000, MIB):
                with self.subTest(name, mark=mark):
                    self.put("sink", b"old")
                    self.put("wrong.gz", content)
                    self.fails_pipe(source="wrong.gz", steps=[GUNZIP], path="sink", mark=mark)
                    self.check_old("sink")
                    # From a pipe, too; what it was told does not change that.
                    reader, writer = self.make_pipe()
                    self.feed(writer, content)
                    self.fails_pipe(source_fd=reader, steps=[GUNZIP], path="sink", mark=mark)
                    self.check_old("sink")

    def test_with_more_the_last_reply_is_the_error(self):
        self.put("wrong.gz", gzip.compress(CONTENT, 1)[:-1])
        client = self.connect()
        self.start_pipe(client, "wrong.gz", steps=[GUNZIP], path="no sink", interval=60_000_000)
        with self.assertRaises(VarlinkError) as caught:
            client.receive_for(STREAM + "Pipe")
        self.assertEqual(STREAM + "StreamFailed", caught.exception.name)
        self.check_fault(caught.exception.parameters["fault"])
        self.assertEqual({}, client.call(DAEMON + "Ping"))
        self.assertFalse(self.daemon.file("no sink").exists())
        self.no_temporaries()

    def test_a_file_that_is_cut_meanwhile_leaves_the_old_file_whole(self):
        for left in (0, 100_000):
            self.put("sink", b"old")
            source = self.put("cut", CONTENT)
            client = self.connect()
            self.start_pipe(client, "cut", path="sink", rateBytesPerSecond=256 * KIB,
                            interval=60_000_000, mark=4096)
            os.truncate(source, left)
            with self.assertRaises(VarlinkError) as caught:
                client.receive_for(STREAM + "Pipe")
            self.assertEqual(STREAM + "StreamFailed", caught.exception.name)
            self.check_fault(caught.exception.parameters["fault"], ("read",))
            self.check_old("sink")

    def test_a_reader_that_is_gone_fails_it_and_frees_the_source(self):
        for kind in ("pipe", "socket"):
            client = self.connect()
            into, out = self.make_flow(kind)
            reader, writer = self.make_pipe()
            self.start_pipe(client, source_fd=reader, fd=out, interval=60_000_000)
            into.close()
            writer.write(b"x")
            with self.assertRaises(VarlinkError) as caught:
                client.receive_for(STREAM + "Pipe")
            self.assertEqual(STREAM + "StreamFailed", caught.exception.name)
            self.check_fault(caught.exception.parameters["fault"], errors=("EPIPE", "ECONNRESET"))
            self.closed(writer)

    def test_a_buffer_that_is_too_small_fails(self):
        self.put("source", CONTENT[:1000])
        reader, writer = self.make_pipe()
        self.feed(writer, CONTENT[:1000])
        for source in ({"source": "source"}, {"source_fd": reader}):
            buffer = self.make_buffer(length=999)
            with self.assertRaises(VarlinkError) as caught:
                self.pipe(**source, buffer=buffer)
            self.assertIn(caught.exception.name, (STREAM + "StreamFailed", BUFFER + "OutOfRange"))
            wait_until(lambda: self.pins(buffer) == 0, "it is not pinned")
            after = self.client.call(BUFFER + "Describe", {"id": buffer})["buffer"]
            self.assertEqual(0, after["version"] % 2)

    def test_hanging_up_aborts_it(self):
        for more in (True, False):
            for onDisconnect in (None, "abort"):
                with self.subTest(more=more, onDisconnect=onDisconnect):
                    self.put("sink", b"old")
                    fields = {"onDisconnect": onDisconnect} if onDisconnect else {}
                    reader, writer = self.make_pipe()
                    with self.daemon.client() as client:
                        parameters, ends = self.pipe_call(source_fd=reader, path="sink", mark=100,
                                                          steps=[GZIP], **fields)
                        client.send(STREAM + "Pipe", parameters, [reader.fileno()], more=more)
                        reader.close()
                        writer.write(CONTENT[:5000])
                        wait_until(lambda: waiting_bytes(writer) == 0, "it was read")
                    self.closed(writer)
                    self.check_old("sink")
        wait_until(lambda: not [reply for reply in self.client.more(STREAM + "List")
                                if reply.get("id") and reply["runtime"]["state"] == "open"],
                   "no stream is left")

    def test_hanging_up_frees_buffers_and_closes_pipes(self):
        source, sink = self.make_buffer(CONTENT), self.make_buffer(length=1000)
        with self.daemon.client() as client:
            into, out = self.make_pipe(4096)
            self.start_pipe(client, {"buffer": source}, fd=out)
            self.assertEqual(1, self.pins(source))
        self.assertLess(len(b"".join(iter(lambda: into.read(65536), b""))), len(CONTENT))
        with self.daemon.client() as client:
            _, writer = self.stuck(client, buffer=sink)
            self.assertEqual(1, self.pins(sink))
        self.closed(writer)
        wait_until(lambda: self.pins(source) == 0 and self.pins(sink) == 0, "both are free")
        for buffer in (source, sink):
            self.client.call(BUFFER + "Free", {"id": buffer})

    def test_a_pool_destroyed_with_force_fails_its_pipes(self):
        def make(name):
            self.client.call(POOL + "Create", {"context": {"name": name, "sizeBytes": MIB}})
            return self.client.call(BUFFER + "Alloc", {"pool": name, "length": 500_000})[
                "buffer"]["id"]
        reads, writes = self.connect(), self.connect()
        into, out = self.make_pipe(4096)
        self.start_pipe(reads, {"buffer": make("read")}, fd=out, interval=60_000_000)
        _, writer = self.stuck(writes, b"some", buffer=make("written"), interval=60_000_000)
        for client, name in ((reads, "read"), (writes, "written")):
            self.client.call(POOL + "Destroy", {"name": name, "force": True})
            with self.assertRaises(VarlinkError) as caught:
                client.receive_for(STREAM + "Pipe")
            self.assertEqual(STREAM + "StreamFailed", caught.exception.name)
            self.assertEqual("pool", caught.exception.parameters["fault"]["operation"])
        self.closed(writer)

    def test_abort_of_its_sink_ends_it(self):
        self.put("sink", b"old")
        client = self.connect()
        stream, writer = self.stuck(client, b"some", path="sink", interval=60_000_000)
        self.client.call(STREAM + "Abort", {"id": stream})
        with self.assertRaises(VarlinkError) as caught:
            client.receive_for(STREAM + "Pipe")
        self.assertIn(caught.exception.name, (STREAM + "StreamFailed", STREAM + "WrongState"))
        self.closed(writer)
        self.check_old("sink")
        self.assertEqual({}, client.call(DAEMON + "Ping"))

    def test_its_sink_is_nobody_elses_to_write(self):
        client = self.connect()
        stream, writer = self.stuck(client, b"mine", path="sink", interval=60_000_000)
        for method, parameters in (("Write", {"data": "theirs"}), ("End", {}), ("Cork", {})):
            with self.subTest(method), self.assertRaises(VarlinkError):
                self.client.call(STREAM + method, {"id": stream, **parameters})
        writer.close()
        self.assertTrue(client.receive_for(STREAM + "Pipe").parameters["done"])
        self.assertEqual(b"mine", self.read_stored("sink"))

    def test_a_path_that_is_busy_is_refused(self):
        client = self.connect()
        self.put("busy", b"")
        _, writer = self.stuck(client, path="busy", open="append", interval=60_000_000)
        self.put("source", b"x")
        with self.fails(STREAM + "PathBusy"):
            self.pipe("source", path="busy", open="append")
        writer.close()
        self.assertTrue(client.receive_for(STREAM + "Pipe").parameters["done"])
        self.assertTrue(self.pipe("source", path="busy")["done"])

    def test_a_hundred_given_up_leave_nothing(self):
        self.put("source", CONTENT)
        before, files = self.known_descriptors(), self.daemon.files()
        for number in range(100):
            with self.daemon.client() as client:
                self.start_pipe(client, "source", path=f"given{number % 3}", steps=[ZSTD],
                                rateBytesPerSecond=100_000)
            self.assertEqual({}, self.client.call(DAEMON + "Ping"))
            wait_until(lambda: self.client.call(DAEMON + "Describe")["usage"]["streams"] == 0,
                       "the stream is gone")
        self.no_temporaries()
        self.assertEqual(files, self.daemon.files())
        wait_until(lambda: self.daemon.descriptors() == before, "its descriptors are closed")


class Refused(PipeTest):
    """Whatever is wrong is said before anything is touched."""

    engines = ("auto",)

    def setUp(self):
        super().setUp()
        self.put("source", b"source")
        self.put("sink", b"old")
        self.buffer = self.make_buffer(b"buffer")

    def tearDown(self):
        try:
            self.assertEqual(b"old", self.read_stored("sink"))
            self.assertEqual((b"buffer", 0), (self.buffer_content(self.buffer),
                                              self.pins(self.buffer)))
            self.assertEqual([], [name for name in self.daemon.files()
                                  if name not in ("source", "sink")])
            self.assertEqual(0, self.client.call(DAEMON + "Describe")["usage"]["streams"])
        finally:
            super().tearDown()

    def refused(self, names, **rest):
        with self.subTest(names=names, **{key: str(value) for key, value in rest.items()}):
            with self.fails(SERVICE + "InvalidParameter") as caught:
                self.pipe(**rest)
            self.assertIn(caught.exception.parameters["parameter"].split(".")[-1], names)

    def test_one_source(self):
        file = self.passed_file(b"x")
        sink = {"path": "sink"}
        self.refused(("source", "path"), **sink)
        self.refused(("source", "path", "buffer"), **sink,
                     source={"path": "source", "buffer": self.buffer})
        self.refused(("source", "path", "sourceFileDescriptorIndex"), **sink, source="source",
                     source_fd=file)
        self.refused(("source", "buffer", "sourceFileDescriptorIndex"), **sink,
                     source={"buffer": self.buffer}, source_fd=file)
        self.refused(("source", "store", "path"), **sink, source={"store": "default"})
        reader, writer = os.pipe()
        self.cleanup.callback(os.close, reader)
        self.cleanup.callback(os.close, writer)
        self.refused(("length",), **sink, source={"length": 1}, source_fd=reader)
        self.refused(("offset",), **sink, source={"offset": 0}, source_fd=reader)
        for fd in (writer, os.open(self.daemon.directory, os.O_PATH),
                   os.open(self.daemon.directory, os.O_RDONLY),
                   os.open("/dev/zero", os.O_RDONLY)):
            if fd != writer:
                self.cleanup.callback(os.close, fd)
            self.refused(("sourceFileDescriptorIndex",), **sink, source_fd=fd)

    def test_one_sink(self):
        file = self.passed_file(b"")
        self.refused(("context", "path", "buffer"), source="source")
        self.refused(("context", "path", "buffer"), source="source", context={})
        self.refused(("context", "path", "buffer"), source="source", path="sink",
                     buffer=self.buffer)
        self.refused(("context", "path", "fileDescriptorIndex"), source="source", path="sink",
                     fd=file)
        self.refused(("context", "buffer", "fileDescriptorIndex"), source="source", fd=file,
                     buffer=self.buffer)
        directory = os.open(self.daemon.directory, os.O_RDONLY | os.O_DIRECTORY)
        self.cleanup.callback(os.close, directory)
        self.refused(("buffer", "directoryFileDescriptorIndex"), source="source",
                     buffer=self.buffer, directory=directory)
        self.refused(("offset",), source="source", path="sink", offset=1)
        read_only = os.open(self.daemon.log_path, os.O_RDONLY)
        self.cleanup.callback(os.close, read_only)
        self.refused(("fileDescriptorIndex",), source="source", fd=read_only)

    def test_steps_stand_beside_the_context(self):
        self.refused(("steps",), source="source", path="sink", context={"steps": [GZIP]})
        self.refused(("steps",), source="source", path="sink", context={"steps": [GZIP]},
                     steps=[GZIP])
        for steps in ([{"name": "brotli"}], [{}], [GZIP] * 100,
                      [{"name": "gzip", "level": 100}]):
            with self.subTest(steps=steps), self.fails(SERVICE + "InvalidParameter"):
                self.pipe("source", steps=steps, path="sink")

    def test_numbers(self):
        for mark in (0, -1, 8 * MIB + 1, 2 ** 53):
            self.refused(("highWaterMark",), source="source", path="sink", mark=mark)
            self.refused(("highWaterMark",), source="source", buffer=self.buffer, mark=mark)
        self.refused(("progressIntervalUSec",), source="source", path="sink", interval=-1)

    def test_ranges(self):
        for wrong, name in (({"offset": 7}, "offset"), ({"offset": -1}, "offset"),
                            ({"length": 7}, "length"), ({"length": -1}, "length"),
                            ({"offset": 3, "length": 4}, "length")):
            for place in ({"path": "source"}, {"buffer": self.buffer}):
                with self.subTest(place=place, wrong=wrong), self.assertRaises(
                        VarlinkError) as caught:
                    self.pipe({**place, **wrong}, path="sink")
                self.assertIn(caught.exception.name, (SERVICE + "InvalidParameter",
                                                      BUFFER + "OutOfRange"))
                self.assertEqual(name,
                                 caught.exception.parameters["parameter"].split(".")[-1])
        for offset in (7, -1, 2 ** 53):
            with self.subTest(offset=offset), self.assertRaises(VarlinkError) as caught:
                self.pipe("source", buffer=self.buffer, offset=offset)
            self.assertIn(caught.exception.name, (SERVICE + "InvalidParameter",
                                                  BUFFER + "OutOfRange"))

    def test_a_buffer_into_itself(self):
        self.refused(("buffer", "source"), source={"buffer": self.buffer}, buffer=self.buffer)
        self.refused(("buffer", "source"), source={"buffer": self.buffer, "length": 1},
                     buffer=self.buffer, offset=5)
        other = self.client.call(BUFFER + "Slice", {"id": self.buffer, "start": 3})["buffer"]["id"]
        # A part of it is it as well, where both overlap.
        self.refused(("buffer", "source"), source={"buffer": self.buffer}, buffer=other)

    def test_a_file_into_itself_in_place(self):
        content = self.read_stored("source")
        for mode in ("truncate", "update"):
            self.refused(("path",), source="source", path="source", open=mode)
            self.refused(("path",), source={"path": "source", "store": "default"}, path="source",
                         open=mode)
        self.assertEqual(content, self.read_stored("source"))
        self.pipe(source="source", path="source", open="append")
        self.assertEqual(content + content, self.read_stored("source"))
        self.pipe(source={"path": "source", "length": len(content)}, path="source")
        self.assertEqual(content, self.read_stored("source"))

    def test_the_context_is_held_against_the_rules_of_open(self):
        for value in ("finish", "salvage", "detach"):
            self.refused(("onDisconnect",), source="source", path="sink", onDisconnect=value)
        for fields in ({"mode": "9"},
                       {"open": "append", "start": 1}, {"highWaterMark": -1}):
            with self.subTest(fields), self.assertRaises(VarlinkError) as caught:
                self.pipe("source", path="sink", **fields)
            self.assertEqual(SERVICE + "InvalidParameter", caught.exception.name)

    def test_what_is_not_there(self):
        with self.assertRaises(VarlinkError) as caught:
            self.pipe("none", path="sink")
        self.assertIn(caught.exception.name, (STORE + "NoSuchFile", STREAM + "StreamFailed"))
        for place in ({"source": {"store": "none", "path": "x"}, "path": "sink"},
                      {"source": "source", "path": "sink", "store": "none"}):
            with self.fails(STREAM + "NoSuchStore", store="none"):
                self.pipe(**place)
        for path in ("../x", "/etc/passwd", "a/../b"):
            for place in ({"source": path, "path": "sink"}, {"source": "source", "path": path}):
                with self.subTest(place), self.fails(STREAM + "PathRefused"):
                    self.pipe(**place)
        for place in ({"source": {"buffer": "b" + "0" * 16}, "path": "sink"},
                      {"source": "source", "buffer": "b" + "0" * 16}):
            with self.fails(BUFFER + "NoSuchBuffer", id="b" + "0" * 16):
                self.pipe(**place)

    def test_another_users_buffer_is_none(self):
        self.root_only()
        other = self.connect(uid=NOBODY)
        file = self.passed_file(b"theirs")
        with self.fails(BUFFER + "NoSuchBuffer", id=self.buffer):
            self.pipe({"buffer": self.buffer}, other, fd=file)
        with self.fails(BUFFER + "NoSuchBuffer", id=self.buffer):
            self.pipe(client=other, source_fd=file, buffer=self.buffer)
        for place in ({"source": "source", "fd": file}, {"source_fd": file, "path": "sink"}):
            with self.fails(STREAM + "PathRefused"):
                self.pipe(client=other, **place)
        directory = os.open(self.daemon.directory, os.O_RDONLY | os.O_DIRECTORY)
        self.cleanup.callback(os.close, directory)
        with self.assertRaises(VarlinkError):
            self.pipe(client=other, source_fd=file, directory=directory, path="theirs")
        self.assertFalse(os.path.exists(f"{self.daemon.directory}/theirs"))


class Limited(PipeTest):
    engines = ("auto",)
    daemon_options = {"config": "[limits]\nstreams = 2\n"}

    def test_pipes_count_as_streams(self):
        clients = [self.connect() for _ in range(2)]
        writers = [self.stuck(client, path=f"limit{number}", interval=60_000_000)[1]
                   for number, client in enumerate(clients)]
        self.put("source", b"x")
        with self.fails(DAEMON + "LimitExceeded", limit="streams", maximum=2):
            self.pipe("source", path="one too many")
        self.assertFalse(self.daemon.file("one too many").exists())
        for writer in writers:
            writer.close()
        for client in clients:
            self.assertTrue(client.receive_for(STREAM + "Pipe").parameters["done"])
        wait_until(lambda: self.client.call(DAEMON + "Describe")["usage"]["streams"] == 0,
                   "they are given back")
        for _ in range(20):
            self.assertTrue(self.pipe("source", path="again")["done"])


class Faulty(PipeTest):
    """Disks that answer with errors; each fault names what was tried."""

    daemon_options = {"faults": (
        "read(no-read):EIO@3;write(no-write):ENOSPC@2;syncData(no-sync):EIO@1+;"
        "rename(no-rename):EIO@1;open(no-open):EMFILE@1;open(slow-open):delay=200ms")}

    def test_the_old_file_stays_whole_whatever_fails(self):
        for name, source, operations, error in (
                ("of-read", "no-read", ("read",), "EIO"),
                ("no-write", "source", ("write",), "ENOSPC"),
                ("no-sync", "source", ("syncData", "sync"), "EIO"),
                ("no-rename", "source", ("rename", "publish"), "EIO")):
            with self.subTest(name):
                self.put(name, b"old")
                self.put(source, CONTENT)
                with self.fails(STREAM + "StreamFailed") as caught:
                    self.pipe(source, path=name, steps=[GZIP], mark=10_000)
                fault = caught.exception.parameters["fault"]
                self.check_fault(fault, operations, (error,))
                self.assertEqual(b"old", self.read_stored(name))
                self.no_temporaries()

    def test_hanging_up_while_it_is_opened(self):
        self.put("slow-open", CONTENT)
        self.put("sink", b"old")
        buffer = self.make_buffer(length=len(CONTENT))
        before = self.known_descriptors()
        for source, into in (("slow-open", {"path": "sink"}), ("slow-open", {"buffer": buffer}),
                             ("sink", {"path": "slow-open"})):
            for more in (True, False):
                with self.daemon.client() as client:
                    parameters, _ = self.pipe_call(source, **into)
                    client.send(STREAM + "Pipe", parameters, more=more)
        for ring in ({}, {"ringBytes": 65536}):
            with self.daemon.client() as client:
                client.send(STREAM + "OpenReadable", {"source": {"path": "slow-open"}, **ring})
        wait_until(lambda: self.pins(buffer) == 0, "the buffer is free")
        wait_until(lambda: self.client.call(DAEMON + "Describe")["usage"]["streams"] == 0,
                   "no stream is left")
        self.assertEqual(({}, b"old"), (self.readables(), self.read_stored("sink")))
        self.same(CONTENT, self.read_stored("slow-open"))
        self.no_temporaries()
        self.check_descriptors(before)

    def test_a_source_that_cannot_be_opened(self):
        self.put("no-open", CONTENT)
        self.put("sink", b"old")
        with self.assertRaises(VarlinkError):
            self.pipe("no-open", path="sink")
        self.assertEqual(b"old", self.read_stored("sink"))
        self.no_temporaries()
        self.assertTrue(self.pipe("no-open", path="sink")["done"])


class Stopping(unittest.TestCase):
    engines = None
    engine = "auto"

    def test_sigterm_in_the_middle_ends_in_time(self):
        daemon = Daemon(engine=self.engine, config="[daemon]\ndrainTimeout = 2s\n")
        self.addCleanup(daemon.kill)
        daemon.start()
        daemon.file("sink").write_bytes(b"old")
        daemon.file("rated").write_bytes(b"old")
        daemon.file("source").write_bytes(CONTENT)
        reader, writer = os.pipe()
        unread, full = os.pipe()
        self.addCleanup(os.close, writer)
        self.addCleanup(os.close, unread)
        with daemon.client() as client, daemon.client() as other, daemon.client() as third:
            # So that the deadline is what it ends by.
            last = third.open_stream(fd=full)
            os.close(full)
            last.write(bytes(500_000))
            last.end()
            client.send(STREAM + "Pipe", {"source": {}, "sourceFileDescriptorIndex": 0,
                                          "context": {"path": "sink"}}, [reader], more=True)
            os.close(reader)
            client.receive_for(STREAM + "Pipe")
            os.write(writer, b"never ends")
            other.send(STREAM + "Pipe", {
                "source": {"path": "source"}, "context": {"path": "rated",
                                                          "rateBytesPerSecond": 1000}}, more=True)
            other.receive_for(STREAM + "Pipe")
            daemon.process.send_signal(signal.SIGTERM)
            wait_until(lambda: third.call(DAEMON + "Describe")["state"] == "draining", "draining")
            for method, parameters in (
                    ("Pipe", {"source": {"path": "source"}, "context": {"path": "late"}}),
                    ("OpenReadable", {"source": {"path": "source"}})):
                with self.assertRaises(VarlinkError) as caught:
                    third.call(STREAM + method, parameters)
                self.assertEqual(DAEMON + "ShuttingDown", caught.exception.name)
            self.assertEqual(0, daemon.wait_exit(20))
        self.assertEqual(b"old", daemon.file("sink").read_bytes())
        self.assertEqual(b"old", daemon.file("rated").read_bytes())
        self.assertEqual(["rated", "sink", "source"], daemon.files())

    def test_sigterm_while_sources_are_opened(self):
        daemon = Daemon(engine=self.engine, faults="open(slow):delay=500ms")
        self.addCleanup(daemon.kill)
        daemon.start()
        daemon.file("slow").write_bytes(CONTENT)
        daemon.file("sink").write_bytes(b"old")
        source = {"source": {"path": "slow"}}
        with daemon.client() as first, daemon.client() as second, daemon.client() as third:
            first.send(STREAM + "OpenReadable", {**source, "ringBytes": 65536})
            second.send(STREAM + "Pipe", {**source, "context": {"path": "sink"}})
            third.call(DAEMON + "Ping")
            daemon.process.send_signal(signal.SIGTERM)
            self.assertEqual(0, daemon.wait_exit(20))
        self.assertIn(daemon.file("sink").read_bytes(), (b"old", CONTENT))
        self.assertEqual(["sink", "slow"], daemon.files())

    def test_what_ends_in_time_is_finished_first(self):
        daemon = Daemon(engine=self.engine, config="[daemon]\ndrainTimeout = 30s\n")
        self.addCleanup(daemon.kill)
        daemon.start()
        daemon.file("source").write_bytes(CONTENT)
        with daemon.client() as client:
            client.send(STREAM + "Pipe", {"source": {"path": "source"}, "context": {
                "path": "sink", "rateBytesPerSecond": 4 * MIB}}, more=True)
            client.receive_for(STREAM + "Pipe")
            daemon.process.send_signal(signal.SIGTERM)
            self.assertEqual(0, daemon.wait_exit(60))
        found = daemon.file("sink").read_bytes() if daemon.file("sink").exists() else None
        # Whole or not there: never a part under its name.
        self.assertIn(found, (None, CONTENT))
        self.assertEqual([], [name for name in daemon.files() if ".forebay-" in name])


if __name__ == "__main__":
    main()
