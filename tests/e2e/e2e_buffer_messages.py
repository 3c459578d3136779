#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What buffers answer fits a message, at the shortest and the longest that may be configured."""

import base64
import itertools
import os

from ctl import CtlTest
from harness import BUFFER, DAEMON, KIB, MIB, POOL, ForebayTest, main, random_bytes

SEED = 31
LABEL_BYTES_MAX = 4096

DECODERS = {"utf8": str.encode, "latin1": lambda text: text.encode("latin-1"),
            "ascii": lambda text: text.encode("ascii"),
            "utf16le": lambda text: text.encode("utf-16-le"), "hex": bytes.fromhex,
            "base64": base64.b64decode,
            "base64url": lambda text: base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))}

# What each is repeated to, as bytes: plain, what JSON escapes, what is longer in UTF-8, mixed.
CONTENTS = {"utf8": ("a", "\x01", '"', "\n", "\x7f", "€", "😀", 'a"\x1f\t€😀'),
            "latin1": ("a", "\x01", '"', "\xff", "\x80", 'a"\x1f\t\xe9'),
            "ascii": ("a", "\x01", '"', "\\", 'a"\x1f\t'),
            "utf16le": ("a", "\x01", '"', "é", "€", "😀", 'a"\x1f\t€😀')}
PYTHON_NAMES = {"latin1": "latin-1", "utf16le": "utf-16-le"}


class Messages:
    """The same for each length; `message_bytes` is what is configured."""

    engines = ("auto",)
    message_bytes = None
    first_text = 0              # of each of CONTENTS

    @classmethod
    def warm_up(cls, client):
        client.call(BUFFER + "Free", {"id": client.call(
            BUFFER + "Alloc", {"length": 8})["buffer"]["id"]})

    def setUp(self):
        super().setUp()
        self.assertEqual(self.message_bytes,
                         self.client.call(DAEMON + "Describe")["limits"]["messageBytes"])
        self.client.call(POOL + "Create", {"context": {"name": "test", "sizeBytes": 40 * MIB}})

    def tearDown(self):
        self.client.call(POOL + "Destroy", {"name": "test", "force": True})
        super().tearDown()

    def answer(self, member, **parameters):
        """The reply, which is no longer than a message; its NUL belongs to it."""
        reply = self.client.call_reply(BUFFER + member, parameters)
        self.longest = len(reply.text) + 1
        self.assertLessEqual(self.longest, self.message_bytes)
        return reply.parameters

    def of(self, content):
        memory = os.memfd_create("content")
        try:
            with open(memory, "wb", closefd=False) as file:
                file.write(content)
            return self.client.call(BUFFER + "From", {
                "pool": "test", "fileDescriptorIndex": 0}, [memory])["buffer"]["id"]
        finally:
            os.close(memory)

    def read_all(self, content, encoding):
        """As much as fits comes at once, all of it in the end, and no call is for nothing."""
        buffer, got, longest = self.of(content), bytearray(), 0
        while len(got) < len(content):
            part = self.answer("Read", id=buffer, encoding=encoding, offset=len(got))
            self.assertGreater(part["bytesRead"], 0)
            data = DECODERS[encoding](part["data"])
            self.assertEqual(part["bytesRead"], len(data))
            got += data
            longest = max(longest, self.longest)
        self.assertTrue(got == content)
        # JSON's spelling of a control character is reckoned as the longest that there is.
        self.assertGreater(longest, self.message_bytes * 3 // 10)
        self.client.call(BUFFER + "Free", {"id": buffer})

    def test_bytes_are_read_in_every_encoding(self):
        content = random_bytes(self.message_bytes + self.message_bytes // 4 + 5, SEED)
        for encoding in ("hex", "base64", "base64url"):
            with self.subTest(encoding=encoding):
                self.read_all(content, encoding)

    def test_text_is_read_in_every_encoding_however_json_spells_it(self):
        for encoding, texts in CONTENTS.items():
            for text in texts[self.first_text:]:
                piece = text.encode(PYTHON_NAMES.get(encoding, encoding))
                with self.subTest(encoding=encoding, text=text):
                    self.read_all(piece * (self.message_bytes * 5 // 4 // len(piece)), encoding)

    def test_as_many_numbers_as_are_said_to_fit(self):
        longest = "-2.2250738585072014e-308"
        buffer = self.client.call(BUFFER + "Alloc", {"pool": "test", "length": 20_000 * 8})[
            "buffer"]["id"]
        with self.fails(BUFFER + "OutOfRange", parameter="count", minimum=0) as caught:
            self.answer("GetNumber", id=buffer, type="float64le", offset=0, count=20_000)
        most = caught.exception.parameters["maximum"]
        self.assertGreaterEqual(most, 1024)
        texts = [longest] * most
        self.answer("SetNumber", id=buffer, type="float64le", offset=0, texts=texts)
        self.assertEqual(texts, self.answer("GetNumber", id=buffer, type="float64le", offset=0,
                                            count=most)["texts"])

    def test_labels_are_as_long_as_an_answer_can_have_them(self):
        longest = {"k" * 96: "\x1f" * (LABEL_BYTES_MAX - 96)}
        buffers = [self.answer("Alloc", length=8, pool="test", labels=longest)["buffer"],
                   self.answer("From", data="x", pool="test", labels=longest)["buffer"]]
        for buffer in buffers:
            self.assertEqual(longest, buffer["labels"])
            self.assertEqual(longest,
                             self.answer("Describe", id=buffer["id"])["buffer"]["labels"])
        self.client.send(BUFFER + "List", {"pool": "test"}, more=True)
        for continues in (True, False):
            reply = self.client.receive_for(BUFFER + "List")
            self.assertEqual((longest, continues), (reply.parameters["buffer"]["labels"],
                                                    reply.continues))
            self.assertLessEqual(len(reply.text) + 1, self.message_bytes)

    def test_with_longer_labels_nothing_is_made(self):
        before = self.client.call(DAEMON + "Describe")["usage"]
        for count, length in itertools.product((1, 64), (LABEL_BYTES_MAX + 1, 60 * KIB)):
            labels = {f"{number:04}": "x" * (length // count + 1 - 4) for number in range(count)}
            for member, parameters in (("Alloc", {"length": 8}), ("From", {"data": "x"})):
                with self.subTest(count=count, length=length, member=member), \
                        self.fails(DAEMON + "LimitExceeded", limit="labelBytes",
                                   maximum=LABEL_BYTES_MAX):
                    self.answer(member, pool="test", labels=labels, **parameters)
        self.assertEqual(before, self.client.call(DAEMON + "Describe")["usage"])


class Short(Messages, ForebayTest):
    message_bytes = 64 * KIB
    daemon_options = {"config": "[limits]\nmessageBytes = 64K\n"}


class Long(Messages, ForebayTest):
    message_bytes = 16 * MIB
    first_text = -1             # the mixed ones: Python needs its time for so much text
    daemon_options = {"config": "[limits]\nmessageBytes = 16M\n"}


class CtlShort(CtlTest):
    """forebayctl does not know how long a message may be."""

    daemon_options = {"config": "[limits]\nmessageBytes = 64K\n"}

    @classmethod
    def warm_up(cls, client):
        Messages.warm_up.__func__(cls, client)

    def test_a_buffer_of_many_messages_is_written_and_read(self):
        content = random_bytes(MIB + 3, SEED)
        buffer = self.run_ctl("buffer", "alloc", str(len(content))).decode().strip()
        self.run_ctl("buffer", "write", buffer, data=content)
        self.assertTrue(content == self.run_ctl("buffer", "read", buffer))
        numbers = self.run_ctl("buffer", "get", buffer, "uint8", "0", "--count", "5000")
        self.assertEqual([str(byte) for byte in content[:5000]], numbers.decode().split())
        self.run_ctl("buffer", "free", buffer)


if __name__ == "__main__":
    main()
