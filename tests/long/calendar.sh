#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# 5000 calendar expressions, 200 and more of them in a gap or a fold, as in systemd-analyze:
# others each time, made from the seed that is printed.

set -eu
export FOREBAY_SCHEDULE_CASES=${FOREBAY_SCHEDULE_CASES:-5000}
export FOREBAY_SCHEDULE_MOVED=${FOREBAY_SCHEDULE_MOVED:-1000}
export FOREBAY_SCHEDULE_SEED=${FOREBAY_SCHEDULE_SEED:-$RANDOM$RANDOM}
exec "$PYTHON3" "$FOREBAY_SOURCE_DIR/tests/e2e/e2e_schedule.py" Calendar
