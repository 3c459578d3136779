#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Readable streams by calls: what they are read from, and what Read answers."""

import os
import socket
import time

from harness import (BUFFER, DAEMON, KIB, MIB, SERVICE, STORE, STREAM, VarlinkError, main,
                     random_bytes, wait_until)
from readable_test import CELLS, GZIP, NOBODY, SIZES, ReadableTest

CONTENT = random_bytes(MIB + 77)


class Sources(ReadableTest):
    def test_a_file_is_read_to_its_end(self):
        for size, mark in CELLS:
            with self.subTest(size=size, mark=mark):
                path = self.put("file", CONTENT[:size])
                readable = self.open_readable("file", mark=mark)
                self.assertEqual((mark, size, str(path), os.getuid()), tuple(
                    readable.about.get(name) for name in ("highWaterMark", "totalBytes", "path",
                                                          "ownerUid")))
                self.same(CONTENT[:size], readable.read_all())
                after = readable.describe()
                self.assertEqual(("finished", size, size, 0), tuple(
                    after[name] for name in ("state", "bytesRead", "bytesTaken",
                                             "readableLength")))

    def test_a_buffer_is_read_to_its_end(self):
        for size in SIZES:
            with self.subTest(size=size):
                buffer = self.make_buffer(CONTENT[:size])
                readable = self.open_readable({"buffer": buffer}, mark=4096)
                self.assertEqual(size, readable.about["totalBytes"])
                self.assertIsNone(readable.about.get("path"))
                self.same(CONTENT[:size], readable.read_all(1000))
                # Read to its end and not yet let go of, or let go of already: but not for long.
                wait_until(lambda: self.pins(buffer) == 0, "the buffer is not pinned")

    def test_the_mark_is_64_kib_if_not_said(self):
        self.put("default", b"x")
        self.assertEqual(65536, self.open_readable("default").about["highWaterMark"])

    def test_a_store_may_be_named(self):
        self.put("folder/named", b"named")
        readable = self.open_readable({"store": "default", "path": "folder/named"})
        self.assertEqual(b"named", readable.read_all())

    def test_a_range_is_read_and_nothing_around_it(self):
        content = CONTENT[:10_000]
        self.put("range", content)
        buffer = self.make_buffer(content)
        for place in ({"path": "range"}, {"buffer": buffer}):
            for offset, length in ((0, 0), (0, 1), (0, 10_000), (1, None), (4095, 2), (5000, 4999),
                                   (5000, 5000), (9999, 1), (10_000, 0), (10_000, None),
                                   (None, 77), (None, None)):
                with self.subTest(place=place, offset=offset, length=length):
                    source = dict(place)
                    source.update({"offset": offset} if offset is not None else {})
                    source.update({"length": length} if length is not None else {})
                    start = offset or 0
                    wanted = content[start:len(content) if length is None else start + length]
                    readable = self.open_readable(source, mark=1000)
                    self.assertEqual(len(wanted), readable.about["totalBytes"])
                    self.same(wanted, readable.read_all())

    def test_a_range_that_is_not_there_is_refused(self):
        self.put("range", bytes(100))
        buffer = self.make_buffer(bytes(100))
        for place in ({"path": "range"}, {"buffer": buffer}):
            for wrong, name in (({"offset": -1}, "offset"), ({"offset": 101}, "offset"),
                                ({"offset": 2 ** 53}, "offset"), ({"length": -1}, "length"),
                                ({"length": 101}, "length"), ({"offset": 1, "length": 100},
                                                              "length"),
                                ({"offset": 50, "length": 2 ** 53}, "length")):
                with self.subTest(place=place, wrong=wrong):
                    with self.assertRaises(VarlinkError) as caught:
                        self.open_readable({**place, **wrong})
                    error = caught.exception
                    self.assertIn(error.name, (SERVICE + "InvalidParameter",
                                               BUFFER + "OutOfRange"))
                    self.assertEqual(name, error.parameters["parameter"].split(".")[-1])
        self.assertEqual(0, self.pins(buffer))

    def test_the_end_is_said_once_and_again(self):
        for content in (b"", b"some"):
            self.put("ended", content)
            readable = self.open_readable("ended")
            self.assertEqual(content, readable.read_all())
            for _ in range(3):
                self.assertEqual((b"", True), readable.read())
            self.assertEqual({"data": "", "bytesRead": 0, "ended": True},
                             readable._call("Read", encoding="utf8"))
            self.assertEqual("finished", readable.state())

    def test_an_empty_pipe_that_is_closed_has_ended(self):
        for kind in ("pipe", "socket"):
            reader, writer = self.make_flow(kind)
            writer.close()
            self.assertEqual((b"", True), self.open_readable(fd=reader).read())

    def test_a_file_ends_where_it_ended_when_it_was_opened(self):
        path = self.put("grows", b"old")
        readable = self.open_readable("grows", mark=1)
        with open(path, "ab") as file:
            file.write(b"new" * 100)
        self.assertEqual(b"old", readable.read_all())

    def test_a_file_that_is_replaced_meanwhile_is_read_on(self):
        content = CONTENT[:300_000]
        path = self.put("replaced", content)
        readable = self.open_readable("replaced", mark=4096)
        first, _ = readable.read(1000)
        path.unlink()
        self.put("replaced", b"another")
        self.same(content, first + readable.read_all())

    def test_a_passed_file_is_read_from_where_it_stands(self):
        for position in (0, 1, 4096, 9999, 10_000, 20_000):
            fd = self.passed_file(CONTENT[:10_000])
            os.lseek(fd, position, os.SEEK_SET)
            readable = self.open_readable(fd=fd, mark=512)
            first, ended = readable.read(10)
            # What the sender does to its descriptor later does not matter.
            os.lseek(fd, 5, os.SEEK_SET)
            os.set_blocking(fd, False)
            self.same(CONTENT[position:10_000], first + (b"" if ended else readable.read_all()))
            self.assertEqual(5, os.lseek(fd, 0, os.SEEK_CUR))

    def test_a_passed_memfd_is_a_file(self):
        fd = os.memfd_create("source")
        self.cleanup.callback(os.close, fd)
        os.pwrite(fd, CONTENT, 0)
        self.same(CONTENT, self.open_readable(fd=fd).read_all())

    def test_pipes_and_sockets_are_read_to_their_end(self):
        for kind in ("pipe", "socket"):
            for mark in (100, 65536):
                reader, writer = self.make_flow(kind)
                readable = self.open_readable(fd=reader, mark=mark)
                self.assertIsNone(readable.about.get("totalBytes"))
                feeder = self.feed(writer, CONTENT[:300_000])
                self.same(CONTENT[:300_000], readable.read_all())
                feeder.join()

    def test_a_pipe_of_blocking_kind_does_not_block_the_daemon(self):
        for kind in ("pipe", "socket"):
            reader, writer = self.make_flow(kind)
            keep = self.end_of(os.dup(reader.fileno()), "rb")
            os.set_blocking(keep.fileno(), True)
            readable = self.open_readable(fd=reader)
            writer.write(b"a")
            self.assertEqual((b"a", False), readable.read())
            os.set_blocking(keep.fileno(), True)
            with self.fails(STREAM + "TimedOut"):
                readable.read(timeoutUSec=20_000)
            self.client.call(DAEMON + "Ping", timeout=10)
            readable.abort()

    def test_wrong_kinds_of_descriptor_are_refused(self):
        reader, writer = os.pipe()
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(f"{self.daemon.directory}/listening")
        listening.listen()
        datagrams = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        path = f"{self.daemon.directory}/kinds"
        with open(path, "wb") as file:
            file.write(b"x")
        kinds = {
            "a pipe's other end": writer,
            "write-only": os.open(path, os.O_WRONLY),
            "O_PATH": os.open(path, os.O_PATH),
            "directory": os.open(self.daemon.directory, os.O_RDONLY | os.O_DIRECTORY),
            "device": os.open("/dev/zero", os.O_RDONLY),
            "null": os.open("/dev/null", os.O_RDWR),
            "eventfd": os.eventfd(0),
            "listening": listening.detach(),
            "datagrams": datagrams[0].detach(),
        }
        for fd in (reader, datagrams[1].detach(), *kinds.values()):
            self.cleanup.callback(os.close, fd)
        for kind, fd in kinds.items():
            with self.subTest(kind), self.fails_parameter("fileDescriptorIndex"):
                self.open_readable(fd=fd)
        self.assertEqual({}, self.readables())

    def test_exactly_one_source_is_asked_for(self):
        self.put("one", b"x")
        buffer = self.make_buffer(b"x")
        file = self.passed_file(b"x")
        reader, writer = os.pipe()
        self.cleanup.callback(os.close, reader)
        self.cleanup.callback(os.close, writer)
        for source, fd, names in (
                ({}, None, ("source", "path")),
                ({"path": "one", "buffer": buffer}, None, ("source", "path", "buffer")),
                ({"path": "one"}, file, ("source", "path", "fileDescriptorIndex")),
                ({"buffer": buffer}, file, ("source", "buffer", "fileDescriptorIndex")),
                ({"store": "default"}, None, ("source", "store", "path")),
                ({"store": "default", "buffer": buffer}, None, ("source", "store", "buffer")),
                ({"store": "default"}, file, ("source", "store", "fileDescriptorIndex")),
                ({"offset": 0}, reader, ("offset",)), ({"length": 1}, reader, ("length",))):
            with self.subTest(source=source, fd=fd):
                with self.fails(SERVICE + "InvalidParameter") as caught:
                    self.open_readable(source, fd=fd)
                self.assertIn(caught.exception.parameters["parameter"].split(".")[-1], names)
        with self.fails_parameter("fileDescriptorIndex"):
            self.client.call(STREAM + "OpenReadable", {"source": {}, "fileDescriptorIndex": 1},
                             [file])
        # A descriptor that nobody asked for is nobody's.
        with self.fails(SERVICE + "InvalidParameter"):
            self.client.call(STREAM + "OpenReadable", {"source": {"path": "one"}}, [file])
        self.assertEqual(({}, 0), (self.readables(), self.pins(buffer)))

    def test_numbers_outside_are_refused(self):
        self.put("numbers", b"x")
        for name, values in (("highWaterMark", (0, -1, 8 * MIB + 1, 2 ** 53)),
                             ("ringBytes", (-1, (1 << 30) + 1, 2 ** 53))):
            for value in values:
                with self.subTest(name=name, value=value), self.fails_parameter(name):
                    self.open_readable("numbers", **{name: value})
        for steps in ([{"name": "gzip", "level": 100}], [GZIP] * 100):
            with self.subTest(steps=steps), self.assertRaises(VarlinkError) as caught:
                self.open_readable("numbers", steps=steps)
            self.assertEqual(SERVICE + "InvalidParameter", caught.exception.name)

    def test_what_is_not_there_has_its_own_errors(self):
        self.put("folder/file", b"x")
        os.mkfifo(self.daemon.file("fifo"))
        self.daemon.file("link").symlink_to(self.daemon.log_path)
        self.cleanup.callback(self.daemon.file("fifo").unlink)
        self.cleanup.callback(self.daemon.file("link").unlink)
        with self.fails(STREAM + "NoSuchStore", store="none"):
            self.open_readable({"store": "none", "path": "x"})
        for path in ("../log", "/etc/passwd", "", "a/../b", "x\ny", ".forebay-x"):
            with self.subTest(path=path), self.fails(STREAM + "PathRefused"):
                self.open_readable(path)
        for path in ("link", "fifo", "folder"):
            with self.subTest(path=path), self.assertRaises(VarlinkError) as caught:
                self.open_readable(path)
            self.assertIn(caught.exception.name, (STREAM + "PathRefused", STREAM + "StreamFailed",
                                                  STORE + "PathRefused"))
        with self.assertRaises(VarlinkError) as caught:
            self.open_readable("none")
        self.assertIn(caught.exception.name, (STORE + "NoSuchFile", STREAM + "StreamFailed"))
        with self.fails(BUFFER + "NoSuchBuffer", id="b" + "0" * 16):
            self.open_readable({"buffer": "b" + "0" * 16})
        self.assertEqual({}, self.readables())

    def test_other_users_see_nothing(self):
        self.root_only()
        self.put("secret", b"secret")
        buffer = self.make_buffer(b"secret")
        readable = self.open_readable("secret")
        other = self.connect(uid=NOBODY)
        for method in ("DescribeReadable", "Read", "Pause", "Resume", "Abort"):
            with self.subTest(method), self.fails(STREAM + "NoSuchStream", id=readable.id):
                other.call(STREAM + method, {"id": readable.id})
        self.assertEqual({}, self.readables(other))
        with self.fails(BUFFER + "NoSuchBuffer", id=buffer):
            self.open_readable({"buffer": buffer}, other)
        with self.fails(STREAM + "PathRefused"):
            self.open_readable("secret", other)
        # A descriptor that they could read themselves is theirs to give.
        fd = self.passed_file(b"given")
        self.assertEqual(b"given", self.open_readable(client=other, fd=fd).read_all())
        self.assertEqual((b"secret", True), (readable.read_all(), readable.read()[1]))


class Reading(ReadableTest):
    engines = ("auto",)

    def flowing(self, **parameters):
        """A readable out of a pipe, and the end to write to."""
        reader, writer = self.make_pipe()
        return self.open_readable(fd=reader, **parameters), writer

    def test_read_waits_for_the_first_bytes(self):
        readable, writer = self.flowing()
        self.client.send(STREAM + "Read", {"id": readable.id, "encoding": "utf8"})
        with self.assertRaises(TimeoutError):
            self.client.receive(timeout=0.2)
        writer.write(b"first")
        self.assertEqual({"data": "first", "bytesRead": 5, "ended": False},
                         self.client.receive_for(STREAM + "Read").parameters)

    def test_read_waits_for_the_end(self):
        readable, writer = self.flowing()
        self.client.send(STREAM + "Read", {"id": readable.id, "timeoutUSec": 0})
        with self.assertRaises(TimeoutError):
            self.client.receive(timeout=0.1)
        writer.close()
        self.assertEqual({"data": "", "bytesRead": 0, "ended": True},
                         self.client.receive_for(STREAM + "Read").parameters)

    def test_a_deadline_is_kept_and_takes_nothing(self):
        readable, writer = self.flowing()
        for usec in (1, 20_000, 300_000):
            started = time.monotonic()
            with self.fails(STREAM + "TimedOut", id=readable.id):
                readable.read(timeoutUSec=usec)
            took = time.monotonic() - started
            self.assertGreaterEqual(took, usec / 1e6 * 0.9)
            self.assertLess(took, usec / 1e6 + 5)
        with self.fails_parameter("timeoutUSec"):
            readable.read(timeoutUSec=-1)
        writer.write(b"kept")
        self.assertEqual((b"kept", False), readable.read(timeoutUSec=1_000_000))

    def test_reads_that_wait_are_answered_in_their_order(self):
        readable, writer = self.flowing()
        for length in (2, 3):
            self.client.send(STREAM + "Read", {"id": readable.id, "length": length,
                                               "encoding": "utf8"})
        writer.write(b"12345")
        self.assertEqual("12", self.client.receive_for(STREAM + "Read").parameters["data"])
        self.assertEqual("345", self.client.receive_for(STREAM + "Read").parameters["data"])

    def test_length_is_the_most_that_is_answered(self):
        self.put("length", CONTENT)
        for length in (1, 7, 1000):
            readable = self.open_readable("length")
            got = b"".join(readable.read(length)[0] for _ in range(20))
            self.same(CONTENT[:20 * length], got)       # all of each: as much was read ahead
            self.assertEqual(20 * length, readable.describe()["bytesTaken"])
        with self.fails_parameter("length"):
            readable.read(-1)

    def test_each_encoding_answers_the_bytes(self):
        self.put("text", "grüße, 😀\n".encode())
        for encoding, wanted in (("utf8", "grüße, 😀\n"), ("hex", "6772c3bcc39f652c20f09f98800a"),
                                 ("base64", "Z3LDvMOfZSwg8J+YgAo=")):
            readable = self.open_readable("text")
            reply = readable._call("Read", encoding=encoding)
            self.assertEqual((wanted, 14), (reply["data"], reply["bytesRead"]))
        for encoding in ("latin1", "utf16le", "UTF8", ""):
            with self.subTest(encoding=encoding), self.assertRaises(VarlinkError) as caught:
                readable._call("Read", encoding=encoding)
            self.assertEqual(SERVICE + "InvalidParameter", caught.exception.name)

    def test_utf8_never_cuts_a_character(self):
        text = "aü€😀" * 50 + "ü"
        self.put("characters", text.encode())
        for mark, length in ((65536, 4), (65536, 5), (65536, 7), (1, 4), (2, 6), (3, None)):
            with self.subTest(mark=mark, length=length):
                readable = self.open_readable("characters", mark=mark)
                got, ended = "", False
                while not ended:
                    # Would be no text if a character were cut.
                    data, ended = readable.read(length, encoding="utf8")
                    got += data.decode()
                self.assertEqual(text, got)

    def test_utf8_waits_for_the_rest_of_a_character(self):
        readable, writer = self.flowing()
        writer.write("a😀".encode()[:3])
        self.assertEqual((b"a", False), readable.read(encoding="utf8"))
        with self.fails(STREAM + "TimedOut", id=readable.id):
            readable.read(encoding="utf8", timeoutUSec=50_000)
        writer.write("a😀b".encode()[3:])
        got = bytearray()
        while len(got) < 5:
            got += readable.read(encoding="utf8")[0]
        self.assertEqual("😀b".encode(), bytes(got))

    def test_bytes_that_are_no_text_are_bad_encoding_and_stay(self):
        for content in (b"\xff", b"\xc3\x28", b"\xed\xa0\x80", b"\xf0\x9f\x98", b"\xc3", b"\0",
                        b"\xc0\x80", b"\xf4\x90\x80\x80"):
            with self.subTest(content=content):
                self.put("bad", content)
                readable = self.open_readable("bad")
                for _ in range(2):
                    with self.fails(BUFFER + "BadEncoding"):
                        readable.read(encoding="utf8")
                self.assertEqual(0, readable.describe()["bytesTaken"])
                self.assertEqual(content, readable.read(encoding="hex")[0])
                self.assertEqual((b"", True), readable.read(encoding="utf8"))

    def test_text_before_bytes_that_are_none_is_not_lost(self):
        self.put("half", b"good\xff\xfe")
        readable = self.open_readable("half")
        got = b""
        try:
            got, _ = readable.read(encoding="utf8")
        except VarlinkError as error:
            self.assertEqual(BUFFER + "BadEncoding", error.name)
        self.assertEqual(b"good\xff\xfe", got + readable.read_all())

    def test_read_gives_what_fits_one_message(self):
        content = random_bytes(3 * MIB)
        self.put("large", content)
        for encoding in ("base64", "hex"):
            readable = self.open_readable("large", mark=8 * MIB)
            got, rounds, ended = bytearray(), 0, False
            while not ended:
                data, ended = readable.read(encoding=encoding)
                got += data
                rounds += 1
            self.same(content, bytes(got))
            self.assertGreater(rounds, 2)
        # The worst that text can become in a message.
        self.put("escapes", b"\x01\"\\\n" * (MIB // 4))
        readable = self.open_readable("escapes", mark=8 * MIB)
        got, ended = bytearray(), False
        while not ended:
            data, ended = readable.read(encoding="utf8")
            got += data
        self.same(b"\x01\"\\\n" * (MIB // 4), bytes(got))

    def test_read_is_refused_where_a_ring_is(self):
        self.put("ring", b"x")
        readable = self.open_readable("ring", ring_bytes=64 * KIB)
        with self.assertRaises(VarlinkError) as caught:
            readable.read()
        self.assertIn(caught.exception.name, (SERVICE + "InvalidParameter", STREAM + "WrongState"))
        self.assertEqual(b"x", readable.ring.read_all())

    def test_ids_of_one_kind_are_no_ids_of_the_other(self):
        self.put("kind", b"x")
        readable = self.open_readable("kind")
        stream = self.open("sink")
        for method in ("Write", "End", "Wait", "Describe", "Cork", "Uncork"):
            with self.subTest(method), self.assertRaises(VarlinkError) as caught:
                self.client.call(STREAM + method, {"id": readable.id, **(
                    {"data": "x"} if method == "Write" else {})})
            self.assertEqual(STREAM + "NoSuchStream", caught.exception.name)
        for method in ("Read", "DescribeReadable"):
            for name in (stream.id, "", "r", "x" * 1000, "s" + "0" * 16, readable.id + "0"):
                with self.subTest(method, id=name), self.fails(STREAM + "NoSuchStream"):
                    self.client.call(STREAM + method, {"id": name})
        listed = [reply["id"] for reply in self.client.more(STREAM + "List") if reply.get("id")]
        self.assertNotIn(readable.id, listed)
        self.assertEqual([readable.id], list(self.readables()))
        self.assertEqual(b"x", readable.read_all())
        stream.finish()

    def test_they_are_listed_and_described(self):
        names = ["a", "b", "c"]
        made = {}
        for name in names:
            self.put(name, name.encode() * 10)
            made[name] = self.open_readable(name, mark=4)
        made["a"].read_all()
        made["b"].pause()
        made["c"].abort()
        listed = self.readables()
        self.assertEqual(("finished", 10), (listed[made["a"].id]["state"],
                                            listed[made["a"].id]["bytesTaken"]))
        self.assertEqual("paused", listed[made["b"].id]["state"])
        if made["c"].id in listed:
            self.assertEqual("aborted", listed[made["c"].id]["state"])
        self.assertEqual(listed[made["b"].id], made["b"].describe())
        # Another connection of the same user sees them too, but they are this one's.
        other = self.connect()
        self.assertIn(made["b"].id, self.readables(other))
        with self.assertRaises(VarlinkError) as caught:
            other.call(STREAM + "Read", {"id": made["b"].id, "timeoutUSec": 1000})
        self.assertIn(caught.exception.name, (SERVICE + "PermissionDenied", STREAM + "TimedOut"))


if __name__ == "__main__":
    main()
