# SPDX-License-Identifier: LGPL-2.1-or-later
"""What tests of readable streams and of pipes have in common: sources, sinks, and readers."""

import base64
import contextlib
import errno
import fcntl
import os
import pathlib
import socket
import struct
import termios
import threading

from harness import (BUFFER, DAEMON, F_SETPIPE_SZ, MIB, POOL, STREAM, ForebayTest, VarlinkError,
                     wait_until)
from read_ring import ReadRing

NOBODY = 65534
SIZES = (0, 1, 4095, 4096, 4097, 65535, 65536)
MARKS = (1, 7, 4096, 65536)
# A mark of one byte is a round through the daemon for each byte.
CELLS = [(size, mark) for size in SIZES for mark in MARKS if mark > 1 or size <= 4097]
# The most that is read, or made by the steps, at a time; no more than the mark either.
PIECE = MIB

GZIP, GUNZIP, ZSTD, UNZSTD = ({"name": name} for name in ("gzip", "gunzip", "zstd", "unzstd"))
DECODE = {"base64": base64.b64decode, "hex": bytes.fromhex, "utf8": str.encode}


class Readable:
    """A readable stream as its consumer sees it."""

    def __init__(self, client, reply, always_poke=True):
        self.client = client
        self.id = reply.parameters["id"]
        self.about = reply.parameters["readable"]
        self.ring = None
        about = reply.parameters.get("ring")
        if about:
            self.ring = ReadRing(reply.fds[about["memoryFileDescriptorIndex"]],
                                 reply.fds[about["signalFileDescriptorIndex"]],
                                 about["ringBytes"], always_poke)
        elif reply.fds:
            raise AssertionError("descriptors came, but no ring")

    def _call(self, member, **parameters):
        timeout = parameters.pop("call_timeout", None)
        return self.client.call(STREAM + member, {"id": self.id, **parameters}, timeout=timeout)

    def read(self, length=None, encoding="base64", **parameters):
        """The bytes, and whether nothing comes after them."""
        if length is not None:
            parameters["length"] = length
        reply = self._call("Read", encoding=encoding, **parameters)
        data = DECODE[encoding](reply["data"])
        if len(data) != reply["bytesRead"]:
            raise AssertionError(f"bytesRead {reply['bytesRead']}, data of {len(data)}")
        if length is not None and len(data) > length:
            raise AssertionError(f"{len(data)} bytes, and {length} were asked for")
        if not data and not reply["ended"]:
            raise AssertionError("neither bytes nor the end")
        return data, reply["ended"]

    def pieces(self, length=None):
        ended = False
        while not ended:
            data, ended = self.read(length)
            yield data

    def read_all(self, length=None):
        return b"".join(self.pieces(length))

    def read_until_error(self):
        """What came before it, and the error."""
        got = bytearray()
        with contextlib.suppress(StopIteration):
            pieces = self.pieces()
            while True:
                try:
                    got += next(pieces)
                except VarlinkError as error:
                    return bytes(got), error
        raise AssertionError(f"it ended well after {len(got)} bytes")

    def describe(self):
        return self._call("DescribeReadable")["readable"]

    def state(self):
        return self.describe()["state"]

    def pause(self):
        return self._call("Pause")

    def resume(self):
        return self._call("Resume")

    def abort(self):
        return self._call("Abort")


class ReadableTest(ForebayTest):
    @classmethod
    def warm_up(cls, client):
        buffer = client.call(BUFFER + "Alloc", {"length": 8})["buffer"]
        client.call(BUFFER + "Free", {"id": buffer["id"]})

    def setUp(self):
        super().setUp()
        self.pool_made = False

    def tearDown(self):
        if self.pool_made and self.daemon.alive():
            with self.daemon.client() as client:
                client.call(POOL + "Destroy", {"name": "test", "force": True})
        super().tearDown()

    def known_descriptors(self):
        """Those of the daemon, once it has taken this connection."""
        self.client.call(DAEMON + "Ping")
        return self.daemon.descriptors()

    # What bytes come from.

    def put(self, name, content):
        path = self.daemon.file(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)            # who reads the old one goes on doing so
        path.write_bytes(content)
        return path

    def pool(self):
        """Its name."""
        if not self.pool_made:
            self.client.call(POOL + "Create", {"context": {"name": "test",
                                                           "sizeBytes": 16 * MIB}})
            self.pool_made = True
        return "test"

    def make_buffer(self, content=b"", length=None):
        """Its id."""
        if length is not None:
            return self.client.call(BUFFER + "Alloc", {"pool": self.pool(), "length": length})[
                "buffer"]["id"]
        memory = os.memfd_create("content")
        try:
            os.write(memory, content)
            return self.client.call(BUFFER + "From", {"pool": self.pool(),
                                                     "fileDescriptorIndex": 0}, [memory])["buffer"]["id"]
        finally:
            os.close(memory)

    def buffer_content(self, buffer):
        length = self.client.call(BUFFER + "Describe", {"id": buffer})["buffer"]["length"]
        got = bytearray()
        while len(got) < length:
            got += base64.b64decode(self.client.call(BUFFER + "Read", {
                "id": buffer, "offset": len(got)})["data"])
        return bytes(got)

    def pins(self, buffer):
        return self.client.call(BUFFER + "Describe", {"id": buffer})["buffer"]["pins"]

    def passed_file(self, content=b"", flags=os.O_RDWR, name="passed"):
        """A descriptor, which stays open here when it is sent."""
        path = f"{self.daemon.directory}/{name}"
        with open(path, "wb") as file:
            file.write(content)
        fd = os.open(path, flags)
        self.cleanup.callback(os.close, fd)
        return fd

    def end_of(self, fd, mode):
        """An end of a pipe or socket, which is closed here once it was sent."""
        return self.cleanup.enter_context(open(fd, mode, buffering=0))

    def make_pipe(self, size=None):
        """Reader and writer."""
        reader, writer = os.pipe()
        if size:
            fcntl.fcntl(writer, F_SETPIPE_SZ, size)
        return self.end_of(reader, "rb"), self.end_of(writer, "wb")

    def make_sockets(self):
        ours, theirs = socket.socketpair()
        return self.end_of(ours.detach(), "rb"), self.end_of(theirs.detach(), "wb")

    def make_flow(self, kind):
        """An end to read from and an end to write to, of a "pipe" or a "socket"."""
        return self.make_pipe() if kind == "pipe" else self.make_sockets()

    def feed(self, end, content):
        """Writes it from a thread, and closes."""
        def write():
            view = memoryview(content)
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                while view:
                    view = view[end.write(view[:65536]):]
            end.close()
        return self.thread(write)

    def gather(self, end):
        """Reads to the end from a thread; `content` of what is returned, after join()."""
        def read():
            got = bytearray()
            with contextlib.suppress(ConnectionResetError):
                while piece := end.read(65536):
                    got += piece
            thread.content = bytes(got)
        thread = self.thread(read)
        return thread

    def thread(self, run):
        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        self.cleanup.callback(thread.join, 30)
        return thread

    # Readables.

    def open_readable(self, source=None, client=None, *, fd=None, steps=None, mark=None,
                      ring_bytes=None, always_poke=True, **more):
        """`source`: a path, or what is written to the parameter of that name."""
        parameters = {"source": source_of(source), **more}
        for name, value in (("steps", steps), ("highWaterMark", mark),
                            ("ringBytes", ring_bytes)):
            if value is not None:
                parameters[name] = value
        if fd is not None:
            parameters["fileDescriptorIndex"] = 0
        client = client or self.client
        with sent([] if fd is None else [fd]) as fds:
            reply = client.call_reply(STREAM + "OpenReadable", parameters, fds)
        readable = Readable(client, reply, always_poke)
        if readable.ring:
            self.cleanup.callback(readable.ring.close)
        return readable

    def readables(self, client=None):
        """{id: readable} of all that are listed."""
        return {reply["id"]: reply["readable"]
                for reply in (client or self.client).more(STREAM + "ListReadables")
                if reply.get("id")}

    def until_still(self, look):
        """What it looks at, once that has not moved for a while."""
        seen = [look()]

        def still():
            seen.append(look())
            return len(seen) > 20 and len({repr(value) for value in seen[-20:]}) == 1
        wait_until(still, f"it comes to rest: {seen[-1]}")
        return seen[-1]

    def settled(self, readable):
        """What it says of itself once it has read ahead as far as it goes."""
        wait_until(lambda: (about := readable.describe())["readableLength"]
                   >= about["highWaterMark"], "it is read ahead to the mark")
        return self.until_still(readable.describe)

    def gone(self, stream_id, client=None):
        """It is not known any more, or over."""
        try:
            about = (client or self.client).call(STREAM + "DescribeReadable", {"id": stream_id})
        except VarlinkError as error:
            self.assertEqual(STREAM + "NoSuchStream", error.name)
            return True
        return about["readable"]["state"] in ("finished", "aborted", "failed")

    def same(self, wanted, found):
        # Thousands of bytes in a message help nobody.
        self.assertEqual(len(wanted), len(found))
        self.assertTrue(wanted == found, "the bytes differ")

    def check_fault(self, fault, operations=None, errors=None):
        """It says what was tried and what was said to that."""
        self.assertTrue(fault["operation"], fault)
        self.assertGreater(fault["errno"], 0, fault)
        self.assertTrue(fault["errnoName"].startswith("E"), fault)
        self.assertEqual(fault["errno"], getattr(errno, fault["errnoName"]), fault)
        self.assertTrue(fault["message"], fault)
        if operations:
            self.assertIn(fault["operation"], operations, fault)
        if errors:
            self.assertIn(fault["errnoName"], errors, fault)

    # Pipes.

    def pipe_call(self, source=None, *, source_fd=None, steps=None, buffer=None, offset=None,
                  fd=None, directory=None, mark=None, interval=None, context=None, **fields):
        """Parameters and descriptors. `fields` are those of the context."""
        parameters, fds = {"source": source_of(source)}, []
        if fields or fd is not None or context is not None:
            parameters["context"] = {**(context or {}), **fields}
        for name, value in (("steps", steps), ("buffer", buffer), ("offset", offset),
                            ("highWaterMark", mark), ("progressIntervalUSec", interval)):
            if value is not None:
                parameters[name] = value
        for name, value in (("sourceFileDescriptorIndex", source_fd),
                            ("fileDescriptorIndex", fd),
                            ("directoryFileDescriptorIndex", directory)):
            if value is not None:
                parameters[name] = len(fds)
                fds.append(value)
        return parameters, fds

    def pipe(self, source=None, client=None, timeout=None, **rest):
        parameters, ends = self.pipe_call(source, **rest)
        with sent(ends) as fds:
            return (client or self.client).call(STREAM + "Pipe", parameters, fds,
                                                timeout=timeout)

    def start_pipe(self, client, source=None, **rest):
        """With more: what the first reply says; the others are client.receive_for()'s."""
        self.send_pipe(client, source, **rest)
        return client.receive_for(STREAM + "Pipe")

    def send_pipe(self, client, source=None, **rest):
        parameters, ends = self.pipe_call(source, **rest)
        with sent(ends) as fds:
            client.send(STREAM + "Pipe", parameters, fds, more=True)


SOURCES = ("file", "buffer", "passed file", "pipe", "socket")
SINKS = ("file", "buffer", "passed file", "pipe", "socket", "directory")


class PipeTest(ReadableTest):
    def source(self, kind, content):
        """What pipe() is to be given for it."""
        if kind == "file":
            self.put("source", content)
            return {"source": "source"}
        if kind == "buffer":
            return {"source": {"buffer": self.make_buffer(content)}}
        if kind == "passed file":
            return {"source_fd": self.passed_file(content, os.O_RDONLY, "passed-source")}
        reader, writer = self.make_flow(kind)
        self.feed(writer, content)
        return {"source_fd": reader}

    def sink(self, kind, length):
        """What pipe() is to be given for it, and what then finds the content."""
        if kind == "file":
            return {"path": "sink"}, lambda: self.read_stored("sink")
        if kind == "buffer":
            buffer = self.make_buffer(length=length)
            return {"buffer": buffer}, lambda: self.buffer_content(buffer)
        if kind == "passed file":
            fd = self.passed_file(name="passed-sink")
            return {"fd": fd}, lambda: os.pread(fd, length + 1, 0)
        if kind == "directory":
            root = pathlib.Path(self.daemon.directory, "root")
            root.mkdir(exist_ok=True)
            fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
            self.cleanup.callback(os.close, fd)
            return {"directory": fd, "path": "deep/sink"}, (root / "deep/sink").read_bytes
        reader, writer = self.make_flow(kind)
        gathered = self.gather(reader)

        def content():
            gathered.join(30)
            return gathered.content
        return {"fd": writer}, content

    def stuck(self, client, writer_bytes=b"", **rest):
        """A pipe whose source gives so much and does not end: its id, and the source's end."""
        reader, writer = self.make_pipe()
        if writer_bytes:
            writer.write(writer_bytes)
        first = self.start_pipe(client, source_fd=reader, **rest).parameters
        return first.get("id"), writer

    def closed(self, writer):
        """Nobody reads from it any more."""
        with self.assertRaises((BrokenPipeError, ConnectionResetError)):
            wait_until(lambda: writer.write(b"x") and False, "the source is let go of", 10)


def source_of(source):
    if source is None:
        return {}
    return {"path": source} if isinstance(source, str) else source


@contextlib.contextmanager
def sent(ends):
    """Their descriptors; what was opened by end_of() is closed here afterwards."""
    try:
        yield [end if isinstance(end, int) else end.fileno() for end in ends]
    finally:
        for end in ends:
            if not isinstance(end, int):
                end.close()


def waiting_bytes(end):
    """FIONREAD: so many are in the pipe and not yet read."""
    return struct.unpack("i", fcntl.ioctl(end, termios.FIONREAD, bytes(4)))[0]


def held(parts, mark):
    """What so many parts may hold: each its mark and one piece."""
    return parts * (mark + min(mark, PIECE))


def fill(end, content=None, start=0):
    """Writes until it would wait, zeros or what stands in the content from there on; the number
    of bytes."""
    os.set_blocking(end.fileno(), False)
    total = 0
    while written := end.write(bytes(4096) if content is None else
                               content[start + total:start + total + 4096]):
        total += written
    return total
