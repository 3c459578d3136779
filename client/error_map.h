/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CLIENT_ERROR_MAP_H
#define FOREBAY_CLIENT_ERROR_MAP_H

/* The errno that stands for an error the daemon answered with. Pure, any thread. */

struct cJSON;

/*
 * name is the full one, "io.forebay.pool.PoolFull". Always negative; -EREMOTEIO for a name
 * that is not known. For StreamFailed the fault's own errno, if it has one.
 */
int error_map_errno(const char *name, const struct cJSON *parameters);

#endif
