# SPDX-License-Identifier: LGPL-2.1-or-later
"""The consumer's side of a ring, from proto/ring.h ('The other way round') alone.

Words are read and written by a memoryview of 8-byte items, which is one load or store each.
Python has no fences: a system call stands where one is asked for, and with `always_poke` the
byte on the signal is sent each time, whatever need says.
"""

import mmap
import os
import select
import socket
import time

from ring import (HEADER, MAGIC, OPEN, PAUSED, W_BYTES, W_ENDED, W_HEAD, W_HEADER, W_HIGH,
                  W_LOW, W_MAGIC, W_NEED, W_PHASE, W_SLEEPING, W_STATE, W_TAIL, W_VERSION)

GOING, ENDED, CUT, BROKEN = range(4)


class ReadRing:
    """Takes both descriptors."""

    def __init__(self, memory_fd, signal_fd, ring_bytes, always_poke=True):
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
        self.always_poke = always_poke
        self.seen_need = 0

    def close(self):
        """As often as one likes. The daemon takes the signal's hang-up as giving up."""
        if self.map.closed:
            return
        self.words.release()
        self.bytes.release()
        self.map.close()
        self.signal.close()
        os.close(self.memory_fd)

    head = property(lambda self: self.words[W_HEAD])
    tail = property(lambda self: self.words[W_TAIL])
    ended = property(lambda self: self.words[W_ENDED])
    need = property(lambda self: self.words[W_NEED])
    state = property(lambda self: self.words[W_STATE])
    length = property(lambda self: self.words[W_HEAD] - self.words[W_TAIL])

    def poke(self):
        try:
            self.signal.send(b"\1", socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
        except BlockingIOError:
            pass            # it has bytes to read already
        except BrokenPipeError:
            pass            # it is gone: `ended` tells why

    def fence(self):
        os.sched_yield()

    def set_state(self, state):
        self.words[W_STATE] = state
        self.poke()

    def pause(self):
        self.set_state(PAUSED)

    def resume(self):
        self.set_state(OPEN)

    def copy_out(self, position, length):
        offset = (position + self.phase) % self.ring_bytes
        first = min(length, self.ring_bytes - offset)
        return (bytes(self.bytes[HEADER + offset:HEADER + offset + first])
                + bytes(self.bytes[HEADER:HEADER + length - first]))

    def take(self, most=None):
        """What is there, at most so much; b"" when nothing is."""
        tail = self.tail
        length = self.head - tail
        if length > self.ring_bytes:
            raise AssertionError(f"the head is {length} bytes before the tail")
        if most is not None:
            length = min(length, most)
        data = self.copy_out(tail, length)
        if data:
            self.give_back(tail + length)
        return data

    def give_back(self, tail):
        self.words[W_TAIL] = tail
        self.fence()
        need = self.need
        if need != self.seen_need or self.always_poke:
            self.seen_need = need
            self.poke()

    def wait_readable(self, timeout):
        """The bytes that came on the signal; b"" when none came in time."""
        if not select.select([self.signal], [], [], max(0, timeout))[0]:
            return b""
        try:
            data = self.signal.recv(4096)
        except BlockingIOError:
            return b""
        if not data:
            raise ConnectionResetError("the daemon is gone")
        return data

    def wait(self, timeout=30):
        """Until there are bytes, or an end. Looks again only when a byte came, so a wake-up
        that is lost shows as a timeout."""
        deadline = time.monotonic() + timeout
        while True:
            self.words[W_SLEEPING] = 1
            self.fence()
            if self.length or self.ended:
                break
            if not self.wait_readable(deadline - time.monotonic()):
                raise TimeoutError(f"neither bytes nor an end: head {self.head}, tail "
                                   f"{self.tail}, need {self.need}")
        self.words[W_SLEEPING] = 0

    def pieces(self, most=None, timeout=30):
        """What comes, up to the end; how it ended is in `ended` afterwards."""
        while True:
            self.wait(timeout)
            over = self.ended       # before the head: what is behind an end does not move
            data = self.take(most)
            if data:
                yield data
            elif over:
                return

    def read_all(self, most=None, timeout=30):
        return b"".join(self.pieces(most, timeout))
