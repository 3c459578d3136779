# SPDX-License-Identifier: LGPL-2.1-or-later
"""The producer's side of a ring, from proto/ring.h alone.

Python has no fences, so the byte on the signal is always sent. Words are read and written by
a memoryview of 8-byte items, which is one load or store each.
"""

import mmap
import os
import select
import socket
import time

MAGIC = 0x676e697279626634
HEADER = 4096
OPEN, PAUSED, ENDING, FINISHED, ABORTED, FAILED = range(1, 7)
W_MAGIC, W_VERSION, W_HEADER, W_BYTES, W_PHASE, W_HIGH, W_LOW = range(7)
W_HEAD, W_ENDED, W_NEED, W_WANTED = 1024 // 8, 1152 // 8, 1280 // 8, 1408 // 8
W_TAIL, W_STATE, W_SLEEPING, W_PROGRESS = 2048 // 8, 2176 // 8, 2304 // 8, 2432 // 8


class Stopped(Exception):
    """The stream takes nothing more; the ring's state is the argument."""


class Ring:
    """Takes both descriptors."""

    def __init__(self, memory_fd, signal_fd, ring_bytes):
        self.memory_fd = memory_fd
        self.signal = socket.socket(fileno=signal_fd)
        self.signal.setblocking(False)
        self.size = os.fstat(memory_fd).st_size
        self.map = mmap.mmap(memory_fd, self.size)
        self.bytes = memoryview(self.map)
        self.words = self.bytes[:HEADER].cast("Q")
        if self.words[W_MAGIC] != MAGIC or self.words[W_VERSION] != 1:
            raise AssertionError("not a ring")
        if self.words[W_HEADER] != HEADER or self.words[W_BYTES] != ring_bytes:
            raise AssertionError("the ring's header and the reply do not agree")
        self.ring_bytes = ring_bytes
        self.phase = self.words[W_PHASE]
        self.high = self.words[W_HIGH]
        self.low = self.words[W_LOW]
        self.drains = 0

    def close(self):
        """As often as one likes."""
        if self.map.closed:
            return
        self.words.release()
        self.bytes.release()
        self.map.close()
        self.signal.close()
        os.close(self.memory_fd)

    head = property(lambda self: self.words[W_HEAD])
    tail = property(lambda self: self.words[W_TAIL])
    state = property(lambda self: self.words[W_STATE])
    progress = property(lambda self: self.words[W_PROGRESS])
    need = property(lambda self: self.words[W_NEED])
    length = property(lambda self: self.words[W_HEAD] - self.words[W_TAIL])

    def poke(self):
        try:
            self.signal.send(b"\1", socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
        except BlockingIOError:
            pass            # it has bytes to read already
        except BrokenPipeError:
            pass            # it is gone: state, or the hang-up, tells why

    def copy_in(self, position, data):
        offset = (position + self.phase) % self.ring_bytes
        first = min(len(data), self.ring_bytes - offset)
        self.bytes[HEADER + offset:HEADER + offset + first] = data[:first]
        self.bytes[HEADER:HEADER + len(data) - first] = data[first:]

    def write(self, data):
        """True: go on. False: taken, wait for drain. None: no room, nothing taken."""
        if len(data) > self.ring_bytes:
            raise ValueError("larger than the ring")
        if self.state not in (OPEN, PAUSED):
            raise Stopped(self.state)
        if self.ring_bytes - self.length < len(data):
            self.tell_stopped(len(data))
            return None
        head = self.head
        self.copy_in(head, data)
        self.words[W_HEAD] = head + len(data)
        self.poke()
        if self.length >= self.high:
            self.tell_stopped(0)
            return False
        return True

    def tell_stopped(self, wanted):
        self.wanted = wanted
        self.words[W_WANTED] = wanted
        self.words[W_NEED] = self.need + 1
        self.poke()

    def may_go_on(self):
        return self.length <= min(self.low, self.ring_bytes - self.wanted)

    def wait_readable(self, timeout):
        """The bytes that came on the signal; b"" when none came in time."""
        if not select.select([self.signal], [], [], timeout)[0]:
            return b""
        try:
            data = self.signal.recv(4096)
        except BlockingIOError:
            return b""
        if not data:
            raise ConnectionResetError("the daemon is gone")
        return data

    def wait_drain(self, timeout=30):
        deadline = time.monotonic() + timeout
        while not self.may_go_on():
            if self.state not in (OPEN, PAUSED):
                raise Stopped(self.state)
            # Looked at again only when a byte came: a wake-up that is lost shows as a timeout.
            if not self.wait_readable(max(0, deadline - time.monotonic())):
                raise TimeoutError(f"no drain: length {self.length}, low {self.low}, "
                                   f"state {self.state}")
        self.drains += 1

    def write_all(self, data, chunk=65536, timeout=30):
        chunk = min(chunk, self.ring_bytes)
        view = memoryview(data)
        at = 0
        while at < len(view):
            piece = view[at:at + chunk]
            said = self.write(piece)
            if said is not None:
                at += len(piece)
            if not said:
                self.wait_drain(timeout)

    def end(self):
        self.words[W_ENDED] = 1
        self.poke()
