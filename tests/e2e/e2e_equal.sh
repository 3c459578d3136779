#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The 54 cells of tests/long/equal.sh, with 8 MiB each.

exec bash "$(dirname "$0")/../long/equal.sh" 8388608
