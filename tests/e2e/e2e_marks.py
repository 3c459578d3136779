#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Flow control: marks, needDrain, drain, the hard cap, by the rules of a writable stream."""

from harness import KIB, MIB, STREAM, ForebayTest, main, wait_until


class Marks(ForebayTest):
    def paused(self, path, **context):
        """A stream that takes bytes and lets none go, so that lengths stand still."""
        stream = self.open(path, **context)
        self.client.call(STREAM + "Pause", {"id": stream.id})
        return stream

    def resume(self, stream):
        self.client.call(STREAM + "Resume", {"id": stream.id})

    def test_writable_turns_false_at_the_high_mark(self):
        stream = self.paused("high", highWaterMark=10)
        for data, writable, length in (("1234", True, 4), ("56789", True, 9), ("", True, 9),
                                       ("x", False, 10), ("y", False, 11), ("", False, 11)):
            said = stream.write(data)
            self.assertEqual((writable, not writable, length), (
                said["writable"], said["needDrain"], said["writableLength"]), data)
        self.resume(stream)
        runtime = stream.wait("drain")
        self.assertEqual((0, False, 1), (runtime["writableLength"], runtime["needDrain"],
                                         runtime["drains"]))
        stream.finish()

    def test_one_large_write_may_pass_the_mark(self):
        stream = self.paused("large", highWaterMark=10)
        self.assertFalse(stream.write("x" * 1000)["writable"])
        self.resume(stream)
        stream.finish()

    def test_marks_of_zero_and_one(self):
        for high in (0, 1):
            stream = self.paused(f"high{high}", highWaterMark=high)
            said = stream.write("")
            self.assertEqual((True, 0), (said["writable"], said["writableLength"]))
            self.assertFalse(stream.write("x")["writable"])
            self.resume(stream)
            self.assertEqual(0, stream.wait("drain")["writableLength"])
            stream.finish()

    def test_need_drain_stays_until_drain_is_sent(self):
        stream = self.paused("need", highWaterMark=4, lowWaterMark=0)
        stream.write("1234")
        self.assertTrue(stream.describe()["needDrain"])
        self.resume(stream)
        stream.wait("drain")
        self.assertFalse(stream.describe()["needDrain"])
        self.assertEqual(1, stream.describe()["drains"])
        # Below the mark nobody is told to stop, so no drain is due.
        stream.write("1")
        stream.wait("synced")
        self.assertEqual(1, stream.finish()["drains"])

    def test_drain_comes_once_for_each_time_told_to_stop(self):
        stream = self.open("often", highWaterMark=1)
        for number in range(1, 11):
            self.assertFalse(stream.write("x")["writable"])
            self.assertEqual(number, stream.wait("drain")["drains"])
        self.assertEqual(10, stream.finish()["drains"])

    def test_the_low_mark_gives_drain_before_all_is_done(self):
        stream = self.open("low", highWaterMark=100 * KIB, lowWaterMark=90 * KIB,
                           ack="written", rateBytesPerSecond=40 * KIB)
        for _ in range(10):
            said = stream.write("x" * 10 * KIB)
        self.assertFalse(said["writable"])
        runtime = stream.wait("drain")
        self.assertLessEqual(runtime["writableLength"], 90 * KIB)
        self.assertGreater(runtime["writableLength"], 0)
        self.client.call(STREAM + "SetRate", {"id": stream.id, "rateBytesPerSecond": 0})
        self.assertEqual(1, stream.finish()["drains"])

    def test_no_drain_while_ending(self):
        stream = self.paused("ending", highWaterMark=1)
        stream.write("told to stop")
        stream.end()
        self.resume(stream)
        runtime = stream.wait("finish")
        self.assertEqual((0, "finished"), (runtime["drains"], runtime["state"]))

    def test_the_hard_cap_takes_nothing_beyond(self):
        stream = self.paused("cap", highWaterMark=10, maximumLength=100)
        for _ in range(10):
            stream.write("0123456789")
        with self.fails(STREAM + "QueueFull", id=stream.id, writableLength=100, maximum=100):
            stream.write("x")
        with self.fails(STREAM + "QueueFull", id=stream.id):
            stream.end("x")
        runtime = stream.describe()
        self.assertEqual((100, 100, 10), (runtime["writableLength"], runtime["bytesAccepted"],
                                          runtime["sequence"]))
        self.resume(stream)
        stream.wait("drain")
        stream.write("y")
        stream.finish()
        self.assertEqual(b"0123456789" * 10 + b"y", self.read_stored("cap"))

    def test_an_empty_stream_takes_one_write_of_any_size(self):
        stream = self.paused("any", highWaterMark=10, maximumLength=100)
        self.assertEqual(500, stream.write("x" * 500)["writableLength"])
        with self.fails(STREAM + "QueueFull"):
            stream.write("y")
        self.resume(stream)
        self.assertEqual(500, stream.finish()["bytesAccepted"])

    def test_the_default_cap_is_four_marks_or_one_mebibyte(self):
        stream = self.paused("default", highWaterMark=10)
        chunk = "x" * (128 * KIB)
        for _ in range(8):
            stream.write(chunk)
        with self.fails(STREAM + "QueueFull", maximum=MIB):
            stream.write("x")
        self.resume(stream)
        stream.finish()

    def test_a_refused_oneway_write_leaves_its_trace_in_the_sequence(self):
        stream = self.paused("oneway", maximumLength=4, highWaterMark=2)
        stream.write("1234")
        self.client.oneway(STREAM + "Write", {"id": stream.id, "data": "refused"})
        self.assertEqual(1, stream.describe()["sequence"])
        self.assertEqual(4, stream.describe()["bytesAccepted"])
        self.resume(stream)
        stream.finish()

    def test_end_with_a_last_chunk_counts(self):
        stream = self.paused("last", highWaterMark=10)
        stream.write("12")
        self.assertEqual({"writableLength": 5}, stream.end("345"))
        self.resume(stream)
        self.assertEqual(5, stream.wait("finish")["bytesAccepted"])

    def test_a_late_write_harms_nothing_that_was_taken(self):
        stream = self.paused("late", highWaterMark=10)
        stream.write("accepted")
        stream.end()
        with self.fails(STREAM + "WriteAfterEnd"):
            stream.write("late")
        self.resume(stream)
        self.assertEqual("finished", stream.wait("finish")["state"])
        self.assertEqual(b"accepted", self.read_stored("late"))

    def test_a_producer_that_obeys_goes_through(self):
        # Nothing is done before somebody waits for it, so the mark is reached for certain.
        stream = self.open("obedient", highWaterMark=16 * KIB, syncIntervalUSec=60_000_000)
        expected, drains = bytearray(), 0
        for number in range(300):
            data = f"{number:05}".encode() * (number * 7 % 400)
            expected += data
            if not stream.write(data)["writable"]:
                stream.wait("drain")
                drains += 1
        runtime = stream.finish()
        self.assertEqual(bytes(expected), self.read_stored("obedient"))
        self.assertEqual(drains, runtime["drains"])
        self.assertGreater(drains, 3)

    def test_blocked_time_grows_while_a_drain_is_due(self):
        stream = self.paused("blocked", highWaterMark=1)
        stream.write("x")
        wait_until(lambda: stream.describe()["blockedUSec"] > 50_000, "blocked time grows", 5)
        self.resume(stream)
        stream.finish()


if __name__ == "__main__":
    main()
