#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Wait: levels, deadlines, drain, states in which it makes no sense."""

import os
import time

from harness import DAEMON, SERVICE, STREAM, ForebayTest, VarlinkError, main, wait_until


class Wait(ForebayTest):
    def paused(self, path, **context):
        stream = self.open(path, **context)
        self.client.call(STREAM + "Pause", {"id": stream.id})
        return stream

    def resume(self, stream, client=None):
        (client or self.client).call(STREAM + "Resume", {"id": stream.id})

    def test_each_level_tells_the_truth(self):
        stream = self.open("levels", ack="written", syncIntervalUSec=60_000_000)
        stream.write("12345")
        self.assertEqual(5, stream.wait("written")["bytesWritten"])
        self.assertEqual(5, stream.wait("synced")["bytesSynced"])
        stream.end("67")
        runtime = stream.wait("published")
        self.assertEqual(("finished", 7), (runtime["state"], runtime["bytesSynced"]))
        self.assertEqual(b"1234567", self.read_stored("levels"))
        for level in ("drain", "written", "synced", "published", "finish"):
            self.assertEqual("finished", stream.wait(level)["state"])

    def test_the_level_is_the_ack_unless_told(self):
        stream = self.open("default", ack="synced", syncIntervalUSec=60_000_000)
        stream.write("x")
        self.assertEqual(1, stream.wait()["bytesSynced"])
        stream.finish()

    def test_nothing_to_wait_for_answers_at_once(self):
        stream = self.open("idle")
        for level in ("drain", "written", "synced"):
            self.assertEqual(0, stream.wait(level)["bytesAccepted"])
        stream.finish()

    def test_drain_answers_at_once_if_none_is_due(self):
        stream = self.paused("due", highWaterMark=10)
        stream.write("x")
        self.assertEqual(1, stream.wait("drain")["writableLength"])
        stream.write("y" * 10)
        with self.fails(STREAM + "TimedOut", id=stream.id):
            stream.wait("drain", timeout_usec=50_000)
        self.resume(stream)
        self.assertEqual(0, stream.wait("drain")["writableLength"])
        stream.finish()

    def test_a_deadline_is_kept(self):
        stream = self.paused("deadline")
        stream.write("x")
        for usec in (1, 20_000, 300_000):
            started = time.monotonic()
            with self.fails(STREAM + "TimedOut", id=stream.id):
                stream.wait("written", timeout_usec=usec)
            took = time.monotonic() - started
            self.assertGreaterEqual(took, usec / 1e6 * 0.9)
            self.assertLess(took, usec / 1e6 + 5)
        with self.assertRaises(VarlinkError) as caught:
            stream.wait("written", timeout_usec=-1)
        self.assertEqual(SERVICE + "InvalidParameter", caught.exception.name)
        self.resume(stream)
        stream.finish()

    def test_zero_waits_for_ever(self):
        stream = self.paused("ever", onDisconnect="detach")
        stream.write("x")
        waiter = self.connect()
        waiter.send(STREAM + "Wait", {"id": stream.id, "level": "written", "timeoutUSec": 0})
        with self.assertRaises(TimeoutError):
            waiter.receive(timeout=0.3)
        self.resume(stream)
        runtime = waiter.receive_for(STREAM + "Wait").parameters["runtime"]
        self.assertEqual(1, runtime["bytesWritten"])
        stream.finish()

    def test_finish_and_published_before_end_are_refused_without_a_deadline(self):
        stream = self.open("early")
        stream.write("x")
        for level in ("finish", "published"):
            with self.fails(STREAM + "WrongState", id=stream.id, state="open"):
                stream.wait(level)
            with self.fails(STREAM + "TimedOut", id=stream.id):
                stream.wait(level, timeout_usec=20_000)
        waiter = self.connect()
        waiter.send(STREAM + "Wait", {"id": stream.id, "level": "finish",
                                      "timeoutUSec": 20_000_000})
        stream.end()
        self.assertEqual("finished",
                         waiter.receive_for(STREAM + "Wait").parameters["runtime"]["state"])

    def test_only_what_was_accepted_before_is_waited_for(self):
        stream = self.open("before", ack="written", rateBytesPerSecond=20_000)
        stream.write("x" * 1000)
        waiter = self.connect()
        waiter.send(STREAM + "Wait", {"id": stream.id, "level": "written"})
        wait_until(lambda: stream.describe()["bytesWritten"] >= 0, "the wait stands")
        for _ in range(5):
            stream.write("y" * 10_000)
        runtime = waiter.receive_for(STREAM + "Wait").parameters["runtime"]
        self.assertGreaterEqual(runtime["bytesWritten"], 1000)
        self.assertLess(runtime["bytesWritten"], 51_000)
        stream.abort()

    def test_many_waiters_are_all_answered(self):
        stream = self.paused("many")
        stream.write("x")
        waiters = [self.connect() for _ in range(20)]
        for number, waiter in enumerate(waiters):
            waiter.send(STREAM + "Wait", {"id": stream.id,
                                          "level": ("written", "synced")[number % 2]})
        self.resume(stream)
        for waiter in waiters:
            self.assertEqual(1, waiter.receive_for(STREAM + "Wait").parameters["runtime"][
                "bytesWritten"])
        stream.finish()

    def test_waiters_that_leave_are_forgotten(self):
        stream = self.paused("leaving")
        stream.write("x")
        for _ in range(10):
            with self.daemon.client() as waiter:
                waiter.send(STREAM + "Wait", {"id": stream.id, "timeoutUSec": 0})
        wait_until(lambda: self.client.call(DAEMON + "Describe")["usage"]["connections"] == 1,
                   "the connections are gone")
        self.resume(stream)
        stream.finish()

    def test_a_failure_or_abort_answers_the_waiters(self):
        stream = self.paused("aborted")
        stream.write("x")
        waiter = self.connect()
        waiter.send(STREAM + "Wait", {"id": stream.id, "level": "synced"})
        waiter.send_raw(b"")
        stream.abort()
        with self.assertRaises(VarlinkError) as caught:
            waiter.receive_for(STREAM + "Wait")
        self.assertIn(caught.exception.name, (STREAM + "StreamFailed", STREAM + "WrongState"))

    def test_pipes_know_no_sync(self):
        reader, writer = os.pipe()
        self.cleanup.callback(os.close, reader)
        stream = self.open(fd=writer)
        os.close(writer)
        stream.write("x")
        self.assertEqual(1, stream.wait("written")["bytesWritten"])
        for level in ("synced", "published"):
            with self.fails_parameter("level"):
                stream.wait(level)
        stream.finish()

    def test_one_call_at_a_time_and_in_order(self):
        stream = self.paused("order")
        stream.write("x")
        other = self.connect()
        self.client.send(STREAM + "Wait", {"id": stream.id, "level": "written"})
        self.client.send(DAEMON + "Ping")
        with self.assertRaises(TimeoutError):
            self.client.receive(timeout=0.2)
        self.resume(stream, other)
        self.assertEqual(1, self.client.receive_for(STREAM + "Wait").parameters["runtime"][
            "bytesWritten"])
        self.assertEqual({}, self.client.receive_for(DAEMON + "Ping").parameters)
        stream.finish()


if __name__ == "__main__":
    main()
