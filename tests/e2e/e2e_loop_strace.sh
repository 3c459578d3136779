#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# tests/long/loop_strace.sh, with 64 MiB.

exec bash "$(dirname "$0")/../long/loop_strace.sh" 67108864
