#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Node's own answers for encodings, over the real socket."""

from buffer_vectors import (ENCODINGS, INVALID, NO_ANSWER, NO_BOM, NO_CHUNKS, NO_EMPTY_BYTES,
                            NO_NAME, NO_TEXT, RANGE, Unsaid, VectorsTest, carried, units)
from harness import BUFFER, main


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


class Encodings(VectorsTest):
    said = {"decode": decode, "encode": encode, "write": write, "fill": fill,
            "decoder": decoder, "textdecoder": text_decoder, "isEncoding": is_encoding}

    def test_encodings(self):
        said, unsaid = self.replay("encodings")
        self.assertGreaterEqual(said, 430)
        self.assertEqual({NO_TEXT: 34, NO_ANSWER: 43, NO_CHUNKS: 25, NO_NAME: 10, NO_BOM: 3,
                          NO_EMPTY_BYTES: 1}, unsaid)


if __name__ == "__main__":
    main()
