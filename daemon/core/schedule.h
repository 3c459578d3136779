/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CORE_SCHEDULE_H
#define FOREBAY_CORE_SCHEDULE_H

/*
 * When a job is due: at a time, so long after it was made, every so often, by a calendar, or
 * any of these together; whichever comes next. (onChange is no time; who watches the memory
 * says when.) Pure: clocks are handed in, and no question allocates, so a table of many jobs
 * asks each for its next time, keeps them in a heap by `boot_usec` and arms one timer:
 *
 *	schedule_begin(...) or schedule_restore(...)
 *	schedule_next(...) -> in the heap
 *	its time has come: schedule_advance(...), schedule_next(...)
 *	somebody set the clock: schedule_clock_set(...), schedule_next(...), for each job
 *
 * atUSec, everyUSec and the calendar go by the clock on the wall, afterUSec by the one that
 * nobody can set. Times are microseconds, those of the wall since 1970.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/base/err.h"

struct calendar;

#define SCHEDULE_EVERY_USEC_MIN 10000
#define SCHEDULE_UNSET INT64_MIN

enum schedule_outcome {
	SCHEDULE_E_BAD = 1,
	SCHEDULE_E_NEVER,
};

/* What becomes of times that passed while nobody was there, or that the clock jumped over. */
enum schedule_missed {
	SCHEDULE_MISSED_ONCE, /* one run for all of them, at once */
	SCHEDULE_MISSED_SKIP,
};

struct schedule {
	int64_t at_usec;		 /* -1: not */
	int64_t after_usec;		 /* -1: not */
	int64_t every_usec;		 /* 0: not */
	const struct calendar *calendar; /* NULL: not */
	uint64_t jitter_usec;		 /* each time is put off by up to this */
	enum schedule_missed missed;
};

#define SCHEDULE_NONE                                                                              \
	{                                                                                          \
		.at_usec = SCHEDULE_UNSET, .after_usec = SCHEDULE_UNSET,                           \
		.every_usec = SCHEDULE_UNSET,                                                      \
	}

/* Both clocks at one moment. */
struct schedule_clocks {
	int64_t real_usec;
	int64_t boot_usec; /* goes on by itself, also while the machine sleeps */
};

enum schedule_source {
	SCHEDULE_AT,
	SCHEDULE_AFTER,
	SCHEDULE_EVERY,
	SCHEDULE_CALENDAR,
};
#define SCHEDULE_SOURCES (SCHEDULE_CALENDAR + 1)

#define SCHEDULE_NEVER INT64_MAX

struct schedule_state {
	int64_t created_usec;
	int64_t handled_usec; /* the latest time of the wall clock that has had its turn; -1 */
	uint64_t seed;
	int64_t next_usec[SCHEDULE_SOURCES]; /* SCHEDULE_AFTER's is by the boot clock */
};

/* What is kept over a restart. */
struct schedule_past {
	int64_t created_usec;
	int64_t handled_usec;
	int64_t after_boot_usec; /* of this boot; -1: of another one */
	uint64_t seed;
	bool at_done;
	bool after_done;
};

struct schedule_due {
	int64_t boot_usec;	/* when to wake up; may have passed */
	int64_t real_usec;	/* the same on the wall, for people */
	int64_t scheduled_usec; /* without the jitter */
};

/*
 * 0, or SCHEDULE_E_BAD with the parameter ("everyUSec") and the reason, constant texts: a value
 * that can be none.
 */
int must_check schedule_check(const struct schedule *schedule, const char **ret_parameter,
			      const char **ret_reason);

/* The same for one that is made now and would never be due, though it has times. */
int must_check schedule_check_ahead(const struct schedule *schedule, int64_t now_usec,
				    const char **ret_parameter, const char **ret_reason);

/* The job is made now. `seed`: a random number, for its jitter. */
void schedule_begin(const struct schedule *schedule, const struct schedule_clocks *clocks,
		    uint64_t seed, struct schedule_state *ret_state);

/* The job is there again. True: times were missed, and are skipped by rule. */
bool schedule_restore(const struct schedule *schedule, const struct schedule_past *past,
		      const struct schedule_clocks *clocks, struct schedule_state *ret_state);

/* 0 or SCHEDULE_E_NEVER. */
int must_check schedule_next(const struct schedule *schedule, const struct schedule_state *state,
			     const struct schedule_clocks *clocks, struct schedule_due *ret_due);

/* All that is due until now has its turn now, once: each goes on to its next time. */
void schedule_advance(const struct schedule *schedule, struct schedule_state *state,
		      const struct schedule_clocks *clocks);

/*
 * The wall clock was set. everyUSec goes on with the first of its times that lies ahead:
 * neither a pause nor a burst. What the others jumped over is missed; a calendar's times that
 * have had their turn are not had again, unless the clock went back by more than a day: then
 * it had been wrong before. True: times are skipped by rule.
 */
bool schedule_clock_set(const struct schedule *schedule, struct schedule_state *state,
			const struct schedule_clocks *clocks);

/*
 * The first times after `from_usec` of a job that would be made then, without jitter, each
 * once, in order. Returns how many there are, at most `count`.
 */
size_t schedule_preview(const struct schedule *schedule, int64_t from_usec, int64_t *ret_usec,
			size_t count);

#endif
