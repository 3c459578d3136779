#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Write through a stream's ring, and look into a pool, without libforebay.

    ring_writer.py SOCKET PATH <INPUT

Only the standard library: a Unix socket with JSON on it, and two memory maps. The rules are
those of proto/ring.h. Python has aligned 8-byte stores (memoryview.cast) but no fences, so it
always rings the bell: sending and receiving on a socket orders memory.
"""
import base64
import json
import mmap
import os
import socket
import sys

HEAD, ENDED, NEED, WANTED = 1024 // 8, 1152 // 8, 1280 // 8, 1408 // 8
TAIL, STATE = 2048 // 8, 2176 // 8


class Daemon:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)

    def call(self, method, **parameters):
        """One call, one answer, and the descriptors that came with it."""
        self.socket.sendall(json.dumps({"method": method, "parameters": parameters}).encode() + b"\0")
        text, fds = b"", []
        while not text.endswith(b"\0"):
            part, more, _, _ = socket.recv_fds(self.socket, 65536, 8)
            if not part:
                raise ConnectionError("the daemon is gone")
            text, fds = text + part, fds + more
        reply = json.loads(text[:-1])
        if reply.get("error"):
            raise RuntimeError(reply["error"], reply.get("parameters"))
        return reply["parameters"], fds


class Ring:
    def __init__(self, ring, fds):
        self.signal = socket.socket(fileno=fds[ring["signalFileDescriptorIndex"]])
        self.signal.setblocking(True)
        self.memory = mmap.mmap(fds[ring["memoryFileDescriptorIndex"]], 0)
        self.words = memoryview(self.memory)[:4096].cast("Q")
        _, version, self.begin, self.size, self.phase, self.high, self.low = self.words[:7]
        if self.memory[:8] != b"4fbyring" or version != 1 or self.begin != 4096:
            raise RuntimeError("not a ring that we know")
        self.head, self.need = self.words[HEAD], self.words[NEED]

    def bell(self):
        try:
            self.signal.send(b"!", socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
        except BlockingIOError:
            pass                                # it has bytes to read already

    def wait_drain(self, wanted):
        self.need += 1
        self.words[WANTED] = wanted
        self.words[NEED] = self.need
        self.bell()
        while self.head - self.words[TAIL] > min(self.low, self.size - wanted):
            if self.words[STATE] not in (1, 2) or not self.signal.recv(4096):
                raise RuntimeError("the stream takes nothing more", self.words[STATE])

    def write(self, data):
        if self.size - (self.head - self.words[TAIL]) < len(data):
            self.wait_drain(len(data))
        place = (self.head + self.phase) % self.size
        first = min(len(data), self.size - place)       # the rest stands at the beginning
        self.memory[self.begin + place:self.begin + place + first] = data[:first]
        self.memory[self.begin:self.begin + len(data) - first] = data[first:]
        self.head += len(data)
        self.words[HEAD] = self.head
        self.bell()
        if self.head - self.words[TAIL] >= self.high:
            self.wait_drain(0)

    def end(self):
        self.words[ENDED] = 1
        self.bell()


def main():
    daemon = Daemon(sys.argv[1])
    opened, fds = daemon.call("io.forebay.stream.Open", ringBytes=1 << 20,
                              context={"path": sys.argv[2], "ack": "published"})
    ring = Ring(opened["ring"], fds)
    while data := sys.stdin.buffer.read1(65536):
        ring.write(data)
    ring.end()
    done, _ = daemon.call("io.forebay.stream.Wait", id=opened["id"], level="finish", timeoutUSec=60_000_000)
    print(done["runtime"]["path"])

    name = f"ring-writer-{os.getpid()}"         # goes with the connection
    daemon.call("io.forebay.pool.Create", context={"name": name, "sizeBytes": 1 << 20})
    text = base64.b64encode(b"seen through shared memory").decode()
    made, _ = daemon.call("io.forebay.buffer.From", pool=name, data=text, encoding="base64")
    pool, fds = daemon.call("io.forebay.pool.Acquire", name=name, readOnly=True)
    memory = mmap.mmap(fds[pool["fileDescriptorIndex"]], pool["sizeBytes"], prot=mmap.PROT_READ)
    offset, length = made["buffer"]["offset"], made["buffer"]["length"]
    print(memory[offset:offset + length].decode())


if __name__ == "__main__":
    main()
