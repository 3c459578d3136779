#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# tests/long/job_kill.py, ten kills of each engine.

exec "${PYTHON3:-python3}" -B "$(dirname "$0")/../long/job_kill.py" 10
