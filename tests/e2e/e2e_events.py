#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Events: subscriptions, their order, their end, and subscribers that do not read."""

import time

from harness import DAEMON, KIB, STREAM, ForebayTest, main

SUBSCRIBE = STREAM + "SubscribeEvents"
TERMINAL = ("finish", "abort", "error")


class Events(ForebayTest):
    def subscribe(self, **parameters):
        """A connection of its own; the runtime of the first reply."""
        client = self.connect()
        client.send(SUBSCRIBE, parameters, more=True)
        reply = client.receive_for(SUBSCRIBE)
        self.assertTrue(reply.parameters["ready"])
        self.assertTrue(reply.continues)
        client.first = reply.parameters.get("runtime")
        return client

    def until_close(self, client, stream_id):
        """Events of a stream up to close: (event, runtime)."""
        found = []
        while not found or found[-1][0] != "close":
            reply = client.receive_for(SUBSCRIBE)
            if reply.parameters.get("id") == stream_id:
                found.append((reply.parameters["event"], reply.parameters["runtime"]))
        self.last = reply
        return found

    def names(self, found, without=("progress",)):
        return [event for event, _ in found if event not in without]

    def test_the_life_of_a_stream_in_order(self):
        events = self.subscribe()
        stream = self.open("life", highWaterMark=1)
        stream.write("x")
        stream.wait("drain")
        stream.finish("y")
        found = self.until_close(events, stream.id)
        self.assertEqual(["open", "drain", "finish", "close"], self.names(found))
        for event, runtime in (told for told in found if told[0] != "progress"):
            self.assertEqual({"open": 0, "drain": 1}.get(event, 2), runtime["bytesAccepted"])
        self.assertEqual("finished", found[-1][1]["state"])
        self.assertTrue(self.last.continues)         # all streams: there will be others

    def test_with_an_id_close_is_the_last_reply(self):
        stream = self.open("one")
        events = self.subscribe(id=stream.id)
        self.assertEqual("open", events.first["state"])
        other = self.open("other")
        other.finish("not heard here")
        stream.finish("x")
        found = self.until_close(events, stream.id)
        self.assertEqual(["finish", "close"], self.names(found))
        self.assertFalse(self.last.continues)
        self.assertEqual({}, events.call(DAEMON + "Ping"))      # the connection is free again

    def test_one_terminal_event_for_every_end(self):
        def aborted(stream):
            stream.abort()

        def salvaged(stream):
            stream.client.close()

        for end, terminal in ((lambda stream: stream.finish(), ("finish",)), (aborted, ("abort",)),
                              (salvaged, ("abort", "error", "finish"))):
            client = self.connect()
            stream = self.open("terminal", client=client)
            events = self.subscribe(id=stream.id)
            stream.write("x")
            end(stream)
            names = self.names(self.until_close(events, stream.id))
            self.assertEqual(1, len([name for name in names if name in TERMINAL]), names)
            self.assertIn(names[-2], terminal)
            self.assertEqual("close", names[-1])

    def test_pause_and_resume_are_told(self):
        stream = self.open("paused")
        events = self.subscribe(id=stream.id)
        self.client.call(STREAM + "Pause", {"id": stream.id})
        self.client.call(STREAM + "Resume", {"id": stream.id})
        stream.finish()
        self.assertEqual(["paused", "resumed", "finish", "close"],
                         self.names(self.until_close(events, stream.id)))

    def test_only_the_events_asked_for(self):
        stream = self.open("chosen", highWaterMark=1)
        events = self.subscribe(id=stream.id, events=["finish"])
        stream.write("x")
        stream.wait("drain")
        stream.finish()
        found = self.until_close(events, stream.id)
        self.assertEqual("finish", found[0][0])
        self.assertLessEqual(set(self.names(found, ())), {"finish", "close"})

    def test_progress_is_coalesced(self):
        stream = self.open("progress", ack="written", highWaterMark=1)
        events = self.subscribe(id=stream.id, events=["progress", "close"],
                                progressIntervalUSec=100_000)
        started = time.monotonic()
        for _ in range(200):
            stream.write("x")
            stream.wait("drain")
        stream.finish()
        took = time.monotonic() - started
        found = self.until_close(events, stream.id)
        count = len([event for event, _ in found if event == "progress"])
        self.assertLessEqual(count, took / 0.1 + 2)

    def test_a_failure_is_an_error_event_with_its_fault(self):
        stream = self.open("failing", ring_bytes=64 * KIB)
        events = self.subscribe(id=stream.id)
        stream.ring.words[1024 // 8] = 2 ** 40
        stream.ring.poke()
        found = self.until_close(events, stream.id)
        self.assertEqual(["error", "close"], self.names(found))
        self.assertTrue(found[0][1]["fault"]["operation"])

    def test_every_subscriber_hears_everything(self):
        stream = self.open("many")
        subscribers = [self.subscribe(id=stream.id) for _ in range(20)]
        stream.finish("x")
        for events in subscribers:
            self.assertEqual(["finish", "close"], self.names(self.until_close(events, stream.id)))

    def test_subscribers_that_leave_are_forgotten(self):
        stream = self.open("left")
        for _ in range(20):
            with self.daemon.client() as client:
                client.send(SUBSCRIBE, {"id": stream.id}, more=True)
                client.receive_for(SUBSCRIBE)
        stream.finish("x")

    def test_subscribing_to_what_is_over_or_unknown(self):
        with self.fails(STREAM + "NoSuchStream"):
            list(self.client.more(SUBSCRIBE, {"id": "s0"}))
        stream = self.open("over")
        stream.finish()
        replies = list(self.client.more(SUBSCRIBE, {"id": stream.id}))
        self.assertTrue(replies[0]["ready"])
        self.assertEqual("finished", replies[0]["runtime"]["state"])

    def test_drains_are_never_dropped(self):
        stream = self.open("drains", highWaterMark=1, ack="written")
        events = self.subscribe(id=stream.id)
        for _ in range(300):
            stream.write("x")
            stream.wait("drain")
        stream.finish()
        names = self.names(self.until_close(events, stream.id))
        self.assertEqual(300, names.count("drain"))


class Slow(ForebayTest):
    engines = ("auto",)
    daemon_options = {"config": "[limits]\neventQueueBytes = 64K\n"}

    def test_a_subscriber_that_does_not_read_gets_overflow_and_is_caught_up(self):
        slow = self.connect()
        slow.send(SUBSCRIBE, {}, more=True)
        slow.receive_for(SUBSCRIBE)
        before = self.daemon.memory_kib()
        streams = []
        for number in range(600):
            stream = self.open(f"slow{number % 8}", ack="written",
                               labels={"pad": "x" * 1000})
            stream.finish("x")
            streams.append(stream.id)
            if number % 100 == 99:
                # What waits is bounded by the configuration, whatever happened meanwhile.
                self.check_memory(before, 24 * 1024)
        overflow = 0
        seen = []
        marker = self.open("marker")
        marker.finish("x")
        while True:
            event = slow.receive_for(SUBSCRIBE).parameters
            seen.append(event)
            if event["event"] == "overflow":
                overflow += event["lost"]
            if event["event"] == "close" and event["id"] == marker.id:
                break
        # So many events are more than the queue and the kernel hold: some were lost, and
        # counted; but never one that tells of an end.
        self.assertGreater(overflow, 0)
        told = [event for event in seen if event["event"] != "overflow"]
        self.assertGreaterEqual(len(told) + overflow, 3 * (len(streams) + 1))
        for name in ("finish", "close"):
            self.assertEqual(sorted([*streams, marker.id]),
                             sorted(event["id"] for event in told if event["event"] == name))

    def test_others_are_served_meanwhile(self):
        slow = self.connect()
        slow.send(SUBSCRIBE, {}, more=True)
        for number in range(100):
            self.open(f"meanwhile{number % 4}", ack="written").finish("x")
        started = time.monotonic()
        self.client.call(DAEMON + "Ping")
        self.assertLess(time.monotonic() - started, 1)


if __name__ == "__main__":
    main()
