# SPDX-License-Identifier: LGPL-2.1-or-later
"""What tests of buffers have in common: a pool that is mapped here too, and looks into it."""

import base64
import mmap
import os

from harness import BUFFER, MIB, POOL, ForebayTest

NOBODY = 65534
POOL_BYTES = 48 * MIB
SEED = 20


class BufferTest(ForebayTest):
    engines = ("auto",)
    pool_bytes = POOL_BYTES

    @classmethod
    def warm_up(cls, client):
        """The default pools are made now: root's, and that of the other user."""
        cls.make_default_pool(client)
        if os.geteuid() == 0:
            with cls.daemon.client(NOBODY) as other:
                cls.make_default_pool(other)

    @staticmethod
    def make_default_pool(client):
        made = client.call(BUFFER + "Alloc", {"length": 8})["buffer"]
        client.call(BUFFER + "Free", {"id": made["id"]})

    def setUp(self):
        super().setUp()
        self.client.call(POOL + "Create", {"context": {"name": "test", "sizeBytes": self.pool_bytes}})
        reply = self.client.call_reply(POOL + "Acquire", {"name": "test"})
        memory, words = (reply.fds[reply.parameters[name]] for name in (
            "fileDescriptorIndex", "versionFileDescriptorIndex"))
        self.map = self.cleanup.enter_context(mmap.mmap(memory, self.pool_bytes))
        mapped = self.cleanup.enter_context(mmap.mmap(words, 0))
        self.words = memoryview(mapped).cast("Q")
        self.cleanup.callback(self.words.release)
        for fd in reply.fds:
            os.close(fd)

    def tearDown(self):
        self.client.call(POOL + "Destroy", {"name": "test", "force": True})
        super().tearDown()

    def buffer(self, content=b"", length=None, client=None, **parameters):
        """With this content; it goes with the pool."""
        parameters.setdefault("pool", "test")
        made = (client or self.client).call(BUFFER + "Alloc", {
            "length": len(content) if length is None else length, **parameters})["buffer"]
        if content:
            self.map[made["offset"]:made["offset"] + len(content)] = content
        return made

    def call(self, member, client=None, **parameters):
        return (client or self.client).call(BUFFER + member, parameters)

    def slice(self, buffer, start, end):
        return self.call("Slice", id=buffer["id"], start=start, end=end)["buffer"]

    def content(self, buffer):
        """As it lies in memory that the test has mapped itself."""
        return self.map[buffer["offset"]:buffer["offset"] + buffer["length"]]

    def read(self, buffer):
        """As Read has it: for buffers in pools that are not mapped here."""
        got = bytearray()
        while len(got) < buffer["length"]:
            part = self.call("Read", id=buffer["id"], offset=len(got))
            got += base64.b64decode(part["data"])
        return bytes(got)

    def version(self, buffer):
        return self.words[buffer["versionOffset"] // 8]

    def set_version(self, buffer, value):
        self.words[buffer["versionOffset"] // 8] = value

    def out_of_range(self, parameter, minimum, maximum):
        return self.fails(BUFFER + "OutOfRange", parameter=parameter, minimum=minimum,
                          maximum=maximum)

    def unchanged(self, *buffers):
        return Unchanged(self, buffers)


class Unchanged:
    """Neither bytes nor versions of these are others at the end of the block."""

    def __init__(self, test, buffers):
        self.test = test
        self.buffers = buffers

    def look(self):
        return [(self.test.content(buffer), self.test.version(buffer)) for buffer in self.buffers]

    def __enter__(self):
        self.before = self.look()

    def __exit__(self, kind, *_):
        if kind is None:
            self.test.assertEqual(self.before, self.look())
