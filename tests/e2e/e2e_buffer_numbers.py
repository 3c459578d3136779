#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""GetNumber and SetNumber of buffers."""

import math
import struct

from buffer_test import SEED, BufferTest
from harness import BUFFER, MIB, SERVICE, main, random_bytes

# name: size, how Python's struct has it
TYPES = {"int8": (1, "b"), "uint8": (1, "B"), "uint8clamped": (1, "B"),
         "int16le": (2, "<h"), "int16be": (2, ">h"), "uint16le": (2, "<H"), "uint16be": (2, ">H"),
         "int32le": (4, "<i"), "int32be": (4, ">i"), "uint32le": (4, "<I"), "uint32be": (4, ">I"),
         "int64le": (8, "<q"), "int64be": (8, ">q"), "uint64le": (8, "<Q"), "uint64be": (8, ">Q"),
         "float32le": (4, "<f"), "float32be": (4, ">f"),
         "float64le": (8, "<d"), "float64be": (8, ">d")}


class Numbers(BufferTest):
    def get(self, buffer, type_, offset=0, **parameters):
        return self.call("GetNumber", id=buffer["id"], type=type_, offset=offset,
                         **parameters)["texts"]

    def set(self, buffer, type_, texts, offset=0):
        return self.call("SetNumber", id=buffer["id"], type=type_, offset=offset,
                         texts=texts)["nextOffset"]

    def value(self, text):
        return float(text.replace("Infinity", "inf"))

    def test_every_type_is_as_python_has_it(self):
        content = random_bytes(801, SEED)
        for type_, (size, kind) in TYPES.items():
            with self.subTest(type=type_):
                buffer = self.buffer(content)
                wanted = [value for value, in struct.iter_unpack(kind, content[1:801])]
                texts = self.get(buffer, type_, offset=1, count=800 // size)
                if "float" in type_:
                    # The shortest text of a float32 is that of the double it is.
                    for value, text in zip(wanted, texts):
                        got = self.value(text)
                        self.assertTrue(got == value or math.isnan(got) and math.isnan(value))
                else:
                    self.assertEqual([str(value) for value in wanted], texts)
                target = self.buffer(length=800 + size + 3)
                self.assertEqual(803, self.set(target, type_, texts, offset=3))
                if "float" not in type_:                # there a NaN becomes the one NaN
                    self.assertEqual(bytes(3) + content[1:801] + bytes(size), self.content(target))
                self.assertEqual(texts, self.get(target, type_, offset=3, count=800 // size))

    def test_what_does_not_fit_wraps_or_is_clamped(self):
        for type_, text, wanted in (
                ("int8", "128", "-128"), ("int8", "-129", "127"), ("uint8", "256", "0"),
                ("uint8", "-1", "255"), ("uint8", "1.9", "1"), ("uint8", "-0.9", "0"),
                ("uint8clamped", "300", "255"), ("uint8clamped", "-5", "0"),
                ("uint8clamped", "1.5", "2"), ("uint8clamped", "2.5", "2"),
                ("uint8clamped", "NaN", "0"), ("uint8clamped", "Infinity", "255"),
                ("int16le", "65535", "-1"), ("uint16be", "-32768", "32768"),
                ("int32le", "4294967295", "-1"), ("uint32le", "NaN", "0"),
                ("uint32be", "Infinity", "0"), ("int32be", "9007199254740993", "0"),
                ("float32le", "0.1", "0.10000000149011612"), ("float32be", "3.5e38", "Infinity"),
                ("float64le", "-0", "-0"), ("float64be", "NaN", "NaN"),
                ("float32le", "-Infinity", "-Infinity"), ("float64le", "1e-320", "1e-320"),
                ("float64le", "5e-324", "5e-324"), ("float64be", "1e400", "Infinity")):
            with self.subTest(type=type_, text=text):
                buffer = self.buffer(length=8)
                self.set(buffer, type_, [text])
                self.assertEqual([wanted], self.get(buffer, type_))

    def test_64_bits_are_exact(self):
        for order in ("le", "be"):
            for type_, values in (("int64", (2 ** 53 + 1, 2 ** 63 - 1, -2 ** 63, -2 ** 53 - 1, 0)),
                                  ("uint64", (2 ** 53 + 1, 2 ** 64 - 1, 2 ** 63))):
                buffer = self.buffer(length=8 * len(values))
                texts = [str(value) for value in values]
                self.assertEqual(8 * len(values), self.set(buffer, type_ + order, texts))
                self.assertEqual(texts, self.get(buffer, type_ + order, count=len(values)))
        buffer = self.buffer(length=8)
        self.set(buffer, "uint64le", [str(2 ** 64 + 5)])
        self.assertEqual(["5"], self.get(buffer, "uint64le"))
        self.set(buffer, "uint64le", ["-1"])
        self.assertEqual([str(2 ** 64 - 1)], self.get(buffer, "uint64le"))

    def test_one_is_got_where_no_count_is_given(self):
        buffer = self.buffer(b"\1\2\3")
        self.assertEqual(["2"], self.get(buffer, "int8", offset=1))
        self.assertEqual([], self.get(buffer, "int8", offset=1, count=0))
        self.assertEqual([], self.get(buffer, "int64le", offset=3, count=0))
        self.assertEqual(3, self.set(buffer, "int64le", [], offset=3))

    def test_ranges_outside_are_named_with_what_would_be_right(self):
        buffer = self.slice(self.buffer(b"0123456789abcdef"), 3, 13)          # 10 bytes
        for parameters, name, maximum in (
                ({"type": "int8", "offset": 10}, "offset", 9),
                ({"type": "int8", "offset": -1}, "offset", 9),
                ({"type": "int32le", "offset": 7}, "offset", 6),
                ({"type": "float64be", "offset": 3}, "offset", 2),
                ({"type": "int16le", "offset": 2 ** 53}, "offset", 8),
                ({"type": "int16le", "offset": str(2 ** 63 - 1)}, "offset", 8),
                ({"type": "int16le", "offset": str(-2 ** 63)}, "offset", 8),
                ({"type": "int16le", "offset": 0, "count": 6}, "count", 5),
                ({"type": "int32le", "offset": 2, "count": 3}, "count", 2),
                ({"type": "int8", "offset": 0, "count": -1}, "count", 10),
                ({"type": "int8", "offset": 0, "count": str(2 ** 63 - 1)}, "count", 10)):
            with self.subTest(parameters=parameters), self.out_of_range(name, 0, maximum):
                self.call("GetNumber", id=buffer["id"], **parameters)
            if name == "offset":
                with self.subTest(set=parameters), self.unchanged(buffer), \
                        self.out_of_range(name, 0, maximum):
                    self.set(buffer, parameters["type"], ["1"], parameters["offset"])
        with self.unchanged(buffer), self.out_of_range("texts", 0, 2):
            self.set(buffer, "int32le", ["1", "2", "3"], offset=1)
        # Too short for any.
        with self.out_of_range("offset", 0, -4):
            self.get(self.slice(buffer, 0, 4), "int64le")

    def test_a_text_that_is_no_number_is_named_and_none_is_set(self):
        buffer = self.buffer(b"01234567")
        for type_, texts, wrong in (
                ("int8", ["x"], 0), ("int8", ["1", "2", ""], 2), ("int8", ["1", " 2"], 1),
                ("int8", ["0x10"], 0), ("int8", ["1", "2 "], 1), ("int16le", ["1", "--2"], 1),
                ("float32le", ["1", "1e"], 1), ("float64le", ["nan"], 0), ("float64le", ["inf"], 0),
                ("int64le", ["1.5"], 0), ("int64le", ["NaN"], 0), ("int64be", ["1e3"], 0),
                ("uint64le", ["Infinity"], 0), ("uint64be", ["1n"], 0), ("int8", ["1,5"], 0)):
            with self.subTest(type=type_, texts=texts), self.unchanged(buffer), \
                    self.fails(SERVICE + "InvalidParameter", parameter=f"texts[{wrong}]"):
                self.set(buffer, type_, texts)
        for texts, wrong in ((["1", 2], "texts[1]"), ("1", "texts"), ([None], "texts[0]")):
            with self.subTest(texts=texts), self.unchanged(buffer), \
                    self.fails(SERVICE + "InvalidParameter", parameter=wrong):
                self.set(buffer, "int8", texts)

    def test_a_type_that_does_not_exist_is_refused(self):
        buffer = self.buffer(b"01234567")
        for type_ in ("", "int", "Int8", "int8le", "int16", "uint24le", "float16le", "bigint64le",
                      "uint8Clamped"):
            with self.subTest(type=type_), self.unchanged(buffer):
                with self.fails_parameter("type"):
                    self.get(buffer, type_)
                with self.fails_parameter("type"):
                    self.set(buffer, type_, ["1"])

    def test_as_many_as_a_message_can_have(self):
        buffer = self.buffer(random_bytes(2 * MIB, SEED))
        with self.fails(BUFFER + "OutOfRange", parameter="count") as caught:
            self.get(buffer, "float64le", count=2 * MIB // 8)
        most = caught.exception.parameters["maximum"]
        self.assertGreaterEqual(most, 1000)
        texts = self.get(buffer, "float64le", count=most)
        self.assertEqual(most, len(texts))
        # They can all be sent back in one call.
        target = self.buffer(length=2 * MIB)
        self.assertEqual(8 * most, self.set(target, "float64le", texts))
        self.assertEqual(texts, self.get(target, "float64le", count=most))

    def test_long_texts(self):
        buffer = self.buffer(length=16)
        self.set(buffer, "float64le", ["0." + "3" * 200_000, "1" + "0" * 300_000])
        self.assertEqual([repr(1 / 3), "Infinity"], self.get(buffer, "float64le", count=2))


if __name__ == "__main__":
    main()
