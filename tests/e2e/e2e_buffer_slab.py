#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Small buffers share slabs: where they lie, what they share, and when memory comes back."""

import base64
import json
import mmap
import os
import random

from harness import (BUFFER, DAEMON, JOB, KIB, MIB, POOL, SOURCE, STREAM, ForebayTest, main,
                     random_bytes, wait_until)

NOBODY = 65534
SLAB = 8192
SEED = 5


class SlabTest(ForebayTest):
    engines = ("auto",)

    @classmethod
    def warm_up(cls, client):
        made = client.call(BUFFER + "From", {"data": "x"})["buffer"]
        client.call(BUFFER + "Free", {"id": made["id"]})

    def setUp(self):
        super().setUp()
        self.make_pool("test", 4 * MIB)

    def tearDown(self):
        self.client.call(POOL + "Destroy", {"name": "test", "force": True})
        super().tearDown()

    def make_pool(self, name, size, client=None, **context):
        (client or self.client).call(POOL + "Create", {
            "context": {"name": name, "sizeBytes": size, **context}})

    def buffer(self, member, client=None, **parameters):
        parameters.setdefault("pool", "test")
        return (client or self.client).call(BUFFER + member, parameters)["buffer"]

    def unsafe(self, length, **parameters):
        return self.buffer("Alloc", length=length, initialize="unsafe", **parameters)

    def copy(self, content, **parameters):
        return self.buffer("From", data=content.hex(), encoding="hex", **parameters)

    def copy_file(self, content, **parameters):
        memory = os.memfd_create("content")
        try:
            os.write(memory, content)
            return self.client.call(BUFFER + "From", {
                "pool": "test", "fileDescriptorIndex": 0, **parameters}, [memory])["buffer"]
        finally:
            os.close(memory)

    def slice(self, buffer, **parameters):
        return self.client.call(BUFFER + "Slice", {"id": buffer["id"], **parameters})["buffer"]

    def free(self, buffer):
        return self.client.call(BUFFER + "Free", {"id": buffer["id"]})["freedBytes"]

    def write(self, buffer, content, **parameters):
        self.client.call(BUFFER + "Write", {
            "id": buffer["id"], "data": content.hex(), "encoding": "hex", **parameters})

    def content(self, buffer, client=None):
        reply = (client or self.client).call(BUFFER + "Read", {"id": buffer["id"]})
        return base64.b64decode(reply["data"])

    def describe(self, buffer):
        return self.client.call(BUFFER + "Describe", {"id": buffer["id"]})["buffer"]

    def used(self, pool="test"):
        return self.client.call(POOL + "Describe", {"name": pool})["runtime"]["usedBytes"]

    def acquire(self, pool="test"):
        """Its memory and the words of its versions."""
        reply = self.client.call_reply(POOL + "Acquire", {"name": pool})
        memory, versions = [
            self.cleanup.enter_context(mmap.mmap(reply.fds[reply.parameters[name]], 0))
            for name in ("fileDescriptorIndex", "versionFileDescriptorIndex")]
        for fd in reply.fds:
            os.close(fd)
        words = memoryview(versions).cast("Q")
        self.cleanup.callback(words.release)
        return memory, words

    def check_own(self, buffer):
        self.assertEqual((buffer["id"], buffer["length"], 0), (
            buffer["backing"], buffer["backingLength"], buffer["backingOffset"]))
        self.assertEqual(0, buffer["offset"] % 4096)

    def check_shared(self, buffer):
        self.assertEqual(SLAB, buffer["backingLength"])
        self.assertEqual(0, buffer["offset"] % 8)
        self.assertEqual(0, (buffer["offset"] - buffer["backingOffset"]) % 4096)


class Places(SlabTest):
    def test_small_ones_follow_each_other_in_a_slab(self):
        made = [self.unsafe(1), self.copy(bytes(8)), self.unsafe(9), self.copy_file(bytes(100)),
                self.unsafe(4095), self.copy(b"x")]
        for buffer in made:
            self.check_shared(buffer)
        self.assertEqual([0, 8, 16, 32, 136, 4232], [each["backingOffset"] for each in made])
        self.assertEqual({made[0]["id"]}, {each["backing"] for each in made})
        self.assertEqual(1, len({each["versionOffset"] for each in made}))
        self.assertEqual(1, len({each["offset"] - each["backingOffset"] for each in made}))
        self.assertEqual(SLAB, self.used())

    def test_only_1_to_4095_bytes_share(self):
        for length in (1, 4095):
            self.check_shared(self.unsafe(length))
            self.check_shared(self.copy(bytes(length)))
            self.check_shared(self.copy_file(bytes(length)))
        for length in (0, 4096, 8192, 10_000):
            self.check_own(self.unsafe(length))
            self.check_own(self.copy(bytes(length)))
            self.check_own(self.copy_file(bytes(length)))

    def test_what_begins_zeroed_has_memory_of_its_own(self):
        for length in (0, 1, 100, 4095, 4096):
            self.check_own(self.buffer("Alloc", length=length))
            self.check_own(self.buffer("Alloc", length=length, initialize="zero"))
        self.check_own(self.buffer("Alloc", length=100, fill="abc"))

    def test_an_unsafe_one_may_be_filled(self):
        neighbour = self.copy(b"\xaa" * 20)
        filled = self.unsafe(10, fill="abc")
        zeroed = self.unsafe(10, fill="")
        for buffer in (filled, zeroed):
            self.assertEqual(neighbour["backing"], buffer["backing"])
        self.assertEqual(b"abcabcabca", self.content(filled))
        self.assertEqual(bytes(10), self.content(zeroed))
        self.assertEqual(b"\xaa" * 20, self.content(neighbour))

    def test_what_does_not_fit_begins_a_new_slab(self):
        first = [self.unsafe(4000), self.unsafe(4000)]
        second = [self.unsafe(193), self.unsafe(8)]
        self.assertEqual(first[0]["backing"], first[1]["backing"])
        self.assertEqual((second[0]["id"],) * 2, tuple(each["backing"] for each in second))
        self.assertEqual(200, second[1]["backingOffset"])
        self.assertEqual(2 * SLAB, self.used())

    def test_a_text_is_measured_by_its_bytes(self):
        # 1000 letters need 1000 bytes, and 5000 digits 2500.
        made = [self.unsafe(4000), self.buffer("From", data="x" * 1000),
                self.buffer("From", data="ab" * 2500, encoding="hex")]
        self.assertEqual([0, 4000, 5000], [each["backingOffset"] for each in made])
        self.check_own(self.buffer("From", data="ü" * 2048))
        self.check_own(self.buffer("From", data=""))
        self.check_own(self.buffer("From", data="xyz", encoding="hex"))

    def test_pools_do_not_share(self):
        self.make_pool("other", MIB)
        here, there = self.unsafe(10), self.unsafe(10, pool="other")
        again = self.unsafe(10)
        self.assertEqual(here["backing"], again["backing"])
        self.assertNotEqual(here["backing"], there["backing"])
        self.assertEqual(0, there["backingOffset"])
        self.client.call(POOL + "Destroy", {"name": "other"})

    def test_connections_of_a_user_share(self):
        here = self.unsafe(10)
        there = self.connect().call(BUFFER + "From", {"pool": "test", "data": "x"})["buffer"]
        self.assertEqual(here["backing"], there["backing"])

    def test_where_no_slab_fits_a_buffer_still_does(self):
        self.make_pool("page", 4096)
        buffer = self.copy(b"small", pool="page")
        self.check_own(buffer)
        self.assertEqual(b"small", self.content(buffer))
        with self.fails(POOL + "PoolFull", requestedBytes=5, largestFreeBytes=0):
            self.copy(b"other", pool="page")
        self.assertEqual(5, self.free(buffer))
        self.assertEqual(0, self.used("page"))
        self.client.call(POOL + "Destroy", {"name": "page"})

    def node(self, op, made):
        """The same buffer by the wire; None where it has no such way."""
        name, size = op["op"], op.get("size", 0)
        if name == "allocUnsafe":
            return self.unsafe(size)
        if name in ("alloc", "allocFill", "allocUnsafeSlow", "of"):
            return self.buffer("Alloc", length=size)
        if name in ("fromArray", "copyBytesFrom"):
            return self.copy(bytes(size * (2 if name == "copyBytesFrom" else 1)))
        if name == "fromBuffer":
            return self.copy(self.content(made[op["of"]]))
        if name == "subarray":
            return self.slice(made[op["of"]],
                              **{key: op[key] for key in ("start", "end") if key in op})
        return None

    def test_they_lie_where_node_puts_them(self):
        """Each sequence as far as the wire can say it; texts are guessed by Node alone."""
        vectors = json.loads((SOURCE / "tests/vectors/pool.json").read_text())
        count = 0
        for number, sequence in enumerate(vectors["sequences"]):
            self.client.call(POOL + "Destroy", {"name": "test"})
            self.make_pool("test", 4 * MIB)
            made, backings = [], {}
            for op, wanted in zip(sequence["ops"], sequence["got"]):
                buffer = self.node(op, made)
                if not buffer:
                    break
                made.append(buffer)
                backing = backings.setdefault(buffer["backing"], len(backings))
                self.assertEqual(wanted, {
                    "len": buffer["length"], "backing": backing,
                    "backingLen": buffer["backingLength"], "off": buffer["backingOffset"]},
                    (number, op))
                count += 1
        self.assertGreaterEqual(count, 500)


class Sharing(SlabTest):
    def test_nothing_comes_back_before_the_last(self):
        made = [self.unsafe(100) for _ in range(20)]
        part = self.slice(made[7], start=3)
        self.assertEqual(SLAB, self.used())
        random.Random(SEED).shuffle(made)
        for buffer in made:
            self.assertEqual(0, self.free(buffer))
            self.assertEqual(SLAB, self.used())
        self.assertEqual(SLAB, self.free(part))
        self.assertEqual(0, self.used())

    def test_the_next_after_the_last_is_in_a_new_slab(self):
        first = self.unsafe(100)
        self.assertEqual(SLAB, self.free(first))
        second = self.unsafe(100)
        self.assertEqual((second["id"], 0), (second["backing"], second["backingOffset"]))

    def test_an_old_slab_comes_back_beside_the_current_one(self):
        old = [self.unsafe(4000), self.unsafe(4000)]
        new = self.copy(b"new" * 1000)
        self.assertEqual([0, SLAB], [self.free(each) for each in old])
        self.assertEqual(SLAB, self.used())
        self.assertEqual(b"new" * 1000, self.content(new))
        self.assertEqual(new["backing"], self.unsafe(8)["backing"])

    def test_a_slice_outlives_its_origin_and_its_neighbours(self):
        before, buffer, after = (self.copy(text) for text in (b"<" * 9, b"0123456789", b">" * 9))
        part = self.slice(buffer, start=-4, end=-1)
        self.assertEqual(buffer["backingOffset"] + 6, part["backingOffset"])
        self.assertEqual(buffer["offset"] + 6, part["offset"])
        self.assertEqual((buffer["backing"], buffer["versionOffset"]),
                         (part["backing"], part["versionOffset"]))
        for each in (before, buffer, after):
            self.free(each)
        # In the same slab, which its slice has kept.
        for _ in range(20):
            self.copy(b"\xff" * 300)
        self.assertEqual(b"678", self.content(part))

    def test_random_operations_leave_every_byte_right(self):
        choose = random.Random(SEED)
        memory, _ = self.acquire()
        live = []                       # of buffer, content shared with slices, offset in it
        for number in range(1500):
            action = choose.randrange(8)
            if action < 3 or not live:
                length = choose.choice((choose.randrange(300), choose.randrange(5000)))
                content = bytearray(choose.randbytes(length))
                if action == 0:
                    buffer = self.unsafe(length)
                    memory[buffer["offset"]:buffer["offset"] + length] = bytes(content)
                else:
                    buffer = (self.copy if action == 1 else self.copy_file)(content)
                live.append((buffer, content, 0))
                continue
            buffer, content, offset = choose.choice(live)
            at = choose.randrange(buffer["length"] + 1)
            if action == 3:
                live.append((self.slice(buffer, start=at), content, offset + at))
            elif action == 4:
                new = choose.randbytes(buffer["length"] - at)
                self.write(buffer, new, offset=at)
                content[offset + at:offset + buffer["length"]] = new
            elif action > 5:
                live.remove((buffer, content, offset))
                self.free(buffer)
            if number % 100 == 0:
                for each, wanted, start in live:
                    got = memory[each["offset"]:each["offset"] + each["length"]]
                    self.assertEqual(wanted[start:start + each["length"]], got, each)
        for buffer, content, offset in live:
            self.assertEqual(content[offset:offset + buffer["length"]], self.content(buffer))
            self.free(buffer)
        self.assertEqual(0, self.used())

    def test_a_write_moves_the_version_of_all_of_them(self):
        first, second = self.copy(b"first"), self.copy(b"second")
        self.assertEqual(first["version"], second["version"])
        self.write(first, b"FIRST")
        self.assertEqual(first["version"] + 2, self.describe(second)["version"])
        self.assertEqual(b"second", self.content(second))
        # One that comes in changes nothing for those that are there.
        version = self.describe(first)["version"]
        self.copy(b"third")
        self.assertEqual(version, self.describe(first)["version"])

    def test_a_slab_in_an_update_takes_no_more(self):
        """Its writer may be dead; a new buffer shall be usable all the same."""
        first = self.copy(b"first")
        _, words = self.acquire()
        words[first["versionOffset"] // 8] += 1
        second = self.copy(b"second")
        self.assertNotEqual(first["backing"], second["backing"])
        self.assertEqual(0, second["version"] % 2)
        self.write(second, b"SECOND")
        with self.fails(BUFFER + "BufferBusy", id=first["id"]):
            self.write(first, b"FIRST")
        words[first["versionOffset"] // 8] += 1
        self.write(first, b"FIRST")
        self.assertEqual((b"FIRST", b"SECOND"), (self.content(first), self.content(second)))


class Users(SlabTest):
    def test_unsafe_never_shows_what_others_left(self):
        self.root_only()
        secret = b"secret! " * 500
        for buffer in [self.copy(secret) for _ in range(100)]:
            self.free(buffer)
        kept = self.copy(secret)
        other = self.connect(uid=NOBODY)
        self.make_pool("test", MIB, client=other)
        theirs = [self.unsafe(4000, client=other) for _ in range(100)]
        for buffer in theirs:
            self.assertEqual(bytes(4000), self.content(buffer, client=other))
            self.assertNotEqual(kept["backing"], buffer["backing"])
        # Root may see them, and does not share with them.
        self.assertEqual(bytes(4000), self.content(theirs[0]))
        self.assertNotIn(self.unsafe(8)["backing"], {each["backing"] for each in theirs})
        other.call(POOL + "Destroy", {"name": "test"})


class Lives(SlabTest):
    def test_a_pinned_one_holds_its_slab(self):
        pinned, neighbour = self.copy(b"pinned"), self.copy(b"neighbour")
        stream = self.open("pinned")
        self.client.call(STREAM + "Pause", {"id": stream.id})
        stream.write_buffer(pinned["id"])
        with self.fails(BUFFER + "BufferPinned", id=pinned["id"], pins=1):
            self.free(pinned)
        self.assertEqual((1, 0), (self.describe(pinned)["pins"], self.describe(neighbour)["pins"]))
        self.assertEqual(0, self.free(neighbour))
        for _ in range(30):
            self.copy(b"\xee" * 500)
        self.client.call(STREAM + "Resume", {"id": stream.id})
        stream.finish()
        self.assertEqual(b"pinned", self.read_stored("pinned"))
        self.free(pinned)

    def test_ranges_of_neighbours_are_written_each_as_they_are(self):
        parts = [random_bytes(1 + number * 37, seed=number) for number in range(60)]
        made = [self.copy(part) for part in parts]
        stream = self.open("parts")
        for buffer in made:
            stream.write_buffer(buffer["id"])
        stream.finish()
        self.assertEqual(b"".join(parts), self.read_stored("parts"))

    def test_a_pool_goes_by_force_under_a_pin(self):
        self.make_pool("forced", 64 * KIB)
        made = [self.copy(b"x" * 100, pool="forced") for _ in range(100)]
        stream = self.open("forced")
        self.client.call(STREAM + "Pause", {"id": stream.id})
        stream.write_buffer(made[3]["id"])
        with self.fails(POOL + "PoolBusy"):
            self.client.call(POOL + "Destroy", {"name": "forced"})
        said = self.client.call(POOL + "Destroy", {"name": "forced", "force": True})
        self.assertEqual({"freedBuffers": 100}, said)
        with self.fails(STREAM + "StreamFailed", id=stream.id):
            stream.wait("written")
        for buffer in made:
            with self.fails(BUFFER + "NoSuchBuffer"):
                self.content(buffer)
        self.no_temporaries()

    def test_a_pool_of_a_connection_goes_with_its_slabs(self):
        """And one of the daemon's stays, whoever made the buffers in it."""
        def usage():
            usage = self.client.call(DAEMON + "Describe")["usage"]
            return usage["poolBytes"], usage["buffers"]
        kept = self.copy(b"kept")
        before = usage()
        client = self.connect()
        self.make_pool("brief", MIB, client=client, lifetime="connection")
        self.make_pool("long", MIB, client=client, lifetime="daemon")
        for _ in range(50):
            self.copy(b"brief" * 100, client=client, pool="brief")
            stays = self.copy(b"stays" * 100, client=client, pool="long")
        client.close()
        wait_until(lambda: usage() == (before[0] + MIB, before[1] + 50), "the pool is gone")
        self.assertEqual(b"stays" * 100, self.content(stays))
        self.client.call(POOL + "Destroy", {"name": "long"})
        wait_until(lambda: usage() == before, "all is as before")
        self.assertEqual(b"kept", self.content(kept))

    def test_a_job_saves_its_buffer_and_nothing_else(self):
        before, buffer, after = (self.copy(text) for text in (b"<" * 99, b"saved", b">" * 99))
        job = self.client.call(JOB + "Create", {
            "context": {"buffer": buffer["id"], "path": "saved"}})["id"]
        for round_number in range(5):
            for neighbour in (before, after):
                self.write(neighbour, bytes([round_number]) * 99)
            self.write(buffer, b"%05d" % round_number)
            self.client.call(JOB + "Run", {"id": job})
            self.assertEqual(b"%05d" % round_number, self.read_stored("saved"))
        with self.fails(BUFFER + "BufferPinned", id=buffer["id"]):
            self.free(buffer)
        self.client.call(JOB + "Cancel", {"id": job})
        wait_until(lambda: self.client.call(JOB + "Describe", {"id": job})["runtime"]["state"]
                   == "finished", "the job is over")
        self.client.call(JOB + "Dismiss", {"id": job})
        self.assertEqual([0, 0, SLAB], [self.free(each) for each in (before, buffer, after)])


class Limits(SlabTest):
    daemon_options = {"config": "[limits]\nbuffers = 10\n"}

    def test_a_refused_one_takes_nothing(self):
        made = [self.unsafe(8) for _ in range(9)]
        alone = self.buffer("Alloc", length=4096)
        for _ in range(20):
            with self.fails(DAEMON + "LimitExceeded", limit="buffers"):
                self.unsafe(1000)
        self.assertEqual(SLAB + 4096, self.used())
        self.free(made.pop())
        self.assertEqual(72, self.unsafe(8)["backingOffset"])
        for buffer in made:
            self.free(buffer)
        self.free(alone)


if __name__ == "__main__":
    main()
