#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Node's own answers for buffers and what is done with their bytes, over the real socket."""

from buffer_vectors import (INVALID, NO_EMPTY_BYTES, NO_NAN, NO_TEXT, NO_TYPE, NO_WRAP, RANGE,
                            Unsaid, VectorsTest, carried, integer, place)
from harness import BUFFER, POOL, main


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


class Bytes(VectorsTest):
    said = {"alloc": alloc, "fromArray": from_array, "fromCopy": from_copy,
            "fromArrayBuffer": from_array_buffer, "copy": copy, "copySelf": copy_self,
            "subarray": subarray, "concat": concat, "compare": compare,
            "compareRange": compare_range, "indexOf": index_of, "swap": swap,
            "toJSON": to_json, "isUtf8": is_utf8, "read": read, "write": write_number}

    def test_buffers(self):
        said, unsaid = self.replay("buffer_ops")
        self.assertGreaterEqual(said, 400)
        self.assertEqual({NO_WRAP: 24, NO_NAN: 4, NO_TEXT: 2, NO_TYPE: 1, NO_EMPTY_BYTES: 1},
                         unsaid)


if __name__ == "__main__":
    main()
