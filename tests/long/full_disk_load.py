#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""For full_disk.sh: streams into a disk without room.

	full_disk_load.py ENGINE MOUNT [BLK_SH]

Without BLK_SH the file system is filled by a ballast; with it the device below says ENOSPC to
every write, or to one.
"""

import contextlib
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

from harness import MIB, STREAM, Daemon, VarlinkError, random_bytes, wait_until  # noqa: E402
from ring import Stopped  # noqa: E402

RULE = '{"event":"none","iotype":"write","errno":28,"once":%s}'
SIZE = 16 * MIB + 4321
OLD = random_bytes(100_000, 9)


class Ballast:
    """A file system with room for a few MiB, until the ballast goes."""

    def __init__(self, mount):
        self.path = f"{mount}/ballast"

    @contextlib.contextmanager
    def full(self):
        facts = os.statvfs(os.path.dirname(self.path))
        with open(self.path, "wb") as file:
            os.posix_fallocate(file.fileno(), 0, facts.f_bavail * facts.f_frsize - 4 * MIB)
        try:
            yield
        finally:
            os.unlink(self.path)


class Refusing:
    """A device that refuses writes; what failed is not held against it later."""

    def __init__(self, script):
        self.script = script

    def blk(self, *arguments):
        subprocess.run(["bash", self.script, *arguments], check=True)

    @contextlib.contextmanager
    def full(self, once=False):
        self.blk("fail", RULE % ("true" if once else "false"))
        try:
            yield
        finally:
            self.blk("heal")


def begin(client, name, **context):
    """An open stream whose name the disk has already: what fails from here on is its data."""
    stream = client.open_stream(name, ring_bytes=32 * MIB, highWaterMark=32 * MIB,
                                syncIntervalUSec=3_600_000_000, **context)
    stream.ring.write_all(b"first")
    stream.wait("synced")
    return stream


def stored(daemon, name):
    fd = os.open(daemon.file(name), os.O_RDONLY)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    with open(fd, "rb") as file:
        return file.read()


def check_stored(daemon, name, wanted):
    got = stored(daemon, name)
    assert got == wanted, f"{name}: {len(got)} bytes, not the {len(wanted)} that were written"


def pauses_and_goes_on(daemon, client, disk, mode):
    """The producer goes on writing into its ring meanwhile, and nobody says Resume."""
    name = f"paused-{mode}"
    content = random_bytes(SIZE, 1)
    daemon.file(name).write_bytes(OLD)
    before = OLD if mode == "append" else b""
    stream = begin(client, name, onError="pause", open=mode)
    waiter = daemon.client()
    with disk.full():
        stream.ring.write_all(content)
        waiter.send(STREAM + "Wait", {"id": stream.id, "level": "synced"})
        runtime = wait_until(lambda: stream.state() == "paused" and stream.describe(), "paused")
        told = runtime["fault"]["operation"]
        assert runtime["fault"]["errnoName"] == "ENOSPC", runtime
        stream.ring.write(b"more")
        if mode == "replace":
            assert daemon.file(name).read_bytes() == OLD, "the old file is not whole"
    waiter.receive_for(STREAM + "Wait")
    waiter.close()
    runtime = stream.finish()
    assert runtime["state"] == "finished", runtime
    stream.ring.close()
    check_stored(daemon, name, before + b"first" + content + b"more")
    daemon.file(name).unlink()
    return told


def fails_by_name(daemon, client, disk):
    content = random_bytes(SIZE, 2)
    daemon.file("failed").write_bytes(OLD)
    stream = begin(client, "failed", onError="fail")
    with disk.full():
        # It may fail before all is in the ring.
        with contextlib.suppress(Stopped, VarlinkError):
            stream.ring.write_all(content)
            stream.finish()
        runtime = wait_until(lambda: stream.state() == "failed" and stream.describe(), "failed")
    fault = runtime["fault"]
    assert fault["errnoName"] == "ENOSPC", fault
    stream.ring.close()
    check_stored(daemon, "failed", OLD)
    wait_until(lambda: not [name for name in daemon.files() if ".forebay-" in name],
               "the temporary is gone")
    daemon.file("failed").unlink()
    return fault["operation"]


def one_refusal_is_not_noticed(daemon, client, disk):
    """The device refuses one write of a sync: what it covered is written again."""
    content = random_bytes(MIB + 12_345, 3)
    stream = client.open_stream("once", highWaterMark=8 * MIB, maximumLength=16 * MIB,
                                syncIntervalUSec=3_600_000_000)
    stream.write(b"first")
    stream.wait("synced")
    for at in range(0, len(content), 200_000):
        stream.write(content[at:at + 200_000])
    stream.wait("written")
    with disk.full(once=True):
        stream.wait("synced")
    stream.finish()
    check_stored(daemon, "once", b"first" + content)
    assert f"written again and synced id={stream.id} " in daemon.log(), daemon.log()


def main():
    engine, mount, *script = sys.argv[1:]
    disk = Refusing(script[0]) if script else Ballast(mount)
    # The state lies elsewhere: it is the streams' disk that is full.
    with Daemon(engine=engine, store=f"{mount}/{engine}") as daemon, daemon.client() as client:
        client.open_stream("before").finish(b"x")
        told = {mode: pauses_and_goes_on(daemon, client, disk, mode)
                for mode in ("replace", "append")}
        told["fail"] = fails_by_name(daemon, client, disk)
        if script:
            one_refusal_is_not_noticed(daemon, client, disk)
        print(f"{engine}: {SIZE} bytes each; the fault was told in {told}")
        client.open_stream("after").finish(b"x")


main()
