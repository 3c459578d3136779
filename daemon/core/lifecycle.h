/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CORE_LIFECYCLE_H
#define FOREBAY_CORE_LIFECYCLE_H

/* The daemon's own state (io.forebay.daemon.State). It only ever moves down this list. */

#define LIFECYCLE_LIST(X)                                                                          \
	X(STARTING, "starting")                                                                    \
	X(SERVING, "serving")                                                                      \
	X(DRAINING, "draining")                                                                    \
	X(STOPPED, "stopped")

#define LIFECYCLE_ENUM(name, text) LIFECYCLE_##name,

enum lifecycle { LIFECYCLE_LIST(LIFECYCLE_ENUM) };

const char *lifecycle_name(enum lifecycle lifecycle);

/* Moves on to `next`; nothing happens where that would be a step back. */
void lifecycle_advance(enum lifecycle *lifecycle, enum lifecycle next);

#endif
