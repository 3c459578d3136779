# SPDX-License-Identifier: LGPL-2.1-or-later
"""Node's own answers (tests/vectors) for encodings, views and buffers, over the real socket.

Each case is said in calls, as a client would: what JavaScript does to an argument before it is
an integer (cut the fraction, NaN is 0, infinities are beyond everything, a missing one is left
out) is done here. What cannot be said is counted by its reason, and the counts are fixed.
"""

import collections
import json
import math

from harness import BUFFER, SERVICE, SOURCE, ForebayTest, VarlinkError

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


def place(wire, buffer, part):
    return part["offset"] - wire.call("Describe", id=buffer)["buffer"]["offset"]


class VectorsTest(ForebayTest):
    engines = ("auto",)
    said = {}               # how each kind of case is said

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
                    self.said[case["t"]](wire, case)
                    said += 1
                except Unsaid as reason:
                    unsaid[str(reason)] += 1
                finally:
                    wire.free_all()
        print(f"{name}: {said} of {len(cases)} said;",
              "; ".join(f"{count} {reason}" for reason, count in sorted(unsaid.items())))
        self.assertEqual(len(cases), said + sum(unsaid.values()))
        return said, dict(unsaid)
