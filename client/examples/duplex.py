#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A duplex: one socket that is both ends of a pipe in the daemon.

    duplex.py SOCKET [STEP...] <INPUT >OUTPUT

One end of a socketpair goes to the daemon twice, as the source and as the sink of
io.forebay.stream.Pipe, with steps between (gzip if none is named). What is written into the other
end comes back out of it, compressed; its end of file goes through as well. Both directions must
be served at once: who only writes is stopped by the backpressure of what is not read. Only the
standard library.
"""
import json
import select
import socket
import sys


def send_call(daemon, method, parameters, fds=()):
    message = {"method": method, "parameters": parameters}
    socket.send_fds(daemon, [json.dumps(message).encode() + b"\0"], fds)


def receive_reply(daemon):
    text = b""
    while not text.endswith(b"\0"):
        part = daemon.recv(65536)
        if not part:
            raise ConnectionError("the daemon is gone")
        text += part
    reply = json.loads(text[:-1])
    if reply.get("error"):
        raise SystemExit(f"duplex.py: {reply['error']} {json.dumps(reply.get('parameters'))}")
    return reply["parameters"]


def speak(duplex, source, sink):
    """All of source into it, and all that comes out of it into sink, as each is ready."""
    duplex.setblocking(False)
    left, writing = b"", True
    while True:
        readable, writable, _ = select.select([duplex], [duplex] if writing else [], [])
        if writable:
            left = left or source.read1(65536)
            if left:
                left = left[duplex.send(left):]
            else:
                duplex.shutdown(socket.SHUT_WR)         # its end of file, not ours
                writing = False
        if readable:
            part = duplex.recv(65536)
            if not part:
                return
            sink.write(part)


def main():
    daemon = socket.socket(socket.AF_UNIX)
    daemon.connect(sys.argv[1])
    ours, theirs = socket.socketpair()
    send_call(daemon, "io.forebay.stream.Pipe",
              {"source": {}, "sourceFileDescriptorIndex": 0, "fileDescriptorIndex": 1,
               "steps": [{"name": name} for name in sys.argv[2:] or ["gzip"]]},
              [theirs.fileno(), theirs.fileno()])
    theirs.close()                              # the daemon's alone now: its close is our end
    try:
        speak(ours, sys.stdin.buffer, sys.stdout.buffer)
    except (BrokenPipeError, ConnectionResetError):
        pass                                    # the reply says why
    told = receive_reply(daemon)
    sys.stdout.buffer.flush()
    print(f"{told['bytesRead']} bytes in, {told['bytesWritten']} out", file=sys.stderr)


if __name__ == "__main__":
    main()
