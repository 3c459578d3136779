#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Node's own answers for views, over the real socket."""

import struct

from buffer_vectors import (NO_KIND, RANGE, Unsaid, VectorsTest, integer, place)
from harness import main


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


class Views(VectorsTest):
    said = {"get": get, "set": set_, "new": new_view}

    def test_views(self):
        said, unsaid = self.replay("dataview")
        self.assertGreaterEqual(said, 520)
        self.assertEqual({NO_KIND: 19}, unsaid)


if __name__ == "__main__":
    main()
