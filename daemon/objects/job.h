/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_OBJECTS_JOB_H
#define FOREBAY_OBJECTS_JOB_H

/*
 * What a job is made of; for the job*.c files only, everybody else uses jobs.h.
 *
 *	jobs.c		the set of all jobs: found, told of, started and ended
 *	job_make.c	Create: checks, the object, its row, taking over another's place
 *	job_verbs.c	what is asked of a job, and its state after that
 *	job_calendar.c	calendar expressions, with the zones that they need
 *	job_due.c	times: when is it due, whose turn is it
 *	job_run.c	one run, from its first row to its last
 *	job_shown.c	what may be told of it
 *	job_path.c	what its file is called
 *	job_compare.c	whether it would be the same as the last
 *	job_source.c	where the bytes of a run come from
 *	job_rows.c	to the catalogue
 *	job_restore.c	from the catalogue
 *	job_row_texts.c	how lists are spelt there
 *
 * All times that are waited for are on the clock that goes on while the machine sleeps; those
 * of the wall clock are converted, and converted again when that clock is set.
 */

#include <stdbool.h>
#include <stdint.h>

#include "daemon/base/list.h"
#include "daemon/core/fault.h"
#include "daemon/core/heap.h"
#include "daemon/core/id_map.h"
#include "daemon/core/id_text.h"
#include "daemon/core/job_retry.h"
#include "daemon/core/labels.h"
#include "daemon/core/schedule.h"
#include "daemon/io/catalogue.h"
#include "daemon/io/catalogue_job.h"
#include "daemon/io/digest.h"
#include "daemon/objects/errand.h"
#include "daemon/objects/jobs.h"
#include "daemon/objects/registry.h"
#include "daemon/objects/streams.h"

struct job_calendar;
struct timekeeper;

/* Of all users together: a thousand jobs due at once take turns. */
#define JOB_RUNS_AT_ONCE 32

#define JOB_NAME_BYTES 128
#define JOB_HOST_BYTES 65
/* "job:j0123456789abcdef": under what the catalogue files what a job has made. */
#define JOB_MARK_BYTES (sizeof("job:") + ID_TEXT_BYTES)
#define JOB_NEVER UINT64_MAX

struct jobs {
	struct registry *registry;
	struct id_map ids;
	struct list owners; /* job_owner::link */
	struct list turns;  /* job_owner::turn_link: those that have a job ready, in order */
	struct heap heap;   /* job::node */
	struct timekeeper *timekeeper;
	uint64_t armed_ns; /* what the timekeeper is set to */
	struct list observers;
	struct event *start_event; /* begins what is ready, once the loop turns */
	uint32_t running;
	bool started;
	char host[JOB_HOST_BYTES];
};

/* One user, as long as it has a job. */
struct job_owner {
	struct list link;
	struct list turn_link;
	struct user *user;
	struct list jobs;  /* job::owner_link, in the order in which they were made */
	struct list ready; /* job::ready_link */
	void *names;	   /* tsearch() tree of struct job */
};

/* Why a job's node is in the heap. */
enum job_due {
	JOB_DUE_TIME, /* its schedule's next */
	JOB_DUE_RETRY,
	JOB_DUE_CHANGE, /* to look at the version */
	JOB_DUE_TIMEOUT,
	JOB_DUE_COPY, /* to try to copy the buffer once more */
	JOB_DUES,
};

/* What one configures of it. */
struct job_setup {
	struct job_options options;
	char *name; /* NULL: none */
	char *store;
	char *path;
	char *calendar_text;	       /* NULL: none */
	struct job_calendar *calendar; /* NULL: none, or not made yet */
	struct labels labels;
	uint64_t buffer_id;
	uint64_t buffer_bytes;
	bool one_run;
};

struct job {
	struct list owner_link;
	struct list ready_link;
	struct list buffer_link; /* buffer::jobs */
	struct jobs *jobs;
	struct job_owner *owner;
	uint64_t id;
	char id_text[ID_TEXT_BYTES];
	char mark[JOB_MARK_BYTES];

	struct job_setup setup;
	struct buffer *buffer; /* NULL: gone, or needed no more */
	int64_t created_usec;

	enum job_state state;
	bool known;	     /* its maker has heard of it: others may too */
	bool pause_wanted;   /* after the run */
	bool cancel_wanted;  /* after the run */
	bool charged;	     /* to its owner; one that was brought back may be beyond the limit */
	struct fault *fault; /* why it is paused, or the last run failed; not to be copied */
	char *fault_word;    /* what the operation of one that was brought back points to */

	/* When. */
	struct heap_node node;
	uint64_t due_ns[JOB_DUES];
	struct schedule schedule;
	struct schedule_state times;
	int64_t time_usec;	/* JOB_DUE_TIME as the wall clock has it */
	int64_t scheduled_usec; /* the same without jitter */
	struct job_retry retry;
	uint64_t retry_ns;     /* JOB_DUE_RETRY, also while that is held; JOB_NEVER: none */
	int64_t missed_usec;   /* of a run that is to be made up for; OPTION_UNSET: none */
	int64_t ready_usec;    /* what the next run is scheduled for */
	bool ready;	       /* it is on job_owner::ready */
	bool ready_by_hand;    /* and somebody waits for it */
	uint64_t seen_version; /* onChange: that of the last run */

	/* How it went. */
	uint64_t runs;
	uint64_t failures;
	uint64_t skips;
	uint64_t last_run;
	int last_result;
	int64_t last_start_usec;
	int64_t last_end_usec;
	char *last_path;		 /* of the last file; NULL: none */
	char content[DIGEST_TEXT_BYTES]; /* what that was made of; "": not known */

	struct job_run *run;	  /* NULL: none is going on */
	struct list waits;	  /* job_wait::link */
	struct list unsaved_runs; /* job_run::unsaved_link: over, but for their last rows */

	/* Its row. */
	struct catalogue_request save_request;
	bool saving;
	bool save_again;
	struct list unsaved_waits; /* job_save_wait::link: for what the next row will say, */
	struct list saved_waits;   /* and for the one that is being written */
	bool gone;		   /* dismissed: freed when the row is */
};

struct job_run;
struct snapshot;

struct job_source {
	struct buffer *buffer; /* pinned; NULL: none, or copied */
	const unsigned char *memory;
	uint64_t bytes;
	bool live;		   /* as the bytes are, and not as one update left them */
	struct snapshot *snapshot; /* charged to the owner; NULL: none */
	bool charged;
	void (*done)(struct job_run *run, int result);
};

/* One run that is going on. */
struct job_run {
	struct job *job;
	struct job_source source;
	struct holder holder;
	struct errand errand;
	struct stream_observer observer;
	struct stream *stream; /* while it is open */
	uint64_t stream_id;    /* 0: none was made */
	uint64_t number;
	enum job_result stop; /* with `stopped`: why */
	bool stopped;
	bool over;
	int result; /* JOB_RESULT_NONE until it is over */
	int64_t scheduled_usec;
	int64_t start_usec;
	int64_t end_usec;
	uint64_t bytes;
	uint64_t told_bytes;
	char *path;	     /* relative */
	char *absolute_path; /* NULL: no file was made */
	char digest[DIGEST_TEXT_BYTES];
	char content[DIGEST_TEXT_BYTES];
	struct fault fault;

	/* As it was when it began: a Create meanwhile is for the runs after it. */
	struct stream_options options;
	char *store;
	bool only_if_changed;
	bool replaced; /* there was such a Create */

	/* Its first row. */
	struct catalogue_request begun_request;
	int first_row;	    /* -EINPROGRESS, then 0 or why it is not written */
	bool waits_for_row; /* to be opened */

	/* Once it is over. */
	bool told;
	struct catalogue_request save_request;
	struct job_save_wait gone_wait; /* where its row goes with the job's */
	uint64_t job_id;		/* the job may be gone */
	struct list waits;		/* job_wait::link */

	/* Until its last row is written: the job as it was before the end. */
	struct list unsaved_link; /* job::unsaved_runs */
	struct job_runtime shown;
	char *shown_path;	   /* what the first points to */
	struct fault *shown_fault; /* the same */
};

/* jobs.c */
void job_tell(struct job *job, enum job_event event, const struct job_record *record);
void jobs_tell_run_saved(struct jobs *jobs, uint64_t id, uint64_t run);
/* The owner's account, made where there is none. NULL: no memory. */
struct job_owner *job_owner_get(struct jobs *jobs, uid_t uid);
void job_owner_release(struct job_owner *owner);
/* The owner's job of that name; NULL: none. */
struct job *job_owner_find(const struct job_owner *owner, const char *name);

/* Into the tables, under its id and name; one job was charged to its owner. -ENOMEM. */
int must_check job_announce(struct job *job);
void job_free(struct job *job);
/* It can be taken by another job. */
void job_release_name(struct job *job);
/* Has the job name the buffer, or none. */
void job_set_buffer(struct job *job, struct buffer *buffer);

/* job_make.c */
/* Not in any table yet. NULL: no memory. */
struct job *job_new(struct jobs *jobs, struct job_owner *owner, uint64_t id);
void job_setup_fini(struct job_setup *setup);

/* job_verbs.c */
void job_set_state(struct job *job, enum job_state state);
/*
 * After a run, or a change of the schedule: waiting, paused or finished, which the caller has
 * to save; or gone, where it is forgotten.
 */
void job_settle(struct job *job);
/* Keeps why; NULL: nothing is wrong. */
void job_set_fault(struct job *job, const struct fault *fault);
/* What job::fault is: not to be copied again by assignment. NULL: no memory. */
struct fault *job_copy_fault(const struct fault *fault);
/* `wait` is told as soon as all that has happened to the job until now is in the catalogue. */
void job_wait_saved(struct job *job, struct job_save_wait *wait);
/* Its memory is gone: paused, now or when the run that is stopped by this is over. */
void job_pause_for(struct job *job, const struct fault *fault);
/* For good. */
void job_forget(struct job *job);
/* The row of a job that was forgotten meanwhile is written. */
void job_saved_gone(struct job *job);

/* job_due.c */
int must_check job_due_open(struct jobs *jobs);
void job_due_close(struct jobs *jobs);
void job_due_init(struct job *job);
/* The schedule that these make; `calendar` may be NULL. */
struct schedule job_due_schedule(const struct job_options *options,
				 const struct job_calendar *calendar);
/* Whether there is anything in them that makes it run by itself, but for a calendar. */
bool job_due_has_times(const struct job_options *options);
/* The job is made now: its times begin; job_plan() is what waits for them. */
void job_due_begin(struct job *job);
/* The job is there again; job::missed_usec tells whether its time came meanwhile. */
void job_due_restore(struct job *job, const struct schedule_past *past);
/* The same once its calendar is there. */
void job_due_recall(struct job *job);
/* What was due until now is not made up for. */
void job_due_skip(struct job *job);
/* Waits for the next time, and for a change. */
void job_plan(struct job *job);
/* No times, but for that of the timeout. A retry that was waited for is held. */
void job_unplan(struct job *job);
void job_set_due(struct job *job, enum job_due due, uint64_t at_ns);
/* The next time on the wall clock; OPTION_UNSET: none is known. */
int64_t job_next_usec(const struct job *job);
/* Whether there is anything that it waits for. */
bool job_has_future(const struct job *job);
bool job_has_schedule(const struct job *job);
/*
 * The retry that is pending, if there is one: its time is noted, but nothing waits for it, as
 * the job has no memory; it is waited for; there shall be none.
 */
void job_hold_retry(struct job *job);
void job_plan_retry(struct job *job);
void job_drop_retry(struct job *job);
bool job_holds_retry(const struct job *job);
/* Has it run as soon as it is its turn. */
void job_make_ready(struct job *job, int64_t scheduled_usec, bool by_hand);
void job_unready(struct job *job);
/* Begins runs, as many as may go on at once; from the loop. */
void jobs_wake(struct jobs *jobs);

/* job_path.c */
/* The template's path at that time of the wall clock. False: it does not fit. */
struct path_template_words;
bool job_expand_path(const char *text, int64_t usec, const struct path_template_words *words,
		     char *path);
/* Sets job_run::path. -ENAMETOOLONG, -ENOMEM. */
int must_check job_make_path(struct job_run *run);

/* job_compare.c */
/*
 * For a worker; may take long. job_run::content, what the last file was made of, becomes what
 * this one would be. 1: that is the same, and the last file is there.
 */
int job_compare(struct errand *errand);

/* job_run.c */
/* -ENOMEM: nothing was begun. */
int must_check job_run_begin(struct job *job, int64_t scheduled_usec);
/* Stops it at the next safe point, with this result. */
void job_run_stop(struct job_run *run, enum job_result result);
/* Those who wait for a run hear that there was none. */
void job_drop_waits(struct job *job, enum job_result result);
/* At the end of the daemon: its stream is not heard any more. */
void job_run_drop(struct job_run *run);
void job_run_get_record(const struct job_run *run, struct job_record *ret_record);
/* Its first row is written, or `result` says why not. */
void job_run_known(struct job_run *run, int result);
/* Its last row is written, or cannot be: who waits hears of it, and it is freed. */
void job_run_saved(struct job_run *run);

/* job_shown.c */
/* It is about to end: the job is shown as it is now, */
void job_run_hold_back(struct job_run *run);
/* until its last row is written, or cannot be. The job may be gone. */
void job_run_show(struct job_run *run);

/* job_source.c */
/* Takes hold of the bytes; `done` is called later. */
void job_source_take(struct job_run *run, void (*done)(struct job_run *run, int result));
/* JOB_DUE_COPY. */
void job_source_again(struct job_run *run);
/* What takes its time of the release, once nobody needs the bytes: for workers. */
void job_source_drop_copy(struct job_run *run);
void job_source_release(struct job_run *run);

/* job_rows.c */
/* Writes the job's row, and the run's with it. */
void job_save(struct job *job);
void job_save_record(struct job *job, const struct job_record *record);
/* The row of a run that has begun, and that of one that is over: job_run_known() and
 * job_run_saved() follow, perhaps at once. */
void job_save_run_begun(struct job_run *run);
void job_save_run_over(struct job_run *run);
/* Calls all of them, and empties the list. */
void job_tell_saved(struct list *waits, int result);
/* The same for a request of the caller's. -ENOMEM. */
int must_check job_save_with(struct job *job, const struct catalogue_run *run,
			     struct catalogue_request *request);

/* job_restore.c */
int must_check jobs_restore(struct jobs *jobs);

#endif
