#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Streams that are compressed or decompressed on their way, and the digests of what is stored.

Whatever is stored is held against the gzip, zstd and sha256sum of the distribution.
"""

import contextlib
import ctypes
import fcntl
import gzip
import hashlib
import itertools
import os
import pathlib
import random
import subprocess
import threading
import time
import unittest
import zlib

from harness import (BUFFER, DAEMON, KIB, MIB, STREAM, F_SETPIPE_SZ, Daemon, ForebayTest,
                     VarlinkError, main, random_bytes, wait_until)
from ring import Stopped

SIZES = (0, 1, 4095, 4096, 4097, MIB - 1, MIB, MIB + 1, 5 * MIB + 7)

GZIP, GUNZIP, ZSTD, UNZSTD = ({"name": name} for name in ("gzip", "gunzip", "zstd", "unzstd"))
PROGRAMS = {"gzip": "gzip", "zstd": "zstd"}

XXHASH = ctypes.CDLL("libxxhash.so.0")
XXHASH.XXH3_64bits.restype = ctypes.c_uint64
XXHASH.XXH3_64bits.argtypes = [ctypes.c_char_p, ctypes.c_size_t]

DIGESTS = {
    "crc32": lambda data: f"crc32:{zlib.crc32(data):08x}",
    "xxh3": lambda data: f"xxh3:{XXHASH.XXH3_64bits(data, len(data)):016x}",
    "sha256": lambda data: f"sha256:{hashlib.sha256(data).hexdigest()}",
}


def make_content(length, seed=1):
    """Some of it compresses well, some not at all."""
    chance = random.Random(seed)
    parts, made = [], 0
    while made < length:
        run = chance.randrange(1, 40_000)
        parts.append(chance.randbytes(run) if chance.random() < 0.5 else chance.randbytes(1) * run)
        made += run
    return b"".join(parts)[:length]


CONTENT = make_content(6 * MIB)


def run(*words, data):
    return subprocess.run(words, input=data, capture_output=True, timeout=120)


def undo(steps, stored, partly=False):
    """What the programs make of it. `partly`: it may end in the middle of a frame."""
    for step in reversed(steps):
        done = run(PROGRAMS[step["name"]], "-dc", data=stored)
        if not partly and done.returncode != 0:
            raise AssertionError(f"{step['name']} -dc: {done.stderr.decode()}")
        stored = done.stdout
    return stored


def compress(program, data, *options):
    done = run(program, "-c", *options, data=data)
    assert done.returncode == 0, done.stderr
    return done.stdout


def write_inline(stream, content):
    for at in range(0, len(content), 700_001):
        if not stream.write(content[at:at + 700_001])["writable"]:
            stream.wait("drain")


def write_ring(stream, content):
    stream.ring.write_all(content, chunk=300_001)


class StepsTest(ForebayTest):
    engines = None

    def same(self, wanted, found):
        # Millions of bytes in a message help nobody.
        self.assertEqual(len(wanted), len(found))
        self.assertTrue(wanted == found, "the bytes differ")

    def check_accepted(self, name, steps):
        """The program that undoes the last step finds nothing wrong with the file."""
        path = self.daemon.file(name)
        program = PROGRAMS[steps[-1]["name"]]
        done = subprocess.run([program, "-t"], stdin=path.open("rb"), capture_output=True)
        self.assertEqual(0, done.returncode, f"{program} -t: {done.stderr}")

    def check_digest(self, name, kind, runtime):
        self.assertEqual(DIGESTS[kind](self.read_stored(name)), runtime.get("digest"))

    def check_side_file(self, name):
        path = self.daemon.file(name + ".sha256")
        done = subprocess.run(["sha256sum", "-c", "--strict", path.name], cwd=path.parent,
                              capture_output=True, text=True)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        self.assertEqual(f"{self.daemon.file(name).name}: OK\n", done.stdout)

    def temporary(self):
        (name,) = [name for name in self.daemon.files() if ".forebay-" in name]
        return self.read_stored(name)


class Stored(StepsTest):
    """What was written is what the programs get back, however it came and however much."""

    @classmethod
    def warm_up(cls, client):
        buffer = client.call(BUFFER + "Alloc", {"length": 8})["buffer"]
        client.call(BUFFER + "Free", {"id": buffer["id"]})

    def write_buffer(self, stream, content):
        at = 0
        while at < len(content):
            piece = content[at:at + 700_001]
            buffer = self.client.call(BUFFER + "Alloc", {"length": len(piece)})["buffer"]["id"]
            for start in range(0, len(piece), 256 * KIB):
                self.client.call(BUFFER + "Write",
                                 {"id": buffer, "offset": start, "encoding": "hex",
                                  "data": piece[start:start + 256 * KIB].hex()})
            if not stream.write_buffer(buffer)["writable"]:
                stream.wait("drain")
            self.buffers.append(buffer)
            at += len(piece)

    def free_buffers(self):
        for buffer in self.buffers:
            self.client.call(BUFFER + "Free", {"id": buffer})

    def store(self, way, content, name, **context):
        """Returns the runtime after the end."""
        self.buffers = []
        ring_bytes = {"ring": 256 * KIB, "large ring": 8 * MIB}.get(way)
        stream = self.open(name, ring_bytes=ring_bytes, maximumLength=8 * MIB, **context)
        if stream.ring:
            write_ring(stream, content)
        elif way == "buffer":
            self.write_buffer(stream, content)
        else:
            write_inline(stream, content)
        runtime = stream.finish()
        if stream.ring:
            stream.ring.close()
        self.free_buffers()
        self.assertEqual(len(content), runtime["bytesAccepted"])
        self.assertEqual(len(content), runtime["bytesWritten"])
        self.assertEqual(len(content), runtime["bytesSynced"])
        return runtime

    def check_way(self, way, sizes=SIZES):
        checksums = itertools.cycle(("sha256", "xxh3", "crc32"))
        for steps, size in itertools.product(([GZIP], [ZSTD], [GZIP, ZSTD], []), sizes):
            checksum = next(checksums)
            with self.subTest(steps=steps, size=size, checksum=checksum):
                side_file = checksum == "sha256"
                runtime = self.store(way, CONTENT[:size], "stored", steps=steps,
                                     checksum=checksum, sideFile=side_file)
                stored = self.read_stored("stored")
                self.same(CONTENT[:size], undo(steps, stored))
                if steps:
                    self.check_accepted("stored", steps)
                self.check_digest("stored", checksum, runtime)
                if side_file:
                    self.check_side_file("stored")
                for path in ("stored", "stored.sha256"):
                    with contextlib.suppress(FileNotFoundError):
                        self.daemon.file(path).unlink()
                self.no_temporaries()

    def test_by_calls(self):
        self.check_way("inline")

    def test_by_buffers(self):
        self.check_way("buffer", (0, 1, 4097, MIB - 1, 5 * MIB + 7))

    def test_by_a_ring_smaller_than_the_file(self):
        self.check_way("ring")

    def test_by_a_ring_larger_than_the_file(self):
        self.check_way("large ring")

    def test_every_mode_takes_steps(self):
        for mode, step in itertools.product(("replace", "exclusive", "truncate", "append",
                                             "update"), (GZIP, ZSTD)):
            with self.subTest(mode=mode, step=step):
                if mode == "update":
                    self.daemon.file("mode").touch()
                self.store("ring", CONTENT[:2 * MIB], "mode", steps=[step], open=mode)
                self.same(CONTENT[:2 * MIB], undo([step], self.read_stored("mode")))
                self.daemon.file("mode").unlink()

    def test_every_ack_level_takes_steps(self):
        for ack, step in itertools.product(("written", "synced", "published"), (GZIP, ZSTD)):
            with self.subTest(ack=ack, step=step):
                runtime = self.store("ring", CONTENT[:3 * MIB], "ack", steps=[step], ack=ack,
                                     checksum="sha256")
                self.same(CONTENT[:3 * MIB], undo([step], self.read_stored("ack")))
                self.check_digest("ack", "sha256", runtime)

    def test_append_adds_members_and_frames(self):
        for step in (GZIP, ZSTD):
            wanted = CONTENT[:5000]
            self.daemon.file("log").write_bytes(compress(step["name"], wanted))
            for number in range(4):
                before = self.read_stored("log")
                part = CONTENT[number * 99_999:][:number * 50_000]
                self.store("inline", part, "log", steps=[step], open="append")
                self.assertTrue(self.read_stored("log").startswith(before))
                wanted += part
                self.same(wanted, undo([step], self.read_stored("log")))
            self.check_accepted("log", [step])

    def test_update_begins_where_it_is_told(self):
        self.daemon.file("part").write_bytes(b"x" * 100 + b"y" * 5 * MIB)
        self.store("ring", CONTENT[:MIB], "part", steps=[GZIP], open="update", start=100)
        stored = self.read_stored("part")
        self.assertEqual(b"x" * 100, stored[:100])
        self.assertEqual(5 * MIB + 100, len(stored))
        made = stored[100:].rstrip(b"y")
        self.same(CONTENT[:MIB], undo([GZIP], made, partly=True))

    def test_levels_are_in_force_and_make_a_difference(self):
        sizes = {}
        for name, level in (("gzip", 1), ("gzip", 9), ("zstd", 1), ("zstd", 19)):
            stream = self.open("level", ring_bytes=MIB, steps=[{"name": name, "level": level}])
            self.assertEqual([{"name": name, "level": level}], stream.context["steps"])
            write_ring(stream, CONTENT[:2 * MIB])
            stream.finish()
            stream.ring.close()
            sizes[name, level] = len(self.read_stored("level"))
        self.assertLess(sizes["gzip", 9], sizes["gzip", 1])
        self.assertLess(sizes["zstd", 19], sizes["zstd", 1])

    def test_a_context_tells_what_is_in_force(self):
        stream = self.open("told", steps=[GZIP, ZSTD], sideFile=True)
        self.assertEqual([{"name": "gzip", "level": 6}, {"name": "zstd", "level": 3}],
                         stream.context["steps"])
        self.assertEqual("sha256", stream.context["checksum"])
        self.assertTrue(stream.context["sideFile"])
        stream.finish("x")

    def test_what_makes_no_sense_is_refused_by_name(self):
        for name, context in (("steps", {"steps": [{"name": "gzip", "level": 10}]}),
                              ("steps", {"steps": [{"name": "zstd", "level": 0}]}),
                              ("steps", {"steps": [{"name": "gunzip", "level": 1}]}),
                              ("steps", {"steps": [GZIP] * 5}),
                              ("checksum", {"checksum": "crc32", "open": "append"}),
                              ("checksum", {"checksum": "crc32", "open": "update"}),
                              ("sideFile", {"checksum": "crc32", "sideFile": True})):
            with self.subTest(context=context), self.fails_parameter(name):
                self.open("refused", **context)
        self.assertFalse(self.daemon.file("refused").exists())


class Frames(StepsTest):
    """A frame ends when somebody waits for its bytes, and what is told synced can be read."""

    def test_each_wait_ends_a_frame(self):
        for steps, ring_bytes in itertools.product(([GZIP], [ZSTD], [GZIP, ZSTD]),
                                                   (None, 256 * KIB)):
            with self.subTest(steps=steps, ring_bytes=ring_bytes):
                stream = self.open("frames", steps=steps, ring_bytes=ring_bytes,
                                   checksum="xxh3")
                at = 0
                for length in (1, 100_000, 4096, 700_001, 3):
                    piece = CONTENT[at:at + length]
                    (write_ring if ring_bytes else write_inline)(stream, piece)
                    at += length
                    runtime = stream.wait("synced")
                    self.assertEqual(at, runtime["bytesSynced"])
                    # The name and the bytes are there, and can be read to the last one.
                    self.same(CONTENT[:at], undo(steps, self.temporary()))
                runtime = stream.finish()
                if stream.ring:
                    stream.ring.close()
                self.same(CONTENT[:at], undo(steps, self.read_stored("frames")))
                self.check_accepted("frames", steps)
                self.check_digest("frames", "xxh3", runtime)

    def test_a_wait_without_new_bytes_makes_no_frame(self):
        stream = self.open("quiet", steps=[GZIP])
        stream.write("x")
        stream.wait("synced")
        once = self.temporary()
        for _ in range(3):
            stream.wait("synced")
        stream.finish()
        self.assertEqual(once, self.read_stored("quiet"))

    def test_small_writes_share_a_frame(self):
        stream = self.open("small", steps=[GZIP], ring_bytes=MIB, syncIntervalUSec=60_000_000)
        for _ in range(2000):
            stream.ring.write(b"all of this is the same all the time\n")
        stream.finish()
        stored = self.read_stored("small")
        self.assertEqual(b"all of this is the same all the time\n" * 2000, undo([GZIP], stored))
        self.assertLess(len(stored), 8000)

    def test_a_slow_producer_is_synced_by_the_interval(self):
        for step in (GZIP, ZSTD):
            stream = self.open("slow", steps=[step], syncIntervalUSec=50_000)
            stream.write("one line")
            wait_until(lambda: stream.describe()["bytesSynced"] == 8, "it is synced by itself")
            self.assertEqual(b"one line", undo([step], self.temporary()))
            stream.finish()

    def test_frames_end_while_more_than_can_be_compressed_waits(self):
        """A producer that is always ahead is synced by the interval too."""
        content = random_bytes(48 * MIB)
        stream = self.open("ahead", steps=[{"name": "gzip", "level": 9}], ring_bytes=256 * MIB,
                           syncIntervalUSec=100_000)
        write_ring(stream, content)
        seen = set()
        wait_until(lambda: seen.add(stream.ring.progress) or len(content) in seen, "all is synced")
        self.assertGreater(len(seen), 3, seen)
        stream.finish()
        stream.ring.close()
        self.same(content, undo([GZIP], self.read_stored("ahead")))

    def test_a_due_drain_ends_a_frame(self):
        for step, mark in itertools.product((GZIP, ZSTD), (1, 5000, 100_000)):
            with self.subTest(step=step, mark=mark):
                stream = self.open("drains", steps=[step], highWaterMark=mark,
                                   syncIntervalUSec=3_600_000_000)
                for number in range(3):
                    answer = stream.write(CONTENT[number * 120_000:][:120_000])
                    self.assertFalse(answer["writable"])
                    runtime = stream.wait("drain")
                    self.assertFalse(runtime["needDrain"])
                self.assertEqual(3, stream.finish()["drains"])
                self.same(CONTENT[:360_000], undo([step], self.read_stored("drains")))

    def test_a_written_level_ends_frames_too(self):
        stream = self.open("written", steps=[ZSTD], ack="written")
        stream.write(CONTENT[:50_000])
        self.assertEqual(50_000, stream.wait("written")["bytesWritten"])
        self.same(CONTENT[:50_000], undo([ZSTD], self.temporary()))
        self.assertEqual(50_000, stream.wait("synced")["bytesSynced"])
        stream.finish()

    def test_many_streams_at_once(self):
        streams = [self.open(f"many/{number}", steps=[(GZIP, ZSTD)[number % 2]],
                             checksum="sha256") for number in range(30)]
        for turn in range(4):
            for number, stream in enumerate(streams):
                stream.write(CONTENT[number * 1000 + turn * 30_000:][:30_000])
        for stream in streams:
            stream.end()
        for number, stream in enumerate(streams):
            runtime = stream.wait("finish")
            name = f"many/{number}"
            self.same(CONTENT[number * 1000:][:120_000],
                      undo([(GZIP, ZSTD)[number % 2]], self.read_stored(name)))
            self.check_digest(name, "sha256", runtime)

    def test_taken_bytes_are_salvaged_in_whole_frames(self):
        for step in (GZIP, ZSTD):
            self.daemon.file("salvaged").write_text("old")
            client = self.daemon.client()
            stream = client.open_stream("salvaged", steps=[step], ring_bytes=4 * MIB)
            write_ring(stream, CONTENT[:3 * MIB])
            stream.ring.close()
            client.close()
            partial = self.daemon.file("salvaged.partial")
            wait_until(partial.exists, "a partial is there")
            self.same(CONTENT[:3 * MIB], undo([step], partial.read_bytes()))
            self.assertEqual(b"old", self.read_stored("salvaged"))
            partial.unlink()

    def test_a_producer_that_left_in_the_middle_of_a_member_replaces_nothing(self):
        self.daemon.file("left").write_text("old")
        made = compress("gzip", CONTENT[:200_000])
        client = self.daemon.client()
        stream = client.open_stream("left", steps=[GUNZIP], onDisconnect="finish")
        stream.write(made[:len(made) // 2])
        client.close()
        wait_until(lambda: self.client.call(STREAM + "Describe", {"id": stream.id})["runtime"]
                   ["state"] == "failed", "it has failed")
        self.assertEqual(b"old", self.read_stored("left"))

    def test_an_abort_leaves_nothing(self):
        self.daemon.file("aborted").write_text("old")
        stream = self.open("aborted", steps=[ZSTD], sideFile=True, ring_bytes=4 * MIB)
        write_ring(stream, CONTENT[:3 * MIB])
        stream.abort()
        wait_until(lambda: stream.state() == "aborted", "it is over")
        self.assertEqual(b"old", self.read_stored("aborted"))
        self.assertFalse(self.daemon.file("aborted.sha256").exists())
        self.no_temporaries()

    def test_pause_holds_and_resume_goes_on(self):
        stream = self.open("paused", steps=[GZIP], ring_bytes=MIB)
        stream.ring.write(CONTENT[:100_000])
        stream._call("Pause")
        stream.ring.write(CONTENT[100_000:200_000])
        stream._call("Resume")
        self.assertEqual(200_000, stream.wait("synced")["bytesSynced"])
        stream.finish()
        self.same(CONTENT[:200_000], undo([GZIP], self.read_stored("paused")))


class Undone(StepsTest):
    """gunzip and unzstd: compressed bytes come, plain ones are stored."""

    def made(self, content):
        """(step, what comes): several members, by the programs."""
        for step, program in ((GUNZIP, "gzip"), (UNZSTD, "zstd")):
            parts = (content[:100_000], b"", content[100_000:100_001], content[100_001:])
            yield step, b"".join(compress(program, part) for part in parts)

    def test_members_and_frames_are_undone(self):
        for step, made in self.made(CONTENT):
            for ring_bytes in (None, 256 * KIB, 8 * MIB):
                with self.subTest(step=step, ring_bytes=ring_bytes):
                    stream = self.open("plain", steps=[step], ring_bytes=ring_bytes,
                                       checksum="sha256", sideFile=True)
                    (write_ring if ring_bytes else write_inline)(stream, made)
                    runtime = stream.finish()
                    if stream.ring:
                        stream.ring.close()
                    self.assertEqual(len(made), runtime["bytesSynced"])
                    self.same(CONTENT, self.read_stored("plain"))
                    self.check_digest("plain", "sha256", runtime)
                    self.check_side_file("plain")

    def test_a_little_makes_a_lot(self):
        for step, program in ((GUNZIP, "gzip"), (UNZSTD, "zstd")):
            made = compress(program, bytes(200 * MIB))
            before = self.daemon.memory_kib()
            stream = self.open("lot", steps=[step])
            stream.write(made)
            stream.finish()
            self.check_memory(before, 64 * KIB)
            path = self.daemon.file("lot")
            self.assertEqual(200 * MIB, path.stat().st_size)
            with path.open("rb") as file:
                while chunk := file.read(MIB):
                    self.assertFalse(chunk.strip(b"\0"))
            path.unlink()

    def test_another_compression(self):
        for step, made in self.made(CONTENT):
            other = ZSTD if step is GUNZIP else GZIP
            stream = self.open("other", steps=[step, other], ring_bytes=MIB)
            write_ring(stream, made)
            stream.finish()
            stream.ring.close()
            self.same(CONTENT, undo([other], self.read_stored("other")))

    def test_nothing_is_undone_to_nothing(self):
        for step in (GUNZIP, UNZSTD):
            runtime = self.open("nothing", steps=[step], checksum="crc32").finish()
            self.assertEqual(b"", self.read_stored("nothing"))
            self.check_digest("nothing", "crc32", runtime)

    def test_a_wait_in_the_middle_of_a_member_is_answered(self):
        for step, program in ((GUNZIP, "gzip"), (UNZSTD, "zstd")):
            made = compress(program, CONTENT)
            stream = self.open("middle", steps=[step], maximumLength=8 * MIB)
            half = len(made) // 2
            write_inline(stream, made[:half])
            self.assertEqual(half, stream.wait("synced")["bytesSynced"])
            there = self.temporary()
            self.assertGreater(len(there), len(CONTENT) // 4)
            self.assertTrue(CONTENT.startswith(there))
            write_inline(stream, made[half:])
            stream.finish()
            self.same(CONTENT, self.read_stored("middle"))

    def check_fails(self, step, made, ring_bytes=None):
        before = self.temporaries()
        self.daemon.file("broken").write_text("old")
        stream = self.open("broken", steps=[step], ring_bytes=ring_bytes, maximumLength=8 * MIB)
        with self.fails(STREAM + "StreamFailed") as caught:
            if ring_bytes:
                stream.ring.write(made)
            else:
                write_inline(stream, made)
            stream.finish()
        fault = caught.exception.parameters["fault"]
        self.assertEqual(step["name"], fault["operation"], fault)
        self.assertEqual("EBADMSG", fault["errnoName"])
        wait_until(lambda: stream.state() == "failed", "it is over")
        self.assertEqual(b"old", self.read_stored("broken"))
        wait_until(lambda: self.temporaries() == before, "its temporary is gone")
        if stream.ring:
            stream.ring.close()

    def temporaries(self):
        return [name for name in self.daemon.files() if ".forebay-" in name]

    def test_broken_input_fails_by_the_name_of_the_step(self):
        for step, made in self.made(CONTENT[:3 * MIB]):
            at = len(made) * 2 // 3
            damaged = made[:at] + bytes(byte ^ 0x55 for byte in made[at:at + 100]) + made[at + 100:]
            for what, broken in (("garbage", b"this is nothing of the kind"),
                                 ("behind", made + b"garbage"), ("damaged", damaged),
                                 ("cut short", made[:-1]), ("half", made[:len(made) // 2])):
                for ring_bytes in (None, 8 * MIB):
                    with self.subTest(step=step, what=what, ring_bytes=ring_bytes):
                        self.check_fails(step, broken, ring_bytes)

    def test_one_that_failed_harms_no_other(self):
        good = self.open("good", steps=[GUNZIP])
        self.check_fails(GUNZIP, b"garbage")
        good.finish(compress("gzip", b"good"))
        self.assertEqual(b"good", self.read_stored("good"))


class Descriptors(StepsTest):
    """Steps on the way to what a client passed."""

    def test_to_a_pipe(self):
        for step in (GZIP, ZSTD):
            reader, writer = os.pipe()
            fcntl.fcntl(writer, F_SETPIPE_SZ, 4096)
            got = []

            def read():
                while data := os.read(reader, 65536):
                    got.append(data)

            stream = self.open(fd=writer, steps=[step], ring_bytes=256 * KIB)
            os.close(writer)
            thread = threading.Thread(target=read)
            thread.start()
            write_ring(stream, CONTENT[:3 * MIB])
            stream.finish()
            stream.ring.close()
            thread.join(30)
            os.close(reader)
            self.same(CONTENT[:3 * MIB], undo([step], b"".join(got)))

    def test_a_reader_at_the_other_end_sees_what_was_waited_for(self):
        reader, writer = os.pipe()
        stream = self.open(fd=writer, steps=[GZIP])
        os.close(writer)
        stream.write("a line\n")
        stream.wait("written")
        self.assertEqual(b"a line\n", undo([GZIP], os.read(reader, 65536)))
        stream.finish()
        os.close(reader)

    def test_to_a_file_from_where_it_stands(self):
        for step in (GZIP, ZSTD):
            path = pathlib.Path(self.daemon.directory, "passed")
            path.write_bytes(b"before")
            fd = os.open(path, os.O_RDWR)
            os.lseek(fd, 6, os.SEEK_SET)
            stream = self.open(fd=fd, steps=[step], ring_bytes=256 * KIB)
            os.close(fd)
            write_ring(stream, CONTENT[:2 * MIB])
            stream.finish()
            stream.ring.close()
            self.assertEqual(b"before", path.read_bytes()[:6])
            self.same(CONTENT[:2 * MIB], undo([step], path.read_bytes()[6:]))


class Digests(StepsTest):
    """A digest is that of the stored bytes, and stands where it is looked for."""

    def test_each_kind_alone(self):
        for kind, size in itertools.product(DIGESTS, SIZES):
            with self.subTest(kind=kind, size=size):
                stream = self.open("alone", checksum=kind, ring_bytes=512 * KIB)
                write_ring(stream, CONTENT[:size])
                runtime = stream.finish()
                stream.ring.close()
                self.same(CONTENT[:size], self.read_stored("alone"))
                self.check_digest("alone", kind, runtime)
                self.assertEqual(runtime["digest"], stream.describe()["digest"])

    def test_none_is_told_where_none_was_asked_for(self):
        self.assertIsNone(self.open("undigested").finish("x").get("digest"))
        self.assertIsNone(self.open("undigested", steps=[GZIP]).finish("x").get("digest"))

    def test_a_producer_that_scribbles_makes_no_digest_wrong(self):
        for steps in ([], [GZIP], [ZSTD]):
            with self.subTest(steps=steps):
                stream = self.open("scribbled", steps=steps, checksum="sha256",
                                   ring_bytes=256 * KIB)
                with self.scribbling(stream, random_bytes(64 * KIB, 3)):
                    for at in range(0, 2 * MIB, 64 * KIB):
                        stream.ring.write_all(CONTENT[at:at + 64 * KIB])
                runtime = stream.finish()
                stream.ring.close()
                self.check_digest("scribbled", "sha256", runtime)
                self.assertEqual(2 * MIB, len(undo(steps, self.read_stored("scribbled"))))

    @contextlib.contextmanager
    def scribbling(self, stream, noise):
        """Somebody writes to the ring's memory all the while."""
        over = threading.Event()

        def scribble():
            chance = random.Random(5)
            while not over.is_set():
                stream.ring.copy_in(chance.randrange(stream.ring.ring_bytes), noise)

        thread = threading.Thread(target=scribble)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def test_compressed_input_that_changes_harms_nobody(self):
        """The stream may fail, no more; and what it stores is what the digest is of."""
        for step, program in ((GUNZIP, "gzip"), (UNZSTD, "zstd")):
            made = compress(program, CONTENT, "-1")
            stream = self.open("hostile", steps=[step], ring_bytes=64 * KIB, checksum="crc32")
            with self.scribbling(stream, b"???"), contextlib.suppress(Stopped):
                stream.ring.write_all(made, chunk=8 * KIB)
                stream.ring.end()
            wait_until(lambda: stream.state() in ("finished", "failed"), "it is over")
            if stream.state() == "finished":
                self.check_digest("hostile", "crc32", stream.describe())
            stream.ring.close()

    def test_a_side_file_follows_its_file(self):
        for number in range(3):
            stream = self.open("deep/followed", sideFile=True, steps=[ZSTD][:number % 2])
            runtime = stream.finish(CONTENT[:1000 + number])
            self.assertTrue(runtime["digest"].startswith("sha256:"))
            self.check_side_file("deep/followed")
        text = self.read_stored("deep/followed.sha256").decode()
        self.assertEqual(f"{runtime['digest'][7:]}  followed\n", text)

    def test_a_side_file_of_an_odd_name_is_checked_all_the_same(self):
        for name in ("two words", "back\\slash", "-dash", "'quoted'"):
            with self.subTest(name=name):
                self.open(name, sideFile=True).finish("x")
                path = self.daemon.file(name + ".sha256")
                done = subprocess.run(["sha256sum", "-c", "--strict", "--", path.name],
                                      cwd=path.parent, capture_output=True, text=True)
                self.assertEqual(0, done.returncode, done.stdout + done.stderr)

    def test_a_failed_stream_leaves_no_side_file_that_lies(self):
        self.open("kept", sideFile=True).finish("kept")
        stream = self.open("kept", sideFile=True, steps=[GUNZIP])
        with self.assertRaises(VarlinkError):
            stream.write(b"garbage")
            stream.finish()
        self.assertEqual(b"kept", self.read_stored("kept"))
        self.check_side_file("kept")


class Trouble(StepsTest):
    """Syncs and writes fail now and then, and all is made anew from the last frame."""

    daemon_options = {"faults": ";".join(
        [f"syncData:EIO@{number}" for number in range(4, 400, 9)] +
        [f"write:ENOSPC@{number}" for number in range(15, 400, 23)] + ["write(/short/):short"])}

    def drive(self, stream, content, chance):
        """Writes all of it in pieces; what else a client may ask happens in between."""
        at = 0
        while at < len(content):
            piece = content[at:at + chance.choice((1, 100, 4096, 65536, 300_001))]
            if stream.ring:
                stream.ring.write_all(piece)
            elif not stream.write(piece)["writable"]:
                stream.wait("drain", timeout_usec=0)
            at += len(piece)
            what = chance.randrange(12)
            if what == 0:
                self.assertGreaterEqual(stream.wait("synced", timeout_usec=0)["bytesSynced"], at)
            elif what == 1:
                stream.wait("written", timeout_usec=0)
            elif what == 2:
                stream._call("Pause")
                stream._call("Resume")
            elif what == 3:
                stream._call("SetRate", rateBytesPerSecond=chance.choice((0, 50 * MIB)))

    def test_whatever_fails_the_bytes_are_right(self):
        checksums = itertools.cycle(DIGESTS)
        for seed, steps in enumerate(([GZIP], [ZSTD], [GZIP, ZSTD], []) * 4):
            chance = random.Random(seed)
            content = CONTENT[seed * 1000:][:chance.randrange(3 * MIB)]
            name = chance.choice(("file", "short/file"))
            checksum = next(checksums)
            with self.subTest(seed=seed, steps=steps, length=len(content), name=name):
                stream = self.open(name, steps=steps, checksum=checksum, onError="pause",
                                   ring_bytes=chance.choice((None, 512 * KIB, 4 * MIB)),
                                   syncIntervalUSec=chance.choice((1000, 100_000, 1_000_000)))
                self.drive(stream, content, chance)
                stream.end()
                runtime = stream.wait("finish", timeout_usec=0)
                if stream.ring:
                    stream.ring.close()
                self.assertEqual("finished", runtime["state"])
                self.same(content, undo(steps, self.read_stored(name)))
                if steps:
                    self.check_accepted(name, steps)
                self.check_digest(name, checksum, runtime)
                self.no_temporaries()


class Busy(StepsTest):
    """Workers take their time: a stream is given up at each moment of it."""
    daemon_options = {"faults": "transform:delay=20ms"}

    def test_an_abort_waits_for_a_worker_that_feeds_or_ends_a_frame(self):
        for moment in range(30):
            with self.subTest(moment=moment):
                stream = self.open(f"busy-{moment}", steps=[ZSTD], highWaterMark=1)
                # A drain is due: so the frame is ended at once, and not by the interval.
                stream.write(b"x" * 1000)
                time.sleep(moment * 0.002)
                stream.abort()
                wait_until(lambda stream=stream: stream.state() == "aborted", "aborted")
        self.no_temporaries()


class Bounded(StepsTest):
    """Memory for steps and digests is charged to the user; a stream that has little is slower."""

    daemon_options = {"config": "[limits]\nstagingBytes = 6500K\n"}

    def used(self):
        return self.client.call(DAEMON + "Describe")["usage"]["stagingBytes"]

    def test_what_steps_need_is_charged_and_given_back(self):
        with self.fails(DAEMON + "LimitExceeded", limit="stagingBytes", maximum=6500 * KIB):
            self.open("large", steps=[{"name": "zstd", "level": 19}])
        with self.fails(DAEMON + "LimitExceeded", limit="stagingBytes"):
            self.open("large", steps=[{"name": "unzstd"}])
        self.assertEqual(0, self.used())
        stream = self.open("small", checksum="crc32")
        self.assertGreaterEqual(self.used(), MIB)
        stream.finish("x")
        wait_until(lambda: self.used() == 0, "it is given back")

    def test_a_stream_with_one_block_gets_through(self):
        content = random_bytes(5 * MIB + 7)
        first, second = (self.open(name, checksum="crc32", steps=[{"name": "zstd"}] * wanted,
                                   ring_bytes=MIB)
                         for name, wanted in (("first", 1), ("second", 0)))
        self.assertLess(6500 * KIB - self.used(), MIB)
        for stream in (first, second):
            write_ring(stream, content)
            stream.ring.end()
            self.assertEqual("finished", stream.wait("finish")["state"])
        self.same(content, undo([ZSTD], self.read_stored("first")))
        self.same(content, self.read_stored("second"))
        wait_until(lambda: self.used() == 0, "it is given back")


class Killed(unittest.TestCase):
    """The daemon is killed: whatever it had told synced can be read from what is left."""

    engines = None
    engine = "auto"

    def left(self, daemon):
        """The bytes on disk right after the kill."""
        (path,) = pathlib.Path(daemon.store).rglob(".forebay-*")
        return path.read_bytes()

    def check(self, steps, writes):
        daemon = Daemon(engine=self.engine)
        self.addCleanup(daemon.remove)
        daemon.start()
        with daemon.client() as client:
            stream = client.open_stream("killed", steps=steps, ring_bytes=8 * MIB,
                                        checksum="sha256")
            at = 0
            for length in writes:
                stream.ring.write(CONTENT[at:at + length])
                at += length
                stream.wait("synced")
            # More is on its way, and nobody waits for it.
            stream.ring.write(CONTENT[at:at + MIB])
            time.sleep(random.random() / 50)
            synced = stream.ring.progress
            daemon.kill(remove=False)
            stream.ring.close()
        self.assertGreaterEqual(synced, at)
        left = undo(steps, self.left(daemon), partly=True)
        self.assertGreaterEqual(len(left), synced)
        self.assertTrue(CONTENT.startswith(left), "something else is there")
        daemon.start()
        partial = daemon.file("killed.partial")
        wait_until(partial.exists, "a partial is there")
        left = undo(steps, partial.read_bytes(), partly=True)
        self.assertGreaterEqual(len(left), synced)
        self.assertTrue(CONTENT.startswith(left), "something else is there")
        daemon.stop()

    def test_a_daemon_that_is_told_to_end_stores_what_it_took(self):
        for steps in ([GZIP], [ZSTD], []):
            with self.subTest(steps=steps):
                daemon = Daemon(engine=self.engine)
                self.addCleanup(daemon.remove)
                daemon.start()
                with daemon.client() as client:
                    streams = [client.open_stream(f"ended-{rule}", steps=steps, checksum="sha256",
                                                  ring_bytes=8 * MIB, onDisconnect=rule)
                               for rule in ("salvage", "finish")]
                    for stream in streams:
                        stream.ring.write(CONTENT[:4 * MIB])
                    daemon.stop(remove=False)
                    for stream in streams:
                        stream.ring.close()
                for name in ("ended-salvage.partial", "ended-finish"):
                    stored = undo(steps, daemon.file(name).read_bytes())
                    self.assertTrue(stored == CONTENT[:4 * MIB], f"{name}: {len(stored)}")

    def test_synced_bytes_can_be_read(self):
        for steps in ([GZIP], [ZSTD], [GZIP, ZSTD]):
            for writes in ((1,), (MIB,), (5000, 700_000, 3, MIB + 1)):
                with self.subTest(steps=steps, writes=writes):
                    self.check(steps, writes)


if __name__ == "__main__":
    main()
