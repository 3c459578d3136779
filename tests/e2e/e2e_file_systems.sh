#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# tests/long/file_systems.sh, on two file systems and without the 3 GiB.

exec bash "$(dirname "$0")/../long/file_systems.sh" --short
