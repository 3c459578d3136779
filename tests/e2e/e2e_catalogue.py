#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A catalogue that is damaged, from a later version, or from an earlier one."""

import base64
import contextlib
import pathlib
import unittest

from catalogue_rows import NAME, open_catalogue, read_rows, row_id
from harness import BUFFER, JOB, STORE, Daemon, VarlinkError, main


class Catalogue(unittest.TestCase):
    engines = ("auto",)
    engine = "auto"

    def setUp(self):
        self.daemon = Daemon(engine=self.engine).start()
        self.addCleanup(self.daemon.remove)
        self.addCleanup(self.daemon.kill, remove=False)
        self.path = pathlib.Path(self.daemon.state, NAME)

    def make(self, client, name):
        """A job with a run, and a file whose digest is known."""
        buffer = client.call(BUFFER + "From", {
            "data": base64.b64encode(name.encode()).decode(),
            "encoding": "base64"})["buffer"]["id"]
        job = client.call(JOB + "Create", {"replace": True, "context": {
            "name": name, "buffer": buffer, "path": name, "checksum": "sha256"}})["id"]
        client.call(JOB + "Run", {"id": job})
        return job

    def jobs(self, client):
        return sorted(reply["context"]["name"] for reply in client.more(JOB + "List") if reply)

    def is_intact(self, client, name):
        return client.call(STORE + "Verify", {"path": name})["intact"]

    def stop(self):
        self.daemon.stop(remove=False)

    def aside(self, word, number=1):
        return pathlib.Path(self.daemon.state, f"{NAME}.{word}-{number}")

    def check_set_aside(self, word, content):
        """It is told and kept as it was, and the daemon works with an empty one."""
        self.daemon.start()
        self.assertEqual(content, self.aside(word).read_bytes())
        told = [line for line in self.daemon.log().splitlines() if "was set aside" in line]
        self.assertEqual(1, len(told))
        self.assertIn(str(self.aside(word)), told[0])
        with self.daemon.client() as client:
            self.assertEqual([], self.jobs(client))
            self.assertEqual(b"one", self.daemon.file("one").read_bytes())
            self.make(client, "two")
        self.stop()
        self.daemon.start()
        with self.daemon.client() as client:
            self.assertEqual(["two"], self.jobs(client))
        self.stop()
        self.assertEqual(content, self.aside(word).read_bytes())
        self.assertFalse(self.aside(word, 2).exists())

    def test_one_from_a_later_version_is_set_aside_and_works_again_there(self):
        with self.daemon.client() as client:
            job = self.make(client, "one")
        self.stop()
        with contextlib.closing(open_catalogue(self.daemon)) as database:
            (version,) = database.execute("PRAGMA user_version").fetchone()
            database.execute(f"PRAGMA user_version = {version + 1}")
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self.check_set_aside("newer", self.path.read_bytes())
        # Who goes on with the later version finds all that was there.
        self.aside("newer").replace(self.path)
        with contextlib.closing(open_catalogue(self.daemon)) as database:
            database.execute(f"PRAGMA user_version = {version}")
        self.daemon.start()
        with self.daemon.client() as client:
            self.assertEqual(["one"], self.jobs(client))
            self.assertEqual(1, client.call(JOB + "Describe", {"id": job})["runtime"]["runs"])
        self.stop()

    def test_a_damaged_one_is_set_aside(self):
        with self.daemon.client() as client:
            for number in range(40):
                self.make(client, f"job{number}")
            self.make(client, "one")
        self.stop()
        content = bytearray(self.path.read_bytes())
        for page in range(4096, len(content), 4096):
            content[page:page + 2000] = b"j" * 2000
        self.path.write_bytes(content)
        self.check_set_aside("damaged", bytes(content))

    def test_a_text_file_in_its_place_is_set_aside(self):
        with self.daemon.client() as client:
            self.make(client, "one")
        self.stop()
        self.path.write_bytes(b"not a database\n" * 1000)
        self.check_set_aside("damaged", self.path.read_bytes())

    def test_a_row_that_makes_no_sense_stays_and_takes_no_other_with_it(self):
        with self.daemon.client() as client:
            jobs = {name: self.make(client, name) for name in ("state", "steps", "labels", "good")}
        self.stop()
        with contextlib.closing(open_catalogue(self.daemon)) as database:
            for column, value in (("state", "dreaming"), ("steps", "knitting:3"),
                                  ("labels", b"no end")):
                database.execute(f"UPDATE job SET {column} = ? WHERE id = ?",
                                 (value, row_id(jobs[column])))
        before = read_rows(self.daemon, "SELECT * FROM job WHERE name != 'good' ORDER BY id")
        self.daemon.start()
        self.assertEqual(3, self.daemon.log().count("one cannot be brought back"))
        with self.daemon.client() as client:
            self.assertEqual(["good"], self.jobs(client))
            self.assertEqual(jobs["good"], self.make(client, "good"))
            with self.assertRaises(VarlinkError):
                client.call(JOB + "Describe", {"id": jobs["state"]})
        self.stop()
        self.assertEqual(before, read_rows(
            self.daemon, "SELECT * FROM job WHERE name != 'good' ORDER BY id"))

    def test_one_from_before_there_were_jobs_is_taken_over(self):
        with self.daemon.client() as client:
            self.make(client, "old")
            self.assertTrue(self.is_intact(client, "old"))
        self.stop()
        with contextlib.closing(open_catalogue(self.daemon)) as database:
            files = database.execute("SELECT * FROM file").fetchall()
            database.execute("DROP TABLE job")
            database.execute("DROP TABLE run")
            for (index,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'index'"
                                             " AND tbl_name IN ('job', 'run')").fetchall():
                database.execute(f"DROP INDEX {index}")
            database.execute("PRAGMA user_version = 2")
        self.daemon.start()
        self.assertNotIn("set aside", self.daemon.log())
        with self.daemon.client() as client:
            self.assertEqual([], self.jobs(client))
            self.assertTrue(self.is_intact(client, "old"))
            self.make(client, "new")
        self.daemon.kill(remove=False)
        self.daemon.start()
        with self.daemon.client() as client:
            self.assertEqual(["new"], self.jobs(client))
            self.assertTrue(self.is_intact(client, "old"))
        self.stop()
        self.assertEqual(files, read_rows(self.daemon, "SELECT * FROM file ORDER BY row_id")[:1])

    def test_one_from_before_retries_were_kept_is_taken_over(self):
        with self.daemon.client() as client:
            job = self.make(client, "old")
            history = list(client.more(JOB + "History", {"id": job}))
        self.stop()
        with contextlib.closing(open_catalogue(self.daemon)) as database:
            for column in ("retry_usec", "retry_scheduled_usec", "replaced_run"):
                database.execute(f"ALTER TABLE job DROP COLUMN {column}")
            database.execute("PRAGMA user_version = 3")
        self.daemon.start()
        self.assertNotIn("set aside", self.daemon.log())
        with self.daemon.client() as client:
            self.assertEqual(["old"], self.jobs(client))
            self.assertEqual(history, list(client.more(JOB + "History", {"id": job})))
            self.assertEqual(job, self.make(client, "old"))
        self.stop()
        self.assertEqual([(None, None, None)], read_rows(
            self.daemon, "SELECT retry_usec, retry_scheduled_usec, replaced_run FROM job"))


if __name__ == "__main__":
    main()
