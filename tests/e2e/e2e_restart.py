#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A daemon that was killed: what its successor does with the temporaries it left."""

import pathlib
import unittest

from harness import KIB, Daemon, main, random_bytes, wait_until


class Restart(unittest.TestCase):
    engines = None
    engine = "auto"

    def start(self):
        daemon = Daemon(engine=self.engine)
        self.addCleanup(daemon.remove)
        return daemon.start()

    def temporaries(self, daemon):
        return list(pathlib.Path(daemon.store).rglob(".forebay-*"))

    def restart(self, daemon, files):
        """Kill, look that all temporaries were left, start again, wait until none is."""
        daemon.kill(remove=False)
        self.assertEqual(files, len(self.temporaries(daemon)))
        daemon.start()
        wait_until(lambda: not self.temporaries(daemon), "the temporaries are seen to")

    def synced(self, client, path, content, **context):
        stream = client.open_stream(path, ring_bytes=1024 * KIB, **context)
        stream.ring.write(content)
        stream.wait("synced")
        return stream

    def test_synced_bytes_become_partial_and_the_old_file_stays(self):
        daemon = self.start()
        content = random_bytes(300_000)
        with daemon.client() as client:
            client.open_stream("deep/kept").finish("old")
            stream = self.synced(client, "deep/kept", content)
            self.restart(daemon, 1)
            stream.ring.close()
        self.assertEqual(b"old", daemon.file("deep/kept").read_bytes())
        self.assertEqual(content, daemon.file("deep/kept.partial").read_bytes())
        daemon.stop()

    def test_rules_decide_what_is_kept(self):
        daemon = self.start()
        with daemon.client() as client:
            streams = [self.synced(client, rule, rule.encode(), onDisconnect=rule)
                       for rule in ("finish", "abort", "detach")]
            streams.append(client.open_stream("empty", ring_bytes=64 * KIB))
            self.restart(daemon, 4)
            for stream in streams:
                stream.ring.close()
        names = sorted(path.name for path in pathlib.Path(daemon.store).iterdir())
        self.assertEqual(["detach.partial", "finish.partial"], names)
        daemon.stop()

    def test_nothing_else_is_touched(self):
        daemon = self.start()
        alike = pathlib.Path(daemon.store, ".forebay-0123456789abcdef-s0123456789abcdef")
        alike.write_text("not the daemon's")
        daemon.kill(remove=False)
        daemon.start()
        with daemon.client() as client:
            client.open_stream("after").finish("x")
        self.assertEqual("not the daemon's", alike.read_text())
        daemon.stop()

    def test_a_link_on_the_way_is_not_followed(self):
        daemon = self.start()
        elsewhere = pathlib.Path(daemon.directory, "elsewhere")
        (elsewhere / "deep").mkdir(parents=True)
        with daemon.client() as client:
            stream = self.synced(client, "inner/deep/victim", b"mine")
            daemon.kill(remove=False)
            stream.ring.close()
        inner = pathlib.Path(daemon.store, "inner")
        (name,) = [path.name for path in (inner / "deep").iterdir()]
        inner.rename(pathlib.Path(daemon.directory, "moved"))
        inner.symlink_to(elsewhere)
        (elsewhere / "deep" / name).write_text("somebody else's")
        daemon.start()
        wait_until(lambda: "a temporary file stays" in daemon.log(), "it is given up")
        self.assertEqual([name], [path.name for path in (elsewhere / "deep").iterdir()])
        self.assertEqual("somebody else's", (elsewhere / "deep" / name).read_text())
        daemon.stop()

    def test_a_row_without_its_file_is_forgotten(self):
        daemon = self.start()
        with daemon.client() as client:
            stream = self.synced(client, "lost", b"x")
            daemon.kill(remove=False)
            stream.ring.close()
        for path in self.temporaries(daemon):
            path.unlink()
        for _ in range(2):
            daemon.start()
            wait_until(lambda: "leftovers: gone" in daemon.log(), "the row is seen to")
            daemon.stop(remove=False)
        self.assertEqual(1, daemon.log().count("leftovers: gone"))


if __name__ == "__main__":
    main()
