#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Streams whose bytes are ranges of buffers: no copy, pinned until done."""

import fcntl
import mmap
import os

from harness import (BUFFER, F_SETPIPE_SZ, KIB, MIB, POOL, SERVICE, STREAM, ForebayTest,
                     VarlinkError, main, random_bytes, wait_until)


class Ranges(ForebayTest):
    def setUp(self):
        super().setUp()
        self.client.call(POOL + "Create", {"context": {"name": "test", "sizeBytes": 8 * MIB}})
        reply = self.client.call_reply(POOL + "Acquire", {"name": "test"})
        memory = reply.fds[reply.parameters["fileDescriptorIndex"]]
        self.map = self.cleanup.enter_context(mmap.mmap(memory, 8 * MIB))
        for fd in reply.fds:
            os.close(fd)

    def tearDown(self):
        self.client.call(POOL + "Destroy", {"name": "test", "force": True})
        super().tearDown()

    def buffer(self, content):
        made = self.client.call(BUFFER + "Alloc", {
            "pool": "test", "length": len(content), "initialize": "unsafe"})["buffer"]
        self.map[made["offset"]:made["offset"] + len(content)] = content
        return made

    def pins(self, buffer):
        return self.client.call(BUFFER + "Describe", {"id": buffer["id"]})["buffer"]["pins"]

    def test_ranges_are_written_in_order(self):
        content = random_bytes(3 * MIB + 77)
        buffer = self.buffer(content)
        stream = self.open("ranges", highWaterMark=MIB)
        expected = bytearray()
        for offset, length in ((0, 4096), (4096, 100), (1, 70_001), (MIB, MIB), (0, 0),
                               (3 * MIB, 77)):
            stream.write_buffer(buffer["id"], offset=offset, length=length)
            expected += content[offset:offset + length]
        stream.write_buffer(buffer["id"], offset=3 * MIB)
        expected += content[3 * MIB:]
        stream.end(buffer=buffer["id"])
        expected += content
        runtime = stream.wait("finish")
        self.assertEqual(8, runtime["doneSequence"])
        self.assertEqual(bytes(expected), self.read_stored("ranges"))
        self.assertEqual(0, self.pins(buffer))
        self.client.call(BUFFER + "Free", {"id": buffer["id"]})

    def test_inline_data_and_ranges_mix(self):
        buffer = self.buffer(b"[range]")
        stream = self.open("mixed")
        for number in range(20):
            stream.write(f"{number}")
            stream.write_buffer(buffer["id"])
        stream.finish("end")
        self.assertEqual("".join(f"{number}[range]" for number in range(20)).encode() + b"end",
                         self.read_stored("mixed"))

    def test_chunks_are_taken_by_reference_while_held(self):
        buffer = self.buffer(b"before")
        stream = self.open("reference")
        self.client.call(STREAM + "Pause", {"id": stream.id})
        stream.write_buffer(buffer["id"])
        self.map[buffer["offset"]:buffer["offset"] + 6] = b"after!"
        self.client.call(STREAM + "Resume", {"id": stream.id})
        stream.finish()
        self.assertEqual(b"after!", self.read_stored("reference"))

    def test_a_range_is_pinned_until_it_is_at_the_ack_level(self):
        for ack in ("written", "synced", "published"):
            with self.subTest(ack=ack):
                buffer = self.buffer(b"pinned")
                stream = self.open("pinned", ack=ack, syncIntervalUSec=60_000_000)
                self.client.call(STREAM + "Pause", {"id": stream.id})
                said = stream.write_buffer(buffer["id"])
                self.assertEqual(1, self.pins(buffer))
                with self.fails(BUFFER + "BufferPinned", id=buffer["id"], pins=1):
                    self.client.call(BUFFER + "Free", {"id": buffer["id"]})
                self.client.call(STREAM + "Resume", {"id": stream.id})
                runtime = stream.wait("written" if ack == "written" else "synced")
                self.assertEqual(said["sequence"], runtime["doneSequence"])
                self.assertEqual(0, self.pins(buffer))
                self.client.call(BUFFER + "Free", {"id": buffer["id"]})
                stream.finish()

    def test_the_same_buffer_may_be_held_often(self):
        buffer = self.buffer(b"again ")
        stream = self.open("often")
        self.client.call(STREAM + "Pause", {"id": stream.id})
        for _ in range(10):
            stream.write_buffer(buffer["id"])
        self.assertEqual(10, self.pins(buffer))
        self.client.call(STREAM + "Resume", {"id": stream.id})
        stream.finish()
        self.assertEqual(b"again " * 10, self.read_stored("often"))

    def test_ranges_are_capped_by_count(self):
        buffer = self.buffer(b"x")
        stream = self.open("capped")
        self.client.call(STREAM + "Pause", {"id": stream.id})
        call = self.client.encode(STREAM + "Write", {"id": stream.id, "buffer": buffer["id"]})
        taken, refused = 0, []
        for _ in range(11):
            self.client.send_raw(call * 100)
            for _ in range(100):
                reply = self.client.receive()
                taken += not reply.error
                refused += [reply] if reply.error else []
        self.assertEqual(1024, taken)
        self.assertEqual(76, len(refused))
        self.assertEqual(STREAM + "QueueFull", refused[0].error)
        self.client.call(STREAM + "Resume", {"id": stream.id})
        self.assertEqual(1024, stream.finish()["bytesAccepted"])
        self.assertEqual(1024, len(self.read_stored("capped")))

    def test_ranges_outside_take_nothing(self):
        buffer = self.buffer(b"0123456789")
        stream = self.open("outside")
        for parameters in ({"offset": 11}, {"offset": -1}, {"offset": 5, "length": 6},
                           {"length": 11}, {"length": -1}, {"offset": 2 ** 53, "length": 1}):
            with self.subTest(parameters=parameters), self.assertRaises(VarlinkError) as caught:
                stream.write_buffer(buffer["id"], **parameters)
            self.assertIn(caught.exception.name, (BUFFER + "OutOfRange",
                                                  SERVICE + "InvalidParameter"))
        with self.fails(BUFFER + "NoSuchBuffer"):
            stream.write_buffer("b" + "0" * 16)
        with self.fails(BUFFER + "NoSuchBuffer"):
            stream.end(buffer="b" + "0" * 16)
        runtime = stream.finish()
        self.assertEqual((0, 0), (runtime["sequence"], runtime["bytesAccepted"]))
        self.assertEqual(0, self.pins(buffer))

    def test_a_pool_destroyed_with_force_fails_the_streams_of_others_too(self):
        self.root_only()
        owner = self.connect(uid=65534)
        owner.call(POOL + "Create", {"context": {"name": "theirs", "sizeBytes": 64 * KIB}})
        buffer = owner.call(BUFFER + "Alloc", {"pool": "theirs", "length": 4096})["buffer"]
        stream = self.open("forced")
        self.client.call(STREAM + "Pause", {"id": stream.id})
        stream.write_buffer(buffer["id"])
        owner.call(POOL + "Destroy", {"name": "theirs", "force": True})
        with self.fails(STREAM + "StreamFailed", id=stream.id):
            stream.wait("written")
        self.no_temporaries()

    def test_abort_lets_go_of_ranges(self):
        buffer = self.buffer(bytes(MIB))
        stream = self.open("aborted")
        self.client.call(STREAM + "Pause", {"id": stream.id})
        stream.write_buffer(buffer["id"])
        self.assertEqual(MIB, stream.abort()["discardedBytes"])
        wait_until(lambda: self.pins(buffer) == 0, "the range is free")

    def test_a_punched_hole_is_written_as_zeros_and_harms_nothing(self):
        buffer = self.buffer(random_bytes(64 * KIB))
        stream = self.open("punched")
        self.client.call(STREAM + "Pause", {"id": stream.id})
        stream.write_buffer(buffer["id"])
        reply = self.client.call_reply(POOL + "Acquire", {"name": "test"})
        memory = reply.fds[reply.parameters["fileDescriptorIndex"]]
        punch(memory, buffer["offset"], 64 * KIB)
        for fd in reply.fds:
            os.close(fd)
        self.client.call(STREAM + "Resume", {"id": stream.id})
        stream.finish()
        self.assertEqual(bytes(64 * KIB), self.read_stored("punched"))

    def test_a_slow_destination_stalls_only_its_own_stream(self):
        reader, writer = os.pipe()
        self.cleanup.callback(os.close, reader)
        fcntl.fcntl(writer, F_SETPIPE_SZ, 4096)
        content = random_bytes(MIB)
        buffer = self.buffer(content)
        stuck = self.open(fd=writer)
        os.close(writer)
        said = stuck.write_buffer(buffer["id"])
        self.assertFalse(said["writable"])
        for number in range(5):
            stream = self.open(f"beside{number}")
            stream.write_buffer(buffer["id"])
            stream.finish()
            self.assertEqual(content, self.read_stored(f"beside{number}"))
        stuck.end()
        got = bytearray()
        while piece := os.read(reader, 65536):
            got += piece
        self.assertEqual(content, bytes(got))
        stuck.wait("finish")


def punch(fd, offset, length):
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    # FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE
    if libc.fallocate(fd, 3, ctypes.c_long(offset), ctypes.c_long(length)) != 0:
        raise OSError(ctypes.get_errno(), "fallocate")


if __name__ == "__main__":
    main()
