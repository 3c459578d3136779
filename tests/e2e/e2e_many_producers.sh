#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# tests/long/many_producers.py, for five seconds.

exec "${PYTHON3:-python3}" -B "$(dirname "$0")/../long/many_producers.py" 5
