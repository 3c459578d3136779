/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_IO_CATALOGUE_SCHEMA_H
#define FOREBAY_IO_CATALOGUE_SCHEMA_H

/*
 * The tables of the catalogue and how they grow: the database carries a version, and each
 * step from one version to the next is applied once, in a transaction. For catalogue.c; may
 * wait for the disk.
 */

#include "daemon/base/err.h"

struct sqlite3;

enum catalogue_schema_outcome {
	CATALOGUE_SCHEMA_E_NEWER = 1,	/* made by a later version; nothing was changed */
};

/* Sets the database up as we use it and brings its tables up to date. -EUCLEAN: damaged. */
int catalogue_schema_prepare(struct sqlite3 *database) must_check;

#endif
