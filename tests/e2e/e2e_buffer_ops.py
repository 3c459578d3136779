#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Fill, Copy, Compare, IndexOf and Swap of buffers."""

import struct

from buffer_test import SEED, BufferTest
from harness import BUFFER, KIB, MIB, main, random_bytes


class Fill(BufferTest):
    def fill(self, buffer, value, **parameters):
        return self.call("Fill", id=buffer["id"], value=value, **parameters)["bytesWritten"]

    def test_a_pattern_is_repeated_and_cut(self):
        for value, encoding, wanted in (("ab", "utf8", b"abababa"), ("é", "utf8", b"\xc3\xa9" * 3
                                        + b"\xc3"), ("é", "latin1", b"\xe9" * 7),
                                        ("0102", "hex", b"\1\2\1\2\1\2\1"),
                                        ("AQID", "base64", b"\1\2\3\1\2\3\1"),
                                        ("a", "utf16le", b"a\0a\0a\0a"),
                                        ("longer than it", "ascii", b"longer ")):
            with self.subTest(value=value, encoding=encoding):
                buffer = self.buffer(b"\xaa" * 7)
                self.assertEqual(7, self.fill(buffer, value, encoding=encoding))
                self.assertEqual(wanted, self.content(buffer))

    def test_only_the_range_changes(self):
        for parameters, wanted in (({}, b"xxxxxxxx"), ({"offset": 3}, b"...xxxxx"),
                                   ({"end": 3}, b"xxx....."),
                                   ({"offset": 2, "end": 4}, b"..xx...."),
                                   ({"offset": 8}, b"........"),
                                   ({"offset": 5, "end": 2}, b"........"),
                                   ({"offset": 4, "end": 4}, b"........")):
            with self.subTest(parameters=parameters):
                around = self.buffer(b"........" * 3)
                buffer = self.slice(around, 8, 16)
                self.assertEqual(wanted.count(b"x"), self.fill(buffer, "x", **parameters))
                self.assertEqual(b"........" + wanted + b"........", self.content(around))

    def test_no_text_fills_with_zeroes(self):
        buffer = self.buffer(b"12345678")
        self.assertEqual(4, self.fill(buffer, "", offset=2, end=6))
        self.assertEqual(b"12\0\0\0\00078", self.content(buffer))
        self.assertEqual(8, self.fill(buffer, "", encoding="hex"))
        self.assertEqual(bytes(8), self.content(buffer))

    def test_a_text_that_gives_no_bytes_is_refused(self):
        buffer = self.buffer(b"12345678")
        for value, encoding in (("zz", "hex"), ("1", "hex"), ("Y", "base64"), ("=", "base64url")):
            with self.subTest(value=value), self.unchanged(buffer), self.fails_parameter("value"):
                self.fill(buffer, value, encoding=encoding)
        # Node does not look at it where there is nothing to fill.
        self.assertEqual(0, self.fill(buffer, "zz", encoding="hex", offset=8))

    def test_positions_outside_are_named_with_their_range(self):
        buffer = self.buffer(b"12345678")
        for name in ("offset", "end"):
            for value in (-1, 9, 2 ** 53, str(2 ** 53 + 1), str(2 ** 63 - 1), str(-2 ** 63)):
                with self.subTest(name=name, value=value), self.unchanged(buffer), \
                        self.out_of_range(name, 0, 8):
                    self.fill(buffer, "x", **{name: value})

    def test_of_nothing_nothing_is_filled(self):
        self.assertEqual(0, self.fill(self.buffer(length=0), "x"))


class Copy(BufferTest):
    def copy(self, source, target, **parameters):
        return self.call("Copy", source=source["id"], target=target["id"],
                         **parameters)["bytesCopied"]

    def test_as_much_is_copied_as_both_have(self):
        for parameters, count, wanted in (({}, 5, b"12345---"),
                                          ({"targetStart": 6}, 2, b"------12"),
                                          ({"sourceStart": 3}, 2, b"45------"),
                                          ({"sourceEnd": 2}, 2, b"12------"),
                                          ({"sourceEnd": 99}, 5, b"12345---"),
                                          ({"sourceStart": 5}, 0, b"--------"),
                                          ({"sourceStart": 3, "sourceEnd": 1}, 0, b"--------"),
                                          ({"targetStart": 8}, 0, b"--------"),
                                          ({"targetStart": str(2 ** 63 - 1)}, 0, b"--------"),
                                          ({"targetStart": 2, "sourceStart": 1, "sourceEnd": 4}, 3,
                                           b"--234---")):
            with self.subTest(parameters=parameters):
                source, target = self.buffer(b"12345"), self.buffer(b"--------")
                self.assertEqual(count, self.copy(source, target, **parameters))
                self.assertEqual(wanted, self.content(target))
                self.assertEqual(b"12345", self.content(source))

    def test_ranges_may_overlap(self):
        content = random_bytes(600 * KIB, SEED)         # on the loop, and on a worker
        for length in (1000, len(content)):
            for at in (1, 7, length // 3):
                for parameters in ({"targetStart": at}, {"sourceStart": at}):
                    with self.subTest(length=length, parameters=parameters):
                        buffer = self.buffer(content[:length])
                        self.assertEqual(length - at, self.copy(buffer, buffer, **parameters))
                        moved = content[:length - at] if "targetStart" in parameters else \
                            content[at:length]
                        rest = content[:at] + moved if "targetStart" in parameters else \
                            moved + content[length - at:length]
                        self.assertEqual(rest, self.content(buffer))
                        self.call("Free", id=buffer["id"])

    def test_slices_of_one_buffer_overlap_as_well(self):
        buffer = self.buffer(b"0123456789")
        self.assertEqual(6, self.copy(self.slice(buffer, 0, 6), self.slice(buffer, 2, 10)))
        self.assertEqual(b"0101234589", self.content(buffer))

    def test_positions_outside_are_named_with_their_range(self):
        source, target = self.buffer(b"12345"), self.buffer(b"--------")
        for name, value, maximum in (("targetStart", -1, 8), ("sourceStart", -1, 5),
                                     ("sourceStart", 6, 5), ("sourceStart", 2 ** 53, 5),
                                     ("sourceStart", str(2 ** 63 - 1), 5), ("sourceEnd", -1, 5),
                                     ("sourceEnd", str(-2 ** 63), 5)):
            with self.subTest(name=name, value=value), self.unchanged(source, target), \
                    self.out_of_range(name, 0, maximum):
                self.copy(source, target, **{name: value})

    def test_only_the_target_counts_as_changed(self):
        source, target = self.buffer(b"12345"), self.buffer(b"--------")
        before = self.version(source), self.version(target)
        self.copy(source, target)
        self.assertEqual((before[0], before[1] + 2), (self.version(source), self.version(target)))

    def test_many_at_once_in_all_directions_come_to_an_end(self):
        """Each needs two or three of the buffers, most of them on a worker; none is torn."""
        length = 512 * KIB
        buffers = [self.buffer(bytes([ord("a") + i]) * length) for i in range(3)]
        ids = [buffer["id"] for buffer in buffers]
        clients = [self.connect() for _ in range(6)]
        methods = []
        for number, client in enumerate(clients):
            calls = []
            for turn in range(12):
                one, other = ids[(number + turn) % 3], ids[(number + 2 * turn + 1) % 3]
                calls += [("Copy", {"source": one, "target": other}),
                          ("Compare", {"source": other, "target": one}),
                          ("Concat", {"sources": [one, other, one], "totalLength": 3})]
            methods.append(calls)
            client.send_raw(b"".join(client.encode(BUFFER + member, parameters)
                                     for member, parameters in calls))
        for client, calls in zip(clients, methods):
            for member, _ in calls:
                reply = client.receive_for(BUFFER + member)
                if member == "Copy":
                    self.assertEqual(length, reply.parameters["bytesCopied"])
                elif member == "Concat":
                    self.call("Free", id=reply.parameters["buffer"]["id"])
        for buffer in buffers:
            content = self.content(buffer)
            self.assertEqual(content[:1] * length, content)


class Compare(BufferTest):
    def order(self, one, other):
        return self.call("Compare", source=one["id"], target=other["id"])["order"]

    def test_by_bytes_and_then_by_length(self):
        for one, other, wanted in ((b"", b"", 0), (b"a", b"", 1), (b"", b"a", -1),
                                   (b"abc", b"abc", 0), (b"abc", b"abd", -1), (b"b", b"abc", 1),
                                   (b"ab", b"abc", -1), (b"\xff", b"\x00", 1),
                                   (b"\x7f", b"\x80", -1)):
            with self.subTest(one=one, other=other):
                self.assertEqual(wanted, self.order(self.buffer(one), self.buffer(other)))

    def test_a_buffer_with_itself_and_its_slices(self):
        buffer = self.buffer(b"abcabc")
        self.assertEqual(0, self.order(buffer, buffer))
        self.assertEqual(0, self.order(self.slice(buffer, 0, 3), self.slice(buffer, 3, 6)))
        self.assertEqual(1, self.order(self.slice(buffer, 1, 3), self.slice(buffer, 3, 6)))

    def test_the_last_byte_of_many(self):
        content = random_bytes(3 * MIB, SEED)
        one, other = self.buffer(content), self.buffer(content)
        with self.unchanged(one, other):
            self.assertEqual(0, self.order(one, other))
        self.map[other["offset"] + 3 * MIB - 1] ^= 1
        wanted = 1 if content[-1] > content[-1] ^ 1 else -1
        self.assertEqual((wanted, -wanted), (self.order(one, other), self.order(other, one)))


class IndexOf(BufferTest):
    def find(self, buffer, value, **parameters):
        reply = self.call("IndexOf", id=buffer["id"], value=value, **parameters)
        self.assertIn("offset", reply)
        return reply["offset"]

    def test_first_and_last(self):
        buffer = self.buffer(b"abcabcab")
        for value, parameters, wanted in (
                ("abc", {}, 0), ("abc", {"last": True}, 3), ("abc", {"offset": 1}, 3),
                ("abc", {"offset": 4}, None), ("abc", {"offset": 2, "last": True}, 0),
                ("abc", {"offset": -5}, 3), ("abc", {"offset": -4}, None),
                ("abc", {"offset": -6, "last": True}, 0), ("abc", {"offset": -9}, 0),
                ("abc", {"offset": -9, "last": True}, None), ("z", {}, None),
                ("abcabcabc", {}, None), ("", {}, 0), ("", {"offset": 3}, 3),
                ("", {"offset": 99}, 8), ("", {"last": True}, 8), ("", {"offset": -2}, 6),
                ("ab", {"offset": str(2 ** 63 - 1), "last": True}, 6),
                ("ab", {"offset": str(-2 ** 63)}, 0), ("ab", {"offset": str(2 ** 63 - 1)}, None),
                ("6162", {"encoding": "hex", "last": True}, 6), ("YmM", {"encoding": "base64"}, 1),
                ("ab", {"last": False}, 0)):
            with self.subTest(value=value, parameters=parameters):
                self.assertEqual(wanted, self.find(buffer, value, **parameters))

    def test_utf16_is_found_at_even_positions_only(self):
        buffer = self.buffer(b"\0a\0a\0\0a\0")
        self.assertEqual(6, self.find(buffer, "a", encoding="utf16le"))
        self.assertEqual(1, self.find(buffer, "6100", encoding="hex"))

    def test_in_a_slice_positions_are_its_own(self):
        part = self.slice(self.buffer(b"ab-ab-ab"), 3, 6)
        self.assertEqual((0, 0), (self.find(part, "ab"), self.find(part, "ab", last=True)))
        self.assertIsNone(self.find(part, "-ab"))

    def test_far_away_in_a_large_one(self):
        content = bytearray(4 * MIB)
        content[:6], content[-6:] = b"needle", b"needle"
        buffer = self.buffer(bytes(content))
        with self.unchanged(buffer):
            for parameters, wanted in (({}, 0), ({"last": True}, 4 * MIB - 6),
                                       ({"offset": 1}, 4 * MIB - 6),
                                       ({"offset": -7, "last": True}, 0)):
                self.assertEqual(wanted, self.find(buffer, "needle", **parameters))
            self.assertIsNone(self.find(buffer, "needles"))

    def test_what_is_slow_for_a_careless_search_is_not(self):
        buffer = self.buffer(length=8 * MIB, fill="a")
        needle = "a" * 500_000
        for value, last in (("b" + needle, False), (needle + "b", False), ("b" + needle, True),
                            (needle + "b", True)):
            self.assertIsNone(self.find(buffer, value, last=last))


class Swap(BufferTest):
    def test_each_width(self):
        for width, wanted in ((2, b"10325476"), (4, b"32107654"), (8, b"76543210")):
            buffer = self.buffer(b"01234567")
            self.assertEqual({}, self.call("Swap", id=buffer["id"], width=width))
            self.assertEqual(wanted, self.content(buffer))

    def test_of_a_slice_and_of_nothing(self):
        buffer = self.buffer(b"0123456789")
        self.call("Swap", id=self.slice(buffer, 3, 7)["id"], width=4)
        self.assertEqual(b"0126543789", self.content(buffer))
        self.call("Swap", id=self.slice(buffer, 3, 3)["id"], width=8)
        self.assertEqual(b"0126543789", self.content(buffer))

    def test_a_large_one(self):
        content = random_bytes(2 * MIB, SEED)
        for width, kind in ((2, "H"), (4, "I"), (8, "Q")):
            buffer = self.buffer(content)
            self.call("Swap", id=buffer["id"], width=width)
            numbers = struct.unpack(f">{2 * MIB // width}{kind}", content)
            self.assertEqual(struct.pack(f"<{2 * MIB // width}{kind}", *numbers),
                             self.content(buffer))

    def test_other_widths_and_lengths_are_refused(self):
        buffer = self.buffer(b"0123456789")
        for width in (0, 1, -2, 3, 4, 8, 16, 2 ** 53, str(2 ** 62)):
            with self.subTest(width=width), self.unchanged(buffer), self.fails_parameter("width"):
                self.call("Swap", id=buffer["id"], width=width)


if __name__ == "__main__":
    main()
