#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Node's own answers (tests/vectors) for encodings, views and buffers, over the real socket.

Each case is said in calls, as a client would: what JavaScript does to an argument before it is
an integer (cut the fraction, NaN is 0, infinities are beyond everything, a missing one is left
out) is done here. What cannot be said is counted by its reason, and the counts are fixed.
"""

import collections
import json
import math
import struct

from harness import (BUFFER, MIB, POOL, SERVICE, SOURCE, ForebayTest, VarlinkError, main)

ENCODINGS = ("utf8", "utf16le", "latin1", "ascii", "hex", "base64", "base64url")
FURTHEST = str(2 ** 63 - 1)                     # beyond 2^53: as text
NEAREST = str(-2 ** 63)

NO_TEXT = "a lone surrogate or U+0000: no text that JSON carries"
NO_ANSWER = "the bytes would not come back from the text: BadEncoding instead"
NO_NAME = "another name of an encoding that the interface spells one way"
NO_CHUNKS = "a cut character's replacement: BadEncoding instead"
NO_BOM = "a byte order mark is kept, and not dropped"
NO_EMPTY_BYTES = "a value of no bytes that is no text"
NO_KIND = "a number where a BigInt belongs, or the reverse: texts have no kind"
NO_NAN = "a position or length that is no number"
NO_WRAP = "an integer out of range is refused by Node's Buffer, and wraps here as in its views"
NO_TYPE = "a length in quotes is an integer to the wire"


class Unsaid(Exception):
    """The case cannot be said, for this reason."""


def units(hexadecimal):
    return bytes.fromhex(hexadecimal).decode("utf-16-be", "surrogatepass")


def carried(text):
    if "\0" in text or any(0xd800 <= ord(char) < 0xe000 for char in text):
        raise Unsaid(NO_TEXT)
    return text


def integer(value, nan=0):
    """What JavaScript makes of an argument that is used as an integer; None: left out."""
    if value in (None, "undefined"):
        return None
    value = float(value) if isinstance(value, str) else value
    if isinstance(value, float):
        if math.isnan(value):
            return nan
        if math.isinf(value):
            return FURTHEST if value > 0 else NEAREST
        value = math.trunc(value)
    return value


def given(**parameters):
    return {name: value for name, value in parameters.items() if value is not None}


class Wire:
    """The calls, on one connection; every buffer goes with its case."""

    def __init__(self, test):
        self.test = test
        self.client = test.client
        self.made = []

    def call(self, member, **parameters):
        return self.client.call(BUFFER + member, given(**parameters))

    def keep(self, reply):
        self.made.append(reply["buffer"]["id"])
        return reply["buffer"]

    def buffer(self, hexadecimal):
        return self.keep(self.call("From", data=hexadecimal, encoding="hex"))["id"]

    def slice(self, buffer, start=None, end=None):
        return self.keep(self.call("Slice", id=buffer, start=start, end=end))

    def content(self, buffer):
        return self.call("Read", id=buffer, encoding="hex")["data"]

    def bytes(self, buffer, offset, count):
        """A view of bytes on a buffer, for what it refuses."""
        return self.call("GetNumber", id=buffer, type="uint8", offset=offset or 0, count=count)

    def free_all(self):
        for buffer in self.made:
            self.call("Free", id=buffer)
        self.made = []

    def equal(self, wanted, got):
        self.test.assertEqual(wanted, got)

    def fails(self, *names):
        return Refusal(self.test, names)


class Refusal:
    """The block ends with one of these errors, and has not changed what it was about."""

    def __init__(self, test, names):
        self.test = test
        self.names = names

    def __enter__(self):
        return self

    def __exit__(self, kind, error, _):
        self.test.assertIs(kind, VarlinkError, f"nothing was refused: {error}")
        self.test.assertIn(error.name, self.names)
        return True


RANGE = (BUFFER + "OutOfRange",)
INVALID = (SERVICE + "InvalidParameter",)


# Encodings

def text_of(case):
    return carried(units(case["u16"]))


def decode(wire, case):
    buffer = wire.keep(wire.call("From", data=text_of(case), encoding=case["enc"]))
    wire.equal(case["got"]["hex"], wire.content(buffer["id"]))
    if case["enc"] not in ("hex", "base64", "base64url"):       # there Node guesses
        wire.equal(case["got"]["byteLength"], buffer["length"])


def comes_back(text, encoding, data):
    """Whether JSON carries the text, and it leads back to the bytes."""
    if any(char == "\0" or 0xd800 <= ord(char) < 0xe000 for char in text):
        return False
    spelt = {"utf8": "utf-8", "utf16le": "utf-16-le", "ascii": "ascii"}.get(encoding)
    return spelt is None or text.encode(spelt) == data


def read_as(wire, hexadecimal, encoding, wanted, reason, **range_):
    """The text, or BadEncoding where the bytes could not come back from it."""
    buffer = wire.buffer(hexadecimal)
    data = bytes.fromhex(hexadecimal)
    if range_:
        data = data[range_["offset"]:range_["offset"] + range_["length"]]
    if comes_back(wanted, encoding, data):
        wire.equal(wanted, wire.call("Read", id=buffer, encoding=encoding, **range_)["data"])
        return
    with wire.fails(BUFFER + "BadEncoding"):
        wire.call("Read", id=buffer, encoding=encoding, **range_)
    raise Unsaid(reason)


def encode(wire, case):
    range_, length = {}, len(case["hex"]) // 2
    if "start" in case:
        start = min(max(case["start"], 0), length)
        range_ = {"offset": start, "length": max(min(case["end"], length) - start, 0)}
    read_as(wire, case["hex"], case["enc"], units(case["got"]["out_u16"]), NO_ANSWER, **range_)


def write(wire, case):
    text = text_of(case)
    before = "aa" * case["size"]
    buffer = wire.buffer(before)
    parameters = {"id": buffer, "data": text, "offset": case["offset"],
                  "length": case["length"], "encoding": case["enc"]}
    if "error" in case["got"]:
        with wire.fails(*RANGE):
            wire.call("Write", **parameters)
    else:
        wire.equal(case["got"]["written"], wire.call("Write", **parameters)["bytesWritten"])
    wire.equal(case["got"].get("hex", before), wire.content(buffer))


def fill(wire, case):
    before = "aa" * case["size"]
    buffer = wire.buffer(before)
    if "num" in case:
        value, encoding = f"{int(case['num']) & 255:02x}", "hex"
    elif "buf" in case:
        if not case["buf"]:
            raise Unsaid(NO_EMPTY_BYTES)
        value, encoding = case["buf"], "hex"
    else:
        value, encoding = text_of(case), case["enc"]
    parameters = {"id": buffer, "value": value, "encoding": encoding, "offset": case["offset"],
                  "end": case["end"]}
    if "error" in case["got"]:
        with wire.fails(*INVALID):
            wire.call("Fill", **parameters)
    else:
        wire.equal(case["end"] - case["offset"], wire.call("Fill", **parameters)["bytesWritten"])
    wire.equal(case["got"].get("hex", before), wire.content(buffer))


def decoder(wire, case):
    """All that a decoder puts out, joined, is what the joined bytes decode to."""
    wanted = units("".join(case["got"]["out_u16"]) + case["got"]["end_u16"])
    read_as(wire, "".join(case["chunks"]), case["enc"], wanted, NO_CHUNKS)


def text_decoder(wire, case):
    encoding = {"utf-8": "utf8", "utf-16le": "utf16le"}[case["label"]]
    if "error" in case["got"]:
        with wire.fails(BUFFER + "BadEncoding"):
            wire.call("Read", id=wire.buffer(case["hex"]), encoding=encoding)
        return
    if case["hex"].startswith(("efbbbf", "fffe")) and not case["ignoreBOM"]:
        raise Unsaid(NO_BOM)
    read_as(wire, case["hex"], encoding, units(case["got"]["out_u16"]), NO_ANSWER)


def is_encoding(wire, case):
    if case["got"]["ok"]:
        if case["name"] not in ENCODINGS:
            raise Unsaid(NO_NAME)
        wire.keep(wire.call("From", data="", encoding=case["name"]))
        return
    with wire.fails(*INVALID):
        wire.call("From", data="", encoding=case["name"])


# Views

def view_type(case):
    name = case["type"].lower().replace("big", "")
    return name if name.endswith("int8") else name + ("le" if case.get("le") else "be")


def view_of(wire, case):
    end = case["viewOff"] + case["viewLen"] if "viewLen" in case else None
    buffer = wire.buffer(case["init"])
    return buffer, wire.slice(buffer, case["viewOff"], end)["id"]


def get(wire, case):
    _, view = view_of(wire, case)
    parameters = {"id": view, "type": view_type(case), "offset": integer(case["off"]) or 0}
    if "error" in case["got"]:
        with wire.fails(*RANGE):
            wire.call("GetNumber", **parameters)
        return
    wanted = case["got"]["value"]
    text, = wire.call("GetNumber", **parameters)["texts"]
    wire.equal(wanted.get("big", wanted.get("num")), text)
    if "num" in wanted and wanted["num"] != "NaN":
        wire.equal(wanted["f64"], struct.pack(">d", float(text)).hex())


def set_(wire, case):
    if case["got"].get("error") == "TypeError":
        raise Unsaid(NO_KIND)
    buffer, view = view_of(wire, case)
    value = case["value"]
    text = "NaN" if "undef" in value else value.get("big", value.get("num"))
    parameters = {"id": view, "type": view_type(case), "offset": integer(case["off"]) or 0,
                  "texts": [text]}
    if "error" in case["got"]:
        with wire.fails(*RANGE):
            wire.call("SetNumber", **parameters)
        wire.equal(case["init"], wire.content(buffer))
        return
    wire.call("SetNumber", **parameters)
    wire.equal(case["got"]["hex"], wire.content(buffer))


def new_view(wire, case):
    buffer = wire.buffer("00" * case["bufLen"])
    offset, length = integer(case["viewOff"]) or 0, integer(case.get("viewLen"))
    if "error" in case["got"]:
        with wire.fails(*RANGE):
            wire.bytes(buffer, offset, length or 0)
        return
    wire.bytes(buffer, offset, length or 0)
    part = wire.slice(buffer, offset, None if length is None else offset + length)
    wire.equal(case["got"]["byteLength"], part["length"])
    wire.equal(case["got"]["byteOffset"], place(wire, buffer, part))


def place(wire, buffer, part):
    return part["offset"] - wire.call("Describe", id=buffer)["buffer"]["offset"]


# Buffers

def number(value):
    """What an element of an array, or a value to write, is as a text."""
    if isinstance(value, dict):
        return value["big"]
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, (int, float)):
        return repr(value)
    if value in ("NaN", "Infinity", "-Infinity"):
        return value
    try:
        return str(int(value or "0", 0))
    except ValueError:
        return "NaN"


def of_array(wire, values, type_="uint8"):
    width = {"uint8": 1, "uint16le": 2}[type_]
    buffer = wire.keep(wire.call("Alloc", length=len(values) * width))["id"]
    wire.call("SetNumber", id=buffer, type=type_, offset=0, texts=[number(v) for v in values])
    return buffer


def from_array(wire, case):
    wire.equal(case["got"]["hex"], wire.content(of_array(wire, case["values"])))


def from_copy(wire, case):
    if case["kind"] == "buf":
        source = wire.buffer(case["src"])
        copy = wire.keep(wire.call("Concat", sources=[source]))["id"]
    else:
        source = of_array(wire, case["values"], "uint16le")
        texts = wire.call("GetNumber", id=source, type="uint16le", offset=0,
                          count=len(case["values"]))["texts"]
        copy = wire.keep(wire.call("Alloc", length=len(texts), initialize="unsafe"))["id"]
        wire.call("SetNumber", id=copy, type="uint8", offset=0, texts=texts)
    wire.equal(case["got"]["hex"], wire.content(copy))
    wire.call("Fill", id=copy, value="ee", encoding="hex")
    wire.equal(case["got"]["source"], wire.content(source))


def alloc(wire, case):
    size = case["size"]
    if isinstance(size, str) and size not in ("NaN", "Infinity"):
        raise Unsaid(NO_TYPE)
    if size == "NaN":
        raise Unsaid(NO_NAN)
    parameters = {"length": integer(size)}
    if "fillHex" in case:
        if not case["fillHex"]:
            raise Unsaid(NO_EMPTY_BYTES)
        parameters.update(fill=case["fillHex"], encoding="hex")
    elif isinstance(case.get("fill"), int):
        parameters.update(fill=f"{case['fill'] & 255:02x}", encoding="hex")
    else:
        parameters.update(fill=case.get("fill"), encoding=case.get("enc"))
    if "error" in case["got"]:
        with wire.fails(*RANGE, *INVALID, POOL + "PoolFull", "io.forebay.daemon.LimitExceeded"):
            wire.call("Alloc", **parameters)
    else:
        buffer = wire.keep(wire.call("Alloc", **parameters))["id"]
        wire.equal(case["got"]["hex"], wire.content(buffer))


def copy_into(wire, case, source, target, before):
    parameters = {"source": source, "target": target}
    for name in ("targetStart", "sourceStart", "sourceEnd"):
        # Without a number for an end there is no end.
        parameters[name] = integer(case[name], None if name == "sourceEnd" else 0)
    if "error" in case["got"]:
        with wire.fails(*RANGE):
            wire.call("Copy", **parameters)
    else:
        wire.equal(case["got"]["copied"], wire.call("Copy", **parameters)["bytesCopied"])
    wire.equal(case["got"].get("hex", before), wire.content(target))


def copy(wire, case):
    copy_into(wire, case, wire.buffer(case["src"]), wire.buffer(case["dst"]), case["dst"])


def copy_self(wire, case):
    buffer = wire.buffer(case["src"])
    copy_into(wire, case, buffer, buffer, case["src"])


def show_sharing(wire, case, buffer, part):
    got = case["got"]
    wire.equal(got["length"], part["length"])
    wire.equal(got.get("rel", got.get("byteOffset")), place(wire, buffer, part))
    wire.equal(got["hex"], wire.content(part["id"]))
    wire.call("Fill", id=part["id"], value="ee", encoding="hex")
    wire.equal(got["whole"], wire.content(buffer))


def subarray(wire, case):
    buffer = wire.buffer(case["src"])
    part = wire.slice(buffer, integer(case["start"]), integer(case["end"]))
    show_sharing(wire, case, buffer, part)


def from_array_buffer(wire, case):
    buffer = wire.buffer(case["src"])
    offset, length = integer(case["off"]) or 0, integer(case["len"])
    length = max(length, 0) if length is not None else None
    if "error" in case["got"]:
        with wire.fails(*RANGE):
            wire.bytes(buffer, offset, length or 0)
        wire.equal(case["src"], wire.content(buffer))
        return
    wire.bytes(buffer, offset, length or 0)
    part = wire.slice(buffer, offset, None if length is None else offset + length)
    show_sharing(wire, case, buffer, part)


def concat(wire, case):
    sources = [wire.buffer(part) for part in case["list"]]
    if "error" in case["got"]:
        with wire.fails(*RANGE, *INVALID):
            wire.call("Concat", sources=sources, totalLength=case["total"])
    else:
        joined = wire.call("Concat", sources=sources, totalLength=case["total"])
        wire.equal(case["got"]["hex"], wire.content(wire.keep(joined)["id"]))


def compare(wire, case):
    order = wire.call("Compare", source=wire.buffer(case["a"]),
                      target=wire.buffer(case["b"]))["order"]
    wire.equal(case["got"], {"r": order, "equals": order == 0})


def compare_range(wire, case):
    """The ranges are slices; that an end lies within is what reading up to it says."""
    source, target = wire.buffer(case["a"]), wire.buffer(case["b"])
    target_start, target_end, source_start, source_end = (case["range"] + [None] * 4)[:4]

    def order():
        for buffer, end in ((target, target_end), (source, source_end)):
            wire.call("Read", id=buffer, offset=0, length=end)
        part = wire.slice(source, source_start, source_end)["id"]
        other = wire.slice(target, target_start, target_end)["id"]
        return wire.call("Compare", source=part, target=other)["order"]
    if "error" in case["got"]:
        with wire.fails(*RANGE):
            order()
    else:
        wire.equal(case["got"]["r"], order())


def index_of(wire, case):
    buffer = wire.buffer(case["src"])
    if "num" in case:
        value, encoding = f"{int(case['num']) & 255:02x}", "hex"
    elif "buf" in case:
        value, encoding = case["buf"], "hex"
    else:
        value, encoding = carried(case["str"]), case["enc"]
    found = {}
    for last in (False, True):
        # Without a number the last place is looked for from the end.
        offset = integer(case["from"], None if last else 0)
        place_ = wire.call("IndexOf", id=buffer, value=value, encoding=encoding, offset=offset,
                           last=last).get("offset")
        found["last" if last else "first"] = -1 if place_ is None else place_
    wire.equal(case["got"], {**found, "has": found["first"] >= 0})


def swap(wire, case):
    buffer = wire.buffer(case["src"])
    if "error" in case["got"]:
        with wire.fails(*INVALID):
            wire.call("Swap", id=buffer, width=case["w"] // 8)
    else:
        wire.call("Swap", id=buffer, width=case["w"] // 8)
    wire.equal(case["got"].get("hex", case["src"]), wire.content(buffer))


def to_json(wire, case):
    buffer = wire.buffer(case["src"])
    texts = wire.bytes(buffer, 0, len(case["src"]) // 2)["texts"]
    wire.equal(case["got"]["json"]["data"], [int(text) for text in texts])


def is_utf8(wire, case):
    buffer = wire.buffer(case["src"])
    for encoding, key in (("utf8", "utf8"), ("ascii", "ascii")):
        if case["got"][key]:
            wire.call("Read", id=buffer, encoding=encoding)
        else:
            with wire.fails(BUFFER + "BadEncoding"):
                wire.call("Read", id=buffer, encoding=encoding)


FIXED = {"UInt8": "uint8", "Int8": "int8", "Float": "float32", "Double": "float64"}


def parts_of(case):
    """(type, offset in the number) from its lowest bytes to its highest."""
    name, order = case["fn"], ""
    if name[-2:] in ("LE", "BE"):
        name, order = name[:-2], name[-2:].lower()
    name = name.replace("Big", "")
    if name not in ("UInt", "Int"):
        return [(FIXED.get(name, name.lower()) + order, 0)]
    # Of 3, 5 and 6 bytes: what is signed is the highest part.
    sizes = {3: (2, 1), 5: (4, 1), 6: (4, 2)}.get(case["n"], (case["n"],))
    parts, at = [], 0
    for size in sizes:
        kind = name.lower() if size == sizes[-1] else "uint"
        offset = at if order == "le" else case["n"] - at - size
        parts.append((f"{kind}{8 * size}{order if size > 1 else ''}", offset))
        at += size
    return parts


def offset_of(case):
    if case["off"] == "NaN":
        raise Unsaid(NO_NAN)
    return case["off"] or 0


def bits_of(type_):
    return int("".join(char for char in type_ if char.isdigit()))


def read(wire, case):
    buffer, offset = wire.buffer(case["src"]), offset_of(case)

    def texts():
        return [wire.call("GetNumber", id=buffer, type=type_, offset=offset + at)["texts"][0]
                for type_, at in parts_of(case)]
    if "error" in case["got"]:
        with wire.fails(*RANGE, *INVALID):
            texts()
        return
    wanted, got = case["got"]["value"], texts()
    if isinstance(wanted, dict):
        wire.equal([wanted["big"]], got)
    elif isinstance(wanted, (float, str)):
        wire.equal(float(wanted), float(got[0]))
    else:
        shift, value = 0, 0
        for (type_, _), text in zip(parts_of(case), got):
            value += int(text) << shift
            shift += bits_of(type_)
        wire.equal(wanted, value)


def is_out_of_range(case):
    """An integer that has no place in its type."""
    value = case["value"]
    if "Float" in case["fn"] or "Double" in case["fn"] or value == "NaN":
        return False
    bits = 8 * case["n"] if "n" in case else bits_of(case["fn"])
    least, most = (0, 2 ** bits) if "UInt" in case["fn"] else (-2 ** (bits - 1), 2 ** (bits - 1))
    return not least <= int(value["big"] if isinstance(value, dict) else value) < most


def write_number(wire, case):
    offset = offset_of(case)
    parts = parts_of(case)
    width = sum(bits_of(type_) for type_, _ in parts) // 8
    fits = 0 <= offset and offset + width <= len(case["src"]) // 2
    if fits and is_out_of_range(case):
        raise Unsaid(NO_WRAP)
    buffer, shift = wire.buffer(case["src"]), 0

    def set_all():
        nonlocal shift
        for type_, at in parts:
            text = number(case["value"])
            if len(parts) > 1:
                text = str(int(case["value"]) >> shift)     # the type takes its own bits
            shift += bits_of(type_)
            wire.call("SetNumber", id=buffer, type=type_, offset=offset + at, texts=[text])
    if "error" in case["got"]:
        with wire.fails(*RANGE):
            set_all()
        wire.equal(case["src"], wire.content(buffer))
        return
    set_all()
    wire.equal(case["got"]["next"], offset + width)
    wire.equal(case["got"]["hex"], wire.content(buffer))


SAID = {
    "encodings": {"decode": decode, "encode": encode, "write": write, "fill": fill,
                  "decoder": decoder, "textdecoder": text_decoder, "isEncoding": is_encoding},
    "dataview": {"get": get, "set": set_, "new": new_view},
    "buffer_ops": {"alloc": alloc, "fromArray": from_array, "fromCopy": from_copy,
                   "fromArrayBuffer": from_array_buffer, "copy": copy, "copySelf": copy_self,
                   "subarray": subarray, "concat": concat, "compare": compare,
                   "compareRange": compare_range, "indexOf": index_of, "swap": swap,
                   "toJSON": to_json, "isUtf8": is_utf8, "read": read, "write": write_number},
}


class Vectors(ForebayTest):
    engines = ("auto",)

    @classmethod
    def warm_up(cls, client):
        made = client.call(BUFFER + "Alloc", {"length": 8})["buffer"]
        client.call(BUFFER + "Free", {"id": made["id"]})

    def replay(self, name):
        with open(SOURCE / "tests" / "vectors" / f"{name}.json") as file:
            cases = json.load(file)["cases"]
        self.assertGreater(len(cases), 0)
        said, unsaid = 0, collections.Counter()
        wire = Wire(self)
        for case in cases:
            with self.subTest(case=case):
                try:
                    SAID[name][case["t"]](wire, case)
                    said += 1
                except Unsaid as reason:
                    unsaid[str(reason)] += 1
                finally:
                    wire.free_all()
        print(f"{name}: {said} of {len(cases)} said;",
              "; ".join(f"{count} {reason}" for reason, count in sorted(unsaid.items())))
        self.assertEqual(len(cases), said + sum(unsaid.values()))
        return said, dict(unsaid)

    def test_encodings(self):
        said, unsaid = self.replay("encodings")
        self.assertGreaterEqual(said, 430)
        self.assertEqual({NO_TEXT: 34, NO_ANSWER: 43, NO_CHUNKS: 25, NO_NAME: 10, NO_BOM: 3,
                          NO_EMPTY_BYTES: 1}, unsaid)

    def test_views(self):
        said, unsaid = self.replay("dataview")
        self.assertGreaterEqual(said, 520)
        self.assertEqual({NO_KIND: 19}, unsaid)

    def test_buffers(self):
        said, unsaid = self.replay("buffer_ops")
        self.assertGreaterEqual(said, 400)
        self.assertEqual({NO_WRAP: 24, NO_NAN: 4, NO_TEXT: 2, NO_TYPE: 1, NO_EMPTY_BYTES: 1},
                         unsaid)


if __name__ == "__main__":
    main()
