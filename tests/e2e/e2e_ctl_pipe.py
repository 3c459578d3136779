#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""forebayctl pipe: every kind of source and sink, the options, the exit statuses; readable streams
in forebayctl stream."""

import gzip
import hashlib
import json
import os
import pathlib
import re
import signal
import subprocess
import threading

from ctl import DONE, FAILED, NO_DAEMON, REFUSED, TIMED_OUT, USAGE, CtlTest
from harness import BUFFER, FOREBAYCTL, KIB, MIB, STREAM, main, random_bytes, wait_until

CONTENT = random_bytes(300 * KIB) + bytes(700 * KIB)


class CtlPipeTest(CtlTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        pathlib.Path(cls.daemon.store).mkdir(exist_ok=True)
        cls.daemon.file("plain").write_bytes(CONTENT)
        cls.daemon.file("packed.gz").write_bytes(gzip.compress(CONTENT))

    @classmethod
    def warm_up(cls, client):
        client.call(BUFFER + "Free", {"id": client.call(
            BUFFER + "Alloc", {"length": 8})["buffer"]["id"]})
        # The steps' workers, with what they keep.
        cls.daemon.file("warm").parent.mkdir(exist_ok=True)
        cls.daemon.file("warm").write_bytes(b"x")
        client.call(STREAM + "Pipe", {"source": {"path": "warm"}, "steps": [{"name": "gzip"}],
                                      "context": {"path": "warm.gz"}})

    def pipe(self, *words, **options):
        return self.run_ctl("pipe", *words, **options)

    def same(self, wanted, got):
        """Nobody wants to see a million bytes that are not."""
        self.assertTrue(wanted == got, f"{len(got)} bytes, and not the {len(wanted)} wanted")

    def outside(self, name, content=None):
        path = pathlib.Path(self.daemon.directory, name)
        if content is not None:
            path.write_bytes(content)
        return path

    def buffer(self, length):
        made = self.client.call(BUFFER + "Alloc", {"length": length})["buffer"]["id"]
        self.cleanup.callback(self.client.call, BUFFER + "Free", {"id": made})
        return made


class Ends(CtlPipeTest):
    def test_from_a_store_to_a_store_with_steps(self):
        text = self.pipe("plain", "--step", "gzip", "again.gz").decode()
        self.same(CONTENT, gzip.decompress(self.read_stored("again.gz")))
        self.assertRegex(text, rf"^1000K read, 30\d(\.\d)?K written: "
                               rf"{self.daemon.file('again.gz')}\n$")
        self.pipe("again.gz", "--step", "gunzip", "again")
        self.same(CONTENT, self.read_stored("again"))
        self.assertEqual("", self.error_text)

    def test_steps_go_in_the_order_of_the_words(self):
        self.pipe("packed.gz", "--step", "gunzip", "--steps", "zstd:1,unzstd", "--step=gzip:9", "x")
        self.same(CONTENT, gzip.decompress(self.read_stored("x")))

    def test_an_empty_file_makes_an_empty_file(self):
        self.daemon.file("empty").write_bytes(b"")
        self.assertIn(b"0 read, 0 written", self.pipe("empty", "nothing"))
        self.assertEqual(b"", self.read_stored("nothing"))

    def test_standard_input_and_output_are_passed(self):
        self.same(CONTENT, self.pipe("packed.gz", "--step", "gunzip", "-"))
        self.assertEqual("", self.error_text)
        self.pipe("-", "--step", "gzip", "stdin.gz", data=CONTENT)
        self.same(CONTENT, gzip.decompress(self.read_stored("stdin.gz")))
        self.same(CONTENT, self.pipe("-", "-", data=CONTENT))
        self.assertEqual(b"", self.pipe("-", "-"))

    def test_with_files_the_shell_s_positions_hold(self):
        script = ('{ echo before; read line; "$CTL" pipe - -; "$CTL" pipe plain --length 5 -; '
                  'echo behind; } <"$1" >"$2"; "$CTL" pipe plain --length 3 - >>"$2"')
        source, target = self.outside("in", b"line\nrest"), self.outside("out")
        # read takes a line at a time only where it cannot go back; from a file it goes back.
        subprocess.run(["sh", "-ec", script, "sh", source, target], check=True, timeout=60,
                       env={**os.environ, "FOREBAY_SOCKET": self.daemon.path, "CTL": FOREBAYCTL})
        self.assertEqual(b"before\nrest" + CONTENT[:5] + b"behind\n" + CONTENT[:3],
                         target.read_bytes())

    def test_files_of_one_s_own(self):
        self.outside("own", CONTENT)
        self.pipe("./own", "--step", "gzip", str(self.outside("own.gz")),
                  cwd=self.daemon.directory)
        self.same(CONTENT, gzip.decompress(self.outside("own.gz").read_bytes()))
        self.pipe(str(self.outside("own.gz")), "--step", "gunzip", "./own2",
                  cwd=self.daemon.directory)
        self.same(CONTENT, self.outside("own2").read_bytes())

    def test_a_sink_of_ones_own_stays_as_it_was_when_the_pipe_fails(self):
        target = self.outside("kept", b"the old one")
        self.pipe("plain", "--step", "gunzip", str(target), status=FAILED)
        self.assertEqual(b"the old one", target.read_bytes())

    def test_buffers(self):
        buffer = self.buffer(1000)
        text = self.pipe("plain", "--offset", "1K", "--length", "10", f"buffer:{buffer}",
                         "--sink-offset", "3").decode()
        self.assertEqual(f"10 read, 10 written: buffer:{buffer}\n", text)
        self.assertEqual(bytes(3) + CONTENT[1024:1034] + bytes(987),
                         self.run_ctl("buffer", "read", buffer))
        self.assertEqual(CONTENT[1026:1034],
                         self.pipe(f"buffer:{buffer}", "--offset", "5", "--length", "8", "-"))
        self.pipe(f"buffer:{buffer}", "of-buffer")
        self.assertEqual(1000, len(self.read_stored("of-buffer")))

    def test_a_fifo_is_waited_for_on_both_sides(self):
        for name in ("fifo-in", "fifo-out"):
            os.mkfifo(self.outside(name))
            self.cleanup.callback(os.unlink, self.outside(name))
        got = []
        writer = threading.Thread(target=self.outside("fifo-in").write_bytes, args=(CONTENT,))
        reader = threading.Thread(
            target=lambda: got.append(self.outside("fifo-out").read_bytes()))
        writer.start(), reader.start()
        self.pipe("./fifo-in", "./fifo-out", cwd=self.daemon.directory)
        writer.join(), reader.join()
        self.same(CONTENT, got[0])

    def test_devices_are_copied_to_and_from(self):
        self.assertIn(b"0 read", self.pipe("/dev/null", "of-null"))
        self.assertIn(b"1000K written: /dev/null", self.pipe("plain", "/dev/null"))
        for length in ("10", "900K"):
            self.pipe("plain", "--length", length, "/dev/full", status=FAILED)
            self.assertIn("/dev/full: No space left on device", self.error_text)
        with self.subTest("a source without an end"):
            self.pipe("/dev/zero", "--timeout", "200ms", "/dev/null", status=TIMED_OUT)

    def test_a_terminal_is_written_to_and_no_bar_is_drawn_into_it(self):
        master, slave = os.openpty()
        process = subprocess.Popen([FOREBAYCTL, "pipe", "plain", "--offset", "1023990", "-"],
                                   stdin=slave, stdout=slave, stderr=slave,
                                   env={**os.environ, "FOREBAY_SOCKET": self.daemon.path,
                                        "TERM": "xterm"})
        os.close(slave)
        shown = bytearray()
        try:
            while piece := os.read(master, 4096):
                shown += piece
        except OSError:
            pass                    # EIO: nobody has it open any more
        os.close(master)
        self.assertEqual(DONE, process.wait())
        self.assertEqual(bytes(10), shown)

    def test_marks_of_any_size_give_the_same_bytes(self):
        content = random_bytes(3 * MIB + 5)
        self.daemon.file("large").write_bytes(content)
        self.pipe("large", "--mark", "64K", "--steps", "zstd,unzstd", "large2")
        self.same(content, self.read_stored("large2"))
        self.same(content, self.pipe("large2", "--mark", "8M", "-"))
        self.same(content[:3000], self.pipe("large", "--length", "3000", "--mark", "1", "--steps",
                                            "gzip,gunzip", "-"))


class Options(CtlPipeTest):
    def test_every_member_of_the_context_has_its_option(self):
        (told,) = self.json_lines(
            "pipe", "plain", "deep/er", "--open", "exclusive", "--mode", "0600", "--ack", "synced",
            "--high-water-mark", "64K", "--low-water-mark", "1K", "--maximum-length", "1M",
            "--sync-interval", "10ms", "--checksum", "sha256", "--side-file", "--on-error", "fail",
            "--on-disconnect", "abort", "--rate", "1G", "--size-hint", "1M", "--store", "default",
            "--source-store", "default", "--label", "a=b", "--step", "gzip", "--timeout", "1min")
        stored = self.read_stored("deep/er")
        self.same(CONTENT, gzip.decompress(stored))
        self.assertEqual(0o600, self.daemon.file("deep/er").stat().st_mode & 0o777)
        self.assertEqual("sha256:" + hashlib.sha256(stored).hexdigest(), told["digest"])
        self.assertIn(told["digest"][7:], self.daemon.file("deep/er.sha256").read_text())
        self.assertEqual((True, len(CONTENT), len(stored), str(self.daemon.file("deep/er"))),
                         (told["done"], told["bytesRead"], told["bytesWritten"], told["path"]))
        self.pipe("plain", "deep/er", "--open", "exclusive", status=FAILED)
        self.assertEqual(stored, self.read_stored("deep/er"))
        self.daemon.file("added").write_bytes(b"old ")
        self.pipe("plain", "--length", "4", "added", "--open", "append")
        self.assertEqual(b"old " + CONTENT[:4], self.read_stored("added"))
        self.pipe("plain", "--length", "2", "added", "--open", "update", "--start", "1")
        self.assertEqual(b"o" + CONTENT[:2] + b" " + CONTENT[:4], self.read_stored("added"))

    def test_rotation(self):
        self.pipe("plain", "part.{n}", "--rotate-size", "400000", "--keep", "2")
        left = [path.name for path in pathlib.Path(self.daemon.store).glob("part.*")]
        self.assertEqual(["part.2", "part.3"], sorted(left))

    def test_the_options_are_those_of_write(self):
        def options(verb):
            text = self.run_ctl(verb, "--help").decode()
            return set(re.findall(r"^  (--[a-z-]+)", text, re.MULTILINE))
        self.assertEqual(set(), options("write") - options("pipe") -
                         {"--ring", "--ring-bytes", "--compress"})

    def test_json_goes_where_the_bytes_do_not(self):
        (told,) = self.json_lines("pipe", "packed.gz", "--step", "gunzip", "x")
        self.assertEqual((True, len(CONTENT)), (told["done"], told["bytesWritten"]))
        out = self.pipe("packed.gz", "--step", "gunzip", "-", "--json")
        self.same(CONTENT, out)
        self.assertEqual(len(CONTENT), json.loads(self.error_text)["bytesWritten"])

    def test_a_bar_on_a_terminal(self):
        shown = self.on_a_terminal("pipe", "plain", "x", "--rate", "2M")
        self.assertIn("[####################] 1000K of 1000K", shown)

    def test_completion_and_help(self):
        def complete(*words):
            return self.run_ctl("--complete", *words).decode().split()
        self.assertIn("pipe", complete("p"))
        self.assertEqual(["@file"], complete("pipe", ""))
        self.assertEqual(["gzip", "gunzip"], complete("pipe", "a", "--step", "g"))
        self.assertEqual(["--source-store"], complete("pipe", "a", "--sou"))
        self.assertIn("SOURCE SINK", self.run_ctl("pipe", "--help").decode())
        self.assertIn("pipe SOURCE SINK", self.run_ctl("--help").decode())


class Failing(CtlPipeTest):
    def test_usage_is_told_before_anything_is_opened(self):
        out = self.outside("never")
        for words, what in (
                ((), "wanted"), (("plain",), "wanted"), (("a", "b", "c"), "too many"),
                (("-", "x", "--source-store", "default"), "in no store"),
                (("./x", "x", "--source-store", "default"), "in no store"),
                (("buffer:b1", "x", "--source-store", "default"), "in no store"),
                (("plain", "-", "--store", "default"), "in no store"),
                (("plain", str(out), "--store", "default"), "in no store"),
                (("plain", "x", "--sink-offset", "1"), "no buffer"),
                (("-", "x", "--offset", "1"), "from where it stands"),
                (("./x", "x", "--length", "1"), "from where it stands"),
                (("plain", "x", "--ring", "1M"), "no option"),
                (("plain", "x", "--step"), "needs a value"),
                (("plain", "x", "--step", "gzip:much"), "Invalid argument"),
                (("plain", "x", "--mark", "much"), "no size"),
                (("plain", "x", "--open", "perhaps"), "none of")):
            with self.subTest(words=words):
                self.pipe(*words, status=USAGE)
                self.assertIn(what, self.error_text)
        self.assertFalse(out.exists())
        self.assertFalse(self.daemon.file("x").exists())

    def test_what_the_daemon_refuses_by_name(self):
        buffer = self.buffer(10)
        for words, what in (
                (("none", "x"), "NoSuchFile"), (("../plain", "x"), "PathRefused"),
                (("plain", "../x"), "PathRefused"),
                (("plain", "x", "--source-store", "none"), "NoSuchStore"),
                (("plain", "x", "--store", "none"), "NoSuchStore"),
                (("buffer:b0", "x"), "NoSuchBuffer"), (("plain", "buffer:b0"), "NoSuchBuffer"),
                (("plain", "x", "--step", "lz4"), "steps"),
                (("plain", "x", "--step", "gzip:10"), "steps"),
                (("plain", "x", "--steps", "gzip,gzip,gzip,gzip,gzip"), "steps"),
                (("plain", "x", "--mark", "0"), "highWaterMark"),
                (("plain", "--offset", "2M", "x"), "OutOfRange"),
                (("plain", "--offset", "1", "--length", "2M", "x"), "OutOfRange"),
                (("plain", f"buffer:{buffer}", "--sink-offset", "11"), "OutOfRange"),
                (("plain", f"buffer:{buffer}", "--open", "append"), "InvalidParameter"),
                (("plain", "-", "--open", "append"), "InvalidParameter"),
                (("plain", "x", "--start", "4"), "start")):
            with self.subTest(words=words):
                self.pipe(*words, status=REFUSED)
                self.assertIn(what, self.error_text)
        self.assertFalse(self.daemon.file("x").exists())
        self.assertEqual(bytes(10), self.run_ctl("buffer", "read", buffer))

    def test_what_fails_on_the_way(self):
        self.pipe("plain", "--step", "gunzip", "x", status=FAILED)
        self.assertIn("gunzip", self.error_text)
        self.daemon.file("short.gz").write_bytes(self.read_stored("packed.gz")[:-9])
        self.pipe("short.gz", "--step", "gunzip", "x", status=FAILED)
        self.assertFalse(self.daemon.file("x").exists())
        self.pipe("short.gz", "--step", "gunzip", "x", "--json", status=FAILED)
        self.assertEqual("io.forebay.stream.StreamFailed", json.loads(self.error_text)["error"])
        self.no_temporaries()

    def test_what_cannot_be_opened_here(self):
        for words in (("./none", "x"), ("plain", "/none/x"), ("plain", "./"),
                      ("plain", self.daemon.directory)):
            with self.subTest(words=words):
                self.pipe(*words, status=FAILED)
                self.assertRegex(self.error_text, "No such file|Is a directory")

    def test_nobody_there(self):
        self.pipe("plain", "x", status=NO_DAEMON, socket_path=f"{self.daemon.directory}/none")

    def test_a_timeout_ends_the_pipe_and_leaves_nothing(self):
        self.pipe("plain", "slow", "--rate", "1000", "--timeout", "100ms", status=TIMED_OUT)
        self.gone()
        self.assertFalse(self.daemon.file("slow").exists())

    def gone(self):
        wait_until(lambda: not [line for line in self.json_lines("stream", "list")
                                if line.get("runtime", {}).get("state") == "open"],
                   "its stream is gone")
        self.no_temporaries()

    def test_who_is_killed_takes_the_pipe_along(self):
        process = subprocess.Popen([FOREBAYCTL, "pipe", "plain", "killed", "--rate", "1000"],
                                   env={**os.environ, "FOREBAY_SOCKET": self.daemon.path})
        wait_until(lambda: any(line.get("runtime") for line in self.json_lines("stream", "list")),
                   "the pipe has begun")
        process.send_signal(signal.SIGKILL)
        process.wait()
        self.gone()
        self.assertEqual([], [name for name in self.daemon.files() if "killed" in name])

    def test_an_aborted_pipe_has_failed(self):
        process = subprocess.Popen([FOREBAYCTL, "pipe", "plain", "cut", "--rate", "1000"],
                                   stderr=subprocess.PIPE,
                                   env={**os.environ, "FOREBAY_SOCKET": self.daemon.path})
        stream = wait_until(lambda: next((line["id"] for line in self.json_lines("stream", "list")
                                          if line.get("runtime")), None), "the pipe has begun")
        self.run_ctl("stream", "abort", stream, "--reason", "test")
        _, told = process.communicate(timeout=30)
        self.assertNotEqual(DONE, process.returncode)
        self.assertTrue(told)
        self.assertFalse(self.daemon.file("cut").exists())


class Readables(CtlPipeTest):
    def open_readable(self):
        return self.client.call(STREAM + "OpenReadable",
                                {"source": {"path": "plain"}, "highWaterMark": 1000})["id"]

    def state(self, readable):
        return self.client.call(STREAM + "DescribeReadable",
                                {"id": readable})["readable"]["state"]

    def test_they_stand_in_the_list_behind_the_streams(self):
        readable = self.open_readable()
        text = self.run_ctl("stream", "list").decode()
        self.assertTrue(text.startswith("READABLE"), text)
        self.assertRegex(text, rf"{readable} +open .* 1000K .* 1000 .*plain\n")
        stream = self.open("beside")
        lines = self.run_ctl("stream", "list").decode().splitlines()
        self.assertEqual(["ID", stream.id, "", "READABLE", readable],
                         [line.split()[0] if line else "" for line in lines])
        told = self.json_lines("stream", "list")
        self.assertEqual([stream.id, readable], [line["id"] for line in told])
        self.assertEqual(1000, told[1]["readable"]["highWaterMark"])
        stream.abort()

    def test_without_any_the_list_is_as_it_was(self):
        self.assertEqual(1, len(self.json_lines("stream", "list")))

    def test_pause_resume_and_abort(self):
        readable = self.open_readable()
        self.assertIn("readable.state: open", re.sub(" +", " ", self.run_ctl(
            "stream", "show", readable).decode()))
        (told,) = self.json_lines("stream", "show", readable)
        self.assertEqual("open", told["readable"]["state"])
        for verb, state in (("pause", "paused"), ("resume", "open"), ("abort", "aborted")):
            self.run_ctl("stream", verb, readable)
            self.assertEqual(state, self.state(readable))
        self.run_ctl("stream", "abort", readable, status=REFUSED)
        self.run_ctl("stream", "pause", "r0", status=REFUSED)


if __name__ == "__main__":
    main()
