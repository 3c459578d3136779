#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Stopping: SIGTERM and Shutdown drain to a deadline and name what was lost."""

import os
import signal
import time
import unittest

from harness import (DAEMON, KIB, SERVICE, STREAM, Closed, Daemon, VarlinkError, main,
                     random_bytes, wait_until)

NOBODY = 65534


class Sigterm(unittest.TestCase):
    engines = None
    engine = "auto"

    def start(self, **options):
        daemon = Daemon(engine=self.engine, **options)
        self.addCleanup(daemon.kill)
        return daemon.start()

    def test_an_idle_daemon_ends_at_once(self):
        daemon = self.start()
        started = time.monotonic()
        daemon.process.send_signal(signal.SIGTERM)
        daemon.wait_for_notice("STOPPING=1")
        self.assertEqual(0, daemon.wait_exit())
        self.assertLess(time.monotonic() - started, 10)
        self.assertFalse(os.path.exists(daemon.path))

    def test_sigint_does_the_same(self):
        daemon = self.start()
        daemon.process.send_signal(signal.SIGINT)
        self.assertEqual(0, daemon.wait_exit())

    def test_what_was_ended_is_finished_first(self):
        daemon = self.start(faults="write(slow):delay=500ms")
        content = random_bytes(100_000)
        with daemon.client() as client:
            stream = client.open_stream("slow", ring_bytes=256 * KIB)
            stream.ring.write(content)
            stream.ring.end()
            wait_until(lambda: stream.describe()["state"] in ("ending", "finished"), "ending")
            daemon.process.send_signal(signal.SIGTERM)
            self.assertEqual(0, daemon.wait_exit())
            stream.ring.close()
        self.assertEqual(content, daemon.file("slow").read_bytes())

    def test_open_streams_end_by_their_rule(self):
        daemon = self.start()
        with daemon.client() as client:
            salvaged = client.open_stream("salvaged", ring_bytes=64 * KIB)
            salvaged.ring.write(b"salvaged")
            finished = client.open_stream("finished", onDisconnect="finish")
            finished.write("finished")
            aborted = client.open_stream("aborted", onDisconnect="abort")
            aborted.write("aborted")
            for stream in (salvaged, finished, aborted):
                stream.wait("synced")
            daemon.process.send_signal(signal.SIGTERM)
            self.assertEqual(0, daemon.wait_exit())
            salvaged.ring.close()
        self.assertEqual(b"salvaged", daemon.file("salvaged.partial").read_bytes())
        self.assertEqual(b"finished", daemon.file("finished").read_bytes())
        self.assertEqual(["finished", "salvaged.partial"], daemon.files())

    def test_a_destination_that_never_takes_its_bytes_is_named(self):
        daemon = self.start(config="[daemon]\ndrainTimeout = 1s\n")
        reader, writer = os.pipe()
        with daemon.client() as client:
            stream = client.open_stream(fd=writer)
            os.close(writer)
            stream.write(bytes(500_000))
            stream.end()
            started = time.monotonic()
            daemon.process.send_signal(signal.SIGTERM)
            self.assertEqual(0, daemon.wait_exit(30))
            self.assertGreater(time.monotonic() - started, 0.5)
        os.close(reader)
        self.assertIn(stream.id, daemon.log())

    def test_one_full_pipe_keeps_nobody_else_from_ending(self):
        daemon = self.start(config="[daemon]\ndrainTimeout = 2s\n")
        content = random_bytes(400_000)
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        with daemon.client() as client:
            stalled = client.open_stream(fd=writer)
            os.close(writer)
            stalled.write(content)
            others = [client.open_stream(f"other{number}", onDisconnect="finish")
                      for number in range(10)]
            for stream in others:
                stream.write(content)
            started = time.monotonic()
            daemon.process.send_signal(signal.SIGTERM)
            wait_until(lambda: sum(name.startswith("other") for name in daemon.files()) == 10,
                       "all others end at once", 1.5)
            self.assertEqual(0, daemon.wait_exit(30))
            self.assertGreater(time.monotonic() - started, 1.8)
        lost = [line for line in daemon.log().splitlines() if "not finished in time" in line]
        self.assertEqual(1, len(lost))
        self.assertIn(f"id={stalled.id} ", lost[0])
        for number in range(10):
            self.assertEqual(content, daemon.file(f"other{number}").read_bytes())

    def test_new_work_is_refused_while_draining(self):
        daemon = self.start(config="[daemon]\ndrainTimeout = 3s\n")
        reader, writer = os.pipe()
        with daemon.client() as client, daemon.client() as other:
            stream = client.open_stream(fd=writer)
            os.close(writer)
            stream.write(bytes(500_000))
            stream.end()
            daemon.process.send_signal(signal.SIGTERM)
            wait_until(lambda: other.call(DAEMON + "Describe")["state"] == "draining", "draining")
            for method, parameters in (
                    (STREAM + "Open", {"context": {"path": "late"}}),
                    ("io.forebay.pool.Create", {"context": {"name": "late", "sizeBytes": 4096}})):
                with self.assertRaises(VarlinkError) as caught:
                    other.call(method, parameters)
                self.assertEqual(DAEMON + "ShuttingDown", caught.exception.name)
            got = 0
            while piece := os.read(reader, 65536):
                got += len(piece)
            self.assertEqual(500_000, got)
        os.close(reader)
        self.assertEqual(0, daemon.wait_exit())

    def test_shutdown_as_a_call(self):
        daemon = self.start()
        with daemon.client() as client:
            stream = client.open_stream("pending", onDisconnect="finish")
            stream.write("pending")
            self.assertEqual({"pendingStreams": 1, "pendingRuns": 0},
                             client.call(DAEMON + "Shutdown", {"drain": True}))
            try:
                while True:
                    client.receive()
            except Closed:
                pass
        self.assertEqual(0, daemon.wait_exit())
        self.assertEqual(b"pending", daemon.file("pending").read_bytes())

    def test_shutdown_without_drain_gives_up_what_is_paused(self):
        daemon = self.start()
        with daemon.client() as client:
            for end in (False, True):
                stream = client.open_stream(f"paused{end}")
                client.call(STREAM + "Pause", {"id": stream.id})
                stream.write("x")
                if end:
                    stream.end()
            client.call(DAEMON + "Shutdown", {"drain": False})
            self.assertEqual(0, daemon.wait_exit())
        self.assertEqual([], daemon.files())

    def test_shutdown_is_not_for_everybody(self):
        if os.geteuid() != 0:
            self.skipTest("needs root")
        daemon = self.start()
        with daemon.client(uid=NOBODY) as client:
            for method in ("Shutdown", "Reload"):
                with self.assertRaises(VarlinkError) as caught:
                    client.call(DAEMON + method)
                self.assertEqual(SERVICE + "PermissionDenied", caught.exception.name)
        daemon.stop()

    def test_a_second_daemon_on_the_same_socket_does_not_start(self):
        daemon = self.start()
        second = Daemon()
        second.arguments[1] = daemon.path
        with self.assertRaises(AssertionError):
            second.start()
        second.kill()
        with daemon.client() as client:
            client.call(DAEMON + "Ping")
        daemon.stop()

    def test_a_killed_daemon_leaves_a_socket_that_the_next_one_takes(self):
        daemon = self.start()
        with daemon.client() as client:
            stream = client.open_stream("killed")
            stream.write("synced")
            stream.wait("synced")
        daemon.kill(remove=False)
        self.assertTrue(os.path.exists(daemon.path))
        daemon.start()
        # What was recorded and lost its stream is salvaged; nothing else is touched.
        wait_until(lambda: daemon.files() in ([], ["killed.partial"]), "temporaries are gone")
        if daemon.files():
            self.assertEqual(b"synced", daemon.file("killed.partial").read_bytes())
        with daemon.client() as client:
            client.open_stream("killed").finish("again")
        daemon.stop()


if __name__ == "__main__":
    main()
