#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Concat of buffers: bytes, memory of its own, sources that go, what cannot be joined."""

from buffer_test import SEED, BufferTest
from harness import BUFFER, DAEMON, MIB, POOL, SERVICE, VarlinkError, main, random_bytes, wait_until


class Concat(BufferTest):
    def concat(self, sources, client=None, **parameters):
        made = self.call("Concat", client, sources=[source["id"] for source in sources],
                         **parameters)["buffer"]
        self.cleanup.callback(self.free_if_there, made, client)
        return made

    def free_if_there(self, buffer, client):
        try:
            self.call("Free", client, id=buffer["id"])
        except VarlinkError as error:
            self.assertEqual(BUFFER + "NoSuchBuffer", error.name)

    def test_the_bytes_come_one_behind_the_other(self):
        one, other, none = self.buffer(b"abc"), self.buffer(b"DE"), self.buffer(length=0)
        part = self.slice(one, 1, 2)
        for sources, parameters, wanted in (
                ([], {}, b""), ([one], {}, b"abc"), ([one, other], {}, b"abcDE"),
                ([other, none, part, one, one], {}, b"DEbabcabc"),
                ([one, other], {"totalLength": 4}, b"abcD"),
                ([one, other], {"totalLength": 2}, b"ab"),
                ([one, other], {"totalLength": 0}, b""),
                ([one, other], {"totalLength": 8}, b"abcDE\0\0\0"),
                ([], {"totalLength": 9}, b""), ([none], {"totalLength": 2}, b"\0\0")):
            with self.subTest(wanted=wanted):
                made = self.concat(sources, **parameters)
                self.assertEqual(wanted, self.read(made))
                self.assertEqual((len(wanted), 0), (made["length"], made["pins"]))

    def test_the_result_is_memory_of_its_own(self):
        source = self.buffer(b"abc")
        made = self.concat([source])
        self.call("Fill", id=made["id"], value="x")
        self.assertEqual(b"abc", self.content(source))
        self.call("Fill", id=source["id"], value="y")
        self.assertEqual(b"xxx", self.read(made))
        self.assertEqual("default", made["pool"])

    def test_zeroes_fill_what_others_have_written(self):
        old = self.buffer(b"", length=8192, pool="default", fill="x")
        self.call("Free", id=old["id"])
        self.assertEqual(b"abc" + bytes(5000), self.read(self.concat([self.buffer(b"abc")],
                                                                     totalLength=5003)))

    def test_a_large_one_has_a_pool_of_its_own(self):
        content = random_bytes(5 * MIB, SEED)
        source, tail = self.buffer(content), self.buffer(b"tail")
        made = self.concat([source, tail, source])
        self.assertNotIn(made["pool"], ("default", "test"))
        self.assertEqual(content + b"tail" + content, self.read(made))
        pools = len(list(self.client.more(POOL + "List")))
        self.call("Free", id=made["id"])
        self.assertEqual(pools - 1, len(list(self.client.more(POOL + "List"))))

    def test_sources_may_be_freed_meanwhile(self):
        """What is joined stays until it is: nobody gets its memory, though it is free to ask."""
        content, other = random_bytes(5 * MIB, SEED), self.connect()
        wanted = self.buffer(2 * content)
        for _ in range(5):
            other.call(POOL + "Create", {"context": {"name": "tight", "sizeBytes": len(content)}})
            source = self.buffer(length=len(content), client=other, pool="tight")
            other.call(BUFFER + "Copy", {"source": wanted["id"], "target": source["id"]})
            self.client.send(BUFFER + "Concat", {"sources": [source["id"]] * 2})
            other.call(DAEMON + "Ping")
            other.call(BUFFER + "Free", {"id": source["id"]})
            try:
                # All of the pool: there is room for it only once they are joined.
                self.buffer(length=len(content), client=other, pool="tight", fill="x")
            except VarlinkError as error:
                self.assertEqual(POOL + "PoolFull", error.name)
            made = self.client.receive_for(BUFFER + "Concat").parameters["buffer"]
            self.assertEqual(0, self.call("Compare", source=made["id"],
                                          target=wanted["id"])["order"])
            self.call("Free", id=made["id"])
            other.call(POOL + "Destroy", {"name": "tight"})

    def test_many_sources(self):
        buffers = [self.buffer(bytes([number])) for number in range(100)]
        sources = [buffers[number * 7 % 100] for number in range(5000)]
        self.assertEqual(bytes(number * 7 % 100 for number in range(5000)),
                         self.read(self.concat(sources)))

    def test_what_cannot_be_joined(self):
        one = self.buffer(b"abc")
        before = self.client.call(DAEMON + "Describe")["usage"]
        for total in (-1, str(-2 ** 63)):
            with self.subTest(total=total), self.out_of_range("totalLength", 0, 2 ** 63 - 1):
                self.call("Concat", sources=[one["id"]], totalLength=total)
        for wrong in ("", "b0", "s" + "0" * 16, "b" + "1" * 16):
            with self.subTest(wrong=wrong), self.fails(BUFFER + "NoSuchBuffer", id=wrong):
                self.call("Concat", sources=[one["id"], wrong])
        for total in (2 ** 53, str(2 ** 62), str(2 ** 63 - 1)):
            with self.subTest(total=total), self.assertRaises(VarlinkError) as caught:
                self.call("Concat", sources=[one["id"]], totalLength=total)
            self.assertIn(caught.exception.name, (POOL + "PoolFull", DAEMON + "LimitExceeded",
                                                  SERVICE + "InvalidParameter"))
        self.assertEqual(before, self.client.call(DAEMON + "Describe")["usage"])

    def test_a_client_that_goes_leaves_nothing_behind(self):
        source = self.buffer(random_bytes(6 * MIB, SEED))

        def usage():
            return self.client.call(DAEMON + "Describe")["usage"]
        before = usage()
        for _ in range(5):
            with self.daemon.client() as other:
                other.send(BUFFER + "Concat", {"sources": [source["id"]] * 3})
                other.send(BUFFER + "Fill", {"id": source["id"], "value": "x"})
        wait_until(lambda: usage() == before, "what they asked for is gone")


if __name__ == "__main__":
    main()
