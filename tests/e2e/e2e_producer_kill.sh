#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# tests/long/producer_kill.py, ten moments.

exec "${PYTHON3:-python3}" -B "$(dirname "$0")/../long/producer_kill.py" 10
