#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# 256 MiB, 100 updates a second of 1 MiB, saved every second for a minute.

set -eu
export FOREBAY_SNAPSHOT_MIB=${FOREBAY_SNAPSHOT_MIB:-256}
export FOREBAY_SNAPSHOT_RUNS=${FOREBAY_SNAPSHOT_RUNS:-60}
exec "$PYTHON3" "$FOREBAY_SOURCE_DIR/tests/e2e/e2e_snapshots.py"
