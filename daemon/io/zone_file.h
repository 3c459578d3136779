/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_IO_ZONE_FILE_H
#define FOREBAY_IO_ZONE_FILE_H

/*
 * Time zones from the system's files. May wait for a disk: call these from IO_RUN.
 *
 * Results: 0 with a zone that is the caller's to zone_free(); ZONE_FILE_E_NONE where there is
 * no such zone, or a file that is none; negative errno.
 */

#include "daemon/base/err.h"

struct zone;

enum zone_file_outcome {
	ZONE_FILE_E_NONE = 1,
};

/* "Europe/Berlin"; a name that leads elsewhere is that of no zone. */
int zone_file_read(const char *name, struct zone **ret_zone) must_check;

/* The daemon's own: of $TZ where that is a name, else of /etc/localtime, else UTC. */
int zone_file_read_own(struct zone **ret_zone) must_check;

#endif
