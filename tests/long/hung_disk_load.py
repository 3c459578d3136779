#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""For hung_disk.sh: 50 streams to a disk that is stopped for two seconds meanwhile.

	hung_disk_load.py ENGINE DIRECTORY BLK_SH
"""

import os
import pathlib
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

from harness import (DAEMON, FOREBAYCTL, KIB, STREAM, Daemon, random_bytes,  # noqa: E402
                     wait_until)

STREAMS = 50
LOOP_LIMIT_USEC = 20_000
PING_LIMIT = 0.5            # ten times what we aim at


def produce(daemon, number, go_on, failures):
    content = random_bytes(64 * KIB, number)
    try:
        with daemon.client() as client:
            ack = ("written", "synced", "published")[number % 3]
            stream = client.open_stream(f"stream{number}", ack=ack, ring_bytes=256 * KIB,
                                        highWaterMark=128 * KIB)
            written = 0
            while go_on.is_set():
                stream.ring.write_all(content)
                written += len(content)
                time.sleep(0.025)        # 50 times this is enough for any disk
            stream.ring.end()
            stream.wait("finish")
            got = daemon.file(f"stream{number}").read_bytes()
            if got != content * (written // len(content)):
                failures.append(f"stream{number} is not what was written")
            stream.ring.close()
    except BaseException as error:
        failures.append(f"stream{number}: {type(error).__name__} {error}")


def ping(daemon):
    """Seconds that the program takes, from its start to its end."""
    before = time.monotonic()
    subprocess.run([FOREBAYCTL, "--socket", daemon.path, "ping"], check=True,
                   stdout=subprocess.DEVNULL)
    return time.monotonic() - before


def main():
    engine, directory, blk = sys.argv[1:]
    failures, go_on = [], threading.Event()
    go_on.set()
    with Daemon(engine=engine, store=f"{directory}/store-{engine}") as daemon:
        # The loop's thread alone: what is measured is how long the disk keeps it, not how long
        # other programs keep the processor.
        os.setpriority(os.PRIO_PROCESS, daemon.pid, -15)
        with daemon.client() as client:
            threads = [threading.Thread(target=produce, args=(daemon, number, go_on, failures))
                       for number in range(STREAMS)]
            for thread in threads:
                thread.start()

            def accepted():
                return [reply["runtime"]["bytesAccepted"] for reply in client.more(STREAM + "List")
                        if reply.get("id")]
            wait_until(lambda: len(accepted()) == STREAMS and min(accepted()) > 0, "all write")
            client.call(DAEMON + "Describe")        # the longest is counted from here on
            subprocess.run(["bash", blk, "stop"], check=True)
            longest, started = 0, time.monotonic()
            blocked = 0
            try:
                pings = 0
                while time.monotonic() - started < 2:
                    longest = max(longest, ping(daemon))
                    pings += 1
                blocked = max(reply["runtime"]["blockedUSec"]
                              for reply in client.more(STREAM + "List") if reply.get("id"))
            finally:
                subprocess.run(["bash", blk, "cont"], check=True)
            loop_usec = client.call(DAEMON + "Describe")["loopLongestUSec"]
            go_on.clear()
            for thread in threads:
                thread.join()
            print(f"{engine}: loop at most {loop_usec} us away, slowest of {pings} forebayctl ping "
                  f"{longest * 1000:.1f} ms, longest blocked producer {blocked} us")
            if longest >= PING_LIMIT and not daemon.is_sanitized():
                failures.append(f"forebayctl ping took {longest:.3f} s")
            if loop_usec >= LOOP_LIMIT_USEC and not daemon.is_sanitized():
                failures.append(f"the loop was away for {loop_usec} us")
            if blocked < 500_000:
                failures.append("nobody was held back: the disk did not hang")
    for failure in failures:
        print(failure)
    sys.exit(bool(failures))


main()
