#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Load: a stored file, or a part of it, into a new buffer; steps undone, digest checked."""

import base64
import contextlib
import gzip
import hashlib
import os
import pathlib
import shutil
import tempfile
import zlib

from harness import (BUFFER, DAEMON, JOB, KIB, MIB, POOL, SERVICE, STORE, ForebayTest,
                     VarlinkError, main, random_bytes, wait_until)

NOBODY = 65534
SIZES = (0, 1, 4095, 4096, 4097, MIB - 1, MIB, MIB + 1)

PLAN = ";".join([
    "load(slow):delay=200ms", "load(fails-later):EIO@2", "load(fails-at-once):EIO",
    "open(cannot-be-opened):EIO"])


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def mixed(length):
    """Some of it compresses well, some not at all."""
    piece = random_bytes(3000, seed=length) + b"the same again " * 400
    return (piece * (length // len(piece) + 1))[:length]


class LoadTest(ForebayTest):
    engines = ("auto",)

    @classmethod
    def warm_up(cls, client):
        buffer = client.call(BUFFER + "Alloc", {"length": 4096})["buffer"]["id"]
        client.call(JOB + "Save", {"context": {"buffer": buffer, "path": "warm"}})
        client.call(BUFFER + "Free", {"id": buffer})
        cls.daemon.file("warm").unlink()

    def setUp(self):
        super().setUp()
        self.held = self.usage()

    def tearDown(self):
        """What a test has loaded it has freed, and what was refused has left nothing."""
        self.until_nothing_is_left()
        super().tearDown()

    def usage(self):
        usage = self.client.call(DAEMON + "Describe")["usage"]
        return {name: usage[name] for name in ("buffers", "poolBytes", "stagingBytes")}

    def until_nothing_is_left(self):
        wait_until(lambda: self.usage() == self.held, f"{self.held}, not {self.usage()}")

    def put(self, path, content):
        file = self.daemon.file(path)
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(content)
        return path

    def load_reply(self, path, client=None, **parameters):
        return (client or self.client).call(JOB + "Load", {"path": path, **parameters})

    def describe(self, buffer, client=None):
        return (client or self.client).call(BUFFER + "Describe", {"id": buffer})["buffer"]

    def content(self, buffer, client=None):
        about = self.describe(buffer, client)
        reply = (client or self.client).call_reply(POOL + "Acquire", {"name": about["pool"]})
        try:
            memory_fd = reply.fds[reply.parameters["fileDescriptorIndex"]]
            return os.pread(memory_fd, about["length"], about["offset"])
        finally:
            for fd in reply.fds:
                os.close(fd)

    def free(self, buffer, client=None):
        (client or self.client).call(BUFFER + "Free", {"id": buffer})

    def load(self, path, client=None, **parameters):
        """The content of the buffer, which is gone then, and the reply."""
        reply = self.load_reply(path, client, **parameters)
        content = self.content(reply["buffer"], client)
        self.assertEqual(len(content), reply["bytesRead"])
        self.free(reply["buffer"], client)
        return content, reply

    @contextlib.contextmanager
    def fails_while_it_runs(self, operation, error):
        with self.fails(JOB + "RunFailed", id="") as caught:
            yield caught
        run = caught.exception.parameters["run"]
        self.assertEqual((0, "failed"), (run["run"], run["result"]))
        self.assertEqual((operation, error), (run["fault"]["operation"],
                                              run["fault"]["errnoName"]), run)


class Load(LoadTest):
    daemon_options = {"faults": PLAN}

    def save(self, path, data, **context):
        """By the daemon, out of a buffer that is filled through its pool."""
        about = self.client.call(BUFFER + "Alloc", {"length": len(data)})["buffer"]
        reply = self.client.call_reply(POOL + "Acquire", {"name": about["pool"]})
        try:
            os.pwrite(reply.fds[reply.parameters["fileDescriptorIndex"]], data, about["offset"])
        finally:
            for fd in reply.fds:
                os.close(fd)
        self.client.call(JOB + "Save", {"context": {"buffer": about["id"], "path": path,
                                                    **context}})
        self.free(about["id"])
        return path

    # ---- what is there comes back ----

    def test_what_was_saved_comes_back(self):
        chains = (
            ([], []),
            (["gzip"], ["gunzip"]),
            (["zstd"], ["unzstd"]),
            (["gzip", "zstd"], ["unzstd", "gunzip"]),
        )
        for sizes, chosen in ((SIZES, chains), ((20 * MIB,), chains[:3])):
            for size in sizes:
                data = mixed(size)
                for done, undone in chosen:
                    with self.subTest(size=size, steps=done):
                        self.save("saved", data, checksum="xxh3",
                                  steps=[{"name": name} for name in done])
                        stored = sha256(self.read_stored("saved"))
                        content, reply = self.load(
                            "saved", steps=[{"name": name} for name in undone])
                        self.assertTrue(content == data)
                        self.assertTrue(reply["digest"].startswith("xxh3:"))
                        content, reply = self.load(
                            "saved", digest=stored, steps=[{"name": name} for name in undone])
                        self.assertTrue(content == data)
                        self.assertEqual(stored, reply["digest"])

    def test_a_file_that_nobody_knows_has_no_digest(self):
        self.put("unknown", b"content")
        content, reply = self.load("unknown")
        self.assertEqual(b"content", content)
        self.assertNotIn("digest", reply)

    def test_many_members_of_gzip_are_one_content(self):
        parts = [mixed(size) for size in (70000, 0, 1, 300000)]
        self.put("members", b"".join(gzip.compress(part) for part in parts))
        self.assertTrue(self.load("members", steps=[{"name": "gunzip"}])[0] == b"".join(parts))

    def test_nothing_at_all_undone_is_nothing(self):
        self.put("nothing", b"")
        for steps in ([], [{"name": "gunzip"}], [{"name": "unzstd"}, {"name": "gunzip"}]):
            content, reply = self.load("nothing", steps=steps, digest=sha256(b""))
            self.assertEqual((b"", 0), (content, reply["bytesRead"]))

    # ---- parts ----

    def test_a_part_is_counted_in_what_comes_out(self):
        data = mixed(3 * MIB + 77)
        stored = gzip.compress(data)
        self.put("plain", data)
        self.put("part.gz", stored)
        for path, steps, digest in (("plain", [], sha256(data)),
                                    ("part.gz", [{"name": "gunzip"}], sha256(stored))):
            for begin, end in ((0, 1), (1, 4097), (MIB - 1, MIB + 1), (len(data) - 1, len(data)),
                               (0, len(data)), (4095, len(data)), (5, 5), (0, 0),
                               (len(data), len(data))):
                with self.subTest(path=path, begin=begin, end=end):
                    part = {"offset": begin, "length": end - begin}
                    content, reply = self.load(path, steps=steps, **part)
                    self.assertTrue(content == data[begin:end])
                    self.assertNotIn("digest", reply)
                    content, reply = self.load(path, steps=steps, digest=digest, **part)
                    self.assertTrue(content == data[begin:end])
                    self.assertEqual(digest, reply["digest"])
            content, _ = self.load(path, steps=steps, offset=2 * MIB)
            self.assertTrue(content == data[2 * MIB:])

    def test_what_lies_beyond_the_end_is_told_with_the_range_that_would_have_been_right(self):
        data = mixed(10000)
        self.put("range", data)
        self.put("range.gz", gzip.compress(data))
        for path, steps in (("range", []), ("range.gz", [{"name": "gunzip"}])):
            for wrong, name, maximum in (
                    ({"offset": 10001}, "offset", 10000),
                    ({"offset": 10001, "length": 0}, "offset", 10000),
                    ({"offset": str(2 ** 63 - 1)}, "offset", 10000),
                    ({"length": 10001}, "length", 10000),
                    ({"offset": 9999, "length": 2}, "length", 1)):
                with self.subTest(path=path, wrong=wrong), \
                        self.fails(BUFFER + "OutOfRange", parameter=name, minimum=0,
                                   maximum=maximum):
                    self.load_reply(path, steps=steps, **wrong)
            for wrong in ({"offset": -1}, {"length": -1}):
                with self.fails(BUFFER + "OutOfRange", parameter=next(iter(wrong)), minimum=0):
                    self.load_reply(path, steps=steps, **wrong)
        with self.fails(BUFFER + "OutOfRange", parameter="length", minimum=0, maximum=9991):
            self.load_reply("range", offset=9, length=str(2 ** 63 - 1))
        self.until_nothing_is_left()

    # ---- digests ----

    def test_a_wrong_digest_is_told_and_no_buffer_is_left(self):
        data = mixed(5 * MIB)
        stored = gzip.compress(data)
        self.put("digest", data)
        self.put("digest.gz", stored)
        for path, bytes_stored, steps in (("digest", data, []),
                                          ("digest.gz", stored, [{"name": "gunzip"}])):
            right = sha256(bytes_stored)
            wrong = sha256(b"something else")
            for part in ({}, {"offset": 5, "length": 7}):
                with self.fails(JOB + "DigestMismatch", expected=wrong, got=right):
                    self.load_reply(path, steps=steps, digest=wrong, **part)
                self.load(path, steps=steps, digest=right, **part)
            self.load(path, steps=steps, digest=f"crc32:{zlib.crc32(bytes_stored):08x}")
        self.until_nothing_is_left()

    def test_a_file_that_is_not_what_was_recorded_is_not_loaded_as_if_it_were(self):
        data = mixed(2 * MIB)
        self.save("rotten", data, checksum="sha256")
        facts = os.stat(self.daemon.file("rotten"))
        with open(self.daemon.file("rotten"), "r+b") as file:
            file.seek(MIB + 5)
            file.write(bytes([data[MIB + 5] ^ 4]))
        os.utime(self.daemon.file("rotten"), ns=(facts.st_atime_ns, facts.st_mtime_ns))
        now = sha256(self.read_stored("rotten"))
        with self.fails(JOB + "DigestMismatch", expected=sha256(data), got=now):
            self.load_reply("rotten")
        # That it looks touched makes it no better.
        os.truncate(self.daemon.file("rotten"), MIB)
        now = sha256(self.read_stored("rotten"))
        with self.fails(JOB + "DigestMismatch", expected=sha256(data), got=now):
            self.load_reply("rotten")
        # Whoever knows what is there, and wants it, says so; a part alone is not held against it.
        self.assertTrue(self.load("rotten", digest=now)[0] == self.read_stored("rotten"))
        self.assertEqual(data[:10], self.load("rotten", length=10)[0])
        # Another file under that name was never recorded.
        other = self.daemon.file("other")
        other.write_bytes(b"something else")
        other.rename(self.daemon.file("rotten"))
        content, reply = self.load("rotten")
        self.assertEqual((b"something else", sha256(b"something else")),
                         (content, reply["digest"]))

    def test_a_damaged_file_fails_by_its_digest_first(self):
        stored = bytearray(gzip.compress(mixed(MIB)))
        right = sha256(stored)
        stored[len(stored) // 2] ^= 1
        self.put("damaged.gz", stored)
        with self.fails(JOB + "DigestMismatch", expected=right, got=sha256(stored)):
            self.load_reply("damaged.gz", steps=[{"name": "gunzip"}], digest=right)
        with self.fails_while_it_runs("gunzip", "EBADMSG"):
            self.load_reply("damaged.gz", steps=[{"name": "gunzip"}])
        with self.fails_while_it_runs("gunzip", "EBADMSG"):
            self.load_reply("damaged.gz", steps=[{"name": "gunzip"}], digest=sha256(stored))

    # ---- what cannot be loaded ----

    def test_what_is_not_in_the_format_or_cut_short_fails_by_the_name_of_the_step(self):
        data = mixed(MIB)
        self.put("text", b"plain text")
        self.put("cut.gz", gzip.compress(data)[:-9])
        for path, name in (("text", "gunzip"), ("text", "unzstd"), ("cut.gz", "gunzip"),
                           ("cut.gz", "unzstd")):
            with self.subTest(path=path, name=name), \
                    self.fails_while_it_runs(name, "EBADMSG") as caught:
                self.load_reply(path, steps=[{"name": name}])
            fault = caught.exception.parameters["run"]["fault"]
            self.assertEqual(str(self.daemon.file(path)), fault["path"])
        self.put("inner.gz", gzip.compress(b"not zstd at all"))
        with self.fails_while_it_runs("unzstd", "EBADMSG"):
            self.load_reply("inner.gz", steps=[{"name": "gunzip"}, {"name": "unzstd"}])

    def test_wrong_parameters_are_named(self):
        self.put("there", b"content")
        for wrong, name in (
                ({"steps": [{"name": "gzip"}]}, "steps"),
                ({"steps": [{"name": "gunzip"}, {"name": "zstd"}]}, "steps"),
                ({"steps": [{"name": "gunzip", "level": 3}]}, "steps"),
                ({"steps": [{"name": "gunzip"}] * 5}, "steps"),
                ({"digest": "sha256:00"}, "digest"),
                ({"digest": "md5:" + 32 * "0"}, "digest"),
                ({"digest": ""}, "digest")):
            with self.subTest(wrong=wrong), self.fails_parameter(name):
                self.load_reply("there", **wrong)

    def test_what_is_not_there_is_named(self):
        self.put("there", b"content")
        with self.fails(STORE + "NoSuchFile", store="default", path="none"):
            self.load_reply("none")
        with self.fails(STORE + "NoSuchStore", store="none"):
            self.load_reply("there", store="none")
        with self.fails(POOL + "NoSuchPool", name="none"):
            self.load_reply("there", pool="none")
        for path in ("../there", "/etc/passwd", "", ".forebay-x"):
            with self.fails(STORE + "PathRefused"):
                self.load_reply(path)
        self.daemon.file("link").symlink_to(self.daemon.file("there"))
        with self.fails(STORE + "PathRefused", path="link"):
            self.load_reply("link")
        self.daemon.file("link").unlink()

    def test_a_disk_that_fails_is_named(self):
        self.put("fails-later", mixed(20 * MIB))
        self.put("fails-at-once", b"content")
        self.put("cannot-be-opened", b"content")
        for path, operation in (("fails-later", "load"), ("fails-at-once", "load"),
                                ("cannot-be-opened", "open")):
            with self.fails_while_it_runs(operation, "EIO"):
                self.load_reply(path)

    # ---- where it goes ----

    def test_it_goes_where_it_is_sent(self):
        data = mixed(9 * MIB)
        self.put("large", data)
        self.put("small", data[:MIB])
        reply = self.load_reply("small")
        self.assertEqual("default", self.describe(reply["buffer"])["pool"])
        self.free(reply["buffer"])
        # More than half of the default pool: a pool of its own, which goes with the buffer.
        reply = self.load_reply("large")
        pool = self.describe(reply["buffer"])["pool"]
        self.assertNotEqual("default", pool)
        self.free(reply["buffer"])
        with self.fails(POOL + "NoSuchPool"):
            self.client.call(POOL + "Describe", {"name": pool})
        self.client.call(POOL + "Create", {"context": {"name": "mine", "sizeBytes": 10 * MIB}})
        reply = self.load_reply("large", pool="mine")
        self.assertEqual("mine", self.describe(reply["buffer"])["pool"])
        self.assertTrue(self.content(reply["buffer"]) == data)
        with self.fails(POOL + "PoolFull", name="mine", requestedBytes=9 * MIB):
            self.load_reply("large", pool="mine")
        self.client.call(POOL + "Destroy", {"name": "mine"})

    def test_a_pool_that_is_destroyed_meanwhile_ends_it(self):
        self.put("slow-pool", mixed(40 * MIB))
        self.client.call(POOL + "Create", {"context": {"name": "gone", "sizeBytes": 48 * MIB}})
        loader = self.connect()
        loader.send(JOB + "Load", {"path": "slow-pool", "pool": "gone"}, more=True)
        self.assertTrue(loader.receive_for(JOB + "Load").continues)
        self.client.call(POOL + "Destroy", {"name": "gone"})
        with self.fails(POOL + "NoSuchPool", name="gone"):
            while loader.receive_for(JOB + "Load").continues:
                pass

    # ---- while it runs ----

    def test_progress_comes_with_more_in_order_and_the_buffer_last(self):
        data = mixed(20 * MIB)
        stored = gzip.compress(data, 1)
        self.put("slow-plain", data)
        self.put("slow.gz", stored)
        for path, steps, total in (("slow-plain", [], 20 * MIB),
                                   ("slow.gz", [{"name": "gunzip"}], 2 * len(stored))):
            replies = list(self.client.more(JOB + "Load", {"path": path, "steps": steps}))
            self.assertGreater(len(replies), 2)
            told = [reply["currentBytes"] for reply in replies[:-1]]
            self.assertEqual(sorted(told), told)
            self.assertEqual(0, told[0])
            self.assertGreater(told[-1], 0)
            for reply in replies[:-1]:
                self.assertEqual((True, total), (reply["progress"], reply["totalBytes"]))
                self.assertNotIn("buffer", reply)
            self.assertNotIn("progress", replies[-1])
            self.assertTrue(self.content(replies[-1]["buffer"]) == data)
            self.free(replies[-1]["buffer"])

    def test_without_more_there_is_one_answer(self):
        self.put("slow-once", mixed(20 * MIB))
        reply = self.load_reply("slow-once")
        self.assertNotIn("progress", reply)
        self.free(reply["buffer"])

    def test_a_client_that_hangs_up_ends_it_and_nothing_is_left(self):
        data = mixed(40 * MIB)
        self.put("slow-hang-up", data)
        self.put("slow-hang-up.gz", gzip.compress(data, 1))
        for path, steps in (("slow-hang-up", []), ("slow-hang-up.gz", [{"name": "gunzip"}])):
            for replies in (1, 2):
                client = self.daemon.client()
                client.send(JOB + "Load", {"path": path, "steps": steps}, more=True)
                for _ in range(replies):
                    self.assertTrue(client.receive_for(JOB + "Load").continues)
                client.close()
                self.until_nothing_is_left()
        client = self.daemon.client()
        client.send(JOB + "Load", {"path": "slow-hang-up"})
        wait_until(lambda: self.usage() != self.held, "it has begun")
        client.close()

    def test_a_file_that_becomes_shorter_fails(self):
        self.put("slow-shrink", mixed(40 * MIB))
        with self.fails_while_it_runs("read", "ESTALE"):
            for reply in self.client.more(JOB + "Load", {"path": "slow-shrink"}):
                if reply["currentBytes"] > 0:
                    os.truncate(self.daemon.file("slow-shrink"), 4096)

    def test_a_file_that_is_replaced_is_read_as_it_was(self):
        data = mixed(20 * MIB)
        self.put("slow-replace", data)
        for reply in self.client.more(JOB + "Load", {"path": "slow-replace"}):
            if reply.get("progress"):
                self.put("new", b"new content")
                self.daemon.file("new").rename(self.daemon.file("slow-replace"))
        self.assertTrue(self.content(reply["buffer"]) == data)
        self.free(reply["buffer"])
        self.assertEqual(b"new content", self.load("slow-replace")[0])

    def test_a_file_that_grows_is_as_long_as_it_was(self):
        data = mixed(20 * MIB)
        self.put("slow-grow", data)
        for reply in self.client.more(JOB + "Load", {"path": "slow-grow",
                                                     "digest": sha256(data)}):
            if reply.get("progress"):
                with open(self.daemon.file("slow-grow"), "ab") as file:
                    file.write(b"more")
        self.assertTrue(self.content(reply["buffer"]) == data)
        self.free(reply["buffer"])

    def test_the_end_of_the_daemon_does_not_wait_for_it(self):
        self.put("slow-end", mixed(200 * MIB))
        self.client.send(JOB + "Load", {"path": "slow-end"}, more=True)
        self.assertTrue(self.client.receive_for(JOB + "Load").continues)
        with self.daemon.client() as other:
            other.call(DAEMON + "Shutdown", {"drain": True, "timeoutUSec": 20_000_000})
        with self.fails(DAEMON + "ShuttingDown"):
            while self.client.receive_for(JOB + "Load").continues:
                pass
        self.client.close()
        self.assertEqual(0, self.daemon.wait_exit())
        self.daemon.start()
        with self.daemon.client() as other:
            self.warm_up(other)
        self.wait_until_alone()
        self.before = self.daemon.descriptors()
        self.client = self.connect()
        self.held = self.usage()


class Bounds(LoadTest):
    """What is small on disk is not small in memory."""

    daemon_options = {"config": "[limits]\npoolBytes = 64M\n"}

    def bomb(self):
        # 300 MiB of nothing, twice compressed: some hundred bytes.
        inner = zlib.compressobj(9, zlib.DEFLATED, 31)
        nothing = bytes(MIB)
        once = b"".join(inner.compress(nothing) for _ in range(300)) + inner.flush()
        return once, gzip.compress(once)

    def test_a_bomb_is_refused_by_the_limit_and_takes_no_memory(self):
        once, twice = self.bomb()
        self.put("bomb.gz", once)
        self.put("bomb.gz.gz", twice)
        before = self.daemon.memory_kib("VmHWM")
        gunzip = {"name": "gunzip"}
        for path, steps in (("bomb.gz", [gunzip]), ("bomb.gz.gz", [gunzip, gunzip])):
            with self.fails(DAEMON + "LimitExceeded", limit="poolBytes", maximum=64 * MIB):
                self.load_reply(path, steps=steps)
            with self.fails(DAEMON + "LimitExceeded", limit="poolBytes"):
                self.load_reply(path, steps=steps, length=300 * MIB)
            # A part of it is as good as any other file.
            content, _ = self.load(path, steps=steps, offset=299 * MIB, length=MIB)
            self.assertEqual(bytes(MIB), content)
        if not self.daemon.is_sanitized():
            self.assertLess(self.daemon.memory_kib("VmHWM") - before, 16 * KIB)

    def test_a_file_larger_than_the_limit_is_refused_unread(self):
        path = self.daemon.file("sparse")
        path.touch()
        os.truncate(path, 1 << 40)
        with self.fails(DAEMON + "LimitExceeded", limit="poolBytes", maximum=64 * MIB):
            self.load_reply("sparse")
        content, _ = self.load("sparse", offset=(1 << 40) - 5)
        self.assertEqual(bytes(5), content)

    def test_a_named_pool_is_enough_or_says_how_much_was_missing(self):
        self.put("fits.gz", gzip.compress(bytes(9 * MIB)))
        self.client.call(POOL + "Create", {"context": {"name": "small", "sizeBytes": 8 * MIB}})
        with self.fails(POOL + "PoolFull", name="small", requestedBytes=9 * MIB,
                        largestFreeBytes=8 * MIB):
            self.load_reply("fits.gz", pool="small", steps=[{"name": "gunzip"}])
        self.client.call(POOL + "Destroy", {"name": "small"})


class Staging(LoadTest):
    daemon_options = {"config": "[limits]\nstagingBytes = 8M\n"}
    engines = ("auto",)

    def test_what_steps_hold_is_charged(self):
        self.put("zstd", b"")
        with self.fails(DAEMON + "LimitExceeded", limit="stagingBytes", maximum=8 * MIB):
            self.load_reply("zstd", steps=[{"name": "unzstd"}])
        self.assertEqual(b"", self.load("zstd", steps=[{"name": "gunzip"}])[0])


class OtherUsers(LoadTest):
    """Whose file may be loaded is as it is with OpenFile."""

    engines = ("auto",)

    @classmethod
    def setUpClass(cls):
        cls.shared = tempfile.mkdtemp(dir=os.environ.get("TMPDIR"))
        os.chmod(cls.shared, 0o755)
        cls.daemon_options = {"config": (
            f"[store users]\npath = {cls.shared}/users\nperUser = yes\n"
            f"[store plain]\npath = {cls.shared}/plain\n")}
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        shutil.rmtree(cls.shared)

    def test_each_user_has_the_own_files(self):
        self.root_only()
        for uid in (0, NOBODY):
            folder = pathlib.Path(self.shared, "users", str(uid))
            folder.mkdir(mode=0o700)
            (folder / "mine").write_text(f"of {uid}")
            os.chown(folder, uid, uid)
        pathlib.Path(self.shared, "plain", "kept").write_text("for root")
        other = self.connect(uid=NOBODY)
        self.assertEqual(b"of 0", self.load("mine", store="users")[0])
        self.assertEqual(b"of 65534", self.load("mine", other, store="users")[0])
        self.assertEqual(b"for root", self.load("kept", store="plain")[0])
        with self.fails(STORE + "PathRefused", path="kept"):
            self.load_reply("kept", other, store="plain")
        for path in ("../0/mine", "0/mine"):
            with self.assertRaises(VarlinkError):
                self.load_reply(path, other, store="users")
        # The buffer is theirs, and nobody else's but root's.
        third = self.connect(uid=NOBODY - 1)
        reply = self.load_reply("mine", other, store="users")
        with self.fails(BUFFER + "NoSuchBuffer", id=reply["buffer"]):
            self.describe(reply["buffer"], third)
        data = self.client.call(BUFFER + "Read", {"id": reply["buffer"]})["data"]
        self.assertEqual(b"of 65534", base64.b64decode(data))
        with self.fails(STORE + "NoSuchFile"):
            self.load_reply("mine", third, store="users")
        self.free(reply["buffer"], other)
        other.call(POOL + "Destroy", {"name": "default"})


if __name__ == "__main__":
    main()
