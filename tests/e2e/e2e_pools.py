#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Pools: made, sealed, handed out, kept from others, taken away."""

import fcntl
import mmap
import os
import time

from harness import (BUFFER, DAEMON, F_ADD_SEALS, F_GET_SEALS, F_SETPIPE_SZ, KIB, MIB, POOL,
                     SEAL_GROW, SEAL_SEAL, SEAL_SHRINK, SERVICE, STREAM, ForebayTest, VarlinkError,
                     main, wait_until)

VERSIONS_MAGIC = 0x7372657679626634
NOBODY = 65534


class Pools(ForebayTest):
    engines = ("auto",)

    def create(self, name, client=None, **context):
        return (client or self.client).call(POOL + "Create", {"context": {"name": name, **context}})

    def acquire(self, name, **parameters):
        reply = self.client.call_reply(POOL + "Acquire", {"name": name, **parameters})
        for fd in reply.fds:
            self.cleanup.callback(os.close, fd)
        about = reply.parameters
        self.assertEqual({0, 1}, {about["fileDescriptorIndex"],
                                  about["versionFileDescriptorIndex"]})
        self.assertEqual(2, len(reply.fds))
        return (reply.fds[about["fileDescriptorIndex"]],
                reply.fds[about["versionFileDescriptorIndex"]], about)

    def names(self, client=None):
        return [reply["context"]["name"] for reply in (client or self.client).more(POOL + "List")
                if reply.get("context")]

    def destroy(self, name, **parameters):
        return self.client.call(POOL + "Destroy", {"name": name, **parameters})

    def test_create_tells_what_was_made(self):
        before = time.time()
        made = self.create("made", sizeBytes=MIB, lifetime="daemon", labels={"for": "test"})
        context, runtime = made["context"], made["runtime"]
        self.assertEqual(("made", MIB, "daemon", {"for": "test"}), (
            context["name"], context["sizeBytes"], context["lifetime"], context["labels"]))
        self.assertEqual((os.getuid(), 0, MIB, MIB, 0), (
            runtime["ownerUid"], runtime["usedBytes"], runtime["freeBytes"],
            runtime["largestFreeBytes"], runtime["buffers"]))
        self.assertLess(abs(runtime["createdUSec"] / 1e6 - before), 60)
        self.assertEqual(made, self.client.call(POOL + "Describe", {"name": "made"}))
        self.assertEqual({"freedBuffers": 0}, self.destroy("made"))
        with self.fails(POOL + "NoSuchPool", name="made"):
            self.client.call(POOL + "Describe", {"name": "made"})

    def test_defaults_are_64_mebibytes_for_the_connection(self):
        context = self.create("defaults")["context"]
        self.assertEqual((64 * MIB, "connection"), (context["sizeBytes"], context["lifetime"]))
        self.destroy("defaults")

    def test_names_are_unique_and_free_after_destroy(self):
        self.create("name", sizeBytes=4096)
        with self.fails(POOL + "PoolExists", name="name"):
            self.create("name", sizeBytes=4096)
        self.destroy("name")
        self.create("name", sizeBytes=4096)
        self.assertEqual(1, self.names().count("name"))
        for method in ("Describe", "Acquire", "Destroy"):
            with self.fails(POOL + "NoSuchPool", name="none"):
                self.client.call(POOL + method, {"name": "none"})

    def test_impossible_pools_are_refused(self):
        for context in ({"name": ""}, {"name": "x" * 5000}, {"name": "a\nb"},
                        {"name": "x", "sizeBytes": -1}):
            with self.subTest(context=context), self.assertRaises(VarlinkError) as caught:
                self.client.call(POOL + "Create", {"context": context})
            self.assertEqual(SERVICE + "InvalidParameter", caught.exception.name)
        limit = self.client.call(DAEMON + "Describe")["limits"]["poolBytes"]
        with self.fails(DAEMON + "LimitExceeded", limit="poolBytes", maximum=limit):
            self.create("x", sizeBytes=limit + 4096)
        with self.fails(DAEMON + "LimitExceeded", limit="poolBytes"):
            self.create("x", sizeBytes=2 ** 53)
        self.assertNotIn("x", self.names())

    def test_usage_follows(self):
        def usage():
            return self.client.call(DAEMON + "Describe")["usage"]["poolBytes"]
        # The pools of earlier tests go with their connections, in their own time.
        wait_until(lambda: usage() == 0, "nothing is charged")
        self.create("charged", sizeBytes=MIB)
        self.assertGreaterEqual(usage(), MIB)
        self.destroy("charged")
        wait_until(lambda: usage() == 0, "nothing is charged any more")

    def test_the_memory_is_sealed_sized_and_private(self):
        self.create("sealed", sizeBytes=MIB)
        memory, versions, about = self.acquire("sealed")
        self.assertEqual(MIB, about["sizeBytes"])
        for fd in (memory, versions):
            status = os.fstat(fd)
            self.assertEqual(0o600, status.st_mode & 0o777)
            seals = fcntl.fcntl(fd, F_GET_SEALS)
            wanted = SEAL_SEAL | SEAL_SHRINK | SEAL_GROW
            self.assertEqual(wanted, seals & wanted)
            for size in (0, 4096 // 2, 64 * MIB):
                with self.assertRaises(PermissionError):
                    os.ftruncate(fd, size)
            with self.assertRaises(PermissionError):
                fcntl.fcntl(fd, F_ADD_SEALS, SEAL_SEAL)
        status = os.fstat(memory)
        self.assertEqual(MIB, status.st_size)
        self.assertGreaterEqual(status.st_blocks * 512, MIB)      # there, not promised

    def test_the_version_words_are_laid_out_as_documented(self):
        self.create("versions", sizeBytes=MIB)
        _, versions, _ = self.acquire("versions")
        with mmap.mmap(versions, os.fstat(versions).st_size) as mapping:
            with memoryview(mapping) as view, view[:4096].cast("Q") as words:
                magic, version, slots, slot_count, blocks, block_count, block = words[:7]
            self.assertEqual((VERSIONS_MAGIC, 1, 65536), (magic, version, block))
            self.assertEqual(MIB // 65536, block_count)
            self.assertGreaterEqual(slots, 4096)
            self.assertGreaterEqual(blocks, slots + slot_count * 8)
            self.assertLessEqual(blocks + block_count * 8, len(mapping))

    def test_bytes_written_to_the_memory_are_in_the_buffer_and_back(self):
        self.create("shared", sizeBytes=MIB)
        buffer = self.client.call(BUFFER + "Alloc", {
            "pool": "shared", "length": 64 * KIB})["buffer"]
        memory, _, _ = self.acquire("shared")
        with mmap.mmap(memory, MIB) as mapping:
            at = buffer["offset"]
            self.assertEqual(bytes(64 * KIB), mapping[at:at + 64 * KIB])
            mapping[at:at + 5] = b"hello"
            self.assertEqual("hello", self.client.call(BUFFER + "Read", {
                "id": buffer["id"], "length": 5, "encoding": "utf8"})["data"])
            self.client.call(BUFFER + "Write", {"id": buffer["id"], "data": "HE"})
            self.assertEqual(b"HEllo", mapping[at:at + 5])

    def test_a_read_only_descriptor_cannot_write(self):
        self.create("readable", sizeBytes=65536)
        memory, _, _ = self.acquire("readable", readOnly=True)
        with self.assertRaises(OSError):
            os.pwrite(memory, b"x", 0)
        with self.assertRaises(PermissionError):
            mmap.mmap(memory, 4096)
        mmap.mmap(memory, 4096, prot=mmap.PROT_READ).close()

    def test_a_pool_of_a_connection_goes_with_it_and_one_of_the_daemon_stays(self):
        with self.daemon.client() as other:
            self.create("brief", other, sizeBytes=65536)
            self.create("lasting", other, sizeBytes=65536, lifetime="daemon")
            self.client.call(BUFFER + "Alloc", {"pool": "brief", "length": 100})
            self.assertLessEqual({"brief", "lasting"}, set(self.names()))
        wait_until(lambda: "brief" not in self.names(), "the pool goes with its connection")
        self.assertIn("lasting", self.names())
        self.destroy("lasting")

    def test_the_default_pool_is_made_on_first_use_and_stays(self):
        self.assertNotIn("default", self.names())
        buffer = self.client.call(BUFFER + "Alloc", {"length": 100})["buffer"]
        self.assertEqual("default", buffer["pool"])
        about = self.client.call(POOL + "Describe", {"name": "default"})
        self.assertEqual((16 * MIB, "daemon"), (about["context"]["sizeBytes"],
                                                about["context"]["lifetime"]))
        self.client.call(BUFFER + "Free", {"id": buffer["id"]})
        self.destroy("default")

    def test_a_buffer_of_more_than_half_the_default_pool_has_its_own(self):
        buffer = self.client.call(BUFFER + "Alloc", {"length": 8 * MIB + 1})["buffer"]
        self.assertNotEqual("default", buffer["pool"])
        self.client.call(BUFFER + "Free", {"id": buffer["id"]})
        self.assertNotIn(buffer["pool"], self.names())
        if "default" in self.names():
            self.destroy("default")

    def test_a_full_pool_says_what_is_left(self):
        self.create("full", sizeBytes=64 * KIB)
        self.client.call(BUFFER + "Alloc", {"pool": "full", "length": 48 * KIB})
        with self.fails(POOL + "PoolFull", name="full", requestedBytes=32 * KIB,
                        largestFreeBytes=16 * KIB):
            self.client.call(BUFFER + "Alloc", {"pool": "full", "length": 32 * KIB})
        runtime = self.client.call(POOL + "Describe", {"name": "full"})["runtime"]
        self.assertEqual((48 * KIB, 48 * KIB, 1), (runtime["usedBytes"], runtime["peakBytes"],
                                                   runtime["buffers"]))
        self.assertEqual({"freedBuffers": 1}, self.destroy("full"))

    def stuck_stream(self, client, pool, **context):
        """A stream to a pipe that is soon full, with a buffer of 1 MiB pinned by a write."""
        reader, writer = os.pipe()
        self.cleanup.callback(os.close, reader)
        fcntl.fcntl(writer, F_SETPIPE_SZ, 4096)
        self.create(pool, client, sizeBytes=MIB)
        buffer = client.call(BUFFER + "Alloc", {"pool": pool, "length": MIB,
                                                "fill": "linger."})["buffer"]
        stream = self.open(fd=writer, **context)
        os.close(writer)
        stream.write_buffer(buffer["id"])
        return reader, buffer, stream

    def test_a_pool_in_use_is_busy_and_force_fails_its_streams(self):
        _, buffer, stream = self.stuck_stream(self.client, "busy")
        with self.fails(POOL + "PoolBusy", name="busy", streams=1):
            self.destroy("busy")
        with self.fails(BUFFER + "BufferPinned", pins=1):
            self.client.call(BUFFER + "Free", {"id": buffer["id"]})
        self.assertEqual({"freedBuffers": 1}, self.destroy("busy", force=True))
        with self.fails(STREAM + "StreamFailed"):
            stream.wait("written")
        self.assertEqual("failed", stream.state())
        self.create("busy", sizeBytes=4096)

    def test_a_connections_pool_lingers_while_a_stream_uses_it(self):
        with self.daemon.client() as other:
            reader, _, stream = self.stuck_stream(other, "lingering")
        got = bytearray()
        while len(got) < MIB:
            got += os.read(reader, 65536)
        self.assertEqual((b"linger." * (MIB // 7 + 1))[:MIB], bytes(got))
        stream.finish()
        wait_until(lambda: "lingering" not in self.names(), "the pool goes after its last stream")

    def test_other_users_see_nothing(self):
        self.root_only()
        self.create("secret", sizeBytes=65536)
        other = self.connect(uid=NOBODY)
        self.assertNotIn("secret", self.names(other))
        for method in ("Describe", "Acquire", "Destroy"):
            with self.fails(POOL + "NoSuchPool", name="secret"):
                other.call(POOL + method, {"name": "secret"})
        with self.fails(POOL + "NoSuchPool"):
            other.call(BUFFER + "Alloc", {"pool": "secret", "length": 8})
        # The same name is free for them, and root may look at it.
        theirs = self.create("secret", other, sizeBytes=4096)
        self.assertEqual(NOBODY, theirs["runtime"]["ownerUid"])
        self.assertEqual(4096, self.client.call(POOL + "Describe", {
            "name": "secret", "ownerUid": NOBODY})["context"]["sizeBytes"])
        with self.fails(SERVICE + "PermissionDenied"):
            other.call(POOL + "Describe", {"name": "secret", "ownerUid": 0})


if __name__ == "__main__":
    main()
