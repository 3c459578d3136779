#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What holds for all that is done with the bytes of buffers; and for what takes long."""

import select
import time

from buffer_test import NOBODY, BufferTest
from harness import BUFFER, DAEMON, KIB, MIB, POOL, STREAM, Closed, main


class Rules(BufferTest):
    """What holds for all of them."""

    def changes(self, buffer, other):
        """Every call that changes the first one."""
        return (("Fill", {"id": buffer["id"], "value": "x"}),
                ("Copy", {"source": other["id"], "target": buffer["id"]}),
                ("Copy", {"source": buffer["id"], "target": buffer["id"]}),
                ("Swap", {"id": buffer["id"], "width": 2}),
                ("SetNumber", {"id": buffer["id"], "type": "int8", "offset": 0, "texts": ["1"]}),
                ("Write", {"id": buffer["id"], "data": "x"}))

    def looks(self, buffer, other):
        """Every call that only reads it."""
        return (("Copy", {"source": buffer["id"], "target": other["id"]}),
                ("Compare", {"source": buffer["id"], "target": other["id"]}),
                ("Compare", {"source": other["id"], "target": buffer["id"]}),
                ("IndexOf", {"id": buffer["id"], "value": "x"}),
                ("GetNumber", {"id": buffer["id"], "type": "int8", "offset": 0}))

    def test_every_change_is_an_update_and_nothing_else_is(self):
        buffer, other = self.buffer(b"01234567"), self.buffer(b"abcdefgh")
        for member, parameters in self.changes(buffer, other):
            before = self.version(buffer)
            self.client.call(BUFFER + member, parameters)
            self.assertEqual(before + 2, self.version(buffer), member)
        before = self.version(buffer)
        for member, parameters in self.looks(buffer, other):
            self.client.call(BUFFER + member, parameters)
            self.assertEqual(before, self.version(buffer), member)

    def test_while_a_client_updates_it_is_busy(self):
        buffer, other = self.buffer(b"01234567"), self.buffer(b"abcdefgh")
        even = self.version(buffer)
        for target in (buffer, self.slice(buffer, 2, 6)):
            self.set_version(buffer, even + 1)
            for member, parameters in self.changes(target, other):
                with self.subTest(member=member), self.unchanged(buffer), \
                        self.fails(BUFFER + "BufferBusy", id=target["id"]):
                    self.client.call(BUFFER + member, parameters)
            with self.unchanged(buffer):
                for member, parameters in self.looks(target, other):
                    self.client.call(BUFFER + member, parameters)
            self.set_version(buffer, even)

    def test_a_large_one_is_busy_as_well(self):
        big = self.buffer(length=MIB)
        self.set_version(big, self.version(big) + 1)
        with self.unchanged(big), self.fails(BUFFER + "BufferBusy", id=big["id"]):
            self.call("Fill", id=big["id"], value="x")
        # What is wrong in itself is told first.
        with self.unchanged(big), self.fails_parameter("value"):
            self.call("Fill", id=big["id"], value="x", encoding="hex")
        self.set_version(big, self.version(big) + 1)
        self.assertEqual(MIB, self.call("Fill", id=big["id"], value="x")["bytesWritten"])

    def test_blocks_of_the_range_are_touched_and_no_others(self):
        blocks_at = self.words[4] // 8
        buffer = self.buffer(length=MIB)
        self.assertEqual(0, buffer["offset"] % (64 * KIB))
        first = buffer["offset"] // (64 * KIB)
        for member, parameters, touched in (
                ("Fill", {"id": buffer["id"], "value": "x", "offset": 70_000, "end": 70_001}, {1}),
                ("Fill", {"id": buffer["id"], "value": "x", "end": 200_000}, {0, 1, 2, 3}),
                ("SetNumber", {"id": buffer["id"], "type": "int32le", "offset": 3 * 64 * KIB - 2,
                               "texts": ["1"]}, {2, 3}),
                ("Copy", {"source": buffer["id"], "target": buffer["id"],
                          "targetStart": 15 * 64 * KIB}, {15})):
            before = list(self.words[blocks_at:])
            self.client.call(BUFFER + member, parameters)
            after = list(self.words[blocks_at:])
            self.assertEqual({first + block for block in touched},
                             {i for i, (a, b) in enumerate(zip(before, after)) if a != b}, member)

    def test_a_stream_that_holds_it_is_in_nobody_s_way(self):
        buffer, other = self.buffer(b"01234567"), self.buffer(b"abcdefgh")
        stream = self.open("held")
        self.client.call(STREAM + "Pause", {"id": stream.id})
        stream.write_buffer(buffer["id"])
        for member, parameters in self.changes(buffer, other) + self.looks(buffer, other):
            self.client.call(BUFFER + member, parameters)
        with self.fails(BUFFER + "BufferPinned", id=buffer["id"], pins=1):
            self.call("Free", id=buffer["id"])
        self.call("Fill", id=buffer["id"], value="!")
        self.client.call(STREAM + "Resume", {"id": stream.id})
        stream.finish()
        self.assertEqual(b"!!!!!!!!", self.read_stored("held"))     # by reference

    def test_freed_buffers_are_none(self):
        buffer, other = self.buffer(b"01234567"), self.buffer(b"abcdefgh")
        part = self.slice(buffer, 2, 6)
        self.call("Free", id=buffer["id"])
        calls = self.changes(buffer, other) + self.looks(buffer, other) + (
            ("Concat", {"sources": [other["id"], buffer["id"]]}), ("Slice", {"id": buffer["id"]}))
        for member, parameters in calls:
            with self.subTest(member=member), self.unchanged(other, part), \
                    self.fails(BUFFER + "NoSuchBuffer", id=buffer["id"]):
                self.client.call(BUFFER + member, parameters)
        # The slice of what was freed is a buffer still.
        self.assertEqual(4, self.call("Fill", id=part["id"], value="x")["bytesWritten"])

    def test_encodings_that_do_not_exist_are_refused(self):
        buffer = self.buffer(b"01234567")
        for encoding in ("", "utf-9", "UTF-8", "binary", "utf8 ", 7):
            for member in ("Fill", "IndexOf"):
                with self.subTest(member=member, encoding=encoding), self.unchanged(buffer), \
                        self.fails_parameter("encoding"):
                    self.call(member, id=buffer["id"], value="ab", encoding=encoding)

    def test_text_that_json_cannot_carry_harms_nobody(self):
        buffer = self.buffer(b"01234567")
        for text in (b'"\\ud800"', b'"a\\u0000"', b'"\xff"', b'"\xed\xa0\x80"'):
            for member in ("Fill", "IndexOf"):
                with self.subTest(member=member, text=text), self.unchanged(buffer), \
                        self.daemon.client() as client:
                    client.send_raw(b'{"method":"%s","parameters":{"id":"%s","value":%s}}\0' % (
                        (BUFFER + member).encode(), buffer["id"].encode(), text))
                    try:
                        self.assertIsNotNone(client.receive().error)
                    except Closed:
                        pass

    def test_wrong_kinds_are_named(self):
        buffer = self.buffer(b"01234567")
        for member, parameters, wrong in (
                ("Fill", {"value": 7}, "value"), ("Fill", {"value": "x", "offset": 1.5}, "offset"),
                ("Fill", {"value": "x", "end": "1.0"}, "end"), ("Fill", {}, "value"),
                ("Swap", {"width": "two"}, "width"), ("Swap", {}, "width"),
                ("IndexOf", {"value": "x", "last": 1}, "last"),
                ("IndexOf", {"value": "x", "offset": str(2 ** 63)}, "offset"),
                ("GetNumber", {"type": "int8"}, "offset"),
                ("GetNumber", {"type": "int8", "offset": 0, "count": True}, "count"),
                ("SetNumber", {"type": "int8", "offset": 0}, "texts")):
            with self.subTest(member=member, parameters=parameters), self.unchanged(buffer), \
                    self.fails_parameter(wrong):
                self.call(member, id=buffer["id"], **parameters)

    def test_other_users_are_kept_out_and_root_is_not(self):
        self.root_only()
        mine = self.buffer(b"01234567")
        other = self.connect(uid=NOBODY)
        theirs = other.call(BUFFER + "Alloc", {"length": 8, "fill": "t"})["buffer"]
        self.cleanup.callback(lambda: other.call(BUFFER + "Free", {"id": theirs["id"]}))
        for member, parameters in self.changes(mine, theirs) + self.looks(mine, theirs) + (
                ("Concat", {"sources": [theirs["id"], mine["id"]]}),):
            with self.subTest(member=member), self.unchanged(mine), \
                    self.fails(BUFFER + "NoSuchBuffer", id=mine["id"]):
                other.call(BUFFER + member, parameters)
        self.assertEqual({"bytesCopied": 8},
                         self.call("Copy", source=theirs["id"], target=mine["id"]))
        self.assertEqual(b"tttttttt", self.content(mine))
        joined = self.call("Concat", sources=[mine["id"], theirs["id"]])["buffer"]
        self.assertEqual(b"t" * 16, self.read(joined))
        with self.fails(BUFFER + "NoSuchBuffer"):          # it is root's
            other.call(BUFFER + "Read", {"id": joined["id"]})
        self.call("Free", id=joined["id"])


class Long(BufferTest):
    def test_each_comes_after_those_that_were_asked_for_before(self):
        buffer, other = self.buffer(length=16 * MIB), self.connect()
        for turn in range(6):
            self.client.send(BUFFER + "Fill", {"id": buffer["id"], "value": "ab"[turn % 2]})
            other.call(DAEMON + "Ping")            # the daemon has the other call now
            for offset in (0, 16 * MIB - 1):
                self.assertEqual([str(ord("ab"[turn % 2]))], other.call(BUFFER + "GetNumber", {
                    "id": buffer["id"], "type": "uint8", "offset": offset})["texts"])
            self.client.receive_for(BUFFER + "Fill")

    def test_others_are_answered_meanwhile(self):
        one = self.buffer(length=16 * MIB, fill="a")
        two = self.buffer(length=16 * MIB, fill="a")
        other = self.connect()
        for member, parameters in (
                ("Fill", {"id": one["id"], "value": "a"}),
                ("Copy", {"source": one["id"], "target": two["id"]}),
                ("Compare", {"source": one["id"], "target": two["id"]}),
                ("IndexOf", {"id": one["id"], "value": "a" * 1000 + "b"}),
                ("IndexOf", {"id": one["id"], "value": "b" + "a" * 1000, "last": True}),
                ("Swap", {"id": one["id"], "width": 8}),
                ("Concat", {"sources": [one["id"], two["id"]]})):
            with self.subTest(member=member):
                self.assertTrue(any(self.is_answered_meanwhile(other, member, parameters)
                                    for _ in range(50)))

    def is_answered_meanwhile(self, other, member, parameters):
        """Whether a Ping came back while the long call, sent before it, was under way, and in
        less than half of the time that this took."""
        start = time.monotonic()
        self.client.send(BUFFER + member, parameters)
        asked = time.monotonic()
        other.call(DAEMON + "Ping")
        waited = time.monotonic() - asked
        pending = not select.select([self.client.socket], [], [], 0)[0]
        reply = self.client.receive_for(BUFFER + member).parameters
        if "buffer" in reply:
            self.call("Free", id=reply["buffer"]["id"])
        return pending and waited < (time.monotonic() - start) / 2

    def test_a_pool_that_goes_meanwhile_harms_nobody(self):
        other = self.connect()
        for turn in range(6):
            other.call(POOL + "Create", {"context": {"name": "going", "sizeBytes": 32 * MIB}})
            ids = [self.buffer(length=15 * MIB, client=other, pool="going")["id"]
                   for _ in range(2)]
            target = self.buffer(length=15 * MIB)
            member, parameters = (
                ("Fill", {"id": ids[0], "value": "x"}),
                ("Copy", {"source": ids[0], "target": ids[1]}),
                ("Copy", {"source": ids[0], "target": target["id"]}))[turn % 3]
            self.client.send(BUFFER + member, parameters)
            other.call(DAEMON + "Ping")
            other.call(POOL + "Destroy", {"name": "going"})
            reply = self.client.receive_for(BUFFER + member).parameters
            self.assertEqual([15 * MIB], list(reply.values()))
            self.call("Free", id=target["id"])
            self.client.call(DAEMON + "Ping")


if __name__ == "__main__":
    main()
