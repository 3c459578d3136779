#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# tests/torture/streams.py, for ten minutes or so many seconds.

exec "${PYTHON3:-python3}" -B "$(dirname "$0")/../torture/streams.py" "${1:-600}"
