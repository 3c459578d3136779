#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs a command and writes the most private (anonymous) memory it had, in KiB, to a file.

	peak.py FILE COMMAND...

Looked at every few milliseconds. The ring is shared memory and not in it.
"""

import os
import select
import sys


def anonymous_kib(pid):
    try:
        with open(f"/proc/{pid}/status") as status:
            for line in status:
                if line.startswith("RssAnon:"):
                    return int(line.split()[1])
    except (FileNotFoundError, ProcessLookupError):
        pass
    return 0


def main():
    pid = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)
    handle = os.pidfd_open(pid)
    peak = 0
    while not select.select([handle], [], [], 0.003)[0]:
        peak = max(peak, anonymous_kib(pid))
    with open(sys.argv[1], "w") as file:
        file.write(f"{peak}\n")
    _, status = os.waitpid(pid, 0)
    sys.exit(os.waitstatus_to_exitcode(status) & 255)


main()
