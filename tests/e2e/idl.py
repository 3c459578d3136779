# SPDX-License-Identifier: LGPL-2.1-or-later
"""Reads Varlink interface files and holds replies and errors against them.

Written from the definition of the language, for the tests alone: every reply that a test
receives is checked here, so a field that is missing, superfluous or of the wrong type fails
whatever test happens to see it.
"""

import pathlib
import re

TOKEN = re.compile(r"\s+|#[^\n]*|(->|\[\]|\[string\]|[A-Za-z][A-Za-z0-9_.-]*|[?(),:])")


class Mismatch(Exception):
    pass


class Interface:
    def __init__(self, text):
        self.text = text
        self.types = {}
        self.methods = {}
        self.errors = {}
        self.tokens = []
        at = 0
        while at < len(text):
            match = TOKEN.match(text, at)
            if not match:
                raise ValueError(f"no token at {text[at:at + 20]!r}")
            if match.group(1):
                self.tokens.append(match.group(1))
            at = match.end()
        self._expect("interface")
        self.name = self.tokens.pop(0)
        while self.tokens:
            kind = self.tokens.pop(0)
            name = self.tokens.pop(0)
            if kind == "type":
                self.types[name] = self._composite()
            elif kind == "error":
                self.errors[name] = self._composite()
            elif kind == "method":
                given = self._composite()
                self._expect("->")
                self.methods[name] = (given, self._composite())
            else:
                raise ValueError(f"{kind} is not the start of a member")

    def _expect(self, token):
        got = self.tokens.pop(0)
        if got != token:
            raise ValueError(f"{token} expected, {got} found")

    def _composite(self):
        """("struct", {field: type}) or ("enum", {value})."""
        self._expect("(")
        fields, values = {}, []
        while self.tokens[0] != ")":
            name = self.tokens.pop(0)
            if self.tokens[0] == ":":
                self.tokens.pop(0)
                fields[name] = self._type()
            else:
                values.append(name)
            if self.tokens[0] == ",":
                self.tokens.pop(0)
        self._expect(")")
        return ("enum", values) if values else ("struct", fields)

    def _type(self):
        token = self.tokens[0]
        if token == "(":
            return self._composite()
        self.tokens.pop(0)
        if token == "?":
            return ("nullable", self._type())
        if token == "[]":
            return ("array", self._type())
        if token == "[string]":
            return ("map", self._type())
        return ("name", token)

    def check(self, kind, value, where):
        what, detail = kind
        if what == "nullable":
            if value is not None:
                self.check(detail, value, where)
        elif what == "name" and detail in self.types:
            self.check(self.types[detail], value, where)
        elif what == "name":
            wanted = {"bool": bool, "int": int, "float": (int, float), "string": str,
                      "object": (dict, list, str, int, float, bool)}[detail]
            if not isinstance(value, wanted) or (detail == "int" and isinstance(value, bool)):
                raise Mismatch(f"{where}: {value!r} is not of type {detail}")
        elif what == "enum":
            if value not in detail:
                raise Mismatch(f"{where}: {value!r} is none of {detail}")
        elif what == "array":
            if not isinstance(value, list):
                raise Mismatch(f"{where}: {value!r} is not an array")
            for index, item in enumerate(value):
                self.check(detail, item, f"{where}[{index}]")
        elif what == "map":
            if not isinstance(value, dict):
                raise Mismatch(f"{where}: {value!r} is not a map")
            for key, item in value.items():
                self.check(detail, item, f"{where}[{key}]")
        else:
            self._check_struct(detail, value, where)

    def _check_struct(self, fields, value, where):
        if not isinstance(value, dict):
            raise Mismatch(f"{where}: {value!r} is not an object")
        for name in value:
            if name not in fields:
                raise Mismatch(f"{where}: {name} is not in the interface")
        for name, kind in fields.items():
            if name in value:
                self.check(kind, value[name], f"{where}.{name}")
            elif kind[0] != "nullable":
                raise Mismatch(f"{where}: {name} is missing")


def load(directory):
    """{name: Interface} of every .varlink file of a directory."""
    found = {}
    for path in sorted(pathlib.Path(directory).glob("*.varlink")):
        interface = Interface(path.read_text())
        found[interface.name] = interface
    return found


def check_reply(interfaces, method, parameters):
    interface, _, member = method.rpartition(".")
    if interface in interfaces and member in interfaces[interface].methods:
        known = interfaces[interface]
        known.check(known.methods[member][1], parameters, method)


def check_error(interfaces, error, parameters):
    interface, _, member = error.rpartition(".")
    if interface not in interfaces or member not in interfaces[interface].errors:
        raise Mismatch(f"{error} is declared nowhere")
    known = interfaces[interface]
    known.check(known.errors[member], parameters, error)
