/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_OBJECTS_JOBS_H
#define FOREBAY_OBJECTS_JOBS_H

/*
 * Jobs: buffers that are kept on disk by a schedule, or when asked, each run a stream of its
 * owner. What a job is made of is in objects/job.h. A job is in the catalogue before its
 * maker hears of it; later changes follow in the order in which they happened.
 *
 * Loop thread only; nothing here waits for a disk, but for jobs_open(). A function that takes
 * a `done` calls it once, later, from the loop, if it returned 0, and not at all otherwise.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/base/list.h"
#include "daemon/core/job_options.h"
#include "daemon/core/job_state.h"
#include "daemon/core/labels.h"
#include "daemon/objects/refusal.h"

struct buffer;
struct job;
struct registry;
struct user;

/*
 * At start: brings back what the catalogue has. A run that was cut off is closed as failed;
 * jobs whose memory is gone are paused. May wait for the disk.
 */
int must_check jobs_open(struct registry *registry);
/* The daemon serves: from now on jobs run when they are due. */
void jobs_start(struct registry *registry);
/* At the end, with the engine idle and before the streams go. Runs that are left are cut off. */
void jobs_close(struct registry *registry);

/* What Create is asked for. Texts are borrowed; labels are moved out on success. */
struct job_request {
	struct job_options options;
	const char *name; /* NULL: none */
	uint64_t buffer;
	const char *store; /* NULL: default */
	const char *path;
	const char *calendar; /* NULL: none */
	struct labels labels;
	bool replace; /* an own job of that name takes all this over */
	bool one_run; /* for Save: it has no schedule, and is forgotten after a good run */
};

typedef void (*job_made_fn)(void *data, int result, struct job *job, const struct refusal *refusal);

/* BAD_SCHEDULE, PARAMETER, JOB_EXISTS, NO_SUCH_BUFFER, NO_SUCH_STORE, PATH_REFUSED, LIMIT. */
int must_check job_create(struct user *user, struct job_request *request, job_made_fn done,
			  void *data, struct refusal *refusal);

/* By id or, of the user's own, by name; NO_SUCH_JOB. root may see all by their ids. */
int must_check job_find(struct user *user, const char *text, struct job **ret_job,
			struct refusal *refusal);
int must_check job_find_id(struct user *user, uint64_t id, struct job **ret_job,
			   struct refusal *refusal);
void job_for_each(struct user *user, bool (*each)(void *data, struct job *job), void *data);

/* io.forebay.job.RunRecord. */
struct job_record {
	uint64_t run;
	int result;		/* enum job_result or JOB_RESULT_NONE */
	int64_t scheduled_usec; /* OPTION_UNSET: nobody but Run asked for it */
	int64_t start_usec;
	int64_t end_usec; /* OPTION_UNSET: it has not ended */
	uint64_t bytes;
	const char *path;	     /* absolute; NULL: none */
	const char *digest;	     /* NULL: none */
	const char *fault_operation; /* NULL: no fault */
	const char *fault_path;
	int fault_errno;
	int64_t fault_offset;
};

/* Embedded by whoever waits for a run and its row; the job's until `done` or cancel. */
struct job_wait {
	struct list link;
	/* The run has written more; may not end the job. */
	void (*progress)(struct job_wait *wait, uint64_t current_bytes, uint64_t total_bytes);
	/* The record's texts live until it returns; the job may be gone. A run of number 0: none. */
	void (*done)(struct job_wait *wait, uint64_t job_id, const struct job_record *record);
	void *owner;
};

/* WRONG_STATE, SHUTTING_DOWN. Set progress (or NULL), done and owner before. */
int must_check job_run(struct job *job, struct job_wait *wait, struct refusal *refusal);
/* The run goes on. */
void job_wait_cancel(struct job_wait *wait);

/*
 * Embedded by whoever asks something of a job; the job's until `done` or cancel. `done` is
 * called once the catalogue has what was asked for, so that no restart takes it back: within
 * the call, if there was nothing to write. `result` is 0 or why it is not written, a negative
 * errno; the job does what it was asked for all the same.
 */
struct job_save_wait {
	struct list link;
	void (*done)(struct job_save_wait *wait, int result);
	void *owner;
};

/*
 * As the table of verbs says (core/job_state); none waits for a run. Set done and owner of
 * `wait` before; REFUSED, as WRONG_STATE: it is not called.
 */
int must_check job_pause(struct job *job, struct job_save_wait *wait, struct refusal *refusal);
int must_check job_resume(struct job *job, struct job_save_wait *wait, struct refusal *refusal);
int must_check job_cancel(struct job *job, bool run_only, bool *ret_was_running,
			  struct job_save_wait *wait, struct refusal *refusal);
int must_check job_dismiss(struct job *job, struct job_save_wait *wait, struct refusal *refusal);
void job_save_wait_cancel(struct job_save_wait *wait);

/* `records`, the newest first, live until it returns. */
typedef void (*job_history_fn)(void *data, int result, const struct job_record *records,
			       size_t count);
int must_check job_history(struct job *job, int64_t limit, job_history_fn done, void *data);

struct job_context {
	const struct job_options *options;
	const char *name; /* NULL: none */
	const char *store;
	const char *path;
	const char *calendar; /* NULL: none */
	uint64_t buffer;
	const struct labels *labels;
};
void job_get_context(const struct job *job, struct job_context *ret_context);

/* io.forebay.job.Runtime. Texts are borrowed until the loop goes on. */
struct job_runtime {
	uint64_t id;
	enum job_state state;
	uid_t owner_uid;
	int64_t next_usec; /* OPTION_UNSET: no time is known */
	uint64_t runs;
	uint64_t failures;
	uint64_t skips;
	uint64_t current_run; /* 0: none; then the next two say nothing */
	uint64_t current_bytes;
	uint64_t total_bytes;
	uint64_t last_run; /* 0: none; then the rest says nothing, but for the fault */
	int last_result;
	int64_t last_start_usec;
	int64_t last_end_usec;
	const char *last_path;	   /* NULL: none */
	const struct fault *fault; /* NULL: none */
};
/* As it is: for observers, who hear of a result before its row is written. */
void job_get_runtime(const struct job *job, struct job_runtime *ret_runtime);
/* For everybody else: before the results of runs whose rows are not written yet. */
void job_get_shown(const struct job *job, struct job_runtime *ret_runtime);
/* The last of these runs, of which observers will hear run_saved(). 0: none. */
uint64_t job_unsaved_run(const struct job *job);

enum job_event {
	JOB_EVENT_STATE,
	JOB_EVENT_PROGRESS,
	JOB_EVENT_RESULT, /* a run has ended; its row is on its way to the catalogue */
	JOB_EVENT_GONE,	  /* dismissed */
};

/* Hears what happens to all jobs. Must not change a job inside a call. */
struct job_observer {
	struct list link;
	/* `record` is that of the run which has ended, for JOB_EVENT_RESULT only. */
	void (*event)(struct job_observer *observer, struct job *job, enum job_event event,
		      const struct job_record *record);
	/*
	 * Once after each JOB_EVENT_RESULT: the row of that run is written, or cannot be.
	 * Before this a kill would undo the result, and no client may hear of it. The job may
	 * have gone on, or be gone.
	 */
	void (*run_saved)(struct job_observer *observer, uint64_t job_id, uint64_t run);
	void *owner;
};
void job_observe_all(struct registry *registry, struct job_observer *observer);
void job_unobserve(struct job_observer *observer);

/* For buffers: this one is going, and the jobs that name it are paused with that fault. */
void jobs_lose_buffer(struct buffer *buffer);

/* For shutdown: runs that have not ended. */
uint32_t jobs_count_running(const struct registry *registry);

#endif
