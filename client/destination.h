/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CLIENT_DESTINATION_H
#define FOREBAY_CLIENT_DESTINATION_H

/*
 * PATH on the command line: relative to a store, or, as "/x" or "./x", beneath a directory
 * that is opened here and passed to the daemon.
 */

#include <stdbool.h>

#include "proto/must_check.h"

struct destination {
	int directory_fd; /* -1: in a store */
	const char *path; /* in the store or beneath the directory; points into what was given */
};

/* "/x" or "./x". */
bool destination_is_outside(const char *path);

/* A negative errno if the directory cannot be opened; -EISDIR if no name stands behind it. */
int destination_open(const char *path, struct destination *ret_destination) must_check;
void destination_close(struct destination *destination);

#endif
