#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A client of org.varlink.certification, written from the interface, standard library alone.

	certification.py SOCKET

It knows nothing of the other tests, so that what it proves does not hang on them: a socket,
JSON, a NUL. It calls Start, Test01 to Test11 and End, hands on what each returned, and checks
the type of everything that comes. Exits with 0 and the words "certification passed".
"""

import json
import socket
import sys

INTERFACE = "org.varlink.certification."


class Connection:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(20)
        self.socket.connect(path)
        self.received = b""

    def send(self, method, parameters, **flags):
        message = {"method": INTERFACE + method, "parameters": parameters, **flags}
        self.socket.sendall(json.dumps(message).encode() + b"\0")

    def receive(self):
        while b"\0" not in self.received:
            data = self.socket.recv(65536)
            if not data:
                sys.exit("the connection ended")
            self.received += data
        text, _, self.received = self.received.partition(b"\0")
        return json.loads(text)

    def error(self, method, parameters):
        self.send(method, parameters)
        return self.receive().get("error")

    def call(self, method, parameters):
        self.send(method, parameters)
        reply = self.receive()
        if "error" in reply or reply.get("continues"):
            sys.exit(f"{method}: {reply}")
        return reply["parameters"]


def expect(condition, what):
    if not condition:
        sys.exit(f"expected: {what}")


def check_types(fields, **kinds):
    expect(set(fields) == set(kinds), f"the fields {sorted(kinds)}, not {sorted(fields)}")
    for name, kind in kinds.items():
        value = fields[name]
        good = isinstance(value, kind) and not (kind is int and isinstance(value, bool))
        if kind is float:
            good = isinstance(value, (int, float)) and not isinstance(value, bool)
        expect(good, f"{name} of type {kind.__name__}, not {value!r}")


def run(path):
    connection = Connection(path)
    started = connection.call("Start", {})
    check_types(started, client_id=str)
    me = {"client_id": started["client_id"]}

    got = connection.call("Test01", me)
    check_types(got, bool=bool)
    got = connection.call("Test02", {**me, **got})
    check_types(got, int=int)
    got = connection.call("Test03", {**me, **got})
    check_types(got, float=float)
    got = connection.call("Test04", {**me, **got})
    check_types(got, string=str)
    got = connection.call("Test05", {**me, **got})
    check_types(got, bool=bool, int=int, float=float, string=str)
    got = connection.call("Test06", {**me, **got})
    check_types(got["struct"], bool=bool, int=int, float=float, string=str)
    got = connection.call("Test07", {**me, **got})
    check_types(got, map=dict)
    expect(all(isinstance(value, str) for value in got["map"].values()), "a map of strings")
    got = connection.call("Test08", {**me, **got})
    check_types(got, set=dict)
    expect(all(value == {} for value in got["set"].values()), "a set")
    got = connection.call("Test09", {**me, **got})
    check_types(got, mytype=dict)

    # The type with a field of every kind; nullable ones may be absent or null, both must pass.
    mine = got["mytype"]
    check_types({name: mine[name] for name in mine if not name.startswith("nullable")},
                object=object, enum=str, struct=dict, array=list, dictionary=dict, stringset=dict,
                interface=dict)
    if mine.get("nullable", 0) is None:
        del mine["nullable"]
    elif "nullable" not in mine:
        mine["nullable"] = None

    expect(connection.error("Test10", {**me, "mytype": mine}) is not None,
           "Test10 without `more` is refused")
    connection.send("Test10", {**me, "mytype": mine}, more=True)
    strings = []
    while True:
        reply = connection.receive()
        expect("error" not in reply, f"a reply to Test10, not {reply}")
        check_types(reply["parameters"], string=str)
        strings.append(reply["parameters"]["string"])
        if not reply.get("continues"):
            break
    expect(len(strings) == 10, f"ten replies, not {len(strings)}")

    # One way: were it answered, the answer would be taken for that of End.
    connection.send("Test11", {**me, "last_more_replies": strings}, oneway=True)
    got = connection.call("End", me)
    expect(got == {"all_ok": True}, f"all_ok, not {got}")


def refusals(path):
    """Out of order, wrong values, nobody's id: errors by name."""
    connection = Connection(path)
    expect(connection.error("Test01", {"client_id": "nobody"}) == INTERFACE + "ClientIdError",
           "ClientIdError")
    me = connection.call("Start", {})
    expect(connection.error("Test05", {**me, "string": "x"}) == INTERFACE + "CertificationError",
           "CertificationError for a call out of order")
    me = connection.call("Start", {})
    got = connection.call("Test01", me)
    connection.send("Test02", {**me, "bool": not got["bool"]})
    reply = connection.receive()
    expect(reply.get("error") == INTERFACE + "CertificationError", "CertificationError")
    expect(set(reply["parameters"]) == {"wants", "got"}, "wants and got")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: certification.py SOCKET")
    run(sys.argv[1])
    refusals(sys.argv[1])
    run(sys.argv[1])
    print("certification passed")
