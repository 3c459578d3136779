/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_IO_CATALOGUE_JOB_H
#define FOREBAY_IO_CATALOGUE_JOB_H

/*
 * The catalogue's tables of jobs and of their runs. A row is a flat picture of what objects/
 * and core/ know: choices are kept as their words and times in microseconds of the wall
 * clock, so that the database can be read by people and by later versions.
 *
 * All but catalogue_list_jobs() is asynchronous, as in catalogue.h: set request.done and
 * request.owner before. A result of -ENOMEM means that nothing was taken and done is not
 * called. Loop thread only.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/base/err.h"
#include "daemon/io/catalogue.h"

/* A number that is not there; the database has NULL for it. */
#define CATALOGUE_JOB_UNSET INT64_MIN

/* The last runs of a job, of which is known how they ended. */
#define CATALOGUE_JOB_RUNS_KEPT 1000

/* Texts may be NULL where there is none. */
struct catalogue_job {
	int64_t id; /* the job's, whose 64 bits they are */
	int64_t owner;
	int64_t created_usec;
	const char *name;
	const char *labels; /* name, NUL, value, NUL, and so on */
	int64_t labels_bytes;

	/* Its context. */
	int64_t buffer;
	int64_t buffer_bytes; /* how long that was, so that no other is taken for it */
	int64_t offset;
	int64_t length;
	const char *store;
	const char *path;
	const char *open;
	int64_t mode;
	const char *ack;
	int64_t at_usec;
	int64_t after_usec;
	int64_t every_usec;
	const char *calendar;
	int64_t on_change;
	int64_t jitter_usec;
	int64_t settle_usec;
	const char *missed;
	const char *consistency;
	int64_t only_if_changed;
	const char *steps; /* "gzip:6,zstd:3" */
	const char *checksum;
	int64_t side_file;
	int64_t keep_last;
	int64_t keep_usec;
	int64_t maximum_bytes;
	int64_t minimum_free_bytes;
	int64_t timeout_usec;
	int64_t retries;
	int64_t retry_delay_usec;
	int64_t auto_dismiss;

	/* How it stands. */
	const char *state;
	int64_t next_usec;
	int64_t runs;
	int64_t failures;
	int64_t skips;
	int64_t attempts;	      /* of the retries, those that were granted to one run */
	int64_t retry_usec;	      /* of the one that is pending */
	int64_t retry_scheduled_usec; /* and of the run that it makes up for */
	int64_t replaced_run;	      /* the one that went on when the job was made anew */
	int64_t handled_usec;	      /* the latest time of the schedule that has had its turn */
	int64_t seed;		      /* of the jitter */
	int64_t at_done;
	int64_t after_done;
	int64_t last_run;
	const char *last_result;
	int64_t last_start_usec;
	int64_t last_end_usec;
	const char *last_path;
	const char *content; /* digest of what the last file was made of */
	const char *fault_operation;
	int64_t fault_errno;
	const char *fault_path;
	int64_t fault_offset;
};

struct catalogue_run {
	int64_t job;
	int64_t run;
	const char *result; /* NULL: it has not ended, or nobody saw its end */
	int64_t scheduled_usec;
	int64_t start_usec;
	int64_t end_usec;
	int64_t bytes;
	const char *path;
	const char *digest;
	const char *fault_operation;
	int64_t fault_errno;
	const char *fault_path;
	int64_t fault_offset;
};

/* Both rows in one transaction, whether they were there or not; `run` may be NULL. */
int must_check catalogue_put_job(struct catalogue *catalogue, const struct catalogue_job *job,
				 const struct catalogue_run *run,
				 struct catalogue_request *request);

/* With its runs. A job that is not there is no error. */
int must_check catalogue_remove_job(struct catalogue *catalogue, int64_t id,
				    struct catalogue_request *request);

/* A request that has something to tell. Embedded; free the runs when it is done. */
struct catalogue_run_find {
	struct catalogue_request request;
	struct catalogue_run *list;
	size_t count;
};

/* Of one job, the newest first, up to `limit`. */
int must_check catalogue_find_runs(struct catalogue *catalogue, int64_t job, int64_t limit,
				   struct catalogue_run_find *find);
void catalogue_runs_fini(struct catalogue_run_find *find);

/*
 * Waits; at start only. Calls `each` for every job, in the order in which they were made;
 * `cut_off` is its run without a result, or NULL. All texts live until it returns. A result
 * other than 0 stops and is returned.
 */
int must_check catalogue_list_jobs(struct catalogue *catalogue,
				   int (*each)(const struct catalogue_job *job,
					       const struct catalogue_run *cut_off, void *owner),
				   void *owner);

#endif
