#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# tests/long/pipe_memory.py, with 64 MiB.

exec "${PYTHON3:-python3}" -B "$(dirname "$0")/../long/pipe_memory.py" 67108864
