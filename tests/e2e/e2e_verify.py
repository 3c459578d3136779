#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Digests in the catalogue: ListFiles, OpenFile, Verify, forebayctl store verify, restarts."""

import hashlib
import json
import os
import pathlib
import signal
import subprocess
import time
import zlib

from harness import (FOREBAYCTL, KIB, MIB, STORE, Daemon, ForebayTest, VarlinkError, main,
                     random_bytes, wait_until)


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Verify(ForebayTest):
    engines = ("auto",)

    def store_file(self, path, data, checksum="sha256", **context):
        stream = self.open(path, checksum=checksum, **context)
        for offset in range(0, len(data), 512 * KIB):
            if stream.write(data[offset:offset + 512 * KIB])["needDrain"]:
                stream.wait("drain")
        stream.finish()

    def listed(self, path):
        files = [reply["file"] for reply in self.client.more(STORE + "ListFiles",
                                                             {"prefix": path})]
        return {file["path"]: file.get("digest") for file in files}[path]

    def verify(self, path, client=None):
        return (client or self.client).call(STORE + "Verify", {"path": path})

    def ctl(self, *words):
        return subprocess.run([FOREBAYCTL, "store", "verify", *words], capture_output=True,
                              text=True, timeout=60,
                              env={**os.environ, "FOREBAY_SOCKET": self.daemon.path})

    def test_what_was_stored_is_intact_in_every_kind(self):
        data = random_bytes(3 * MIB + 17)
        for kind in ("crc32", "xxh3", "sha256"):
            self.store_file(kind, data, kind)
            reply = self.verify(kind)
            self.assertIs(True, reply["intact"])
            self.assertEqual(reply["expected"], reply["got"])
            self.assertTrue(reply["got"].startswith(kind + ":"))
            self.assertEqual((len(data), len(data)), (reply["currentBytes"], reply["totalBytes"]))
        self.assertEqual(sha256(data), self.verify("sha256")["got"])
        self.assertEqual(f"crc32:{zlib.crc32(data):08x}", self.verify("crc32")["got"])

    def test_sizes_around_pages(self):
        for size in (0, 1, 4095, 4096, 4097, MIB - 1, MIB, MIB + 1, 16 * MIB + 4095):
            data = random_bytes(size, seed=size)
            self.store_file("sized", data)
            reply = self.verify("sized")
            self.assertEqual((True, sha256(data)), (reply["intact"], reply["got"]), size)

    def test_the_digest_is_told_with_the_file_until_it_is_touched(self):
        data = random_bytes(100000)
        self.store_file("told/file", data)
        self.assertEqual(sha256(data), self.listed("told/file"))
        reply = self.client.call_reply(STORE + "OpenFile", {"path": "told/file"})
        os.close(reply.fds[0])
        self.assertEqual(sha256(data), reply.parameters["file"]["digest"])
        os.utime(self.daemon.file("told/file"))
        self.assertIsNone(self.listed("told/file"))
        # The content is what counts for Verify.
        self.assertIs(True, self.verify("told/file")["intact"])

    def test_a_file_that_is_written_in_place_has_no_digest_any_more(self):
        data = random_bytes(100000)
        for how in ("append", "update", "truncate"):
            self.store_file(how, data)
            stream = self.open(how, open=how)
            stream.write(b"more")
            stream.finish()
            reply = self.verify(how)
            self.assertEqual((None, None), (reply.get("intact"), reply.get("expected")), how)
            self.assertIsNone(self.listed(how))

    def test_one_wrong_bit_is_found(self):
        data = random_bytes(2 * MIB)
        self.store_file("bit", data)
        facts = os.stat(self.daemon.file("bit"))
        with open(self.daemon.file("bit"), "r+b") as file:
            file.seek(MIB + 5)
            file.write(bytes([data[MIB + 5] ^ 4]))
        # Even if it looks untouched, as after bit rot.
        os.utime(self.daemon.file("bit"), ns=(facts.st_atime_ns, facts.st_mtime_ns))
        reply = self.verify("bit")
        self.assertIs(False, reply["intact"])
        self.assertEqual(sha256(data), reply["expected"])
        self.assertEqual(sha256(self.read_stored("bit")), reply["got"])

    def test_a_truncated_and_a_longer_file_are_found(self):
        for change in (-1, 1):
            self.store_file("length", random_bytes(10000))
            os.truncate(self.daemon.file("length"), 10000 + change)
            self.assertIs(False, self.verify("length")["intact"])

    def test_nothing_is_known_of_a_file_without_a_digest(self):
        self.open("plain").finish("x")
        reply = self.verify("plain")
        for name in ("intact", "expected", "got"):
            self.assertIsNone(reply.get(name), name)

    def test_another_file_in_its_place_is_not_the_one_recorded(self):
        data = random_bytes(5000)
        self.store_file("place", data)
        path = self.daemon.file("place")
        path.rename(path.with_name("kept"))
        path.write_bytes(b"other")
        reply = self.verify("place")
        self.assertIsNone(reply.get("intact"))
        self.assertEqual(sha256(b"other"), reply["got"])
        path.unlink()
        path.write_bytes(data)          # as a backup that was played back
        self.assertIs(True, self.verify("place")["intact"])

    def test_a_new_file_has_its_own_digest(self):
        for data in (b"first", b"second"):
            self.store_file("again", data)
            self.assertEqual(sha256(data), self.listed("again"))
            self.assertIs(True, self.verify("again")["intact"])

    def test_a_removed_file_is_forgotten(self):
        self.store_file("removed", b"x")
        self.client.call(STORE + "Remove", {"path": "removed"})
        with self.fails(STORE + "NoSuchFile", path="removed"):
            self.verify("removed")
        self.daemon.file("removed").write_bytes(b"x")
        reply = self.verify("removed")
        self.assertIsNone(reply.get("expected"))

    def test_what_cannot_be_verified_is_refused(self):
        with self.fails(STORE + "NoSuchFile", path="none"):
            self.verify("none")
        with self.fails(STORE + "PathRefused"):
            self.verify("../x")
        with self.fails(STORE + "NoSuchStore", store="none"):
            self.client.call(STORE + "Verify", {"store": "none", "path": "x"})

    def test_progress_comes_with_more_and_the_verdict_last(self):
        self.store_file("progress", random_bytes(20 * MIB))
        replies = list(self.client.more(STORE + "Verify", {"path": "progress"}))
        self.assertGreater(len(replies), 1)
        current = 0
        for reply in replies[:-1]:
            self.assertIs(True, reply["progress"])
            self.assertEqual(20 * MIB, reply["totalBytes"])
            self.assertGreaterEqual(reply["currentBytes"], current)
            current = reply["currentBytes"]
            self.assertNotIn("intact", reply)
        self.assertIsNone(replies[-1].get("progress"))
        self.assertIs(True, replies[-1]["intact"])

    def test_a_client_that_hangs_up_ends_the_reading(self):
        path = self.daemon.file("hung-up")
        self.store_file("hung-up", b"x")
        with open(path, "r+b") as file:
            file.truncate(64 << 30)          # would be read for a long time
        for more in (True, False):
            client = self.daemon.client()
            client.send(STORE + "Verify", {"path": "hung-up"}, more=more)
            wait_until(lambda: any("hung-up" in self.target(fd) for fd in self.daemon_fds()),
                       "the file is open")
            client.close()
            wait_until(lambda: not any("hung-up" in self.target(fd) for fd in self.daemon_fds()),
                       "the file is closed")
        path.unlink()

    def daemon_fds(self):
        return list(pathlib.Path(f"/proc/{self.daemon.pid}/fd").iterdir())

    @staticmethod
    def target(fd):
        try:
            return os.readlink(fd)
        except FileNotFoundError:
            return ""

    def test_forebayctl_says_so_by_its_exit_status(self):
        self.store_file("ctl", b"content")
        done = self.ctl("ctl")
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertIn("intact, " + sha256(b"content"), done.stdout)
        lines = [json.loads(line) for line in self.ctl("ctl", "--json").stdout.splitlines()]
        self.assertIs(True, lines[-1]["intact"])
        with open(self.daemon.file("ctl"), "r+b") as file:
            file.write(b"C")
        done = self.ctl("ctl")
        self.assertEqual(1, done.returncode)
        self.assertIn("NOT INTACT", done.stdout)
        self.open("ctl-plain").finish("x")
        done = self.ctl("ctl-plain")
        self.assertEqual(1, done.returncode)
        self.assertIn("no digest is recorded", done.stdout)
        self.assertEqual(4, self.ctl("none").returncode)


class AfterRestart(ForebayTest):
    engines = ("auto",)

    def test_digests_outlive_a_kill_and_an_end_does_not_wait_for_a_verification(self):
        stream = self.open("kept", checksum="xxh3", ack="published")
        stream.finish("content")
        self.client.close()
        self.daemon.kill(remove=False)
        self.daemon.start()
        self.wait_until_alone()
        self.before = self.daemon.descriptors()
        with self.daemon.client() as client:
            self.assertIs(True, client.call(STORE + "Verify", {"path": "kept"})["intact"])
        os.truncate(self.daemon.file("kept"), 1 << 40)
        client = self.daemon.client()
        client.send(STORE + "Verify", {"path": "kept"})
        time.sleep(0.2)
        began = time.monotonic()
        self.daemon.stop(remove=False)
        self.assertLess(time.monotonic() - began, 20)
        client.close()
        self.daemon.file("kept").unlink()
        self.daemon.start()
        self.wait_until_alone()
        self.before = self.daemon.descriptors()
        self.client = self.connect()


if __name__ == "__main__":
    main()
