/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_FOREBAY_JOB_H
#define FOREBAY_FOREBAY_JOB_H

/*
 * libforebay, the jobs: memory kept on disk by a schedule. For use with forebay.h, whose words
 * on results, time and threads hold here too.
 *
 *	struct forebay_job_options options = FOREBAY_JOB_OPTIONS_INIT;
 *
 *	options.name = "world";
 *	options.buffer = forebay_buffer_id(buffer);
 *	options.path = "world/{run}";
 *	options.every_usec = 10 * FOREBAY_USEC_PER_SEC;
 *	options.keep_last = 3;
 *	options.replace = 1;
 *	r = forebay_job_create(connection, &options, NULL);
 *	...
 *	r = forebay_job_run(connection, "world", FOREBAY_FOREVER, NULL);
 *
 * Where a call takes a `job`, that is its id, or the name that this user gave it; nobody has
 * it: -ENOENT. What the job's state does not allow: -EBADFD. What cannot be, as a schedule that
 * never comes: -EINVAL, and forebay_error_parameters() names the parameter. Times are
 * microseconds of the wall clock since 1970, spans are microseconds. A job needs neither its
 * maker nor a connection; its buffer's pool stays for as long as the job does.
 */

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct forebay_connection;
struct forebay_job_events;

enum forebay_job_state {
	FOREBAY_JOB_WAITING = 1,	/* for its next time, or to be asked */
	FOREBAY_JOB_RUNNING = 2,
	FOREBAY_JOB_PAUSED = 3,		/* runs only when asked; or its memory is gone */
	FOREBAY_JOB_FINISHED = 4	/* kept to be looked at until it is dismissed */
};

enum forebay_run_result {
	FOREBAY_RUN_NONE = 0,		/* it goes on, or there was none */
	FOREBAY_RUN_DONE = 1,
	FOREBAY_RUN_CANCELED = 2,
	FOREBAY_RUN_TIMEOUT = 3,
	FOREBAY_RUN_FAILED = 4,
	FOREBAY_RUN_SKIPPED = 5		/* only_if_changed, and nothing has changed */
};

/*
 * What to keep, where, and when. Texts that are NULL, numbers that are FOREBAY_UNSET and flags
 * that are 0 are left to the daemon. The interface io.forebay.job, type Context, says what each
 * of them means. With several times whichever comes next; with none it runs only when asked.
 */
struct forebay_job_options {
	size_t size;			/* of this struct: FOREBAY_JOB_OPTIONS_INIT sets it */
	const char *name;		/* to find it by, unique among the user's jobs */
	const char *buffer;		/* its id: forebay_buffer_id() */
	const char *store;		/* name of the store; NULL: the default one */
	const char *path;		/* in the store; may hold strftime's fields, {job}, {run}, {host} */
	const char *open;		/* "replace", "exclusive", "append", "truncate" */
	const char *mode;		/* of a new file, in octal: "0640" */
	const char *ack;		/* "written", "synced", "published" */
	const char *calendar;		/* at these times, as systemd's OnCalendar= */
	const char *missed;		/* "skip", "once" */
	const char *consistency;	/* "live", "versioned" */
	const char *checksum;		/* "none", "crc32", "xxh3", "sha256" */
	const char *context;		/* JSON text of an object: any other member of Context, or NULL */
	int64_t offset;			/* in the buffer, in bytes */
	int64_t length;			/* bytes from there; unset: to the buffer's end */
	int64_t at_usec;		/* once, at this time; with every_usec: its anchor */
	int64_t after_usec;		/* once, so long from now */
	int64_t every_usec;		/* so often, 10 ms or more */
	int64_t jitter_usec;		/* each time put off by up to this */
	int64_t settle_usec;		/* with on_change: look so often */
	int64_t keep_last;		/* of the files it made keep so many, */
	int64_t keep_usec;		/* those no older than this, */
	int64_t maximum_bytes;		/* no more than this together, */
	int64_t minimum_free_bytes;	/* and so few that this much is left free */
	int64_t timeout_usec;		/* of one run; 0: none */
	int64_t retries;		/* of a scheduled run that failed */
	int64_t retry_delay_usec;	/* so long after it failed */
	int on_change;			/* not 0: when the buffer was updated */
	int only_if_changed;		/* not 0: write nothing that is in the last file */
	int side_file;			/* not 0: the checksum beside the file too */
	int replace;			/* not 0: take over the job of that name, with id and history */
};

#define FOREBAY_JOB_OPTIONS_INIT                                                                   \
	{                                                                                          \
		sizeof(struct forebay_job_options), NULL, NULL, NULL, NULL, NULL, NULL, NULL,      \
			NULL, NULL, NULL, NULL, NULL, FOREBAY_UNSET, FOREBAY_UNSET, FOREBAY_UNSET, \
			FOREBAY_UNSET, FOREBAY_UNSET, FOREBAY_UNSET, FOREBAY_UNSET, FOREBAY_UNSET, \
			FOREBAY_UNSET, FOREBAY_UNSET, FOREBAY_UNSET, FOREBAY_UNSET, FOREBAY_UNSET, \
			FOREBAY_UNSET, 0, 0, 0, 0                                                  \
	}

/*
 * What the daemon told, made by the library and the caller's to free with its texts: later
 * versions may add members at the end. Texts may be NULL, numbers may be FOREBAY_UNSET.
 */
struct forebay_fault {
	int error;			/* a negative errno; 0: nothing is wrong */
	const char *operation;		/* "open", "write", "snapshot", "restore", ... */
	const char *path;
	const char *message;		/* for people */
};

struct forebay_run {
	uint64_t number;		/* 1 is the job's first */
	enum forebay_run_result result;
	int64_t scheduled_usec;		/* unset: it was asked for */
	int64_t start_usec;
	int64_t end_usec;		/* unset: it goes on */
	uint64_t bytes;			/* of the buffer that were saved */
	const char *path;		/* absolute; NULL: no file was made */
	const char *digest;		/* "sha256:..." of the file; NULL: not asked for */
	struct forebay_fault fault;
};

struct forebay_job {
	const char *id;
	const char *name;
	const char *buffer;		/* its id; it need not be there any more */
	const char *store;
	const char *path;		/* as the options had it */
	enum forebay_job_state state;
	uint32_t owner_uid;
	int64_t next_usec;		/* unset: it has no next time, or none is known yet */
	uint64_t runs;			/* that were begun */
	uint64_t failures;
	uint64_t skips;			/* times that came while a run went on, or were missed */
	uint64_t current_run;		/* 0: none goes on */
	uint64_t current_bytes;
	uint64_t total_bytes;
	uint64_t last_run;		/* 0: there was none */
	enum forebay_run_result last_result;
	int64_t last_start_usec;
	int64_t last_end_usec;
	const char *last_path;		/* of the last file, absolute; NULL: there was none */
	struct forebay_fault fault;	/* why it is paused, or the last run failed */
};

void forebay_job_free(struct forebay_job *job);
void forebay_run_free(struct forebay_run *run);

/*
 * Makes a job, which is on disk when this returns; ret_job may be NULL. A name that is taken:
 * -EEXIST, unless `replace` is set: so a program finds its job, with its files and its history,
 * after a restart of its own or of the daemon.
 */
int forebay_job_create(struct forebay_connection *connection,
		       const struct forebay_job_options *options, struct forebay_job **ret_job);

/* Finds one job by its id or its name. */
int forebay_job_describe(struct forebay_connection *connection, const char *job,
			 struct forebay_job **ret_job);

/* All jobs of this user, for root those of all, in no order; none: NULL and 0. */
int forebay_job_list(struct forebay_connection *connection, struct forebay_job ***ret_jobs,
		     size_t *ret_count);
void forebay_job_list_free(struct forebay_job **jobs, size_t count);

/* What its runs came to, the newest first, `limit` at most. */
int forebay_job_history(struct forebay_connection *connection, const char *job, size_t limit,
			struct forebay_run ***ret_runs, size_t *ret_count);
void forebay_run_list_free(struct forebay_run **runs, size_t count);

/*
 * Has the job run now, and waits until that is over; ret_run may be NULL. 0 is done or skipped.
 * While a run goes on: -EBADFD.
 * A run that failed: the errno of what failed, -ECANCELED if it was stopped, -ETIMEDOUT if it
 * took longer than the job may; forebay_error_parameters() has it all. One that takes longer
 * than timeout_usec goes on in the daemon; then the connection is of no use any more.
 */
int forebay_job_run(struct forebay_connection *connection, const char *job, uint64_t timeout_usec,
		    struct forebay_run **ret_run);

/* The same for a job that is made for one run and gone after it: no name and no times. */
int forebay_job_save(struct forebay_connection *connection,
		     const struct forebay_job_options *options, uint64_t timeout_usec,
		     struct forebay_run **ret_run);

/* It runs only when asked; a run that goes on is not stopped. And by its times again. */
int forebay_job_pause(struct forebay_connection *connection, const char *job);
int forebay_job_resume(struct forebay_connection *connection, const char *job);

/*
 * Ends the job, or with run_only only the run that goes on. Does not wait: the run stops at its
 * next safe point, and the old file stays. ret_was_running may be NULL.
 */
int forebay_job_cancel(struct forebay_connection *connection, const char *job, int run_only,
		       int *ret_was_running);

/* Forgets a job that is finished, and its history; its files stay. */
int forebay_job_dismiss(struct forebay_connection *connection, const char *job);

/*
 * The next times of a schedule after from_usec (unset: now), without making a job. `count` is
 * how many times_usec has room for, 1 to 100, and becomes how many there are. Of the options only
 * calendar, at_usec, after_usec and every_usec are looked at.
 */
int forebay_job_test_schedule(struct forebay_connection *connection,
			      const struct forebay_job_options *options, int64_t from_usec,
			      int64_t *times_usec, size_t *count);

/*
 * Events
 */

enum forebay_job_event_kind {
	FOREBAY_JOB_EVENT_STATE = 1,	/* it has another state, or is gone */
	FOREBAY_JOB_EVENT_PROGRESS = 2,
	FOREBAY_JOB_EVENT_RESULT = 3,	/* a run is over */
	FOREBAY_JOB_EVENT_OVERFLOW = 4	/* `lost` events found no room in the daemon */
};

/* The library's too, and the caller's to free with all that is in it. */
struct forebay_job_event {
	enum forebay_job_event_kind kind;
	uint64_t lost;
	struct forebay_job *job;	/* without name, buffer, store and path; NULL: overflow */
	struct forebay_run *run;	/* with RESULT; else NULL */
};

void forebay_job_event_free(struct forebay_job_event *event);

/*
 * What happens to one job from now on, or (job NULL) to all of this user. Has a connection of
 * its own to the same daemon, so it may be used by another thread than `connection`, and
 * outlives it. If it fails, forebay_error_name(connection) tells.
 */
int forebay_job_events_open(struct forebay_connection *connection, const char *job,
			    struct forebay_job_events **ret_events);
void forebay_job_events_close(struct forebay_job_events *events);

/*
 * Readable when there is something for forebay_job_events_next() to do, which is then called
 * with timeout 0 until it gives -ETIMEDOUT. It stays the library's.
 */
int forebay_job_events_fd(const struct forebay_job_events *events);

/* The next event. -ENODATA: the one job is gone, no more come. -ECONNRESET: the daemon is. */
int forebay_job_events_next(struct forebay_job_events *events, uint64_t timeout_usec,
			    struct forebay_job_event **ret_event);

#ifdef __cplusplus
}
#endif

#endif
