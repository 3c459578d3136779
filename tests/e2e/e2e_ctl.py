#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""forebayctl: every verb, what it prints, its exit status, and the commands of the documents."""

import gzip
import hashlib
import json
import os
import pathlib
import re
import shlex
import socket
import subprocess
import time

from ctl import FAILED, NO_DAEMON, REFUSED, TIMED_OUT, USAGE, CtlTest
from harness import (FOREBAYCTL, MIB, SOURCE, STREAM, Daemon, ForebayTest, main, random_bytes,
                     wait_until)


class Ctl(CtlTest):
    def test_info_and_ping(self):
        self.assertIn("serving", self.run_ctl("info").decode())
        self.assertEqual("serving", self.json_lines("info")[0]["state"])
        self.run_ctl("ping")
        self.assertEqual(1, len(self.json_lines("ping")))

    def load(self, *words):
        """The content of the buffer that was loaded, which is gone then."""
        buffer = self.run_ctl("load", *words, "--pool", "of-loads").decode().strip()
        content = self.run_ctl("buffer", "read", buffer)
        self.run_ctl("buffer", "free", buffer)
        return content

    def test_load(self):
        content = b"the same again and again " * 20000
        self.run_ctl("pool", "create", "of-loads", "--size", "4M")
        self.run_ctl("write", "load.zst.gz", "--steps", "zstd,gzip", "--checksum", "sha256",
                     data=content)
        self.run_ctl("write", "load.gz", "--compress", "gzip", data=content)
        self.run_ctl("write", "load.zst", "--compress", "zstd", data=content)
        self.run_ctl("write", "load", data=content)
        for path in ("load", "load.gz", "load.zst"):
            self.assertEqual(content, self.load(path, "--decompress"))
        self.assertEqual(self.read_stored("load.gz"), self.load("load.gz"))
        self.assertEqual(content, self.load("load.zst.gz", "--steps", "gunzip,unzstd"))
        self.assertEqual(content[7:107], self.load("load.gz", "--decompress", "--offset", "7",
                                                   "--length", "100"))
        digest = "sha256:" + hashlib.sha256(self.read_stored("load.gz")).hexdigest()
        told = self.json_lines("load", "load.gz", "--decompress", "--digest", digest,
                               "--pool", "of-loads")
        self.assertEqual([(len(content), digest)],
                         [(line["bytesRead"], line["digest"]) for line in told])
        self.run_ctl("load", "load", "--digest", digest, "--pool", "of-loads", status=FAILED)
        self.assertIn("DigestMismatch", self.error_text)
        self.assertIn(digest, self.error_text)
        self.run_ctl("load", "load", "--steps", "gunzip", status=FAILED)
        self.assertIn("gunzip", self.error_text)
        for words, status in (((), USAGE), (("load", "--decompress", "--steps", "gunzip"), USAGE),
                              (("load", "--steps", "gzip"), REFUSED), (("none",), REFUSED),
                              (("none", "--decompress"), REFUSED),
                              (("load", "--offset", "1G"), REFUSED),
                              (("load", "--pool", "none"), REFUSED)):
            self.run_ctl("load", *words, status=status)
        self.run_ctl("pool", "destroy", "of-loads")

    def test_exit_statuses(self):
        for words, status in ((("fly",), USAGE), (("pool",), USAGE), (("pool", "fly"), USAGE),
                              ((), USAGE), (("ping", "--fly"), USAGE), (("ping", "x"), USAGE),
                              (("pool", "show"), USAGE), (("write",), USAGE),
                              (("write", "x", "--ack", "perhaps"), USAGE),
                              (("write", "x", "--ring", "many"), USAGE),
                              (("pool", "show", "none"), REFUSED),
                              (("read", "none"), REFUSED),
                              (("stream", "show", "s0"), REFUSED),
                              (("buffer", "show", "b0"), REFUSED),
                              (("store", "remove", "none"), REFUSED),
                              (("write", "../x"), REFUSED)):
            with self.subTest(words=words):
                self.run_ctl(*words, status=status)
        for path in (f"{self.daemon.directory}/none", self.daemon.log_path):
            self.run_ctl("ping", status=NO_DAEMON, socket_path=path)
        self.run_ctl("--socket", f"{self.daemon.directory}/none", "ping", status=NO_DAEMON)

    def test_a_socket_that_nobody_serves_is_no_daemon(self):
        path = f"{self.daemon.directory}/dead"
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
            dead.bind(path)
        self.run_ctl("ping", status=NO_DAEMON, socket_path=path)
        os.unlink(path)

    def test_timed_out_is_said(self):
        stream = self.open("waited")
        self.client.call(STREAM + "Pause", {"id": stream.id})
        stream.write("x")
        self.run_ctl("stream", "wait", stream.id, "--level", "written", "--timeout", "100ms",
                     status=TIMED_OUT)
        stream.abort()

    def test_every_verb_has_help(self):
        text = self.run_ctl("--help").decode()
        for verb in ("info", "ping", "shutdown", "reload", "call", "pool", "buffer", "write",
                     "read", "stream", "store", "events", "save", "load", "job"):
            self.assertIn(verb, text)
        self.assertIn("--high-water-mark", self.run_ctl("write", "--help").decode())
        for words in (("pool", "create"), ("buffer", "from"), ("stream", "list"),
                      ("store", "files"), ("events",), ("call",), ("read",), ("load",),
                      ("save",), ("job", "add"), ("job", "history")):
            self.assertIn(words[-1], self.run_ctl(*words, "--help").decode())
        self.assertIn("0.", self.run_ctl("--version").decode())

    def test_help_needs_no_daemon(self):
        self.run_ctl("write", "--help", socket_path=f"{self.daemon.directory}/none")

    def test_write_stdin_and_read_it_back(self):
        for length in (0, 1, 100_000, 3 * MIB + 7):
            content = random_bytes(length)
            out = self.run_ctl("write", "stdin", data=content).decode()
            self.assertIn(str(self.daemon.file("stdin")), out + self.error_text)
            self.assertEqual(content, self.read_stored("stdin"))
            self.assertEqual(content, self.run_ctl("read", "stdin"))

    def test_write_files_one_after_another(self):
        first, second = (pathlib.Path(self.daemon.directory, name) for name in ("first", "second"))
        first.write_bytes(random_bytes(70_000, 1))
        second.write_bytes(random_bytes(80_000, 2))
        self.run_ctl("write", "both", str(first), str(second))
        self.assertEqual(first.read_bytes() + second.read_bytes(), self.read_stored("both"))
        self.run_ctl("write", "missing", str(first), "/nonexistent", status=FAILED)
        self.assertFalse(self.daemon.file("missing").exists())

    def test_read_undoes_compression(self):
        content = random_bytes(100_000) + bytes(100_000)
        made = gzip.compress(content)
        self.daemon.file("twice.gz").write_bytes(made + made)
        self.assertEqual(content * 2, self.run_ctl("read", "twice.gz", "--decompress"))
        self.assertEqual(made * 2, self.run_ctl("read", "twice.gz"))
        self.daemon.file("plain").write_bytes(content)
        self.assertEqual(content, self.run_ctl("read", "plain", "--decompress"))
        self.daemon.file("short.gz").write_bytes(made[:-5])
        self.assertEqual(content, self.run_ctl("read", "short.gz", "--decompress", status=FAILED))
        self.assertIn("short.gz: the compressed file ends too early", self.error_text)
        self.daemon.file("bad.gz").write_bytes(made[:-5] + bytes(5))
        self.run_ctl("read", "bad.gz", "--decompress", "--json", status=FAILED)
        self.assertEqual({"error": "damaged", "what": "bad.gz",
                          "message": "the compressed file is damaged"},
                         json.loads(self.error_text))

    def test_write_compresses_and_checks(self):
        content = random_bytes(100_000) + bytes(3 * MIB)
        for words, steps in ((("--compress", "gzip"), [{"name": "gzip", "level": 6}]),
                             (("--compress=zstd:7",), [{"name": "zstd", "level": 7}]),
                             (("--steps", "gzip:1,gunzip,zstd"),
                              [{"name": "gzip", "level": 1}, {"name": "gunzip"},
                               {"name": "zstd", "level": 3}])):
            with self.subTest(words=words):
                (told,) = self.json_lines("write", "deep/packed", "--checksum", "sha256",
                                          "--side-file", *words, data=content)
                self.assertEqual(steps, told["context"]["steps"])
                self.assertEqual("sha256", told["context"]["checksum"])
                self.assertTrue(told["context"]["sideFile"])
                stored = self.read_stored("deep/packed")
                self.assertEqual("sha256:" + hashlib.sha256(stored).hexdigest(),
                                 told["runtime"]["digest"])
                self.assertLess(len(stored), 150_000)
                self.assertEqual(content, self.run_ctl("read", "deep/packed", "--decompress"))
                self.assertEqual(stored, self.run_ctl("read", "deep/packed"))
                self.assertIn(told["runtime"]["digest"][7:].encode(),
                              self.run_ctl("read", "deep/packed.sha256"))
        self.run_ctl("write", "x", "--compress", "gzip:10", status=REFUSED)
        self.assertIn("steps", self.error_text)
        self.run_ctl("write", "x", "--compress", "lz4", status=REFUSED)
        self.run_ctl("write", "x", "--checksum", "crc32", "--side-file", status=REFUSED)
        self.run_ctl("write", "deep/packed", "--steps", "gunzip", data=b"garbage", status=FAILED)
        self.assertIn("gunzip", self.error_text)
        self.assertEqual(stored, self.read_stored("deep/packed"))

    def test_write_takes_every_option(self):
        self.daemon.file("options").write_text("old ")
        self.run_ctl("write", "options", "--open", "append", "--ack", "synced", "--ring", "128K",
                     "--high-water-mark", "64K", "--low-water-mark", "1K", "--on-disconnect",
                     "finish", "--on-error", "fail", "--rate", "1G", "--size-hint", "4",
                     "--store", "default", "--mode", "0600", "--sync-interval", "10ms",
                     "--label", "a=b", data=b"new")
        self.assertEqual(b"old new", self.read_stored("options"))
        self.run_ctl("write", "exclusive", "--open", "exclusive", data=b"x")
        self.run_ctl("write", "exclusive", "--open=exclusive", data=b"y", status=FAILED)
        self.assertIn("exists", self.error_text.lower())
        self.assertEqual(b"x", self.read_stored("exclusive"))

    def test_write_tells_as_json(self):
        told = self.json_lines("write", "json", data=b"12345")[-1]
        self.assertIn(str(self.daemon.file("json")), json.dumps(told))
        self.assertIn("5", json.dumps(told))

    def test_write_to_a_path_of_ones_own(self):
        work = pathlib.Path(self.daemon.directory, "work")
        work.mkdir(exist_ok=True)
        self.run_ctl("write", "./relative", data=b"relative", cwd=work)
        self.assertEqual(b"relative", (work / "relative").read_bytes())
        self.run_ctl("write", f"{work}/absolute", data=b"absolute")
        self.assertEqual(b"absolute", (work / "absolute").read_bytes())

    def test_a_terminal_sees_how_far_it_is(self):
        def slowly():
            for _ in range(4):
                yield bytes(MIB)
                time.sleep(0.25)        # longer than the line is left as it is
        shown = self.on_a_terminal("write", "bar", data=slowly())
        self.assertIn("\r", shown)
        self.assertRegex(shown, r"[0-9.]+ ?M")
        self.assertRegex(shown, r"/s")
        shown = self.on_a_terminal("write", "plain", data=slowly(), NO_COLOR="1")
        self.assertNotRegex(shown, "\033\\[[0-9;]*m")

    def test_a_terminal_sees_how_far_a_load_is(self):
        self.daemon.file("bar").write_bytes(bytes(3 * MIB))
        self.run_ctl("pool", "create", "bar", "--size", "4M")
        shown = self.on_a_terminal("load", "bar", "--pool", "bar", data=())
        self.assertRegex(shown, r"\[#{20}\] 3M of 3M .*/s")
        self.assertNotIn("ring", shown)
        self.run_ctl("pool", "destroy", "bar")

    def test_write_through_a_pipe_that_trickles(self):
        process = subprocess.Popen([FOREBAYCTL, "write", "trickle"], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   env={**os.environ, "FOREBAY_SOCKET": self.daemon.path})
        for number in range(50):
            process.stdin.write(b"%d\n" % number)
            process.stdin.flush()
        out, error = process.communicate(timeout=60)
        self.assertEqual(0, process.returncode, error)
        self.assertEqual("".join(f"{n}\n" for n in range(50)).encode(), self.read_stored("trickle"))

    def test_pools_and_buffers(self):
        self.run_ctl("pool", "create", "ctl", "--size", "1M", "--lifetime", "daemon")
        listed = self.json_lines("pool", "list")
        self.assertIn("ctl", [line["context"]["name"] for line in listed])
        self.assertIn("ctl", self.run_ctl("pool", "list").decode())
        self.assertEqual(MIB, self.json_lines("pool", "show", "ctl")[0]["context"]["sizeBytes"])
        made = self.json_lines("buffer", "from", "--pool", "ctl", data=b"from stdin")[0]
        buffer = json.dumps(made)
        buffer = re.search(r'"id": "(b[^"]+)"', buffer).group(1)
        self.assertEqual(b"from stdin", self.run_ctl("buffer", "read", buffer))
        self.run_ctl("buffer", "write", buffer, "--offset", "5", data=b"STDIN")
        self.assertEqual(b"from STDIN", self.run_ctl("buffer", "read", buffer))
        self.assertIn(buffer, self.run_ctl("buffer", "list").decode())
        self.assertIn("ctl", self.run_ctl("buffer", "show", buffer).decode())
        part = self.json_lines("buffer", "slice", buffer, "--start", "5")[0]
        part = re.search(r'"id": "(b[^"]+)"', json.dumps(part)).group(1)
        self.assertEqual(b"STDIN", self.run_ctl("buffer", "read", part))
        self.run_ctl("buffer", "alloc", "4K", "--pool", "ctl")
        self.run_ctl("buffer", "free", buffer, part)
        self.run_ctl("buffer", "read", buffer, status=REFUSED)
        self.run_ctl("pool", "destroy", "ctl")
        self.run_ctl("pool", "show", "ctl", status=REFUSED)

    def test_streams(self):
        stream = self.open("shown", labels={"seen": "by ctl"})
        stream.write("x")
        self.assertIn(stream.id, self.run_ctl("stream", "list").decode())
        shown = self.json_lines("stream", "show", stream.id)[0]
        self.assertEqual("open", shown["runtime"]["state"])
        self.run_ctl("stream", "pause", stream.id)
        self.assertEqual("paused", stream.state())
        self.run_ctl("stream", "resume", stream.id)
        self.run_ctl("stream", "set-rate", stream.id, "10M")
        self.run_ctl("stream", "abort", stream.id, "--reason", "test")
        wait_until(lambda: stream.state() == "aborted", "aborted")

    def test_stores(self):
        self.run_ctl("write", "stored/one", data=b"1")
        self.assertIn(self.daemon.store, self.run_ctl("store", "list").decode())
        self.assertIn("stored/one", self.run_ctl("store", "files").decode())
        self.assertEqual(["stored/one"], [line["file"]["path"] if "file" in line else line["path"]
                                          for line in self.json_lines("store", "files", "stored/")])
        self.run_ctl("store", "remove", "stored/one")
        self.assertFalse(self.daemon.file("stored/one").exists())

    def test_call_prints_what_came_and_nothing_else(self):
        out = self.run_ctl("call", "io.forebay.daemon.Ping").decode()
        self.assertEqual({}, json.loads(out))
        self.assertEqual(1, len(out.splitlines()))
        out = self.run_ctl("call", "io.forebay.pool.List", "{}", "--more").decode()
        for line in out.splitlines():
            json.loads(line)
        out = self.run_ctl("call", "io.forebay.pool.Describe", '{"name":"none"}', status=FAILED)
        self.assertEqual(b"", out)
        self.assertEqual({"error": "io.forebay.pool.NoSuchPool", "parameters": {"name": "none"}},
                         json.loads(self.error_text))
        self.run_ctl("call", "io.forebay.pool.Describe", "not json", status=USAGE)

    def test_numbers_of_call_keep_every_digit(self):
        out = self.run_ctl("call", STREAM + "Open", json.dumps({"context": {
            "path": "digits", "rateBytesPerSecond": str(2 ** 63 - 1), "onDisconnect": "abort"}}))
        self.assertIn(str(2 ** 63 - 1), out.decode())

    def test_events_of_a_stream_until_its_end(self):
        stream = self.open("watched")
        process = subprocess.Popen([FOREBAYCTL, "events", "--stream", stream.id, "--json"],
                                   stdout=subprocess.PIPE,
                                   env={**os.environ, "FOREBAY_SOCKET": self.daemon.path})
        # The first line proves that the subscription stands, where it is printed; else the
        # stream ends late enough to be heard of.
        wait_until(lambda: self.client.call("io.forebay.daemon.Describe")["usage"][
            "connections"] == 2, "the subscriber is there")
        stream.finish("x")
        out, _ = process.communicate(timeout=60)
        self.assertEqual(0, process.returncode)
        self.assertIn("close", out.decode().splitlines()[-1])

    def test_reload_and_shutdown(self):
        with Daemon(config="[limits]\nbuffers = 10\n") as other:
            self.run_ctl("reload", socket_path=other.path)
            pathlib.Path(other.config_path).write_text("[limits]\nnonsense = 10\n")
            self.run_ctl("reload", socket_path=other.path, status=REFUSED)
            self.assertIn("forebay.conf", self.error_text)
            self.assertEqual(10, self.json_lines("info", socket_path=other.path)[0]["limits"][
                "buffers"])
        with Daemon() as other:
            self.run_ctl("shutdown", "--drain", socket_path=other.path)
            self.assertEqual(0, other.wait_exit())
            other.start()

    def test_a_writer_that_is_killed_leaves_a_partial(self):
        process = subprocess.Popen([FOREBAYCTL, "write", "killed"], stdin=subprocess.PIPE,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   env={**os.environ, "FOREBAY_SOCKET": self.daemon.path})
        content = random_bytes(MIB)
        process.stdin.write(content)
        process.stdin.flush()

        def taken():
            found = [reply for reply in self.client.more(STREAM + "List")
                     if reply.get("context", {}).get("path") == "killed"]
            return found and found[-1]["runtime"]["bytesAccepted"] >= MIB
        wait_until(taken, "the bytes are taken")
        process.kill()
        process.wait()
        process.stdin.close()
        wait_until(lambda: self.daemon.file("killed.partial").exists(), "salvaged")
        self.assertEqual(content, self.read_stored("killed.partial"))
        self.assertFalse(self.daemon.file("killed").exists())


class Documents(ForebayTest):
    """Every forebayctl command of the README and the manual pages is one that exists."""

    engines = ("auto",)

    def commands(self):
        manuals = [path for folder in ("client", "daemon", "systemd")
                   for path in (SOURCE / folder).glob("*.[1-8]*")]
        for path in (SOURCE / "README.md", *manuals):
            text = path.read_text().replace("\\-", "-").replace("\\(aq", "'")
            for line in text.splitlines():
                match = re.match(r"^(?:\$ |# |    |\t|.*\| )?(forebayctl [a-z].*)$", line.strip())
                if match:
                    yield path.name, match.group(1)

    def test_their_verbs_and_options_are_real(self):
        seen = 0
        for name, command in self.commands():
            words = shlex.split(re.split(r"[|;&<>#]|\$\(", command)[0], posix=True) \
                if command.count("'") % 2 == 0 and command.count('"') % 2 == 0 else command.split()
            verb = [word for word in words[1:3] if re.fullmatch(r"[a-z][a-z-]*", word)]
            options = [word.split("=")[0] for word in words if word.startswith("--")]
            if not verb:
                continue
            with self.subTest(document=name, command=command):
                for length in (2, 1):
                    done = subprocess.run([FOREBAYCTL, *verb[:length], "--help"],
                                          capture_output=True, text=True)
                    if done.returncode == 0:
                        break
                self.assertEqual(0, done.returncode, done.stderr)
                for option in options:
                    self.assertIn(option, done.stdout)
                seen += 1
        if not seen:
            self.skipTest("no document with a command is there yet")


if __name__ == "__main__":
    main()
