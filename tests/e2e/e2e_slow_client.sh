#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# tests/long/slow_client.py: it waits for one deadline, and that is short enough.

exec "${PYTHON3:-python3}" -B "$(dirname "$0")/../long/slow_client.py"
