#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""For throttled_disk.sh: two streams into a disk that takes so many bytes a second.

	throttled_disk_load.py ENGINE DIRECTORY BYTES_PER_SECOND
"""

import os
import pathlib
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

from harness import DAEMON, KIB, MIB, STREAM, Daemon, random_bytes  # noqa: E402

SIZE = 24 * MIB + 77
PING_LIMIT = 0.5
LOOP_LIMIT_USEC = 200_000


def produce(daemon, name, content, told, failures):
    try:
        with daemon.client() as client:
            stream = client.open_stream(name, ring_bytes=4 * MIB)
            for at in range(0, len(content), 64 * KIB):
                piece = content[at:at + 64 * KIB]
                taken = None
                while taken is None:
                    before = time.monotonic()
                    taken = stream.ring.write(piece)
                    told.append(time.monotonic() - before)
                    if not taken:
                        stream.ring.wait_drain(60)
            stream.ring.end()
            client.call(STREAM + "Wait", {"id": stream.id, "level": "finish"}, timeout=120)
            failures += [] if stream.describe()["blockedUSec"] > 0 else [f"{name} never waited"]
            stream.ring.close()
        fd = os.open(daemon.file(name), os.O_RDONLY)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        with open(fd, "rb") as file:
            failures += [] if file.read() == content else [f"{name} is not what was written"]
    except BaseException as error:
        failures.append(f"{name}: {type(error).__name__} {error}")


def main():
    engine, directory, rate = sys.argv[1:]
    failures, told, longest = [], [], 0
    with Daemon(engine=engine, store=f"{directory}/{engine}") as daemon, \
            daemon.client() as client:
        client.call(DAEMON + "Describe")            # the longest is counted from here on
        started = time.monotonic()
        threads = [threading.Thread(target=produce, args=(
            daemon, f"slow{number}", random_bytes(SIZE, number), told, failures))
            for number in range(2)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            before = time.monotonic()
            client.call(DAEMON + "Ping")
            longest = max(longest, time.monotonic() - before)
            time.sleep(0.01)
        seconds = time.monotonic() - started
        loop_usec = client.call(DAEMON + "Describe")["loopLongestUSec"]
        sanitized = daemon.is_sanitized()
    print(f"{engine}: {2 * SIZE / seconds / MIB:.1f} MiB a second of {int(rate) / MIB:.0f}, slowest "
          f"ping {longest * 1000:.1f} ms, loop at most {loop_usec} us away, longest write call "
          f"{max(told) * 1000:.1f} ms")
    if 2 * SIZE / seconds > 1.5 * int(rate):
        failures.append("the disk was not slow")
    if longest >= PING_LIMIT and not sanitized:
        failures.append(f"a ping took {longest:.3f} s")
    if loop_usec >= LOOP_LIMIT_USEC and not sanitized:
        failures.append(f"the loop was away for {loop_usec} us")
    for failure in failures:
        print(failure)
    sys.exit(bool(failures))


main()
