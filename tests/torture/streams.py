#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Streams of all kinds, used and abused at random, on a disk that is slow and fails.

	streams.py [SECONDS [SEED]]	ten seconds if not said otherwise

Actors open streams in every mode, write by calls, from buffers and through rings, cork, pause,
wait, abort, attach, break their rings and hang up at any point. Whatever they do: a finished
file is right, a partial is a prefix, an old file stays whole where its stream has failed,
nothing hangs, no temporary and no descriptor is left, and the daemon ends well, now and then
in the middle of it all. The seed is printed; the same seed gives the same actors.
"""

import contextlib
import mmap
import os
import pathlib
import random
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import ring as rings  # noqa: E402
from harness import (BUFFER, DAEMON, KIB, MIB, POOL, SERVICE, STREAM, Closed,  # noqa: E402
                     Daemon, VarlinkError, chosen_engines, wait_until)

ACTORS = 8
ROUND_SECONDS = 6
MEMORY = 2 * MIB
SIZES = (0, 1, 7, 100, 4096, 5000, 65536, 70_001, 200_000)
MODES = ("replace", "replace", "exclusive", "append", "truncate", "update")
TEMPORARY = ("replace", "exclusive")
OVER = ("finished", "aborted", "failed")

# What an actor's wishes may be answered with; anything else is a mistake of the daemon.
EXPECTED = {STREAM + name for name in ("StreamFailed", "WrongState", "WriteAfterEnd", "QueueFull",
                                       "TimedOut", "NoSuchStream")}
EXPECTED |= {SERVICE + "InvalidParameter", SERVICE + "PermissionDenied"}

# Part of a path: what befalls it.
FATES = {
    "fine": "", "fine2": "", "fine3": "",
    "slow": "write(slow-):delay={ms}ms;syncData(slow-):delay={ms}ms;"
            "syncDirectory(slow-):delay={ms}ms;rename(slow-):delay={ms}ms",
    "lazy": "syncData(lazy-):delay={long}ms",
    "short": "write(short-):short",
    "busy": "write(busy-):busy@{n};syncData(busy-):busy@{n}",
    "full": "write(full-):ENOSPC@{n}",
    "lost": "syncData(lost-):EIO@{n}",
    "name": "rename(name-):EIO@{n}",
    "folder": "syncDirectory(folder-):EIO@{n}",
}


def make_plan(chance):
    rules = [fate.format(ms=chance.choice((1, 20, 90)), long=chance.choice((100, 400)),
                         n=chance.randint(1, 6)) for fate in FATES.values() if fate]
    rules.append(f"open:delay={chance.choice((1, 30))}ms")
    return ";".join(rules)


class Wrong(Exception):
    """The daemon has not kept its word."""


class Script:
    """One stream from its opening to its end, and then a look at what it left."""

    def __init__(self, actor, number):
        self.actor = actor
        self.chance = actor.chance
        fate = self.chance.choice(list(FATES))
        self.name = f"{actor.number}/{fate}-{number}"
        self.path = pathlib.Path(actor.server.store, self.name)
        self.mode = self.chance.choice(MODES)
        self.way = self.chance.choice(("inline", "inline", "buffer", "ring", "ring"))
        self.content = self.chance.randbytes(MEMORY)
        self.taken = 0
        self.sure = True          # `taken` is what the daemon took, no more and no less
        self.gone = False         # the connection that held the stream
        self.old = None
        self.trace = []

    def note(self, *words):
        self.trace.append(" ".join(str(word) for word in words))

    # ---- what is asked for ----

    def make_context(self):
        chance = self.chance
        context = {"open": self.mode, "ack": chance.choice(("written", "synced", "published"))}
        rules = ["finish", "abort", "detach"] + ["salvage"] * 2 * (self.mode in TEMPORARY)
        options = {
            "highWaterMark": chance.choice((0, 1, 4096, 65536)),
            "maximumLength": chance.choice((1, 100_000, 4 * MIB)),
            "syncIntervalUSec": chance.choice((1, 5000, 500_000)),
            "onDisconnect": chance.choice(rules),
            "onError": chance.choice(("fail", "pause")),
            "rateBytesPerSecond": chance.choice((0, 2_000_000)),
            "sizeHint": chance.choice((1, MIB)),
            "attachTimeoutUSec": 200_000,
        }
        for option, value in options.items():
            if chance.random() < 0.5 or option == "attachTimeoutUSec":
                context[option] = value
        if self.mode == "update":
            context["start"] = chance.choice((0, 3, 5000))
        self.context = context
        return context

    def make_old(self):
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.mode == "update" or (self.mode != "exclusive" and self.chance.random() < 0.5):
            self.old = b"old" * self.chance.choice((1, 3000))
            self.path.write_bytes(self.old)

    def wanted_file(self, taken):
        content, old = self.content[:taken], self.old or b""
        if self.mode == "append":
            return old + content
        if self.mode == "update" and taken > 0:
            start = self.context.get("start", 0)
            return old[:start].ljust(start, b"\0") + content + old[start + taken:]
        return old if self.mode == "update" else content

    # ---- what is done ----

    def run(self):
        self.make_old()
        context = dict(self.make_context(), path=self.name)
        ring = {"ring_bytes": self.chance.choice((64, 256)) * KIB} if self.way == "ring" else {}
        self.note("open", context, ring)
        self.client = self.actor.connect()
        if self.chance.random() < 0.05:
            parameters = {"context": context}
            if ring:
                parameters["ringBytes"] = ring["ring_bytes"]
            self.client.send(STREAM + "Open", parameters)
            self.client.close()
            return
        try:
            self.stream = self.client.open_stream(**context, **ring)
        except VarlinkError as error:
            self.client.close()
            if error.name not in EXPECTED:
                raise
            return
        try:
            self.act()
        finally:
            if self.stream.ring:
                self.stream.ring.close()
            self.client.close()
        self.judge()

    def act(self):
        acts = [self.write] * 8 + [self.cork, self.pause, self.resume, self.wait, self.look,
                                   self.set_rate, self.idle]
        lasts = [self.end] * 5 + [self.abort, self.hang_up, self.hang_up, self.hang_up_waiting,
                                  self.end_and_abort, self.attach_elsewhere]
        if self.way == "ring":
            lasts += [self.hang_up_signal, self.break_ring]
        for _ in range(self.chance.randrange(15)):
            self.attempt(self.chance.choice(acts))
        self.attempt(self.chance.choice(lasts))

    def attempt(self, act):
        self.note(act.__name__)
        try:
            act()
        except VarlinkError as error:
            self.note(error)
            if error.name not in EXPECTED:
                raise
        except (rings.Stopped, TimeoutError, ConnectionResetError) as stopped:
            if isinstance(stopped, TimeoutError) and "no drain" not in str(stopped):
                raise
            self.note("stopped", stopped)

    def call(self, member, **parameters):
        return self.stream._call(member, **parameters)

    def write(self):
        length = min(self.chance.choice(SIZES), MEMORY - self.taken)
        data = self.content[self.taken:self.taken + length]
        if self.way == "ring":
            ring = self.stream.ring
            for at in range(0, length, 60_000):
                piece = data[at:at + 60_000]
                said = ring.write(piece)
                if said is not None:
                    self.taken += len(piece)
                else:
                    ring.wait_drain(0.3)
                    return
        elif self.way == "buffer":
            self.actor.memory[self.taken:self.taken + length] = data
            self.stream.write_buffer(self.actor.buffer, offset=self.taken, length=length)
            self.taken += length
        else:
            self.stream.write(data)
            self.taken += length

    def cork(self):
        if self.way != "ring":
            self.call("Cork")
            self.attempt(self.write)
            self.call("Uncork")

    def pause(self):
        self.call("Pause")

    def resume(self):
        self.call("Resume")

    def wait(self):
        self.stream.wait(self.chance.choice((None, "drain", "written", "synced", "finish")),
                         self.chance.choice((1, 1000, 50_000)))

    def look(self):
        runtime = self.stream.describe()
        if not (runtime["bytesSynced"] <= runtime["bytesWritten"] <= runtime["bytesAccepted"]
                <= self.taken):
            raise Wrong(f"{runtime} after {self.taken} bytes")

    def set_rate(self):
        self.call("SetRate", rateBytesPerSecond=self.chance.choice((0, 500_000, 10_000_000)))

    def idle(self):
        time.sleep(self.chance.choice((0, 0.001, 0.02)))

    def end(self):
        if self.way == "ring" and self.chance.random() < 0.7:
            self.stream.ring.end()
        elif self.way == "inline" and self.chance.random() < 0.5 and self.taken < MEMORY:
            self.stream.end(self.content[self.taken:self.taken + 1])
            self.taken += 1
        else:
            self.stream.end()

    def abort(self):
        self.stream.abort("torture")

    def end_and_abort(self):
        identity = {"id": self.stream.id}
        self.client.send_raw(self.client.encode(STREAM + "End", identity) +
                             self.client.encode(STREAM + "Abort", identity))
        for member in ("End", "Abort"):
            with contextlib.suppress(VarlinkError):
                self.client.receive_for(STREAM + member)

    def hang_up(self):
        self.client.close()
        self.gone = True

    def hang_up_waiting(self):
        if self.way == "inline":
            self.client.send(STREAM + "Write", {"id": self.stream.id, "data": "", "encoding": "hex"})
        self.client.send(STREAM + "Wait", {"id": self.stream.id, "timeoutUSec": 0})
        self.hang_up()

    def hang_up_signal(self):
        self.stream.ring.close()
        self.gone = True

    def break_ring(self):
        self.stream.ring.words[rings.W_HEAD] = self.chance.choice((1 << 60, (1 << 64) - 1))
        self.stream.ring.poke()
        self.gone = True
        self.sure = False

    def attach_elsewhere(self):
        other = self.actor.connect()
        try:
            taken_over = other.attach(self.stream.id, self.stream.token)
            if taken_over.ring:
                taken_over.ring.close()
            if self.chance.random() < 0.5:
                taken_over.end()
        finally:
            other.close()
        self.gone = True

    # ---- what is left ----

    def runtime(self):
        try:
            return self.actor.client.call(STREAM + "Describe", {"id": self.stream.id})["runtime"]
        except VarlinkError as error:
            if error.name != STREAM + "NoSuchStream":
                raise
            return None     # others have ended since, and it is forgotten

    def settle(self):
        """Until the stream is over: nobody but a pause may keep it from that."""
        deadline = time.monotonic() + 30
        while True:
            runtime = self.runtime()
            if runtime is None or runtime["state"] in OVER:
                return runtime
            if runtime["state"] == "paused":
                with contextlib.suppress(VarlinkError):
                    self.actor.client.call(STREAM + "Resume", {"id": self.stream.id})
            if time.monotonic() > deadline:
                raise Wrong(f"it does not end: {runtime}")
            time.sleep(0.01)

    def judge(self):
        runtime = self.settle()
        self.note(runtime)
        if runtime is None:
            return
        # Told before its name is looked after: a moment later it is over in full.
        wait_until(lambda: (lambda now: now is None or not now["attached"])(self.runtime()),
                   f"{self.name} lets go of its connection")
        accepted = runtime["bytesAccepted"]
        sure = self.sure and not (self.actor.stopping and self.way == "ring")
        if accepted > self.taken or (runtime["state"] == "finished" and sure and
                                     accepted != self.taken):
            raise Wrong(f"accepted {accepted} of {self.taken}")
        file = self.path.read_bytes() if self.path.exists() else None
        wanted = self.wanted_file(accepted)
        if runtime["state"] == "finished":
            if file != wanted:
                raise Wrong(f"the finished file is not right: {len(file or b'')} bytes")
        elif self.mode in TEMPORARY:
            self.judge_partial(runtime)
            # What failed after the rename stands there, whole.
            if file != self.old and not (runtime["state"] == "failed" and file == wanted):
                raise Wrong("the old file is not as it was")
        else:
            self.judge_in_place(runtime, file or b"")

    def judge_partial(self, runtime):
        partial = pathlib.Path(f"{self.path}.partial")
        if not partial.exists():
            if runtime["state"] == "aborted" and runtime["path"].endswith(".partial"):
                raise Wrong("no partial where one is named")
            return
        content = partial.read_bytes()
        if not content or content != self.content[:len(content)]:
            raise Wrong(f"the partial of {len(content)} bytes is no prefix")
        if runtime["state"] == "aborted" and len(content) != runtime["bytesAccepted"]:
            raise Wrong(f"the partial has {len(content)} bytes")

    def judge_in_place(self, runtime, file):
        synced = self.wanted_file(runtime["bytesSynced"])
        end = {"append": len(self.old or b""), "update": self.context.get("start", 0)}.get(
            self.mode, 0) + runtime["bytesSynced"]
        if runtime["bytesSynced"] > 0 and file[:end] != synced[:end]:
            raise Wrong(f"what was synced is not in the file: {runtime['bytesSynced']} bytes")


class Actor(threading.Thread):
    def __init__(self, daemon, number, seed, deadline):
        super().__init__()
        self.server = daemon
        self.number = number
        self.chance = random.Random(f"{seed}/{number}")
        self.deadline = deadline
        self.scripts = 0
        self.failure = None
        self.stopping = False

    def connect(self):
        return self.server.client()

    def open_memory(self):
        pool = f"actor{self.number}"
        self.client.call(POOL + "Create", {"context": {"name": pool, "sizeBytes": MEMORY + 64 * KIB}})
        self.buffer = self.client.call(BUFFER + "Alloc", {"pool": pool, "length": MEMORY})[
            "buffer"]["id"]
        reply = self.client.call_reply(POOL + "Acquire", {"name": pool})
        self.memory = mmap.mmap(reply.fds[reply.parameters["fileDescriptorIndex"]], MEMORY)
        for fd in reply.fds:
            os.close(fd)

    def run(self):
        script = None
        try:
            self.client = self.connect()
            self.open_memory()
            while time.monotonic() < self.deadline:
                script = Script(self, self.scripts)
                script.run()
                self.scripts += 1
        except BaseException as failure:  # whatever it is, it is told by the main thread
            gone = isinstance(failure, (Closed, ConnectionError, FileNotFoundError))
            refused = isinstance(failure, VarlinkError) and failure.name == DAEMON + "ShuttingDown"
            if not (self.stopping and (gone or refused)):
                self.failure = (failure, script)
        finally:
            with contextlib.suppress(Exception):
                self.memory.close()
            self.client.close()


def check_rest(daemon, before):
    """Nobody is left: nothing may be."""
    def streams():
        with daemon.client() as client:
            return [reply["id"] for reply in client.more(STREAM + "List") if reply.get("id")]

    def resume_all():
        left = streams()
        with daemon.client() as client:
            for stream_id in left:
                with contextlib.suppress(VarlinkError):
                    client.call(STREAM + "Resume", {"id": stream_id})
        return not left

    wait_until(resume_all, "the last stream is over")
    with contextlib.suppress(AssertionError):
        wait_until(lambda: daemon.descriptors() == before, "descriptors as before", 15)
    if daemon.descriptors() != before:
        raise Wrong(f"descriptors before: {before}, and now: {daemon.descriptors()}")


def check_temporaries(daemon):
    left = [name for name in daemon.files() if ".forebay-" in name]
    if left:
        raise Wrong(f"temporaries are left: {left}")


def run_round(engine, seed, seconds):
    chance = random.Random(seed)
    early = chance.random() < 0.5       # SIGTERM comes in the middle
    daemon = Daemon(engine=engine, faults=make_plan(chance))
    with daemon:
        with daemon.client() as client:
            client.open_stream("warm").finish("x")
        before = wait_until(lambda: (lambda a: time.sleep(0.1) or a == daemon.descriptors() and a)(
            daemon.descriptors()), "descriptors at rest")
        actors = [Actor(daemon, number, seed, time.monotonic() + seconds)
                  for number in range(ACTORS)]
        for actor in actors:
            actor.start()
        if early:
            time.sleep(seconds * chance.random())
            for actor in actors:
                actor.stopping = True
            daemon.stop(remove=False)
        for actor in actors:
            actor.join()
        for actor in actors:
            if actor.failure:
                failure, script = actor.failure
                print(f"actor {actor.number}: {script and script.name}: {script and script.trace}")
                raise failure
        if not early:
            check_rest(daemon, before)
            daemon.stop(remove=False)
        check_temporaries(daemon)
        daemon.remove()
        daemon.stop = lambda: None
    return sum(actor.scripts for actor in actors)


def main():
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 10
    seed = sys.argv[2] if len(sys.argv) > 2 else str(random.SystemRandom().randrange(1 << 32))
    deadline = time.monotonic() + seconds
    engines = chosen_engines()
    rounds = streams = 0
    while rounds < len(engines) or time.monotonic() < deadline:
        engine = engines[rounds % len(engines)]
        length = min(ROUND_SECONDS, seconds / len(engines))
        print(f"round {rounds}: {engine}, seed {seed}", flush=True)
        streams += run_round(engine, f"{seed}/{rounds}", length)
        rounds += 1
    print(f"{streams} streams in {rounds} rounds, seed {seed}: all as it should be")


if __name__ == "__main__":
    main()
