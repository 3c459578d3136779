/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_IO_DIRECTORY_H
#define FOREBAY_IO_DIRECTORY_H

/*
 * Directories of the daemon's own, named by its configuration, at start. Nothing that a
 * client names comes here: that is io/root. May wait for a disk.
 */

#include <sys/types.h>

#include "daemon/base/err.h"

/* Makes the directory with `mode`, and those above it that are missing with 0755. */
int directory_make(const char *path, mode_t mode) must_check;

#endif
