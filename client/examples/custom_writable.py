#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A writable of one's own: the sink of a pipe is this program, which takes its time.

    custom_writable.py SOCKET PATH

The write end of a pipe goes to the daemon as the sink of io.forebay.stream.Pipe, whose source is
PATH in the default store. Each part that comes out of the read end is handed to write(), and the
next one is not read before that returns: all there is to do for backpressure. As long as write()
holds its part, the kernel's pipe fills, then the parts of the daemon's, and then the source is
read no further, however large it is. Shown are the bytes as counted and what was read ahead of
them. Only the standard library.
"""
import json
import os
import select
import socket
import sys
import time
import zlib

MARK = 64 << 10


class Writable:
    """What becomes of the bytes: here a sum, and a rest after the first part."""

    def __init__(self, daemon):
        self.daemon, self.sum, self.bytes = daemon, 0, 0
        self.ahead_bytes = 0

    def write(self, part):
        self.sum = zlib.crc32(part, self.sum)
        self.bytes += len(part)
        if self.bytes == len(part):
            self.rest(1)

    def rest(self, seconds):
        """Meanwhile the daemon tells how far the source was read: not far."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if select.select([self.daemon.socket], [], [], left)[0]:
                told = self.daemon.receive()
                self.ahead_bytes = max(self.ahead_bytes, told["bytesRead"] - self.bytes)
                if told["done"]:
                    raise SystemExit("custom_writable.py: it did not wait for us")


class Daemon:
    def __init__(self, path):
        self.socket, self.received = socket.socket(socket.AF_UNIX), b""
        self.socket.connect(path)

    def call_more(self, method, parameters, fds):
        message = {"method": method, "parameters": parameters, "more": True}
        socket.send_fds(self.socket, [json.dumps(message).encode() + b"\0"], fds)

    def receive(self):
        """The next reply; there is one."""
        while b"\0" not in self.received:
            part = self.socket.recv(65536)
            if not part:
                raise ConnectionError("the daemon is gone")
            self.received += part
        text, self.received = self.received.split(b"\0", 1)
        reply = json.loads(text)
        if reply.get("error"):
            raise SystemExit(f"custom_writable.py: {reply['error']} "
                             f"{json.dumps(reply.get('parameters'))}")
        return reply["parameters"]


def main():
    daemon = Daemon(sys.argv[1])
    reader, writer = os.pipe()
    daemon.call_more("io.forebay.stream.Pipe",
                     {"source": {"path": sys.argv[2]}, "fileDescriptorIndex": 0,
                      "highWaterMark": MARK, "progressIntervalUSec": 20_000}, [writer])
    os.close(writer)                            # the daemon's alone now: its close is our end
    writable = Writable(daemon)
    while part := os.read(reader, 16 << 10):
        writable.write(part)
    while not (told := daemon.receive())["done"]:
        pass
    print(f"{writable.bytes} of {told['bytesRead']} bytes taken, crc32 {writable.sum:08x}, "
          f"at most {writable.ahead_bytes} read ahead")


if __name__ == "__main__":
    main()
