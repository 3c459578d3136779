/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_IO_CATALOGUE_H
#define FOREBAY_IO_CATALOGUE_H

/*
 * What must be known after a crash or a reboot, in an SQLite database in the state
 * directory. Everything but opening, closing and listing is asynchronous: requests collect
 * while one commit is under way, and the next commit carries all of them, so a thousand
 * streams cost few syncs. `done` is called on the loop thread when the commit is on the disk
 * (WAL, synchronous=FULL), with `result` 0 or a negative errno; a failed commit fails all of
 * its requests. Requests take effect in the order of their submission.
 *
 * A catalogue that is damaged, or was written by a newer version, is renamed (".damaged-N",
 * ".newer-N") and an empty one is made: catalogue_state() tells, and the caller says so.
 *
 * Thread: the loop's, for all calls and for `done`; `perform` is called on the catalogue's.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/base/err.h"
#include "daemon/base/list.h"

struct catalogue;
struct event_base;
struct sqlite3;

enum catalogue_state {
	CATALOGUE_OPENED,	/* it was there */
	CATALOGUE_CREATED,
	CATALOGUE_DAMAGED,	/* set aside, an empty one made */
	CATALOGUE_NEWER,	/* the same */
};

/* A temporary file that is about to be made. All texts are needed. */
struct catalogue_temporary {
	int64_t row_id;			/* the catalogue's name for it */
	const char *instance;
	const char *stream_id;
	const char *store;		/* "" for a passed directory */
	const char *directory;		/* absolute path of the directory it is in */
	const char *temporary_name;
	const char *final_name;		/* in the same directory */
	const char *on_disconnect;
	const char *open_mode;
	uid_t owner;
};

/* Embedded by the caller, whose memory it stays; the catalogue's until `done`. */
struct catalogue_request {
	struct list link;	/* catalogue::collecting or catalogue::committing */
	/* Inside a transaction; 0 or negative errno, and then its changes are undone. */
	int (*perform)(struct catalogue_request *request, struct sqlite3 *database);
	void (*done)(struct catalogue_request *request);
	void *owner;
	int result;
	int64_t row_id;		/* what was added or is to be removed */
	void *arguments;	/* for perform: NULL or from malloc(), freed before done */
};

/* May wait for the disk: at start only. */
int catalogue_open(struct event_base *base, const char *path,
		   struct catalogue **ret_catalogue) must_check;

/* Waits until all that was asked is committed and calls each `done`. */
struct catalogue *catalogue_close(struct catalogue *catalogue);

enum catalogue_state catalogue_state(const struct catalogue *catalogue);

/* Where the old one is now, for CATALOGUE_DAMAGED and CATALOGUE_NEWER; else NULL. */
const char *catalogue_set_aside_path(const struct catalogue *catalogue);

/*
 * Copies `row`. Set request->done and owner before; request->row_id is set when it is done.
 * -ENOMEM: nothing was taken and done is not called.
 */
int catalogue_add_temporary(struct catalogue *catalogue, const struct catalogue_temporary *row,
			    struct catalogue_request *request) must_check;

/* A row that is not there is no error. */
void catalogue_remove_temporary(struct catalogue *catalogue, int64_t row_id,
				struct catalogue_request *request);

/*
 * Waits; at start only. Calls `each` for every row, in order of row_id; the texts live until
 * it returns. A result other than 0 stops and is returned.
 */
int catalogue_list_temporaries(struct catalogue *catalogue,
			       int (*each)(const struct catalogue_temporary *row, void *owner),
			       void *owner) must_check;

/* For the tables of others: `perform`, `done` and `owner` are set. */
void catalogue_submit(struct catalogue *catalogue, struct catalogue_request *request);

/* Runs `perform` now and waits, with nothing else under way: at start only. */
int catalogue_perform(struct catalogue *catalogue, struct catalogue_request *request) must_check;

uint32_t catalogue_pending(const struct catalogue *catalogue);
uint64_t catalogue_progress(const struct catalogue *catalogue);

/* The errno that an SQLite result code comes nearest to, negative; 0 for OK, ROW and DONE. */
int catalogue_errno(int sqlite_result);

#endif
