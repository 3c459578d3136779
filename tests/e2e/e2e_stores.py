#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Stores: List, ListFiles, OpenFile, Remove, perUser stores, stores of the configuration."""

import os
import pathlib
import tempfile
import time

from harness import STORE, STREAM, ForebayTest, VarlinkError, main

NOBODY = 65534


class Stores(ForebayTest):
    engines = ("auto",)

    def setUp(self):
        super().setUp()
        self.root = pathlib.Path(self.daemon.store)

    def listed(self, **parameters):
        return [reply["file"]["path"] for reply in self.client.more(STORE + "ListFiles", parameters)
                if reply.get("file")]

    def test_list_names_every_store(self):
        stores = {reply["store"]["name"]: reply["store"]
                  for reply in self.client.more(STORE + "List")}
        store = stores["default"]
        self.assertEqual((self.daemon.store, False), (store["location"], store["perUser"]))
        self.assertTrue(store["kind"])
        self.assertGreater(store["freeBytes"], 0)

    def test_list_files_shows_what_is_stored_and_no_temporaries(self):
        for path in ("files/b", "files/a", "files/deep/c", "filesystem"):
            self.open(path).finish(path)
        hidden = self.open("files/hidden")
        hidden.write("x")
        hidden.wait("synced")
        (self.root / "files/link").symlink_to("/etc/passwd")
        self.assertEqual(["files/a", "files/b", "files/deep/c"], self.listed(prefix="files/"))
        self.assertEqual(["files/deep/c"], self.listed(prefix="files/de"))
        self.assertIn("filesystem", self.listed())
        self.assertEqual([], self.listed(prefix="none"))
        for reply in self.client.more(STORE + "ListFiles", {"prefix": "files/a"}):
            self.assertEqual(7, reply["file"]["sizeBytes"])
            self.assertLess(abs(reply["file"]["modifiedUSec"] / 1e6 - time.time()), 600)
        with self.fails(STORE + "NoSuchStore", store="none"):
            list(self.client.more(STORE + "ListFiles", {"store": "none"}))
        (self.root / "files/link").unlink()

    def test_open_file_hands_out_the_file_for_reading(self):
        self.open("opened").finish("content")
        reply = self.client.call_reply(STORE + "OpenFile", {"path": "opened"})
        fd = reply.fds[reply.parameters["fileDescriptorIndex"]]
        self.cleanup.callback(os.close, fd)
        self.assertEqual(1, len(reply.fds))
        self.assertEqual(b"content", os.pread(fd, 100, 0))
        self.assertEqual(("opened", 7), (reply.parameters["file"]["path"],
                                         reply.parameters["file"]["sizeBytes"]))
        with self.assertRaises(OSError):
            os.write(fd, b"x")

    def test_remove_removes_files_and_nothing_else(self):
        self.open("removed/file").finish("x")
        self.assertEqual({}, self.client.call(STORE + "Remove", {"path": "removed/file"}))
        self.assertFalse((self.root / "removed/file").exists())
        with self.fails(STORE + "NoSuchFile", store="default", path="removed/file"):
            self.client.call(STORE + "Remove", {"path": "removed/file"})
        with self.assertRaises(VarlinkError):
            self.client.call(STORE + "Remove", {"path": "removed"})
        self.assertTrue((self.root / "removed").is_dir())

    def test_missing_files_and_paths_that_lead_elsewhere(self):
        outside = pathlib.Path(self.daemon.directory, "outside")
        outside.write_text("untouched")
        (self.root / "way-out").symlink_to(outside)
        os.mkfifo(self.root / "fifo")
        for method in ("OpenFile", "Remove"):
            with self.fails(STORE + "NoSuchFile", path="none"):
                self.client.call(STORE + method, {"path": "none"})
            with self.fails(STORE + "NoSuchStore", store="none"):
                self.client.call(STORE + method, {"path": "x", "store": "none"})
            for path in ("../outside", "/etc/passwd", "", "a/../b", "x\ny", ".forebay-x"):
                with self.subTest(path=path), self.fails(STORE + "PathRefused"):
                    self.client.call(STORE + method, {"path": path})
        for path in ("way-out", "fifo"):
            with self.assertRaises(VarlinkError):
                self.client.call(STORE + "OpenFile", {"path": path})
        self.assertEqual("untouched", outside.read_text())
        (self.root / "way-out").unlink()
        (self.root / "fifo").unlink()


class Configured(ForebayTest):
    """Stores from the configuration: one of them per user."""

    engines = ("auto",)

    @classmethod
    def setUpClass(cls):
        cls.shared = tempfile.mkdtemp(dir=os.environ.get("TMPDIR"))
        os.chmod(cls.shared, 0o755)
        cls.daemon_options = {"config": (
            f"[store users]\npath = {cls.shared}/users\nperUser = yes\n"
            f"[store plain]\npath = {cls.shared}/plain\n")}
        super().setUpClass()

    def test_both_are_listed(self):
        stores = {reply["store"]["name"]: reply["store"]
                  for reply in self.client.more(STORE + "List")}
        self.assertTrue(stores["users"]["perUser"])
        self.assertEqual(f"{self.shared}/plain", stores["plain"]["location"])

    def test_each_user_has_its_own_part(self):
        uid = os.getuid()
        runtime = self.open("mine", store="users").finish("mine")
        own = pathlib.Path(self.shared, "users", str(uid), "mine")
        self.assertEqual("mine", own.read_text())
        self.assertEqual(str(own), runtime["path"])
        self.root_only()
        other = self.connect(uid=NOBODY)
        self.open("mine", store="users", client=other).finish("theirs")
        theirs = pathlib.Path(self.shared, "users", str(NOBODY))
        self.assertEqual("theirs", (theirs / "mine").read_text())
        # A root daemon gives directory and file to the client.
        self.assertEqual((NOBODY, 0o700), (theirs.stat().st_uid, theirs.stat().st_mode & 0o777))
        self.assertEqual(NOBODY, (theirs / "mine").stat().st_uid)
        self.assertEqual(["mine"], [reply["file"]["path"] for reply in other.more(
            STORE + "ListFiles", {"store": "users"}) if reply.get("file")])
        for path in ("../0/mine", "0/mine"):
            with self.assertRaises(VarlinkError):
                other.call(STORE + "OpenFile", {"store": "users", "path": path})

    def test_a_plain_store_serves_only_the_daemons_user_and_root(self):
        self.open("plain", store="plain").finish("x")
        self.root_only()
        other = self.connect(uid=NOBODY)
        with self.fails(STREAM + "PathRefused"):
            self.open("x", store="plain", client=other)
        with self.fails(STORE + "PathRefused"):
            other.call(STORE + "OpenFile", {"store": "plain", "path": "plain"})


if __name__ == "__main__":
    main()
