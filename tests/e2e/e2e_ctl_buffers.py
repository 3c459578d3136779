#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""forebayctl buffer: every verb, what people and what programs see of it, the exit statuses."""

import json
import os
import pathlib
import shutil
import subprocess

from ctl import FAILED, REFUSED, USAGE, CtlTest
from harness import BUFFER, FOREBAYCTL, KIB, MIB, main, random_bytes

# One, two, three and four bytes in UTF-8; two, two, two and four in UTF-16.
TEXT = "aä€😀"

ENCODERS = {
    "utf8": lambda data: data.decode(),
    "utf16le": lambda data: data.decode("utf-16-le"),
    "latin1": lambda data: data.decode("latin-1"),
    "ascii": lambda data: data.decode("ascii"),
    "hex": bytes.hex,
}

TYPES = ("int8", "uint8", "uint8clamped",
         *(f"{sign}int{bits}{order}" for bits in (16, 32, 64) for sign in ("", "u")
           for order in ("le", "be")),
         "float32le", "float32be", "float64le", "float64be")


class CtlBuffersTest(CtlTest):
    @classmethod
    def warm_up(cls, client):
        client.call(BUFFER + "Free", {"id": client.call(
            BUFFER + "Alloc", {"length": 8})["buffer"]["id"]})

    def setUp(self):
        super().setUp()
        self.run_ctl("pool", "create", "ctl", "--size", "16M")

    def tearDown(self):
        self.run_ctl("pool", "destroy", "ctl", "--force")
        super().tearDown()

    def text(self, *words, **options):
        return self.run_ctl("buffer", *words, **options).decode().strip()

    def lines(self, *words, **options):
        return self.json_lines("buffer", *words, **options)

    def of(self, data, *words):
        """A buffer of these bytes."""
        return self.text("from", "--pool", "ctl", *words, data=data)

    def content(self, buffer):
        return self.run_ctl("buffer", "read", buffer)

    def table(self, *words):
        lines = [line.split() for line in self.text(*words).splitlines()]
        self.assertEqual(["OFFSET", "VALUE"], lines[0])
        return [(int(offset), value) for offset, value in lines[1:]]

    def refused(self, error, *words, status=REFUSED, unchanged=None):
        """It is said which error it was (a pattern); the buffer has what it had."""
        before = unchanged and self.content(unchanged)
        self.run_ctl("buffer", *words, status=status)
        self.assertRegex(self.error_text, error, words)
        self.assertEqual(before, unchanged and self.content(unchanged), words)

    def read_on_a_terminal(self, *words):
        """What stands on a terminal after `buffer read`; its line ends are a terminal's."""
        master, slave = os.openpty()
        process = subprocess.Popen(
            [FOREBAYCTL, "buffer", "read", *words], stdin=subprocess.DEVNULL, stdout=slave,
            env={**os.environ, "FOREBAY_SOCKET": self.daemon.path, "TERM": "xterm"})
        os.close(slave)
        shown = bytearray()
        try:
            while piece := os.read(master, 65536):
                shown += piece
        except OSError:
            pass                    # EIO: nobody has the terminal open any more
        os.close(master)
        self.assertEqual(0, process.wait())
        return bytes(shown).replace(b"\r\n", b"\n")


class Reading(CtlBuffersTest):
    DUMP = ("00000000  00 01 1f 66 6f 72 65 62  61 79 1b 5b 33 31 6d ff  |...forebay.[31m.|\n"
            "00000010  21                                                |!|\n"
            "00000011\n")
    BYTES = b"\x00\x01\x1fforebay\x1b[31m\xff!"

    def test_a_pipe_gets_the_bytes_and_a_terminal_a_dump(self):
        buffer = self.of(self.BYTES)
        self.assertEqual(self.BYTES, self.content(buffer))
        self.assertEqual(self.DUMP, self.read_on_a_terminal(buffer).decode())

    def test_each_can_be_asked_for_where_it_is_not_usual(self):
        buffer = self.of(self.BYTES)
        self.assertEqual(self.DUMP, self.run_ctl("buffer", "read", buffer, "--hexdump").decode())
        self.assertEqual(self.BYTES, self.run_ctl("buffer", "read", buffer, "--raw"))
        self.assertEqual(self.BYTES, self.read_on_a_terminal(buffer, "--raw"))
        self.assertEqual(b"forebay\n", self.read_on_a_terminal(
            buffer, "--encoding", "utf8", "--offset", "3", "--length", "7"))

    def test_a_dump_of_any_size_is_that_of_hexdump(self):
        if not shutil.which("hexdump"):
            self.skipTest("needs hexdump")
        for content in (b"", b"x", random_bytes(1000), bytes(5000), bytes(4096) + b"end",
                        random_bytes(MIB + 5)):
            path = pathlib.Path(self.daemon.directory, "dumped")
            path.write_bytes(content)
            wanted = subprocess.run(["hexdump", "-C", path], capture_output=True, check=True).stdout
            buffer = self.of(content)
            self.assertEqual(wanted, self.run_ctl("buffer", "read", buffer, "--hexdump"))
            self.text("free", buffer)

    def test_a_part_is_shown_with_its_own_offsets(self):
        buffer = self.of(bytes(range(256)))
        self.assertEqual(
            "00000080  80 81 82 83                                       |....|\n00000084",
            self.text("read", buffer, "--hexdump", "--offset", "128", "--length", "4"))

    def test_text_in_every_encoding(self):
        for name, encoder in ENCODERS.items():
            data = self.bytes_for(name, TEXT)
            self.assertEqual(encoder(data) + "\n", self.run_ctl(
                "buffer", "read", self.of(data), "--encoding", name).decode())
        self.assertEqual("fbff", self.text("read", self.of(b"\xfb\xff"), "--encoding", "hex"))
        self.assertEqual("+/8=", self.text("read", self.of(b"\xfb\xff"), "--encoding", "base64"))
        self.assertEqual("-_8", self.text("read", self.of(b"\xfb\xff"), "--encoding", "base64url"))

    @staticmethod
    def bytes_for(name, text):
        if name == "ascii":
            return b"x" * len(text)
        return text.encode("utf-16-le" if name == "utf16le" else "utf-8")

    def test_no_character_is_cut_where_a_message_ends(self):
        for name, encoder in ENCODERS.items():
            for before in range(4):
                data = self.bytes_for(name, "x" * before + TEXT * (120 * KIB))
                buffer = self.of(data)
                told = self.run_ctl("buffer", "read", buffer, "--encoding", name)
                self.assertTrue(encoder(data) + "\n" == told.decode(), (name, before))
                self.text("free", buffer)

    def test_as_json_each_answer_is_a_line(self):
        content = random_bytes(MIB)
        parts = self.lines("read", self.of(content))
        self.assertGreater(len(parts), 1)
        self.assertEqual(len(content), sum(part["bytesRead"] for part in parts))
        (part,) = self.lines("read", self.of(b"abc"), "--encoding", "hex")
        self.assertEqual({"data": "616263", "bytesRead": 3}, part)

    def test_what_is_no_text_is_refused_by_name(self):
        buffer = self.of(b"\xff\xfe")
        self.refused("BadEncoding", "read", buffer, "--encoding", "utf8")
        self.refused("BadEncoding", "read", self.of(b"a\0"), "--encoding", "latin1")
        # There is no place to cut it.
        endless = self.of(b"\x80" * (3 * MIB))
        self.refused("BadEncoding", "read", endless, "--encoding", "utf8")

    def test_a_range_beyond_the_end_is_refused_with_the_right_one(self):
        buffer = self.of(b"0123456789")
        self.refused("OutOfRange: parameter offset, minimum 0, maximum 10", "read", buffer,
                     "--offset", "11")
        self.refused("OutOfRange: parameter length, minimum 0, maximum 6", "read", buffer,
                     "--offset", "4", "--length", "7")
        self.assertEqual("", self.text("read", buffer, "--offset", "10"))
        self.assertEqual("", self.text("read", buffer, "--length", "0"))
        self.refused("OutOfRange", "read", buffer, "--offset", str(2 ** 53 + 1))

    def test_views_that_cannot_be_together_are_wrong_usage(self):
        for words in (("--raw", "--hexdump"), ("--raw", "--encoding", "hex"), ("--raw", "--json"),
                      ("--hexdump", "--json"), ("--as", "int8", "--encoding", "hex"),
                      ("--as", "int8", "--length", "1"), ("--count", "1"), ("--as", "int7"),
                      ("--encoding", "utf7")):
            self.text("read", self.of(b"x"), *words, status=USAGE)


class Writing(CtlBuffersTest):
    def test_a_file_that_fits_and_one_that_does_not(self):
        content = random_bytes(MIB + 3)
        buffer = self.text("alloc", str(MIB + 3), "--pool", "ctl")
        self.assertEqual("", self.text("write", buffer, data=content))
        self.assertEqual(content, self.content(buffer))
        self.text("write", buffer, "--offset", "1M", data=b"XYZ")
        self.assertEqual(content[:MIB] + b"XYZ", self.content(buffer))
        self.run_ctl("buffer", "write", buffer, "--offset", "1M", data=b"abcd", status=FAILED)
        self.assertIn("longer than the buffer, of which 3 bytes were written", self.error_text)
        self.assertEqual(b"abc", self.content(buffer)[MIB:])
        self.run_ctl("buffer", "write", buffer, data=content + content, status=FAILED)
        self.assertEqual(content, self.content(buffer))

    def test_no_more_than_was_asked_for(self):
        buffer = self.text("alloc", "8", "--pool", "ctl", "--fill", ".")
        self.text("write", buffer, "--length", "3", data=b"0123456789")
        self.assertEqual(b"012.....", self.content(buffer))
        self.text("write", buffer, "--length", "2", "--offset", "4", "--text", "abcdef")
        self.assertEqual(b"012.ab..", self.content(buffer))
        self.text("write", buffer, "--length", "0", data=b"x")
        self.assertEqual(b"012.ab..", self.content(buffer))
        (answer,) = self.lines("write", buffer, data=b"xy")
        self.assertEqual({"bytesWritten": 2}, answer)

    def test_text_in_an_encoding(self):
        buffer = self.text("alloc", "4", "--pool", "ctl")
        self.text("write", buffer, "--text", "c3a4", "--encoding", "hex")
        self.assertEqual("ä".encode() + b"\0\0", self.content(buffer))
        for words in (("--encoding", "hex"), ("/dev/null", "--text", "x")):
            self.text("write", buffer, *words, status=USAGE)

    def test_a_range_beyond_the_end_changes_nothing(self):
        buffer = self.of(b"0123456789")
        for words in (("--offset", "11", "--text", "x"), ("--offset", "11"),
                      ("--length", "11", "--text", "x")):
            self.refused("OutOfRange: parameter", "write", buffer, *words, unchanged=buffer)


class Numbers(CtlBuffersTest):
    VALUES = {"int8": "-128", "uint8": "255", "uint8clamped": "255", "float32": "1.5",
              "float64": "-1.7976931348623157e+308"}

    def value_of(self, name):
        plain = name.removesuffix("le").removesuffix("be")
        bits = int("".join(digit for digit in plain if digit.isdigit()))
        value = self.VALUES.get(plain)
        if not value:
            value = str(2 ** bits - 1 if plain.startswith("u") else -2 ** (bits - 1))
        return value, bits // 8

    def test_every_type_is_set_and_got_exactly(self):
        for name in TYPES:
            value, size = self.value_of(name)
            buffer = self.text("alloc", "24", "--pool", "ctl")
            self.assertEqual(str(1 + 2 * size), self.text("set", buffer, name, "1", value, "0"))
            self.assertEqual([value, "0"],
                             self.text("get", buffer, name, "1", "--count", "2").split())
            self.assertEqual([(1, value), (1 + size, "0")], self.table(
                "read", buffer, "--as", name, "--offset", "1", "--count", "2"))
            self.text("free", buffer)

    def test_what_is_no_finite_number_is_a_text_too(self):
        buffer = self.text("alloc", "32", "--pool", "ctl")
        values = ["NaN", "Infinity", "-Infinity", "-0"]
        self.text("set", buffer, "float64be", "0", *values)
        self.assertEqual(values, self.text("get", buffer, "float64be", "0", "--count", "4").split())
        self.text("set", buffer, "float64be", "0", "-.5")
        self.assertEqual("-0.5", self.text("get", buffer, "float64be", "0"))

    def test_a_table_without_a_count_is_all_there_is(self):
        buffer = self.text("alloc", "10", "--pool", "ctl")
        self.text("set", buffer, "int16le", "2", "-1")
        self.assertEqual([(0, "0"), (2, "-1"), (4, "0"), (6, "0"), (8, "0")],
                         self.table("read", buffer, "--as", "int16le"))
        self.assertEqual([(0, "-65536"), (4, "0")], self.table("read", buffer, "--as", "int32le"))
        self.assertEqual("", self.text("read", buffer, "--as", "int8", "--offset", "10"))
        self.assertEqual("OFFSET  VALUE\n     0      0\n     2     -1\n",
                         self.run_ctl("buffer", "read", buffer, "--as", "int16le", "--count",
                                      "2").decode())

    def test_more_numbers_than_one_message_has(self):
        count = 5000
        content = b"".join(number.to_bytes(8, "big") for number in range(count))
        buffer = self.of(content)
        self.assertEqual([(8 * number, str(number)) for number in range(count)],
                         self.table("read", buffer, "--as", "uint64be"))
        self.assertEqual([str(number) for number in range(1, count)], self.text(
            "get", buffer, "uint64be", "8", "--count", str(count - 1)).split())
        answers = self.lines("read", buffer, "--as", "uint64be")
        self.assertEqual([str(number) for number in range(count)],
                         [text for answer in answers for text in answer["texts"]])

    def test_as_json(self):
        buffer = self.text("alloc", "4", "--pool", "ctl")
        self.assertEqual([{"nextOffset": 4}], self.lines("set", buffer, "int16be", "0", "1", "2"))
        self.assertEqual([{"texts": ["1", "2"]}],
                         self.lines("get", buffer, "int16be", "0", "--count", "2"))

    def test_bad_input_is_named_and_changes_nothing(self):
        buffer = self.of(b"01234567")
        for words in (("get", buffer, "int32le", "5"), ("get", buffer, "int32le", "-1"),
                      ("get", buffer, "int32le", "0", "--count", "3"),
                      ("get", buffer, "int8", str(2 ** 53 + 1)),
                      ("get", buffer, "int8", str(2 ** 63 - 1)),
                      ("read", buffer, "--as", "int64le", "--offset", "1"),
                      ("read", buffer, "--as", "int8", "--offset", "9"),
                      ("set", buffer, "int32le", "5", "1"),
                      ("set", buffer, "int32le", "0", "1", "2", "3")):
            self.refused(r"OutOfRange: parameter \w+, minimum -?\d+, maximum \d+\n", *words,
                         unchanged=buffer)
        self.refused("InvalidParameter", "set", buffer, "int8", "0", "1", "many", unchanged=buffer)
        for words in (("get", buffer, "int7", "0"), ("get", buffer, "int8", "here"),
                      ("get", buffer, "int8"), ("set", buffer, "int8", "0"),
                      ("set", buffer, "int7", "0", "1"), ("get", buffer, "int8", str(2 ** 64))):
            self.refused("Try --help", *words, status=USAGE, unchanged=buffer)
        self.text("get", buffer, "int7", "0", status=USAGE)
        self.assertIn("float64be", self.error_text)


class Bytes(CtlBuffersTest):
    def test_fill(self):
        buffer = self.text("alloc", "10", "--pool", "ctl")
        self.assertEqual("", self.text("fill", buffer, "abc"))
        self.assertEqual(b"abcabcabca", self.content(buffer))
        self.text("fill", buffer, "ff00", "--encoding", "hex", "--offset", "2", "--end", "5")
        self.assertEqual(b"ab\xff\0\xffabca"[:9], self.content(buffer)[:5] + b"abca")
        self.assertEqual(b"ab\xff\0\xffcabca", self.content(buffer))
        self.assertEqual([{"bytesWritten": 10}], self.lines("fill", buffer, "x"))
        self.text("fill", buffer, "--", "-y")
        self.assertEqual(b"-y-y-y-y-y", self.content(buffer))
        self.refused("OutOfRange: parameter offset", "fill", buffer, "x", "--offset", "11",
                     unchanged=buffer)
        self.refused("OutOfRange: parameter end", "fill", buffer, "x", "--end", "11",
                     unchanged=buffer)

    def test_copy(self):
        source, target = self.of(b"0123456789"), self.of(b"abcdef")
        self.assertEqual("6", self.text("copy", source, target))
        self.assertEqual(b"012345", self.content(target))
        self.assertEqual("2", self.text("copy", source, target, "--target-start", "1",
                                        "--source-start", "7", "--source-end", "9"))
        self.assertEqual(b"078345", self.content(target))
        self.assertEqual("8", self.text("copy", source, source, "--target-start", "2"))
        self.assertEqual(b"0101234567", self.content(source))
        self.assertEqual([{"bytesCopied": 1}], self.lines("copy", source, target, "--target-start",
                                                          "5"))
        self.refused("OutOfRange: parameter sourceStart", "copy", source, target,
                     "--source-start", "11", unchanged=target)

    def test_concat(self):
        first, second = self.of(b"abc"), self.of(b"de")
        joined = self.text("concat", first, second, first)
        self.assertEqual(b"abcdeabc", self.content(joined))
        cut = self.text("concat", first, second, "--total-length", "4")
        self.assertEqual(b"abcd", self.content(cut))
        (longer,) = self.lines("concat", first, "--total-length", "5")
        self.assertEqual(b"abc\0\0", self.content(longer["buffer"]["id"]))
        self.refused("NoSuchBuffer", "concat", first, "none")
        self.text("free", joined, cut, longer["buffer"]["id"])

    def test_compare(self):
        small, large, same = self.of(b"abc"), self.of(b"abd"), self.of(b"abc")
        self.assertEqual(("-1", "1", "0"), (self.text("compare", small, large),
                                            self.text("compare", large, small),
                                            self.text("compare", small, same)))
        self.assertEqual([{"order": 0}], self.lines("compare", small, small))

    def test_find(self):
        buffer = self.of(b"one two one")
        self.assertEqual("0", self.text("find", buffer, "one"))
        self.assertEqual("8", self.text("find", buffer, "one", "--last"))
        self.assertEqual("8", self.text("find", buffer, "one", "--offset", "1"))
        self.assertEqual("8", self.text("find", buffer, "one", "--offset", "-4"))
        self.assertEqual("0", self.text("find", buffer, "one", "--last", "--offset", "7"))
        self.assertEqual("4", self.text("find", buffer, "74776f", "--encoding", "hex"))
        self.assertEqual([{"offset": 4}], self.lines("find", buffer, "two"))

    def test_what_is_not_found_is_a_status(self):
        buffer = self.of(b"one two one")
        self.assertEqual("", self.text("find", buffer, "three", status=FAILED))
        self.assertIn("three: not in the buffer", self.error_text)
        (answer,) = self.lines("find", buffer, "three", status=FAILED)
        self.assertIsNone(answer.get("offset"))
        self.assertEqual("notFound", json.loads(self.error_text)["error"])

    def test_swap(self):
        buffer = self.of(b"01234567")
        for width, wanted in (("2", b"10325476"), ("4", b"23016745"), ("8", b"54761032")):
            self.assertEqual("", self.text("swap", buffer, width))
            self.assertEqual(wanted, self.content(buffer))
        odd = self.of(b"012")
        self.run_ctl("buffer", "swap", odd, "2", status=REFUSED)
        self.assertEqual(b"012", self.content(odd))
        self.refused("width", "swap", buffer, "3", unchanged=buffer)
        self.text("swap", buffer, "wide", status=USAGE)

    def test_a_buffer_that_is_gone_is_named(self):
        gone = self.of(b"x")
        self.text("free", gone)
        for words in (("fill", gone, "x"), ("copy", gone, gone), ("concat", gone),
                      ("compare", gone, gone), ("find", gone, "x"), ("swap", gone, "2"),
                      ("get", gone, "int8", "0"), ("set", gone, "int8", "0", "1"),
                      ("read", gone), ("read", gone, "--as", "int8"), ("write", gone),
                      ("slice", gone), ("show", gone), ("free", gone)):
            self.refused(f"NoSuchBuffer: id {gone}", *words)


class Making(CtlBuffersTest):
    def test_alloc_from_list_show_slice_free(self):
        made = self.text("alloc", "6", "--pool", "ctl", "--fill", "6162", "--encoding", "hex",
                         "--label", "a=b")
        self.assertEqual(b"ababab", self.content(made))
        self.assertEqual({"a": "b"}, self.lines("show", made)[0]["buffer"]["labels"])
        text = self.text("from", "--pool", "ctl", "--text", "€")
        self.assertEqual("€".encode(), self.content(text))
        path = pathlib.Path(self.daemon.directory, "content")
        path.write_bytes(b"of a file")
        self.assertEqual(b"of a file",
                         self.content(self.text("from", str(path), "--pool", "ctl")))
        listed = [line["buffer"]["id"] for line in self.lines("list", "--pool", "ctl")]
        self.assertIn(made, listed)
        self.assertEqual(3, len(listed))
        part = self.text("slice", made, "--start", "-3", "--end", "-1")
        self.assertEqual(b"ba", self.content(part))
        self.text("write", part, "--text", "xy")
        self.assertEqual(b"abaxyb", self.content(made))
        self.text("free", made, part)
        self.assertEqual(2, len(self.lines("list", "--pool", "ctl")))

    def test_a_buffer_in_use_is_refused_by_name(self):
        buffer = self.of(b"x")
        job = self.run_ctl("job", "add", buffer, "kept").decode().strip()
        self.refused(f"BufferPinned: id {buffer}, pins 1", "free", buffer)
        self.run_ctl("job", "cancel", job)
        self.run_ctl("job", "dismiss", job)

    def test_completion_knows_verbs_types_and_encodings(self):
        def complete(*words):
            return self.run_ctl("--complete", "buffer", *words).decode().split()
        self.assertEqual({"alloc", "from", "list", "show", "read", "write", "get", "set", "fill",
                          "copy", "concat", "compare", "find", "swap", "slice", "free"},
                         set(complete("")))
        self.assertEqual(list(TYPES), complete("read", "b", "--as", ""))
        self.assertEqual(list(TYPES), complete("get", "b", ""))
        self.assertEqual(["float32le", "float32be"], complete("set", "b", "float32"))
        self.assertEqual([], complete("set", "b", "float32le", ""))
        self.assertEqual(["base64", "base64url"], complete("fill", "b", "x", "--encoding", "b"))
        self.assertEqual(["--target-start"], complete("copy", "a", "b", "--t"))
        self.assertEqual(["@file"], complete("write", "b", ""))


if __name__ == "__main__":
    main()
