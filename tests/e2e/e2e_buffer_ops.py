#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Fill, Copy, Concat, Compare, IndexOf, Swap, GetNumber and SetNumber of buffers."""

import base64
import math
import mmap
import os
import select
import struct
import time

from harness import (BUFFER, DAEMON, KIB, MIB, POOL, SERVICE, STREAM, Closed, ForebayTest,
                     VarlinkError, main, random_bytes, wait_until)

NOBODY = 65534
POOL_BYTES = 48 * MIB
SEED = 20

# name: size, how Python's struct has it
TYPES = {"int8": (1, "b"), "uint8": (1, "B"), "uint8clamped": (1, "B"),
         "int16le": (2, "<h"), "int16be": (2, ">h"), "uint16le": (2, "<H"), "uint16be": (2, ">H"),
         "int32le": (4, "<i"), "int32be": (4, ">i"), "uint32le": (4, "<I"), "uint32be": (4, ">I"),
         "int64le": (8, "<q"), "int64be": (8, ">q"), "uint64le": (8, "<Q"), "uint64be": (8, ">Q"),
         "float32le": (4, "<f"), "float32be": (4, ">f"),
         "float64le": (8, "<d"), "float64be": (8, ">d")}


class BufferTest(ForebayTest):
    engines = ("auto",)

    @classmethod
    def warm_up(cls, client):
        """The default pools are made now: root's, and that of the other user."""
        cls.make_default_pool(client)
        if os.geteuid() == 0:
            with cls.daemon.client(NOBODY) as other:
                cls.make_default_pool(other)

    @staticmethod
    def make_default_pool(client):
        made = client.call(BUFFER + "Alloc", {"length": 8})["buffer"]
        client.call(BUFFER + "Free", {"id": made["id"]})

    def setUp(self):
        super().setUp()
        self.client.call(POOL + "Create", {"context": {"name": "test", "sizeBytes": POOL_BYTES}})
        reply = self.client.call_reply(POOL + "Acquire", {"name": "test"})
        memory, words = (reply.fds[reply.parameters[name]] for name in (
            "fileDescriptorIndex", "versionFileDescriptorIndex"))
        self.map = self.cleanup.enter_context(mmap.mmap(memory, POOL_BYTES))
        mapped = self.cleanup.enter_context(mmap.mmap(words, 0))
        self.words = memoryview(mapped).cast("Q")
        self.cleanup.callback(self.words.release)
        for fd in reply.fds:
            os.close(fd)

    def tearDown(self):
        self.client.call(POOL + "Destroy", {"name": "test", "force": True})
        super().tearDown()

    def buffer(self, content=b"", length=None, client=None, **parameters):
        """With this content; it goes with the pool."""
        parameters.setdefault("pool", "test")
        made = (client or self.client).call(BUFFER + "Alloc", {
            "length": len(content) if length is None else length, **parameters})["buffer"]
        if content:
            self.map[made["offset"]:made["offset"] + len(content)] = content
        return made

    def call(self, member, client=None, **parameters):
        return (client or self.client).call(BUFFER + member, parameters)

    def slice(self, buffer, start, end):
        return self.call("Slice", id=buffer["id"], start=start, end=end)["buffer"]

    def content(self, buffer):
        """As it lies in memory that the test has mapped itself."""
        return self.map[buffer["offset"]:buffer["offset"] + buffer["length"]]

    def read(self, buffer):
        """As Read has it: for buffers in pools that are not mapped here."""
        got = bytearray()
        while len(got) < buffer["length"]:
            part = self.call("Read", id=buffer["id"], offset=len(got))
            got += base64.b64decode(part["data"])
        return bytes(got)

    def version(self, buffer):
        return self.words[buffer["versionOffset"] // 8]

    def set_version(self, buffer, value):
        self.words[buffer["versionOffset"] // 8] = value

    def out_of_range(self, parameter, minimum, maximum):
        return self.fails(BUFFER + "OutOfRange", parameter=parameter, minimum=minimum,
                          maximum=maximum)

    def unchanged(self, *buffers):
        return Unchanged(self, buffers)


class Unchanged:
    """Neither bytes nor versions of these are others at the end of the block."""

    def __init__(self, test, buffers):
        self.test = test
        self.buffers = buffers

    def look(self):
        return [(self.test.content(buffer), self.test.version(buffer)) for buffer in self.buffers]

    def __enter__(self):
        self.before = self.look()

    def __exit__(self, kind, *_):
        if kind is None:
            self.test.assertEqual(self.before, self.look())


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


class Concat(BufferTest):
    def concat(self, sources, client=None, **parameters):
        made = self.call("Concat", client, sources=[source["id"] for source in sources],
                         **parameters)["buffer"]
        self.cleanup.callback(self.free_if_there, made, client)
        return made

    def free_if_there(self, buffer, client):
        try:
            self.call("Free", client, id=buffer["id"])
        except VarlinkError as error:
            self.assertEqual(BUFFER + "NoSuchBuffer", error.name)

    def test_the_bytes_come_one_behind_the_other(self):
        one, other, none = self.buffer(b"abc"), self.buffer(b"DE"), self.buffer(length=0)
        part = self.slice(one, 1, 2)
        for sources, parameters, wanted in (
                ([], {}, b""), ([one], {}, b"abc"), ([one, other], {}, b"abcDE"),
                ([other, none, part, one, one], {}, b"DEbabcabc"),
                ([one, other], {"totalLength": 4}, b"abcD"),
                ([one, other], {"totalLength": 2}, b"ab"),
                ([one, other], {"totalLength": 0}, b""),
                ([one, other], {"totalLength": 8}, b"abcDE\0\0\0"),
                ([], {"totalLength": 9}, b""), ([none], {"totalLength": 2}, b"\0\0")):
            with self.subTest(wanted=wanted):
                made = self.concat(sources, **parameters)
                self.assertEqual(wanted, self.read(made))
                self.assertEqual((len(wanted), 0), (made["length"], made["pins"]))

    def test_the_result_is_memory_of_its_own(self):
        source = self.buffer(b"abc")
        made = self.concat([source])
        self.call("Fill", id=made["id"], value="x")
        self.assertEqual(b"abc", self.content(source))
        self.call("Fill", id=source["id"], value="y")
        self.assertEqual(b"xxx", self.read(made))
        self.assertEqual("default", made["pool"])

    def test_zeroes_fill_what_others_have_written(self):
        old = self.buffer(b"", length=8192, pool="default", fill="x")
        self.call("Free", id=old["id"])
        self.assertEqual(b"abc" + bytes(5000), self.read(self.concat([self.buffer(b"abc")],
                                                                     totalLength=5003)))

    def test_a_large_one_has_a_pool_of_its_own(self):
        content = random_bytes(5 * MIB, SEED)
        source, tail = self.buffer(content), self.buffer(b"tail")
        made = self.concat([source, tail, source])
        self.assertNotIn(made["pool"], ("default", "test"))
        self.assertEqual(content + b"tail" + content, self.read(made))
        pools = len(list(self.client.more(POOL + "List")))
        self.call("Free", id=made["id"])
        self.assertEqual(pools - 1, len(list(self.client.more(POOL + "List"))))

    def test_sources_may_be_freed_meanwhile(self):
        """What is joined stays until it is: nobody gets its memory, though it is free to ask."""
        content, other = random_bytes(5 * MIB, SEED), self.connect()
        wanted = self.buffer(2 * content)
        for _ in range(5):
            other.call(POOL + "Create", {"context": {"name": "tight", "sizeBytes": len(content)}})
            source = self.buffer(length=len(content), client=other, pool="tight")
            other.call(BUFFER + "Copy", {"source": wanted["id"], "target": source["id"]})
            self.client.send(BUFFER + "Concat", {"sources": [source["id"]] * 2})
            other.call(DAEMON + "Ping")
            other.call(BUFFER + "Free", {"id": source["id"]})
            try:
                # All of the pool: there is room for it only once they are joined.
                self.buffer(length=len(content), client=other, pool="tight", fill="x")
            except VarlinkError as error:
                self.assertEqual(POOL + "PoolFull", error.name)
            made = self.client.receive_for(BUFFER + "Concat").parameters["buffer"]
            self.assertEqual(0, self.call("Compare", source=made["id"],
                                          target=wanted["id"])["order"])
            self.call("Free", id=made["id"])
            other.call(POOL + "Destroy", {"name": "tight"})

    def test_many_sources(self):
        buffers = [self.buffer(bytes([number])) for number in range(100)]
        sources = [buffers[number * 7 % 100] for number in range(5000)]
        self.assertEqual(bytes(number * 7 % 100 for number in range(5000)),
                         self.read(self.concat(sources)))

    def test_what_cannot_be_joined(self):
        one = self.buffer(b"abc")
        before = self.client.call(DAEMON + "Describe")["usage"]
        for total in (-1, str(-2 ** 63)):
            with self.subTest(total=total), self.out_of_range("totalLength", 0, 2 ** 63 - 1):
                self.call("Concat", sources=[one["id"]], totalLength=total)
        for wrong in ("", "b0", "s" + "0" * 16, "b" + "1" * 16):
            with self.subTest(wrong=wrong), self.fails(BUFFER + "NoSuchBuffer", id=wrong):
                self.call("Concat", sources=[one["id"], wrong])
        for total in (2 ** 53, str(2 ** 62), str(2 ** 63 - 1)):
            with self.subTest(total=total), self.assertRaises(VarlinkError) as caught:
                self.call("Concat", sources=[one["id"]], totalLength=total)
            self.assertIn(caught.exception.name, (POOL + "PoolFull", DAEMON + "LimitExceeded",
                                                  SERVICE + "InvalidParameter"))
        self.assertEqual(before, self.client.call(DAEMON + "Describe")["usage"])

    def test_a_client_that_goes_leaves_nothing_behind(self):
        source = self.buffer(random_bytes(6 * MIB, SEED))

        def usage():
            return self.client.call(DAEMON + "Describe")["usage"]
        before = usage()
        for _ in range(5):
            with self.daemon.client() as other:
                other.send(BUFFER + "Concat", {"sources": [source["id"]] * 3})
                other.send(BUFFER + "Fill", {"id": source["id"], "value": "x"})
        wait_until(lambda: usage() == before, "what they asked for is gone")


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
