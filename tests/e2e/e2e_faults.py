#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Disks that fail: injected errors give a named fault, and the old file stays whole.

FOREBAY_FAULTS hands a plan to the daemon (daemon/io/fault_plan.h has its language). A rule
with a part in brackets holds only for paths with that part, so one daemon carries many plans.
"""

import contextlib
import os
import resource
import sqlite3
import time

from harness import (DAEMON, KIB, MIB, STREAM, ForebayTest, VarlinkError, main, random_bytes,
                     wait_until)
from ring import W_SLEEPING

PLAN = ";".join([
    "write(write-eio):EIO@1+", "write(write-later):EIO@2+", "write(write-enospc):ENOSPC@1+",
    "write(short):short", "write(halved):short/ENOSPC",
    "syncData(sync-eio):EIO@1+", "syncData(sync-once):EIO@1",
    "rename(rename-eio):EIO@1+", "rename(rename-enospc):ENOSPC@1+",
    "syncDirectory(directory-eio):EIO@1+", "syncData(late-sync):delay=300ms",
    "write(slow):delay=300ms", "write(paused-once):ENOSPC@1",
    "write(paused-long):ENOSPC", "write(paused-twice):ENOSPC@1",
])


class Faults(ForebayTest):
    daemon_options = {"faults": PLAN}

    def fails_at_the_end(self, path, data, operations, error, **context):
        """A stream with these bytes over an old file fails so; the old file stays whole."""
        self.daemon.file(path).write_text("old content")
        stream = self.open(path, **context)
        try:
            if stream.ring:
                stream.ring.write(data)
                stream.ring.end()
            else:
                stream.write(data)
                stream.end()
        except VarlinkError as failed:
            self.assertIn(failed.name, (STREAM + "StreamFailed",))
        with self.fails(STREAM + "StreamFailed", id=stream.id) as caught:
            stream.wait("finish")
        fault = caught.exception.parameters["fault"]
        self.assertEqual(error, fault["errnoName"], fault)
        self.assertIn(fault["operation"], operations, fault)
        self.assertTrue(fault["message"])
        runtime = stream.describe()
        self.assertEqual(("failed", fault), (runtime["state"], runtime["fault"]))
        self.assertEqual(b"old content", self.read_stored(path))
        self.no_temporaries()
        return fault, runtime

    def test_a_write_error_once_and_for_all(self):
        for path, error in (("write-eio", "EIO"), ("write-enospc", "ENOSPC")):
            for ring_bytes in (None, 64 * KIB):
                for ack in ("written", "synced", "published"):
                    with self.subTest(path=path, ring_bytes=ring_bytes, ack=ack):
                        fault, runtime = self.fails_at_the_end(
                            path, b"new", ("write",), error, ring_bytes=ring_bytes, ack=ack)
                        self.assertIn(path, fault["path"])
                        self.assertEqual(0, runtime["bytesSynced"])
                        self.assertEqual(0, fault["offset"])

    def test_a_waiting_caller_hears_of_it(self):
        stream = self.open("write-eio")
        self.client.call(STREAM + "Pause", {"id": stream.id})
        stream.write("x")
        waiter = self.connect()
        waiter.send(STREAM + "Wait", {"id": stream.id, "timeoutUSec": 0})
        self.client.call(STREAM + "Resume", {"id": stream.id})
        with self.assertRaises(VarlinkError) as caught:
            waiter.receive_for(STREAM + "Wait")
        self.assertEqual(STREAM + "StreamFailed", caught.exception.name)
        self.assertEqual("EIO", caught.exception.parameters["fault"]["errnoName"])
        with self.fails(STREAM + "StreamFailed", id=stream.id):
            stream.write("y")
        with self.fails(STREAM + "StreamFailed", id=stream.id):
            stream.end()

    def test_short_writes_are_continued(self):
        content = random_bytes(MIB + 4567)
        for ring_bytes in (None, 256 * KIB):
            stream = self.open("short", ring_bytes=ring_bytes, maximumLength=4 * MIB)
            if stream.ring:
                stream.ring.write_all(content, 50_001)
                stream.ring.end()
            else:
                for at in range(0, len(content), 300_000):
                    stream.write(content[at:at + 300_000])
                stream.end()
            self.assertEqual(len(content), stream.wait("finish")["bytesWritten"])
            self.assertEqual(content, self.read_stored("short"))

    def test_a_short_write_and_then_an_error(self):
        self.fails_at_the_end("halved", b"new content", ("write",), "ENOSPC")

    def test_a_sync_error_for_ever_fails(self):
        for ack in ("written", "synced", "published"):
            with self.subTest(ack=ack):
                _, runtime = self.fails_at_the_end("sync-eio", b"new", ("syncData",), "EIO",
                                                   ack=ack)
                self.assertEqual(0, runtime["bytesSynced"])

    def test_a_sync_error_that_passes_is_never_answered_by_a_lie(self):
        # The kernel has marked the pages clean: a second sync alone would say that all is well.
        # Either the held bytes are written again, or the stream fails.
        content = random_bytes(100_000)
        for when in ("early", "late"):
            self.daemon.file("sync-once").write_text("old")
            stream = self.open("sync-once", ring_bytes=256 * KIB)
            stream.ring.write(content)
            failed = None
            try:
                if when == "early":
                    stream.wait("synced")
                stream.ring.end()
                stream.wait("finish")
            except VarlinkError as error:
                failed = error
            if failed:
                self.assertEqual(STREAM + "StreamFailed", failed.name)
                self.assertEqual("EIO", failed.parameters["fault"]["errnoName"])
                self.assertEqual(0, stream.describe()["bytesSynced"])
                self.assertEqual(b"old", self.read_stored("sync-once"))
            else:
                self.assertEqual(content, self.read_stored("sync-once"))

    def test_a_sync_covers_only_what_was_written_before_it_began(self):
        stream = self.open("late-sync", ring_bytes=64 * KIB, syncIntervalUSec=60_000_000)
        # The first sync also makes the temporary's name safe, which takes as long as it takes.
        stream.ring.write(b"named. ")
        stream.wait("synced")
        stream.ring.write(b"covered")
        waiter = self.connect()
        waiter.send(STREAM + "Wait", {"id": stream.id, "level": "synced"})
        wait_until(lambda: stream.describe()["bytesWritten"] == 14, "it is written")
        # The wait makes the sync begin, and it takes long; after some turns of the daemon's loop
        # the next bytes come too late for it.
        for _ in range(20):
            stream.describe()
        stream.ring.write(b" and not")
        wait_until(lambda: stream.describe()["bytesWritten"] == 22, "this is written too")
        self.assertEqual(7, stream.describe()["bytesSynced"])
        runtime = waiter.receive_for(STREAM + "Wait").parameters["runtime"]
        self.assertEqual((14, 14), (runtime["bytesSynced"], stream.ring.tail))
        stream.ring.end()
        self.assertEqual(22, stream.wait("finish")["bytesSynced"])

    def test_a_rename_error_leaves_the_old_file(self):
        for path, error in (("rename-eio", "EIO"), ("rename-enospc", "ENOSPC")):
            for ack in ("written", "synced", "published"):
                with self.subTest(path=path, ack=ack):
                    self.fails_at_the_end(path, b"new", ("rename", "publish"), error, ack=ack)

    def test_a_directory_sync_error_fails_what_is_to_be_published(self):
        # Under published nobody may hear "finished" when the name is not on the device.
        with self.assertRaises(VarlinkError) as caught:
            self.open("directory-eio/file", ack="published").finish("x")
        self.assertEqual("EIO", caught.exception.parameters["fault"]["errnoName"])

    def test_a_failed_stream_leaves_others_alone(self):
        bystander = self.open("bystander")
        bystander.write("before ")
        with self.fails(STREAM + "StreamFailed"):
            self.open("write-eio").finish("x")
        bystander.finish("after")
        self.assertEqual(b"before after", self.read_stored("bystander"))

    def test_a_slow_disk_stops_its_producer_and_nobody_else(self):
        slow = self.open("slow", highWaterMark=1)
        self.assertFalse(slow.write("x")["writable"])
        self.client.call(DAEMON + "Describe")
        started = time.monotonic()
        for number in range(10):
            self.open(f"quick{number}", ack="written").finish("x")
        for _ in range(10):
            self.client.call(DAEMON + "Ping")
        slow.wait("drain")
        self.assertGreaterEqual(time.monotonic() - started, 0.2)
        self.assertGreater(slow.describe()["blockedUSec"], 100_000)
        slow.finish()

    def test_on_error_pause_keeps_the_bytes(self):
        stream = self.open("paused-once", onError="pause", highWaterMark=1)
        self.assertFalse(stream.write("kept")["writable"])
        # The plan lets the second try pass: by itself, or when told to.
        wait_until(lambda: stream.describe().get("fault")
                   or stream.describe()["bytesSynced"] == 4, "paused or over it")
        if stream.state() == "paused":
            self.client.call(STREAM + "Resume", {"id": stream.id})
        self.assertEqual("finished", stream.finish()["state"])
        self.assertEqual(b"kept", self.read_stored("paused-once"))

    def test_a_pause_by_the_user_outlives_the_error(self):
        stream = self.open("paused-twice", onError="pause")
        stream.write("x")
        wait_until(lambda: stream.state() == "paused", "paused")
        self.client.call(STREAM + "Pause", {"id": stream.id})
        time.sleep(1.5)
        self.assertEqual("paused", stream.state())
        self.client.call(STREAM + "Resume", {"id": stream.id})
        stream.finish()
        self.assertEqual(b"x", self.read_stored("paused-twice"))

    def test_an_abort_of_what_an_error_has_paused_is_an_abort(self):
        stream = self.open("paused-long", onError="pause")
        stream.write("x")
        wait_until(lambda: stream.state() == "paused", "paused")
        stream.abort()
        runtime = wait_until(lambda: stream.state() != "paused" and stream.describe(), "ended")
        self.assertEqual(("aborted", "ENOSPC"),
                         (runtime["state"], runtime["fault"]["errnoName"]))
        self.no_temporaries()

    def test_who_waits_for_a_drain_hears_of_the_failure(self):
        stream = self.open("write-eio", highWaterMark=1)
        self.client.call(STREAM + "Pause", {"id": stream.id})
        self.assertTrue(stream.write("x")["needDrain"])
        waiter = self.connect()
        waiter.send(STREAM + "Wait", {"id": stream.id, "level": "drain", "timeoutUSec": 0})
        waiter.send(DAEMON + "Ping")
        self.client.call(STREAM + "Resume", {"id": stream.id})
        with self.fails(STREAM + "StreamFailed", id=stream.id):
            waiter.receive_for(STREAM + "Wait")

    def test_nothing_ends_before_the_sync_in_flight(self):
        # Its descriptor and its error belong to the stream until it is over.
        for end in ("abort", "end"):
            stream = self.open(f"late-sync-{end}", ack="written", syncIntervalUSec=1)
            started = time.monotonic()
            stream.write("x")
            stream.wait("written")
            time.sleep(0.05)
            stream.abort() if end == "abort" else stream.end()
            wait_until(lambda: stream.state() in ("aborted", "finished"), "ended")
            self.assertGreater(time.monotonic() - started, 0.3)
        self.no_temporaries()

    def test_a_producer_that_no_byte_came_from_is_seen_while_the_disk_hangs(self):
        # It was not asked to send one: the completion would have woken the daemon.
        stream = self.open("slow-ring", ring_bytes=64 * KIB)
        stream.ring.write(bytes(20 * KIB))
        wait_until(lambda: stream.ring.words[W_SLEEPING] == 0, "a write in flight")
        stream.ring.poke = lambda: None
        self.assertFalse(stream.ring.write(bytes(20 * KIB)))
        runtime = stream.describe()
        self.assertEqual((40 * KIB, 0, True), (runtime["bytesAccepted"], runtime["bytesWritten"],
                                               runtime["needDrain"]))
        stream.ring.wait_drain()
        stream.finish()

    def test_in_place_modes_tell_how_far_they_came(self):
        self.daemon.file("write-later").write_text("old ")
        stream = self.open("write-later", open="append", ack="written")
        stream.write("first ")
        stream.wait("synced")
        stream.write("second")
        with self.fails(STREAM + "StreamFailed") as caught:
            stream.wait("written")
        self.assertEqual("EIO", caught.exception.parameters["fault"]["errnoName"])
        runtime = stream.describe()
        self.assertEqual(6, runtime["bytesSynced"])
        self.assertEqual(b"old first ", self.read_stored("write-later")[:10])


class Opening(ForebayTest):
    daemon_options = {"faults": "open:EMFILE@1;open:ENOSPC@2"}

    def test_an_open_error_is_kept_as_an_ended_stream(self):
        for error, mode in (("EMFILE", "replace"), ("ENOSPC", "append")):
            with self.fails(STREAM + "StreamFailed") as caught:
                self.open("unopened", open=mode)
            failed = caught.exception.parameters
            self.assertEqual((error, "open"), (failed["fault"]["errnoName"],
                                               failed["fault"]["operation"]))
            kept = self.client.call(STREAM + "Describe", {"id": failed["id"]})["runtime"]
            self.assertEqual(("failed", failed["fault"]), (kept["state"], kept["fault"]))
        self.assertEqual([], self.daemon.files())
        # The disk is well again.
        self.open("unopened").finish("x")


class Rings(ForebayTest):
    daemon_options = {"faults": "ring:ENOMEM@1;ring:ENOMEM@2"}

    def test_an_open_without_memory_for_its_ring_leaves_nothing(self):
        # In the first the row about its temporary file is being written meanwhile.
        self.daemon.file("appended").write_text("old")
        for name, mode in (("unmade", "replace"), ("appended", "append")):
            with self.fails(STREAM + "StreamFailed") as caught:
                self.open(name, open=mode, ring_bytes=64 * KIB)
            fault = caught.exception.parameters["fault"]
            self.assertEqual(("ENOMEM", "ring"), (fault["errnoName"], fault["operation"]))
        self.assertEqual(["appended"], self.daemon.files())
        with contextlib.closing(sqlite3.connect(f"{self.daemon.state}/catalogue.db")) as catalogue:
            self.assertEqual((0,), catalogue.execute("SELECT count(*) FROM temporary").fetchone())
        for mode in ("replace", "append"):
            stream = self.open("appended", open=mode, ring_bytes=64 * KIB)
            stream.ring.write(b"new")
            stream.finish()
        self.assertEqual(b"newnew", self.read_stored("appended"))


class LargeRings(ForebayTest):
    daemon_options = {"faults": "fill:ENOMEM@1"}

    def test_memory_that_is_missing_behind_the_beginning_of_a_ring_fails_the_stream(self):
        stream = self.open("large", ring_bytes=64 * MIB)
        with self.fails(STREAM + "StreamFailed") as caught:
            stream.wait("finish", timeout_usec=10_000_000)
        fault = caught.exception.parameters["fault"]
        self.assertEqual(("ENOMEM", "ring"), (fault["errnoName"], fault["operation"]))
        stream.ring.close()
        self.no_temporaries()
        # There is enough again.
        content = random_bytes(65 * MIB, 1)
        stream = self.open("large", ring_bytes=64 * MIB)
        stream.ring.write_all(content, chunk=MIB)
        stream.finish()
        self.assertEqual(content, self.read_stored("large"))
        stream = self.open("large", ring_bytes=64 * MIB)
        stream.abort()
        stream.ring.close()


class Descriptors(ForebayTest):
    def test_where_descriptors_run_out_an_open_fails_and_leaves_nothing_open(self):
        self.client.call(DAEMON + "Ping")
        highest = max(int(fd) for fd in os.listdir(f"/proc/{self.daemon.pid}/fd"))
        before = self.daemon.descriptors()
        limits = resource.prlimit(self.daemon.pid, resource.RLIMIT_NOFILE)
        opened = 0
        for more in range(1, 16):
            for context in ({}, {"open": "append"}, {"ring_bytes": 64 * KIB},
                            {"open": "append", "ring_bytes": 64 * KIB}):
                resource.prlimit(self.daemon.pid, resource.RLIMIT_NOFILE,
                                 (highest + more, limits[1]))
                try:
                    stream = self.open("scarce", **context)
                except VarlinkError as error:
                    stream = None
                    self.assertEqual((STREAM + "StreamFailed", "EMFILE"), (
                        error.name, error.parameters["fault"]["errnoName"]), error)
                finally:
                    resource.prlimit(self.daemon.pid, resource.RLIMIT_NOFILE, limits)
                if stream:
                    opened += 1
                    stream.finish()
                    if stream.ring:
                        stream.ring.close()
                self.check_descriptors(before)
        self.assertGreater(opened, 4)
        self.no_temporaries()


class Leaving(ForebayTest):
    daemon_options = {"faults": "open:delay=100ms"}

    def test_who_leaves_while_an_open_fails_is_no_trouble_among_many(self):
        # More connections than ended streams are kept, each with one that it may still ask for.
        clients = [self.connect() for _ in range(66)]
        for number, client in enumerate(clients):
            client.send(STREAM + "Open", {"context": {"path": f"kept/{number}"}})
        ids = [client.receive_for(STREAM + "Open").parameters["id"] for client in clients]
        for client, stream_id in zip(clients, ids):
            client.send(STREAM + "End", {"id": stream_id})
            client.send(STREAM + "Wait", {"id": stream_id, "level": "finish"})
        for client in clients:
            client.receive_for(STREAM + "End")
            client.receive_for(STREAM + "Wait")
        for _ in range(3):
            with self.daemon.client() as leaving:
                leaving.send(STREAM + "Open", {"context": {"path": "kept/1", "open": "exclusive"}})
        self.wait_until_alone_but(len(clients) + 1)
        for client, stream_id in zip(clients, ids):
            self.assertEqual("finished", client.call(STREAM + "Describe", {"id": stream_id})[
                "runtime"]["state"])

    def wait_until_alone_but(self, count):
        wait_until(lambda: self.client.call(DAEMON + "Describe")["usage"]["connections"] == count,
                   "those who left are gone")


if __name__ == "__main__":
    main()
