#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Destinations that come as descriptors: files, pipes, sockets, and directories."""

import fcntl
import os
import pathlib
import socket

from harness import (DAEMON, F_SETPIPE_SZ, KIB, MIB, SERVICE, STREAM, ForebayTest, VarlinkError,
                     main, random_bytes)

NOBODY = 65534


class Passed(ForebayTest):
    def pipe(self, size=None):
        reader, writer = os.pipe()
        self.cleanup.callback(os.close, reader)
        if size:
            fcntl.fcntl(writer, F_SETPIPE_SZ, size)
        return reader, writer

    def read_all(self, reader):
        got = bytearray()
        while piece := os.read(reader, 65536):
            got += piece
        return bytes(got)

    def file(self, content=b"", flags=os.O_RDWR):
        path = pathlib.Path(self.daemon.directory, "passed")
        path.write_bytes(content)
        fd = os.open(path, flags)
        self.cleanup.callback(os.close, fd)
        return path, fd

    def test_a_file_is_written_from_its_start(self):
        for ack in ("written", "synced", "published"):
            path, fd = self.file(b"0123456789")
            stream = self.open(fd=fd, ack=ack)
            self.assertEqual(ack, stream.context["ack"])
            runtime = stream.finish("ABC")
            self.assertEqual(("finished", 3), (runtime["state"], runtime["bytesSynced"]))
            self.assertEqual(b"ABC", path.read_bytes()[:3])

    def test_a_memfd_is_a_file(self):
        fd = os.memfd_create("passed")
        self.cleanup.callback(os.close, fd)
        content = random_bytes(300_000)
        stream = self.open(fd=fd, ring_bytes=64 * KIB)
        stream.ring.write_all(content)
        stream.ring.end()
        stream.wait("finish")
        self.assertEqual(content, os.pread(fd, 400_000, 0))

    def test_what_the_sender_does_to_its_descriptor_later_does_not_matter(self):
        path, fd = self.file(b"")
        stream = self.open(fd=fd)
        stream.write("first ")
        stream.wait("written")
        os.lseek(fd, 5000, os.SEEK_SET)
        os.set_blocking(fd, False)
        stream.finish("second")
        self.assertEqual(b"first second", path.read_bytes())

    def test_pipes_and_sockets_get_the_bytes_in_order(self):
        content = random_bytes(500_000)
        for name in ("pipe", "socket"):
            if name == "pipe":
                reader, writer = self.pipe()
            else:
                ours, theirs = socket.socketpair()
                reader, writer = ours.detach(), theirs.detach()
                self.cleanup.callback(os.close, reader)
            stream = self.open(fd=writer, ring_bytes=MIB)
            os.close(writer)
            self.assertEqual(("written", "finish"), (stream.context["ack"],
                                                     stream.context["onDisconnect"]))
            stream.ring.write(content)
            stream.ring.end()
            # The end of the stream is the end of the file: the daemon lets go of it.
            self.assertEqual(content, self.read_all(reader))
            self.assertEqual("finished", stream.wait("finish")["state"])

    def test_a_full_pipe_stalls_its_own_stream_alone(self):
        reader, writer = self.pipe(4096)
        stuck = self.open(fd=writer, highWaterMark=64 * KIB)
        os.close(writer)
        content = random_bytes(300_000)
        self.assertFalse(stuck.write(content)["writable"])
        with self.fails(STREAM + "TimedOut"):
            stuck.wait("drain", timeout_usec=100_000)
        for number in range(5):
            self.open(f"beside{number}").finish("x")
            self.assertEqual(b"x", self.read_stored(f"beside{number}"))
        about = self.client.call(DAEMON + "Describe")
        self.assertLess(about["loopLongestUSec"], 1_000_000)
        stuck.end()
        self.assertEqual(content, self.read_all(reader))
        self.assertEqual("finished", stuck.wait("finish")["state"])

    def test_a_full_pipe_of_blocking_kind_does_not_block_the_daemon(self):
        for _ in range(20):
            reader, writer = self.pipe(4096)
            os.set_blocking(writer, True)
            stream = self.open(fd=writer, onDisconnect="abort")
            os.close(writer)
            stream.write(bytes(100_000))
        self.client.call(DAEMON + "Ping")
        self.open("beside").finish("x")
        for reply in list(self.client.more(STREAM + "List")):
            if reply["runtime"]["state"] == "open":
                self.client.call(STREAM + "Abort", {"id": reply["id"]})

    def test_a_reader_that_is_gone_is_epipe(self):
        reader, writer = os.pipe()
        stream = self.open(fd=writer)
        os.close(writer)
        os.close(reader)
        stream.write("x")
        with self.fails(STREAM + "StreamFailed", id=stream.id) as caught:
            stream.wait("written")
        self.assertEqual("EPIPE", caught.exception.parameters["fault"]["errnoName"])
        self.assertEqual("EPIPE", stream.describe()["fault"]["errnoName"])

    def test_a_pipe_goes_on_after_its_producer(self):
        reader, writer = self.pipe(4096)
        content = random_bytes(200_000)
        with self.daemon.client() as client:
            stream = client.open_stream(fd=writer)
            os.close(writer)
            stream.write(content)
        self.assertEqual(content, self.read_all(reader))

    def test_what_does_not_apply_is_refused(self):
        reader, writer = self.pipe()
        self.cleanup.callback(os.close, writer)
        path, fd = self.file()
        for destination, context in ((writer, {"ack": "synced"}), (writer, {"ack": "published"}),
                                     (writer, {"onDisconnect": "salvage"}),
                                     (fd, {"onDisconnect": "salvage"})):
            with self.subTest(context=context), self.fails_parameter(next(iter(context))):
                self.open(fd=destination, **context)
        with self.assertRaises(VarlinkError) as caught:
            self.open("and-a-path", fd=fd)
        self.assertEqual(SERVICE + "InvalidParameter", caught.exception.name)

    def test_a_passed_directory_is_the_root_of_the_path(self):
        root = pathlib.Path(self.daemon.directory, "root")
        root.mkdir(exist_ok=True)
        (root / "link").symlink_to("/tmp")
        fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
        self.cleanup.callback(os.close, fd)
        runtime = self.open("deep/er/file", directory=fd).finish("content")
        self.assertEqual(b"content", (root / "deep/er/file").read_bytes())
        self.assertEqual(str(root / "deep/er/file"), runtime["path"])
        for path in ("../x", "/x", "link/x"):
            with self.fails(STREAM + "PathRefused"):
                self.open(path, directory=fd)
        with self.assertRaises(VarlinkError):
            self.open(directory=fd)
        (root / "link").unlink()

    def test_directory_and_store_exclude_each_other(self):
        fd = os.open(self.daemon.directory, os.O_RDONLY | os.O_DIRECTORY)
        self.cleanup.callback(os.close, fd)
        with self.assertRaises(VarlinkError) as caught:
            self.open("x", directory=fd, store="default")
        self.assertEqual(SERVICE + "InvalidParameter", caught.exception.name)

    def test_a_directory_is_taken_only_from_the_own_user_and_root(self):
        self.root_only()
        theirs = pathlib.Path(self.daemon.directory, "theirs")
        theirs.mkdir()
        os.chown(theirs, NOBODY, NOBODY)
        fd = os.open(theirs, os.O_RDONLY | os.O_DIRECTORY)
        self.cleanup.callback(os.close, fd)
        other = self.connect(uid=NOBODY)
        with self.assertRaises(VarlinkError) as caught:
            self.open("x", client=other, directory=fd)
        self.assertIn(caught.exception.name, (SERVICE + "PermissionDenied", STREAM + "PathRefused"))
        self.assertEqual([], os.listdir(theirs))
        # A descriptor that they could open for writing themselves is theirs to give.
        path, file = self.file()
        self.open(client=other, fd=file).finish("given")
        self.assertEqual(b"given", path.read_bytes())


if __name__ == "__main__":
    main()
