#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""device_errors_load.py ENGINE MOUNT BLK.SH: see device_errors.sh."""

import mmap
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

from harness import MIB, STREAM, Daemon, random_bytes, wait_until  # noqa: E402

WRITE_EIO = '{"event":"none","iotype":"write","errno":5,"once":%s}'
SIZE = MIB + 12_345


def on_device(path):
    """What the disk holds, whatever the page cache believes."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECT)
    block = mmap.mmap(-1, 2 * MIB)
    try:
        count = os.readv(fd, [block])
        return block[:count]
    finally:
        os.close(fd)


def blk(script, *arguments):
    subprocess.run(["bash", script, *arguments], check=True)


def put(stream, data):
    for at in range(0, len(data), 200_000):
        if stream.ring:
            stream.ring.write(data[at:at + 200_000])
        else:
            stream.write(data[at:at + 200_000])


def one_error(client, daemon, script, ring_bytes):
    """The device loses one write of a sync and says so: no client notices, no byte is lost."""
    content = random_bytes(SIZE, ring_bytes or 0)
    stream = client.open_stream("once", ring_bytes=ring_bytes, highWaterMark=8 * MIB,
                                maximumLength=16 * MIB, syncIntervalUSec=60_000_000)
    # The name is synced with these: what fails then is no write of the file system's own.
    put(stream, content[:5])
    stream.wait("synced")
    put(stream, content[5:])
    stream.wait("written")
    blk(script, "fail", WRITE_EIO % "true")
    try:
        stream.wait("synced")
    finally:
        blk(script, "heal")
    assert stream.finish()["bytesSynced"] == SIZE
    assert on_device(daemon.file("once")) == content, "the disk holds something else"
    assert f"written again and synced id={stream.id} " in daemon.log(), daemon.log()
    if stream.ring:
        stream.ring.close()


def a_disk_out_of_order(client, daemon, script):
    """Every write of data fails for a while: paused, told once, and then all is there."""
    content = random_bytes(SIZE, 7)
    stream = client.open_stream("always", onError="pause", highWaterMark=8 * MIB,
                                maximumLength=16 * MIB, syncIntervalUSec=60_000_000)
    put(stream, content[:5])
    stream.wait("synced")
    put(stream, content[5:])
    stream.wait("written")
    waiter = daemon.client()
    blk(script, "fail", WRITE_EIO % "false")
    try:
        waiter.send(STREAM + "Wait", {"id": stream.id, "level": "synced"})
        runtime = wait_until(lambda: stream.state() == "paused" and stream.describe(), "paused")
    finally:
        blk(script, "heal")
    assert runtime["fault"]["operation"] == "syncData", runtime
    assert runtime["bytesSynced"] == 5, runtime
    waiter.receive_for(STREAM + "Wait")
    waiter.close()
    assert stream.finish()["bytesSynced"] == SIZE
    assert on_device(daemon.file("always")) == content, "the disk holds something else"


def main():
    engine, mount, script = sys.argv[1:]
    store = f"{mount}/{engine}"
    os.mkdir(store)
    with Daemon(engine=engine, store=store) as daemon, daemon.client() as client:
        client.open_stream("before").finish(b"x")
        for ring_bytes in (None, 16 * MIB):
            one_error(client, daemon, script, ring_bytes)
        a_disk_out_of_order(client, daemon, script)


main()
