# SPDX-License-Identifier: LGPL-2.1-or-later
"""The daemon's catalogue as a test may see it: its rows after a kill, and its lock."""

import contextlib
import pathlib
import shutil
import sqlite3
import tempfile

NAME = "catalogue.db"


def open_catalogue(daemon):
    """The one that the daemon uses; each statement is a transaction of its own."""
    return sqlite3.connect(f"file:{daemon.state}/{NAME}?mode=rw", uri=True, isolation_level=None)


class Held:
    """The catalogue's lock in the test's hand: no commit of the daemon gets through."""

    def __init__(self, daemon):
        self.database = open_catalogue(daemon)
        self.database.execute("BEGIN IMMEDIATE")

    def release(self):
        if self.database:
            self.database.execute("ROLLBACK")
            self.database.close()
        self.database = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.release()


def read_rows(daemon, text, *parameters):
    """What the next daemon will find; of a copy, so that it finds it as it was left."""
    with tempfile.TemporaryDirectory() as folder:
        for path in pathlib.Path(daemon.state).glob(NAME + "*"):
            shutil.copy(path, folder)
        with contextlib.closing(sqlite3.connect(f"file:{folder}/{NAME}?mode=rw",
                                                uri=True)) as database:
            return database.execute(text, parameters).fetchall()


def row_id(job):
    """The number that the catalogue has for a job."""
    number = int(job[1:], 16)
    return number - (1 << 64) if number >> 63 else number
