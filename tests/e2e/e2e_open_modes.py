#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The five open modes, and destinations that do not want to be written."""

import contextlib
import os
import pathlib
import subprocess
import tempfile

from harness import (KIB, MIB, SERVICE, STREAM, ForebayTest, VarlinkError, main, random_bytes,
                     wait_until)


class Modes(ForebayTest):
    def put(self, path, content):
        target = self.daemon.file(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        return target

    def fault(self, error, **context):
        """Open fails with StreamFailed; the fault, after checking that it is kept."""
        with self.fails(STREAM + "StreamFailed") as caught:
            self.open(**context)
        fault = caught.exception.parameters["fault"]
        self.assertEqual(error, fault["errnoName"], fault)
        kept = self.client.call(STREAM + "Describe", {"id": caught.exception.parameters["id"]})
        self.assertEqual("failed", kept["runtime"]["state"])
        self.assertEqual(fault, kept["runtime"]["fault"])
        self.assertEqual(os.strerror(fault["errno"]), fault["message"])
        return fault

    def test_replace_puts_the_new_file_in_place_of_the_old(self):
        for old in (None, b"", b"old content, longer than the new"):
            if old is not None:
                self.put("replaced", old)
            self.open("replaced", open="replace").finish("new")
            self.assertEqual(b"new", self.read_stored("replaced"))
        self.no_temporaries()

    def test_replace_does_not_touch_other_names_of_the_old_file(self):
        old = self.put("linked", b"old")
        os.link(old, self.daemon.file("other-name"))
        self.open("linked").finish("new")
        self.assertEqual((b"new", b"old"), (self.read_stored("linked"),
                                            self.read_stored("other-name")))

    def test_exclusive_makes_and_never_overwrites(self):
        self.open("exclusive", open="exclusive").finish("first")
        fault = self.fault("EEXIST", path="exclusive", open="exclusive")
        self.assertIn("exclusive", fault["path"])
        self.assertEqual(b"first", self.read_stored("exclusive"))

    def test_exclusive_loses_against_a_file_that_came_in_between(self):
        stream = self.open("between", open="exclusive")
        stream.write("ours")
        self.put("between", b"theirs")
        with self.fails(STREAM + "StreamFailed", id=stream.id) as caught:
            stream.finish()
        self.assertEqual("EEXIST", caught.exception.parameters["fault"]["errnoName"])
        self.assertEqual(b"theirs", self.read_stored("between"))

    def test_append_goes_on_at_the_end(self):
        self.open("appended", open="append").finish("made ")
        self.open("appended", open="append").finish("appended ")
        stream = self.open("appended", open="append")
        stream.write("again")
        self.assertEqual(5, stream.wait("synced")["bytesSynced"])
        # In place: the bytes are there before the end.
        self.assertEqual(b"made appended again", self.read_stored("appended"))
        stream.finish()

    def test_truncate_begins_anew_in_the_same_file(self):
        old = self.put("truncated", b"long old content")
        inode = old.stat().st_ino
        self.open("truncated", open="truncate").finish("new")
        self.assertEqual((b"new", inode), (old.read_bytes(), old.stat().st_ino))
        self.open("truncated-new", open="truncate").finish("made")
        self.assertEqual(b"made", self.read_stored("truncated-new"))

    def test_update_overwrites_in_place_and_keeps_the_rest(self):
        old = self.put("updated", b"0123456789")
        self.open("updated", open="update").finish("AB")
        self.assertEqual(b"AB23456789", old.read_bytes())
        self.open("updated", open="update", start=5).finish("XYZ")
        self.assertEqual(b"AB234XYZ89", old.read_bytes())
        self.open("updated", open="update", start=9).finish("beyond")
        self.assertEqual(b"AB234XYZ8beyond", old.read_bytes())
        self.open("updated", open="update", start=20).finish("hole")
        self.assertEqual(b"AB234XYZ8beyond" + bytes(5) + b"hole", old.read_bytes())

    def test_update_and_truncate_with_a_lot_and_unaligned(self):
        content = random_bytes(2 * MIB + 1001)
        old = self.put("large", bytes(3 * MIB))
        stream = self.open("large", open="update", start=12345, ring_bytes=256 * KIB)
        stream.ring.write_all(content, 50_000)
        stream.ring.end()
        stream.wait("finish")
        expected = bytearray(3 * MIB)
        expected[12345:12345 + len(content)] = content
        self.assertEqual(bytes(expected), old.read_bytes())

    def test_in_place_modes_lock_the_file(self):
        self.put("locked", b"content")
        for mode in ("append", "truncate", "update"):
            stream = self.open("locked", open=mode)
            for second in ("append", "truncate", "update"):
                with self.fails(STREAM + "PathBusy") as caught:
                    self.open("locked", open=second)
                self.assertIn("locked", caught.exception.parameters["path"])
            stream.finish("content")
        # A refused truncate has cut nothing, and the lock goes with its stream.
        self.assertIn(b"content", self.read_stored("locked"))
        self.open("locked", open="append").finish()

    def test_parents_are_made(self):
        for mode in ("replace", "exclusive", "append", "truncate"):
            self.open(f"deep/{mode}/er/file", open=mode).finish(mode)
            self.assertEqual(mode.encode(), self.read_stored(f"deep/{mode}/er/file"))

    def test_paths_that_lead_elsewhere_are_refused(self):
        outside = pathlib.Path(self.daemon.directory, "outside")
        outside.mkdir()
        (outside / "victim").write_text("untouched")
        store = pathlib.Path(self.daemon.store)
        (store / "inside").mkdir(exist_ok=True)
        (store / "out").symlink_to(outside)
        (store / "in").symlink_to("inside")
        (store / "file").symlink_to(outside / "victim")
        (store / "dangling").symlink_to(outside / "made")
        self.addCleanup(lambda: [(store / name).unlink() for name in
                                 ("out", "in", "file", "dangling")])
        for path in ("..", "../x", "a/../../x", "inside/../x", "/etc/x", "/", "", ".", "./x",
                     "a//b", "a/", "a\nb", "a\x7fb", "out/x", "in/x", "x" * 256, "a/" * 2000 + "x",
                     ".forebay-x", "a/.forebay-1-2"):
            for mode in ("replace", "append"):
                with self.subTest(path=path[:40], mode=mode):
                    with self.assertRaises(VarlinkError) as caught:
                        self.open(path, open=mode)
                    self.assertIn(caught.exception.name, (
                        STREAM + "PathRefused", SERVICE + "InvalidParameter"))
        for mode in ("append", "truncate", "update"):
            for path in ("file", "dangling"):
                with self.subTest(path=path, mode=mode), self.fails(STREAM + "PathRefused"):
                    self.open(path, open=mode)
        # A link as the last name is replaced, never followed.
        with contextlib.suppress(VarlinkError):
            self.open("file").finish("new")
        self.assertEqual("untouched", (outside / "victim").read_text())
        self.assertEqual(["victim"], os.listdir(outside))
        (store / "file").unlink()
        (store / "file").symlink_to(outside)

    def test_a_directory_is_no_destination(self):
        self.daemon.file("directory").mkdir()
        for mode in ("append", "truncate", "update"):
            self.assertIn(self.fault_of_anything("directory", mode), ("EISDIR", "PathRefused"))
        stream = None
        with self.assertRaises(VarlinkError) as caught:
            stream = self.open("directory")
            stream.finish("x")
        if stream:
            self.assertEqual("EISDIR", caught.exception.parameters["fault"]["errnoName"])
        self.assertTrue(self.daemon.file("directory").is_dir())
        self.no_temporaries()

    def fault_of_anything(self, path, mode):
        with self.assertRaises(VarlinkError) as caught:
            self.open(path, open=mode)
        error = caught.exception
        if error.name == STREAM + "StreamFailed":
            return error.parameters["fault"]["errnoName"]
        return error.name.rpartition(".")[2]

    def test_a_file_in_the_place_of_a_parent(self):
        self.put("parent", b"a file")
        self.assertIn(self.fault_of_anything("parent/child", "replace"), ("ENOTDIR", "PathRefused"))
        self.assertEqual(b"a file", self.read_stored("parent"))

    def test_what_is_no_regular_file_is_refused_at_once(self):
        os.mkfifo(self.daemon.file("fifo"))
        for mode in ("append", "truncate", "update"):
            with self.subTest(mode=mode), self.assertRaises(VarlinkError):
                self.open("fifo", open=mode)

    def test_update_needs_a_file(self):
        with contextlib.suppress(VarlinkError):
            self.open("missing", open="update").finish("x")

    def test_an_aborted_replace_harms_nothing(self):
        self.put("kept", b"old")
        stream = self.open("kept", ring_bytes=64 * KIB)
        stream.ring.write(b"new" * 1000)
        stream.wait("synced")
        stream.abort()
        wait_until(lambda: stream.state() == "aborted", "aborted")
        self.assertEqual(b"old", self.read_stored("kept"))
        self.no_temporaries()


class ReadOnly(ForebayTest):
    def test_a_directory_without_permission(self):
        store = pathlib.Path(self.daemon.store)
        (store / "closed").mkdir()
        (store / "closed/old").write_text("old")
        (store / "closed").chmod(0o555)
        (store / "closed/old").chmod(0o444)
        self.addCleanup((store / "closed").chmod, 0o755)
        for path, mode in (("closed/new", "replace"), ("closed/old", "replace"),
                           ("closed/old", "append"), ("closed/deep/er", "exclusive")):
            with self.fails(STREAM + "StreamFailed") as caught:
                self.open(path, open=mode)
            self.assertEqual("EACCES", caught.exception.parameters["fault"]["errnoName"])
        self.assertEqual("old", (store / "closed/old").read_text())

    @classmethod
    def setUpClass(cls):
        # Root may write anywhere: the daemon of this class is somebody else, if that can be.
        cls.daemon_options = {"uid": 65534} if os.geteuid() == 0 else {}
        super().setUpClass()


@contextlib.contextmanager
def small_file_system(size):
    """A tmpfs of a few KiB, or a skip where none can be mounted."""
    directory = tempfile.mkdtemp(dir=os.environ.get("TMPDIR"))
    mounted = os.geteuid() == 0 and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "small", directory],
        stderr=subprocess.DEVNULL).returncode == 0
    try:
        yield directory if mounted else None
    finally:
        if mounted:
            subprocess.run(["umount", "-l", directory], check=True)
        os.rmdir(directory)


class Full(ForebayTest):
    @classmethod
    def setUpClass(cls):
        cls.stack = contextlib.ExitStack()
        cls.small = cls.stack.enter_context(small_file_system("256k"))
        cls.daemon_arguments = ("--store", f"small={cls.small}") if cls.small else ()
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        cls.stack.close()

    def setUp(self):
        super().setUp()
        if not self.small:
            self.cleanup.close()
            self.skipTest("needs root and a file system of its own")
        self.kept = pathlib.Path(self.small, "kept")
        self.kept.write_text("old")

    def test_a_full_disk_is_enospc_and_the_old_file_stays(self):
        for parameters in ({}, {"ring_bytes": MIB}):
            with self.subTest(parameters=parameters):
                stream = self.open("kept", store="small", highWaterMark=MIB, **parameters)
                if stream.ring:
                    stream.ring.write(bytes(600 * KIB))
                    stream.ring.end()
                else:
                    stream.write(bytes(600 * KIB))
                    with contextlib.suppress(VarlinkError):        # it may have failed by now
                        stream.end()
                with self.fails(STREAM + "StreamFailed", id=stream.id) as caught:
                    stream.wait("finish")
                fault = caught.exception.parameters["fault"]
                self.assertEqual("ENOSPC", fault["errnoName"])
                self.assertTrue(fault["operation"])
                self.assertEqual(fault, stream.describe()["fault"])
                self.assertEqual("old", self.kept.read_text())
                self.assertEqual([], [name for name in os.listdir(self.small)
                                      if ".forebay-" in name])
                for name in os.listdir(self.small):
                    if name != "kept":
                        os.unlink(f"{self.small}/{name}")

    def test_on_error_pause_goes_on_when_there_is_room(self):
        filler = pathlib.Path(self.small, "filler")
        filler.write_bytes(bytes(200 * KIB))
        content = random_bytes(150 * KIB)
        stream = self.open("paused", store="small", onError="pause", ring_bytes=256 * KIB,
                           highWaterMark=1)
        events = self.connect()
        events.send(STREAM + "SubscribeEvents", {"id": stream.id}, more=True)
        events.receive_for(STREAM + "SubscribeEvents")
        self.assertFalse(stream.ring.write(content))
        wait_until(lambda: events.receive_for(STREAM + "SubscribeEvents").parameters.get("event")
                   == "paused", "said once that it is paused")
        runtime = stream.describe()
        self.assertEqual(("paused", "ENOSPC"), (runtime["state"], runtime["fault"]["errnoName"]))
        self.assertFalse(stream.ring.may_go_on())
        filler.unlink()
        stream.ring.end()
        self.assertEqual("finished", stream.wait("finish")["state"])
        self.assertEqual(content, pathlib.Path(self.small, "paused").read_bytes())


if __name__ == "__main__":
    main()
