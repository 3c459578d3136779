#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Buffers: Alloc, From, Describe, List, Read, Write, Slice, Free."""

import base64
import os

from harness import (BUFFER, DAEMON, MIB, POOL, SERVICE, ForebayTest, VarlinkError, main,
                     random_bytes)

NOBODY = 65534


class Buffers(ForebayTest):
    engines = ("auto",)

    @classmethod
    def warm_up(cls, client):
        made = client.call(BUFFER + "Alloc", {"length": 8})["buffer"]
        client.call(BUFFER + "Free", {"id": made["id"]})

    def setUp(self):
        super().setUp()
        self.client.call(POOL + "Create", {"context": {"name": "test", "sizeBytes": 4 * MIB}})

    def tearDown(self):
        self.client.call(POOL + "Destroy", {"name": "test"})
        super().tearDown()

    def alloc(self, length, **parameters):
        parameters.setdefault("pool", "test")
        return self.client.call(BUFFER + "Alloc", {"length": length, **parameters})["buffer"]

    def make(self, data, **parameters):
        parameters.setdefault("pool", "test")
        return self.client.call(BUFFER + "From", {"data": data, **parameters})["buffer"]

    def from_memory(self, content):
        """Of any length: it comes by a descriptor."""
        memory = os.memfd_create("content")
        try:
            os.write(memory, content)
            return self.client.call(BUFFER + "From", {
                "pool": "test", "fileDescriptorIndex": 0}, [memory])["buffer"]
        finally:
            os.close(memory)

    def free(self, buffer):
        return self.client.call(BUFFER + "Free", {"id": buffer["id"]})

    def read(self, buffer, **parameters):
        return self.client.call(BUFFER + "Read", {"id": buffer["id"], **parameters})

    def content(self, buffer):
        """All of it, in as many calls as it takes."""
        got = bytearray()
        while len(got) < buffer["length"]:
            got += base64.b64decode(self.read(buffer, offset=len(got))["data"])
        return bytes(got)

    def test_alloc_is_zeroed_and_described(self):
        buffer = self.alloc(10_000, labels={"a": "b"})
        self.assertEqual(("test", 10_000, 0, 0), (
            buffer["pool"], buffer["length"], buffer["pins"], buffer["version"] % 2))
        self.assertEqual(0, buffer["offset"] % 4096)
        self.assertEqual({"a": "b"}, buffer["labels"])
        self.assertEqual(bytes(10_000), self.content(buffer))
        self.assertEqual({"buffer": buffer},
                         self.client.call(BUFFER + "Describe", {"id": buffer["id"]}))

    def test_alloc_zero_is_zero_where_others_have_written(self):
        first = self.make("x" * 8192)
        self.free(first)
        for length in (8192, 100):
            self.assertEqual(bytes(length), self.content(self.alloc(length, initialize="zero")))

    def test_alloc_fills_with_a_pattern(self):
        self.assertEqual(b"abcabcab", self.content(self.alloc(8, fill="abc")))
        self.assertEqual(b"\1\2\1\2\1", self.content(self.alloc(5, fill="0102", encoding="hex")))
        big = self.content(self.alloc(MIB, fill="0123456"))
        self.assertEqual((b"0123456" * (MIB // 7 + 1))[:MIB], big)

    def test_small_buffers_are_aligned_to_8_and_large_ones_to_pages(self):
        small = [self.alloc(100, initialize="unsafe") for _ in range(4)]
        for buffer in small:
            self.assertEqual(0, buffer["offset"] % 8)
        ranges = sorted((buffer["offset"], buffer["offset"] + 100) for buffer in small)
        for (_, end), (start, _) in zip(ranges, ranges[1:]):
            self.assertLessEqual(end, start)
        self.assertEqual(0, self.alloc(4096, initialize="unsafe")["offset"] % 4096)

    def test_memory_is_reclaimed(self):
        def used():
            return self.client.call(POOL + "Describe", {"name": "test"})["runtime"]["usedBytes"]
        before = used()
        for length in (1, 1000, 4095, 4096, 100_000):
            made = [self.alloc(length, initialize="unsafe") for _ in range(20)]
            self.assertGreater(used(), before)
            for buffer in made:
                self.free(buffer)
            self.assertLessEqual(used(), before + 8192)

    def test_from_decodes(self):
        for data, encoding, wanted in (
                ("grüße", None, "grüße".encode()), ("grüße", "utf8", "grüße".encode()),
                ("00ff7F", "hex", b"\0\xff\x7f"), ("AAEC/w==", "base64", b"\0\1\2\xff"),
                ("AAEC_w", "base64", b"\0\1\2\xff"), ("00f", "hex", b"\0"), ("", None, b"")):
            with self.subTest(data=data, encoding=encoding):
                parameters = {"encoding": encoding} if encoding else {}
                buffer = self.make(data, **parameters)
                self.assertEqual(len(wanted), buffer["length"])
                self.assertEqual(wanted, self.content(buffer))

    def test_from_a_descriptor_copies_its_content(self):
        content = random_bytes(300_000)
        path = f"{self.daemon.directory}/content"
        with open(path, "wb") as file:
            file.write(content)
        memory = os.memfd_create("content", os.MFD_ALLOW_SEALING)
        self.cleanup.callback(os.close, memory)
        os.write(memory, content)
        file = os.open(path, os.O_RDONLY)
        self.cleanup.callback(os.close, file)
        for fd in (file, memory):
            buffer = self.client.call(BUFFER + "From", {"pool": "test", "fileDescriptorIndex": 0},
                                      [fd])["buffer"]
            self.assertEqual(len(content), buffer["length"])
            self.assertEqual(content, self.content(buffer))

    def test_from_needs_exactly_one_source(self):
        file = os.open(self.daemon.log_path, os.O_RDONLY)
        self.cleanup.callback(os.close, file)
        for parameters, fds in (({}, []), ({"data": "x", "fileDescriptorIndex": 0}, [file])):
            with self.assertRaises(VarlinkError) as caught:
                self.client.call(BUFFER + "From", {"pool": "test", **parameters}, fds)
            self.assertEqual(SERVICE + "InvalidParameter", caught.exception.name)

    def test_read_answers_in_each_encoding(self):
        buffer = self.make("0041c3bcff", encoding="hex")
        self.assertEqual({"data": "AEHDvP8=", "bytesRead": 5}, self.read(buffer))
        self.assertEqual("0041c3bcff", self.read(buffer, encoding="hex")["data"])
        self.assertEqual("AEHDvP8", self.read(buffer, encoding="base64url")["data"])
        self.assertEqual("Aü", self.read(buffer, offset=1, length=3, encoding="utf8")["data"])
        self.assertEqual("AÃ", self.read(buffer, offset=1, length=2, encoding="latin1")["data"])

    def test_text_that_json_cannot_carry_is_bad_encoding(self):
        for hexadecimal in ("00", "ff", "c3", "eda080"):
            with self.subTest(hexadecimal=hexadecimal), self.fails(BUFFER + "BadEncoding",
                                                                   encoding="utf8"):
                self.read(self.make(hexadecimal, encoding="hex"), encoding="utf8")

    def test_no_answer_is_of_nothing_where_something_was_asked_for(self):
        """A reader that goes on where the last answer ended comes to an end or to an error."""
        for before, endless in ((b"", b"\x80"), (b"a", b"\x80"), (b"", b"\xbf"), (b"", b"\xf0\x80"),
                                (b"\xf0", b"\x80"), (b"\xe2\x82\xac", b"\x82"), (b"", b"a\x80")):
            content = (before + endless * (3 * MIB // len(endless)))[:3 * MIB]
            with self.subTest(before=before, endless=endless):
                buffer = self.from_memory(content)
                with self.fails(BUFFER + "BadEncoding", parameter="encoding", encoding="utf8"):
                    self.read(buffer, encoding="utf8")
                self.free(buffer)

    def test_no_character_is_cut_where_the_message_ends(self):
        for shift in range(5):
            for character in ("a", "ä", "€", "😀"):
                text = "x" * shift + character * (MIB // len(character.encode()) + 10)
                content = text.encode()
                buffer = self.from_memory(content)
                got, rounds = "", 0
                while len(got.encode()) < len(content):
                    part = self.read(buffer, offset=len(got.encode()), encoding="utf8")
                    self.assertGreater(part["bytesRead"], 0)
                    got, rounds = got + part["data"], rounds + 1
                self.assertTrue(got == text, (shift, character))
                self.assertEqual(2, rounds)
                self.free(buffer)

    def test_read_gives_what_fits_one_message(self):
        content = random_bytes(3 * MIB)
        buffer = self.from_memory(content)
        for encoding, decode in (("base64", base64.b64decode), ("hex", bytes.fromhex)):
            got, rounds = bytearray(), 0
            while len(got) < len(content):
                part = self.read(buffer, offset=len(got), encoding=encoding)
                self.assertGreater(part["bytesRead"], 0)
                self.assertEqual(part["bytesRead"], len(decode(part["data"])))
                got += decode(part["data"])
                rounds += 1
            self.assertEqual(content, bytes(got))
            self.assertGreater(rounds, 1)

    def test_write_changes_only_its_range(self):
        buffer = self.alloc(10)

        def write(**parameters):
            return self.client.call(BUFFER + "Write", {"id": buffer["id"], **parameters})[
                "bytesWritten"]
        self.assertEqual(3, write(data="abc", offset=2))
        self.assertEqual(b"\0\0abc\0\0\0\0\0", self.content(buffer))
        self.assertEqual(2, write(data="ABC", offset=2, length=2))
        self.assertEqual(b"\0\0ABc\0\0\0\0\0", self.content(buffer))
        self.assertEqual(2, write(data="xyz", offset=8))              # cut at the end
        self.assertEqual(1, write(data="aü", offset=8))               # whole characters only
        self.assertEqual(4, write(data="00ff00ff", offset=0, encoding="hex"))
        self.assertEqual(0, write(data=""))
        after = self.client.call(BUFFER + "Describe", {"id": buffer["id"]})["buffer"]
        self.assertEqual(0, after["version"] % 2)
        self.assertGreater(after["version"], buffer["version"])

    def test_ranges_outside_are_out_of_range(self):
        buffer = self.alloc(10)
        for method, parameters, name in (
                ("Read", {"offset": 11}, "offset"), ("Read", {"offset": -1}, "offset"),
                ("Read", {"offset": 2 ** 53}, "offset"), ("Read", {"length": -1}, "length"),
                ("Read", {"offset": 5, "length": 6}, "length"),
                ("Write", {"data": "x", "offset": 11}, "offset"),
                ("Write", {"data": "x", "offset": -1}, "offset"),
                ("Write", {"data": "x", "offset": 5, "length": 6}, "length")):
            with self.subTest(method=method, parameters=parameters), self.fails(
                    BUFFER + "OutOfRange", parameter=name):
                self.client.call(BUFFER + method, {"id": buffer["id"], **parameters})

    def test_a_slice_shares_memory_and_outlives_its_origin(self):
        buffer = self.make("0123456789")

        def cut(**parameters):
            return self.client.call(BUFFER + "Slice", {"id": buffer["id"], **parameters})["buffer"]
        for parameters, wanted in (({}, b"0123456789"), ({"start": 3}, b"3456789"),
                                   ({"start": -3}, b"789"), ({"start": 2, "end": -2}, b"234567"),
                                   ({"start": 5, "end": 2}, b""),
                                   ({"start": 4, "end": 99}, b"456789"),
                                   ({"start": -99, "end": 1}, b"0")):
            self.assertEqual(wanted, self.content(cut(**parameters)))
        part = cut(start=2, end=5)
        self.assertEqual(buffer["backing"], part["backing"])
        self.assertEqual(buffer["versionOffset"], part["versionOffset"])
        self.assertEqual(buffer["offset"] + 2, part["offset"])
        self.client.call(BUFFER + "Write", {"id": part["id"], "data": "X"})
        self.assertEqual(b"01X3456789", self.content(buffer))
        self.free(buffer)
        self.assertEqual(b"X34", self.content(part))

    def test_free_takes_the_id_away_for_good(self):
        buffer = self.alloc(8192)
        self.assertEqual({"freedBytes": 8192}, self.free(buffer))
        for method in ("Describe", "Read", "Slice", "Free"):
            with self.fails(BUFFER + "NoSuchBuffer", id=buffer["id"]):
                self.client.call(BUFFER + method, {"id": buffer["id"]})
        self.assertNotEqual(buffer["id"], self.alloc(8192)["id"])

    def test_strange_ids_are_no_buffers(self):
        for text in ("", "b", "x" * 1000, "b0", "s" + "0" * 16, "b" + "g" * 16, "b-1"):
            with self.subTest(id=text), self.fails(BUFFER + "NoSuchBuffer"):
                self.client.call(BUFFER + "Describe", {"id": text})

    def test_list_shows_the_buffers_of_a_pool(self):
        made = {self.alloc(100)["id"] for _ in range(5)}
        self.assertEqual(made, {reply["buffer"]["id"] for reply in self.client.more(
            BUFFER + "List", {"pool": "test"}) if reply.get("buffer")})
        with self.fails(POOL + "NoSuchPool"):
            self.client.call(BUFFER + "List", {"pool": "none"})

    def test_empty_and_impossible_lengths(self):
        self.assertEqual(0, self.alloc(0)["length"])
        for length in (-1, 2 ** 53):
            with self.assertRaises(VarlinkError) as caught:
                self.alloc(length)
            self.assertIn(caught.exception.name, (SERVICE + "InvalidParameter", POOL + "PoolFull",
                                                  BUFFER + "OutOfRange", DAEMON + "LimitExceeded"))

    def test_other_users_see_nothing(self):
        self.root_only()
        buffer = self.make("secret")
        other = self.connect(uid=NOBODY)
        for method, parameters in (("Describe", {}), ("Read", {}), ("Write", {"data": "x"}),
                                   ("Slice", {}), ("Free", {})):
            with self.fails(BUFFER + "NoSuchBuffer", id=buffer["id"]):
                other.call(BUFFER + method, {"id": buffer["id"], **parameters})
        self.assertEqual([], [reply for reply in other.more(BUFFER + "List")
                              if reply.get("buffer")])


class Limits(ForebayTest):
    engines = ("auto",)
    daemon_options = {"config": "[limits]\nbuffers = 100\n"}

    def test_the_number_of_buffers_is_limited(self):
        self.assertEqual(100, self.client.call(DAEMON + "Describe")["limits"]["buffers"])
        self.client.call(POOL + "Create", {"context": {"name": "many", "sizeBytes": MIB}})
        for _ in range(100):
            last = self.client.call(BUFFER + "Alloc", {"pool": "many", "length": 8})["buffer"]
        for method, parameters in (("Alloc", {"pool": "many", "length": 8}),
                                   ("From", {"pool": "many", "data": "x"}),
                                   ("Slice", {"id": last["id"]})):
            with self.fails(DAEMON + "LimitExceeded", limit="buffers", maximum=100):
                self.client.call(BUFFER + method, parameters)
        self.client.call(BUFFER + "Free", {"id": last["id"]})
        self.client.call(BUFFER + "Alloc", {"pool": "many", "length": 8})


if __name__ == "__main__":
    main()
