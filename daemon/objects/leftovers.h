/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_OBJECTS_LEFTOVERS_H
#define FOREBAY_OBJECTS_LEFTOVERS_H

/*
 * The temporary files of a daemon that died. Exactly those that the catalogue names are
 * looked at: under salvage and finish what is in them becomes PATH.partial, the others are
 * removed; then their rows go. Nothing else in any directory is touched.
 */

#include "daemon/base/err.h"

struct registry;

/* At start, before the first stream. The files are seen to by workers, one log line each. */
int must_check leftovers_sweep(struct registry *registry);

#endif
