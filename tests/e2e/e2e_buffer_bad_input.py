#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Bad input to every method of buffers: a named error, with what would be right, and no change.

Each case is held against all there is: the pool's bytes, the words of its versions, the buffers
that are listed, and what is charged to the user.
"""

import json

from buffer_test import BufferTest
from harness import (BUFFER, DAEMON, MIB, POOL, SERVICE, STREAM, Closed, VarlinkError, main,
                     wait_until)

CONTENT = b"01234567"
LENGTH = len(CONTENT)
LAST = 2 ** 63 - 1
GONE = "b" + "1" * 16

# What is a valid call of each; b and o stand for buffers of LENGTH bytes.
VALID = {
    "Alloc": {"pool": "test", "length": 8, "fill": "x", "encoding": "utf8"},
    "From": {"pool": "test", "data": "x", "encoding": "utf8"},
    "Describe": {"id": "b"},
    "List": {"pool": "test"},
    "Read": {"id": "b", "offset": 0, "length": 8, "encoding": "utf8"},
    "Write": {"id": "b", "data": "x", "offset": 0, "length": 8, "encoding": "utf8"},
    "GetNumber": {"id": "b", "type": "uint8", "offset": 0, "count": 1},
    "SetNumber": {"id": "b", "type": "uint8", "offset": 0, "texts": ["1"]},
    "Fill": {"id": "b", "value": "x", "offset": 0, "end": 8, "encoding": "utf8"},
    "Copy": {"source": "o", "target": "b", "targetStart": 0, "sourceStart": 0, "sourceEnd": 8},
    "Concat": {"sources": ["b", "o"], "totalLength": 8},
    "Compare": {"source": "o", "target": "b"},
    "IndexOf": {"id": "b", "value": "x", "offset": 0, "encoding": "utf8", "last": False},
    "Swap": {"id": "b", "width": 2},
    "Slice": {"id": "b", "start": 0, "end": 8},
    "Free": {"id": "b"},
}

# The least and the most that is right; None: nothing is too much, it is cut.
RANGES = {
    ("Alloc", "length"): (0, None), ("Concat", "totalLength"): (0, None),
    ("Read", "offset"): (0, LENGTH), ("Read", "length"): (0, LENGTH),
    ("Write", "offset"): (0, LENGTH), ("Write", "length"): (0, LENGTH),
    ("Fill", "offset"): (0, LENGTH), ("Fill", "end"): (0, LENGTH),
    ("Copy", "targetStart"): (0, None), ("Copy", "sourceStart"): (0, LENGTH),
    ("Copy", "sourceEnd"): (0, None),
    ("GetNumber", "offset"): (0, LENGTH - 1), ("GetNumber", "count"): (0, LENGTH),
    ("SetNumber", "offset"): (0, LENGTH - 1),
}
# What is told as the most where nothing is too much.
TOLD = {("Alloc", "length"): LAST, ("Concat", "totalLength"): LAST,
        ("Copy", "targetStart"): LENGTH, ("Copy", "sourceEnd"): LENGTH}
# Any number is right for these: Node cuts it.
CUT = [("IndexOf", "offset"), ("Slice", "start"), ("Slice", "end")]
INTEGERS = [*RANGES, *CUT, ("Swap", "width")]

NO_INTEGERS = ("", "x", "12x", "0x10", "1.0", "1e3", " 1", "1 ", "--1", "NaN", "Infinity", 1.5,
               -0.5, True, [], {}, [1], 2 ** 53 + 1, -2 ** 53 - 1, 10 ** 30, str(2 ** 63),
               str(-2 ** 63 - 1), "9" * 400)

TEXTS = [("Alloc", "fill"), ("From", "data"), ("Write", "data"), ("Fill", "value"),
         ("IndexOf", "value")]
NO_JSON_TEXTS = (b'"\\ud800"', b'"\\udc00x"', b'"a\\u0000"', b'"\xff"', b'"\xed\xa0\x80"',
                 b'"\xc0\x80"', b'"\xf4\x90\x80\x80"', b'"\x01"')


class BadInput(BufferTest):
    pool_bytes = MIB

    def setUp(self):
        super().setUp()
        self.b, self.o = self.buffer(CONTENT), self.buffer(b"abcdefgh")

    def filled_in(self, value):
        if isinstance(value, list):
            return [self.filled_in(one) for one in value]
        return {"b": self.b["id"], "o": self.o["id"]}.get(value, value) \
            if isinstance(value, str) else value

    def valid(self, member, **others):
        """The parameters of a valid call, but for those that are given; None: left out."""
        parameters = {name: self.filled_in(value) for name, value in VALID[member].items()}
        parameters.update(others)
        return {name: value for name, value in parameters.items() if value is not None}

    def everything(self):
        usage = self.client.call(DAEMON + "Describe")["usage"]
        listed = [reply["buffer"] for reply in self.client.more(BUFFER + "List")
                  if reply.get("buffer")]
        return (self.map[:], bytes(self.words), listed, usage)

    def refused(self, member, parameters, *errors, **wanted):
        """It fails with one of these, and there is nothing that has changed."""
        before = self.everything()
        with self.subTest(member=member, parameters=repr(parameters)[:200]):
            with self.assertRaises(VarlinkError) as caught:
                self.client.call(BUFFER + member, parameters)
            self.assertIn(caught.exception.name, errors, caught.exception.parameters)
            for name, value in wanted.items():
                self.assertEqual(value, caught.exception.parameters.get(name),
                                 caught.exception.parameters)
        # Whatever was made would be a buffer more; what is not told shall not be printed.
        self.assertTrue(before == self.everything(), (member, repr(parameters)[:200]))

    def test_every_method_is_here_and_its_valid_call_is_one(self):
        description = self.client.call(SERVICE + "GetInterfaceDescription", {
            "interface": "io.forebay.buffer"})["description"]
        methods = {line.split()[1].partition("(")[0] for line in description.splitlines()
                   if line.startswith("method ")}
        self.assertLessEqual(set(VALID), methods)
        self.assertEqual(set(), methods - set(VALID))
        for member in VALID:
            if member == "List":
                list(self.client.more(BUFFER + member, self.valid(member)))
            else:
                self.client.call(BUFFER + member, self.valid(member))

    def test_out_of_range(self):
        for (member, name), (least, most) in RANGES.items():
            values = [least - 1, -2 ** 53, str(-2 ** 53 - 1), str(-2 ** 63)]
            if most is not None:
                values += [most + 1, 2 ** 53, str(2 ** 53 + 1), str(LAST)]
            for value in values:
                self.refused(member, self.valid(member, **{name: value}), BUFFER + "OutOfRange",
                             parameter=name, minimum=least,
                             maximum=TOLD.get((member, name), most))
        for count in (2, 100):
            self.refused("SetNumber", self.valid("SetNumber", offset=LENGTH - 1,
                                                 texts=["1"] * count),
                         BUFFER + "OutOfRange", parameter="texts", minimum=0, maximum=1)
        for parameters, most in (({"offset": 5, "length": 4}, 3), ({"offset": 8, "length": 1}, 0)):
            for member in ("Read", "Write"):
                self.refused(member, self.valid(member, **parameters), BUFFER + "OutOfRange",
                             parameter="length", minimum=0, maximum=most)

    def test_what_is_too_much_for_the_pool(self):
        for member, name in (("Alloc", "length"), ("Concat", "totalLength")):
            for value in (2 ** 53, str(2 ** 53 + 1), str(LAST)):
                self.refused(member, self.valid(member, **{name: value}), POOL + "PoolFull",
                             DAEMON + "LimitExceeded")

    def test_where_numbers_are_cut_the_furthest_is_right(self):
        for member, name in CUT:
            for value in (-2 ** 53, 2 ** 53, str(-2 ** 63), str(LAST)):
                self.client.call(BUFFER + member, self.valid(member, **{name: value}))
        for name in ("targetStart", "sourceEnd"):
            for value in (2 ** 53, str(LAST)):
                self.client.call(BUFFER + "Copy", self.valid("Copy", **{name: value}))

    def test_a_number_that_does_not_parse(self):
        for member, name in INTEGERS:
            for value in NO_INTEGERS:
                self.refused(member, self.valid(member, **{name: value}),
                             SERVICE + "InvalidParameter", parameter=name)
        for value in ("", "x", "0x10", "1e", "--1", " 1", "1 ", "1,5", "nan", "1n"):
            self.refused("SetNumber", self.valid("SetNumber", texts=["1", value]),
                         SERVICE + "InvalidParameter", parameter="texts[1]")
        for value in (-2, -1, 0, 1, 3, 16, 2 ** 53, str(LAST), str(-2 ** 63)):
            self.refused("Swap", self.valid("Swap", width=value), SERVICE + "InvalidParameter",
                         parameter="width")
        for value in (-1, 0, 7, 2 ** 53, str(LAST), "x", 1.5):
            self.refused("From", self.valid("From", data=None, fileDescriptorIndex=value),
                         SERVICE + "InvalidParameter", parameter="fileDescriptorIndex")

    def test_a_type_that_does_not_exist(self):
        for member in ("GetNumber", "SetNumber"):
            for value in ("", "int", "Int8", "int8le", "int16", "uint24le", "float16le",
                          "bigint64le", "uint8 ", 8, None):
                self.refused(member, self.valid(member, type=value),
                             SERVICE + "InvalidParameter", parameter="type")

    def test_an_encoding_that_does_not_exist(self):
        members = [member for member, valid in VALID.items() if "encoding" in valid]
        self.assertEqual(["Alloc", "From", "Read", "Write", "Fill", "IndexOf"], members)
        for member in members:
            for value in ("", "utf-9", "UTF-8", "utf-8", "binary", "utf8 ", "ucs2", 7, ["utf8"]):
                self.refused(member, self.valid(member, encoding=value),
                             SERVICE + "InvalidParameter", parameter="encoding")

    def raw(self, member, name, text):
        """The call with that text in JSON as it is written here."""
        parameters = json.dumps(self.valid(member, **{name: "HERE"})).encode()
        return b'{"method":"%s","parameters":%s}\0' % (
            (BUFFER + member).encode(), parameters.replace(b'"HERE"', text))

    def test_text_that_json_cannot_carry_to_the_daemon(self):
        """It is refused, or no message at all, and then the connection ends."""
        names = [(member, name) for member, valid in VALID.items() for name, value in valid.items()
                 if isinstance(value, str)]
        self.assertLessEqual(set(TEXTS), set(names))
        for member, name in names:
            for text in NO_JSON_TEXTS:
                before = self.everything()
                with self.subTest(member=member, name=name, text=text), \
                        self.daemon.client() as client:
                    client.send_raw(self.raw(member, name, text))
                    try:
                        self.assertEqual(SERVICE + "InvalidParameter", client.receive().error)
                    except Closed:
                        pass
                self.wait_until_alone_again()
                self.assertTrue(before == self.everything(), (member, name, text))

    def wait_until_alone_again(self):
        """Connections count as well: only the test's own is left."""
        wait_until(lambda: self.client.call(DAEMON + "Describe")["usage"]["connections"] == 1,
                   "it is gone")

    def test_bytes_that_json_cannot_carry_to_the_client(self):
        for content, encodings in ((b"a\0bcdefg", ("utf8", "latin1", "ascii")),
                                   (b"\xffabcdefg", ("utf8", "ascii")),
                                   (b"abcdefg\xc3", ("utf8",)), (b"\xed\xa0\x80abcde", ("utf8",)),
                                   (b"a\0\0\xd8b\0c\0", ("utf16le",)),
                                   (b"a\0\0\0b\0c\0", ("utf16le",))):
            buffer = self.buffer(content)
            for encoding in encodings:
                self.refused("Read", {"id": buffer["id"], "encoding": encoding},
                             BUFFER + "BadEncoding", parameter="encoding", encoding=encoding)
            for encoding in ("hex", "base64", "base64url"):
                self.client.call(BUFFER + "Read", {"id": buffer["id"], "encoding": encoding})
        odd = self.slice(self.b, 0, 3)
        self.refused("Read", {"id": odd["id"], "encoding": "utf16le"}, BUFFER + "BadEncoding",
                     parameter="encoding", encoding="utf16le")

    def test_text_of_which_no_byte_is_left(self):
        for member, name in (("Fill", "value"), ("Alloc", "fill")):
            for value, encoding in (("zz", "hex"), ("1", "hex"), ("Y", "base64"),
                                    ("=", "base64url")):
                self.refused(member, self.valid(member, **{name: value, "encoding": encoding}),
                             SERVICE + "InvalidParameter", parameter=name)

    def names_of_buffers(self):
        """(method, its parameters with a buffer's id in that place)"""
        for member, valid in VALID.items():
            for name, value in valid.items():
                if value in ("b", "o"):
                    yield member, lambda id_, m=member, n=name: self.valid(m, **{n: id_})
        for place in (0, 1):
            def joined(id_, place=place):
                sources = [self.b["id"], self.o["id"]]
                sources[place] = id_
                return self.valid("Concat", sources=sources)
            yield "Concat", joined

    def test_slices_of_freed_buffers_and_freed_slices(self):
        whole = self.buffer(CONTENT)
        part = self.slice(whole, 2, 6)
        inner = self.slice(part, 1, 3)
        freed = self.slice(whole, 0, 4)
        for buffer in (whole, part, freed):
            self.call("Free", id=buffer["id"])
        for gone in (whole, part, freed, {"id": GONE}):
            for member, parameters in self.names_of_buffers():
                self.refused(member, parameters(gone["id"]), BUFFER + "NoSuchBuffer",
                             id=gone["id"])
        # A slice of a slice is a buffer still, when both of these are gone.
        self.assertEqual(b"34", self.content(inner))
        for member, parameters in self.names_of_buffers():
            if member not in ("Free", "GetNumber", "SetNumber", "Swap", "Slice", "Compare",
                              "IndexOf", "Describe"):
                continue
            self.client.call(BUFFER + member, parameters(inner["id"]))
        self.refused("Free", {"id": inner["id"]}, BUFFER + "NoSuchBuffer", id=inner["id"])

    def test_ids_that_are_none(self):
        for id_ in ("", "b", "b0", "x" * 1000, "s" + "0" * 16, "b" + "g" * 16, "B" + "1" * 16):
            for member, parameters in self.names_of_buffers():
                self.refused(member, parameters(id_), BUFFER + "NoSuchBuffer")
        for id_ in (7, True, ["b"], {}):
            for member, parameters in self.names_of_buffers():
                self.refused(member, parameters(id_), SERVICE + "InvalidParameter")

    def test_pinned_by_a_stream_it_is_not_freed(self):
        part = self.slice(self.b, 2, 6)
        stream = self.open("held")
        self.client.call(STREAM + "Pause", {"id": stream.id})
        stream.write_buffer(self.b["id"])
        stream.write_buffer(part["id"])
        for buffer in (self.b, part):
            self.refused("Free", {"id": buffer["id"]}, BUFFER + "BufferPinned", id=buffer["id"],
                         pins=1)
        for member in VALID:
            if member not in ("Free", "List"):          # all the others go on
                self.client.call(BUFFER + member, self.valid(member))
        self.client.call(STREAM + "Resume", {"id": stream.id})
        stream.finish()

    def test_busy_with_an_update_it_is_not_changed(self):
        part, even = self.slice(self.b, 2, 6), self.version(self.b)
        changes = {"Write": "id", "SetNumber": "id", "Fill": "id", "Copy": "target", "Swap": "id"}
        reads = [member for member in VALID if member not in (*changes, "Free", "List")]
        self.set_version(self.b, even + 1)
        for buffer, length in ((self.b, 8), (part, 4)):
            for member, name in changes.items():
                parameters = self.valid(member, **{name: buffer["id"]})
                for position in ("end", "length"):
                    if position in parameters:
                        parameters[position] = length
                self.refused(member, parameters, BUFFER + "BufferBusy", id=buffer["id"])
        bytes_ = self.content(self.b)
        for member in reads:
            self.client.call(BUFFER + member, self.valid(member))
        self.assertEqual((bytes_, even + 1), (self.content(self.b), self.version(self.b)))
        self.set_version(self.b, even)

    def test_parameters_that_do_not_exist_or_are_missing(self):
        needed = {"Alloc": ("length",), "Write": ("data",), "GetNumber": ("type", "offset"),
                  "SetNumber": ("type", "offset", "texts"), "Fill": ("value",),
                  "Copy": ("source", "target"), "Concat": ("sources",),
                  "Compare": ("source", "target"), "IndexOf": ("value",), "Swap": ("width",)}
        for member, valid in VALID.items():
            self.refused(member, self.valid(member, offSet=0), SERVICE + "InvalidParameter",
                         parameter="offSet")
            for name in needed.get(member, ()) + (("id",) if "id" in valid else ()):
                self.refused(member, self.valid(member, **{name: None}),
                             SERVICE + "InvalidParameter", parameter=name)


if __name__ == "__main__":
    main()
