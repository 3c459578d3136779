/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/core/schedule.h"

#include "daemon/core/calendar.h"

#define DAY_USEC (INT64_C(86400) * 1000000)

/* ---- checks ---- */

static int bad(const char *parameter, const char *reason, const char **ret_parameter,
	       const char **ret_reason)
{
	*ret_parameter = parameter;
	*ret_reason = reason;
	return SCHEDULE_E_BAD;
}

int schedule_check(const struct schedule *schedule, const char **ret_parameter,
		   const char **ret_reason)
{
	static const char too_late[] = "after the year 2199";

	if (schedule->at_usec != SCHEDULE_UNSET && schedule->at_usec < 0)
		return bad("atUSec", "before the year 1970", ret_parameter, ret_reason);
	if (schedule->at_usec >= CALENDAR_END_USEC)
		return bad("atUSec", too_late, ret_parameter, ret_reason);
	if (schedule->after_usec != SCHEDULE_UNSET && schedule->after_usec < 0)
		return bad("afterUSec", "less than nothing", ret_parameter, ret_reason);
	if (schedule->after_usec >= CALENDAR_END_USEC)
		return bad("afterUSec", too_late, ret_parameter, ret_reason);
	if (schedule->every_usec != SCHEDULE_UNSET &&
	    schedule->every_usec < SCHEDULE_EVERY_USEC_MIN)
		return bad("everyUSec", "less than 10 ms", ret_parameter, ret_reason);
	if (schedule->every_usec >= CALENDAR_END_USEC)
		return bad("everyUSec", too_late, ret_parameter, ret_reason);
	/* Else a time could be put off beyond the one that comes after it. */
	if (schedule->every_usec > 0 && schedule->jitter_usec >= (uint64_t)schedule->every_usec)
		return bad("jitterUSec", "no less than everyUSec", ret_parameter, ret_reason);
	if (schedule->jitter_usec >= (uint64_t)CALENDAR_END_USEC)
		return bad("jitterUSec", too_late, ret_parameter, ret_reason);
	return 0;
}

int schedule_check_ahead(const struct schedule *schedule, int64_t now_usec,
			 const char **ret_parameter, const char **ret_reason)
{
	int64_t first_usec;

	/* A preview leaves out what is due at once. */
	if (schedule->after_usec != SCHEDULE_UNSET ||
	    schedule_preview(schedule, now_usec, &first_usec, 1) == 1)
		return 0;
	if (schedule->calendar)
		return bad("calendar", "no such time lies ahead", ret_parameter, ret_reason);
	if (schedule->every_usec != SCHEDULE_UNSET)
		return bad("everyUSec", "no such time lies ahead", ret_parameter, ret_reason);
	if (schedule->at_usec != SCHEDULE_UNSET)
		return bad("atUSec", "the time has passed", ret_parameter, ret_reason);
	/* One without any time waits to be told. */
	return 0;
}

/* ---- the next time of each source ---- */

static int64_t bounded(int64_t usec)
{
	return usec < CALENDAR_END_USEC ? usec : SCHEDULE_NEVER;
}

static int64_t floor_div(int64_t number, int64_t by)
{
	return number / by - (number % by < 0);
}

/* The first multiple after that time. */
static int64_t next_of_every(const struct schedule *schedule, const struct schedule_state *state,
			     int64_t after_usec)
{
	bool anchored = schedule->at_usec >= 0;
	int64_t anchor_usec = anchored ? schedule->at_usec : state->created_usec;

	if (schedule->every_usec == SCHEDULE_UNSET)
		return SCHEDULE_NEVER;
	/* From a time that was asked for it goes forward only. */
	if (anchored && after_usec < anchor_usec)
		return anchor_usec;
	return bounded(anchor_usec + (floor_div(after_usec - anchor_usec, schedule->every_usec) +
				      1) * schedule->every_usec);
}

static int64_t next_of_calendar(const struct schedule *schedule, int64_t after_usec)
{
	int64_t next_usec;

	if (!schedule->calendar || calendar_next(schedule->calendar, after_usec, &next_usec) != 0)
		return SCHEDULE_NEVER;
	return bounded(next_usec);
}

void schedule_begin(const struct schedule *schedule, const struct schedule_clocks *clocks,
		    uint64_t seed, struct schedule_state *ret_state)
{
	int64_t *next_usec = ret_state->next_usec;
	int64_t now_usec = clocks->real_usec;

	*ret_state = (struct schedule_state){
		.created_usec = now_usec,
		.handled_usec = -1,
		.seed = seed,
	};
	next_usec[SCHEDULE_AT] = schedule->at_usec > now_usec ? schedule->at_usec : SCHEDULE_NEVER;
	next_usec[SCHEDULE_AFTER] = schedule->after_usec >= 0 ?
					    clocks->boot_usec + schedule->after_usec :
					    SCHEDULE_NEVER;
	next_usec[SCHEDULE_EVERY] = next_of_every(schedule, ret_state, now_usec);
	next_usec[SCHEDULE_CALENDAR] = next_of_calendar(schedule, now_usec);
}

/* ---- jitter ---- */

/*
 * The delay of a time is always the same for one job, so that asking again, or a restart, does
 * not roll the dice once more. The mixing is that of splitmix64.
 */
static int64_t jitter_of(const struct schedule *schedule, const struct schedule_state *state,
			 int64_t usec)
{
	uint64_t mixed = state->seed + (uint64_t)usec * UINT64_C(0x9e3779b97f4a7c15);

	if (schedule->jitter_usec == 0)
		return 0;
	mixed = (mixed ^ mixed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
	mixed ^= mixed >> 31;
	return (int64_t)(mixed % (schedule->jitter_usec + 1));
}

/* What the clock that goes with the source shows. */
static int64_t clock_of(const struct schedule_clocks *clocks, enum schedule_source source)
{
	return source == SCHEDULE_AFTER ? clocks->boot_usec : clocks->real_usec;
}

/* How long until then; negative: it has passed. False: never. */
static bool wait_of(const struct schedule *schedule, const struct schedule_state *state,
		    const struct schedule_clocks *clocks, enum schedule_source source,
		    int64_t *ret_wait_usec)
{
	int64_t usec = state->next_usec[source];

	if (usec == SCHEDULE_NEVER)
		return false;
	*ret_wait_usec = usec + jitter_of(schedule, state, usec) - clock_of(clocks, source);
	return true;
}

int schedule_next(const struct schedule *schedule, const struct schedule_state *state,
		  const struct schedule_clocks *clocks, struct schedule_due *ret_due)
{
	int64_t wait_usec, least_usec = SCHEDULE_NEVER;

	for (enum schedule_source source = 0; source < SCHEDULE_SOURCES; source++) {
		if (!wait_of(schedule, state, clocks, source, &wait_usec) ||
		    wait_usec >= least_usec)
			continue;
		least_usec = wait_usec;
		ret_due->boot_usec = clocks->boot_usec + wait_usec;
		ret_due->real_usec = clocks->real_usec + wait_usec;
		ret_due->scheduled_usec =
			state->next_usec[source] - clock_of(clocks, source) + clocks->real_usec;
	}
	return least_usec == SCHEDULE_NEVER ? SCHEDULE_E_NEVER : 0;
}

/* ---- as time goes by ---- */

static int64_t later_of(int64_t one_usec, int64_t other_usec)
{
	return one_usec > other_usec ? one_usec : other_usec;
}

static void advance_source(const struct schedule *schedule, struct schedule_state *state,
			   const struct schedule_clocks *clocks, enum schedule_source source)
{
	int64_t *next_usec = &state->next_usec[source];
	int64_t now_usec = later_of(*next_usec, clocks->real_usec);

	if (source != SCHEDULE_AFTER)
		state->handled_usec = later_of(state->handled_usec, *next_usec);
	if (source == SCHEDULE_EVERY)
		*next_usec = next_of_every(schedule, state, now_usec);
	else if (source == SCHEDULE_CALENDAR)
		*next_usec = next_of_calendar(schedule, now_usec);
	else
		*next_usec = SCHEDULE_NEVER;
}

void schedule_advance(const struct schedule *schedule, struct schedule_state *state,
		      const struct schedule_clocks *clocks)
{
	int64_t wait_usec;

	for (enum schedule_source source = 0; source < SCHEDULE_SOURCES; source++)
		if (wait_of(schedule, state, clocks, source, &wait_usec) && wait_usec <= 0)
			advance_source(schedule, state, clocks, source);
}

/* A time has passed without its turn: it is due at once, or goes on as if it had had it. */
static bool miss(const struct schedule *schedule, struct schedule_state *state,
		 const struct schedule_clocks *clocks, enum schedule_source source)
{
	if (state->next_usec[source] > clock_of(clocks, source) ||
	    schedule->missed == SCHEDULE_MISSED_ONCE)
		return false;
	advance_source(schedule, state, clocks, source);
	return true;
}

bool schedule_clock_set(const struct schedule *schedule, struct schedule_state *state,
			const struct schedule_clocks *clocks)
{
	int64_t *next_usec = state->next_usec;
	int64_t after_usec = clocks->real_usec;
	bool skipped = false;

	/* A clock that was far ahead must not silence anything until then. */
	if (state->handled_usec > after_usec + DAY_USEC)
		state->handled_usec = -1;
	next_usec[SCHEDULE_EVERY] = next_of_every(schedule, state, after_usec);
	if (next_usec[SCHEDULE_CALENDAR] > after_usec)
		next_usec[SCHEDULE_CALENDAR] =
			next_of_calendar(schedule, later_of(after_usec, state->handled_usec));
	if (miss(schedule, state, clocks, SCHEDULE_AT))
		skipped = true;
	if (miss(schedule, state, clocks, SCHEDULE_CALENDAR))
		skipped = true;
	return skipped;
}

/* ---- after a restart ---- */

/* Of many times that were missed the latest one stands for all: its multiple is easily told. */
static int64_t latest_of_every(const struct schedule *schedule, int64_t first_usec,
			       int64_t now_usec)
{
	if (first_usec > now_usec)
		return first_usec;
	return first_usec + (now_usec - first_usec) / schedule->every_usec * schedule->every_usec;
}

bool schedule_restore(const struct schedule *schedule, const struct schedule_past *past,
		      const struct schedule_clocks *clocks, struct schedule_state *ret_state)
{
	int64_t *next_usec = ret_state->next_usec;
	int64_t seen_usec = later_of(past->created_usec, past->handled_usec);
	bool skipped = false;

	/* The clock may have been set back in between; what then lies ahead is not missed. */
	if (seen_usec > clocks->real_usec + DAY_USEC)
		seen_usec = clocks->real_usec;
	*ret_state = (struct schedule_state){
		.created_usec = past->created_usec,
		.handled_usec = past->handled_usec,
		.seed = past->seed,
	};
	next_usec[SCHEDULE_AT] = schedule->at_usec > past->created_usec && !past->at_done ?
					 schedule->at_usec :
					 SCHEDULE_NEVER;
	next_usec[SCHEDULE_AFTER] = SCHEDULE_NEVER;
	if (schedule->after_usec >= 0 && !past->after_done)
		/* In another boot only the wall clock knows how long it has been. */
		next_usec[SCHEDULE_AFTER] = past->after_boot_usec >= 0 ?
						    past->after_boot_usec :
						    clocks->boot_usec + past->created_usec +
							    schedule->after_usec -
							    clocks->real_usec;
	next_usec[SCHEDULE_EVERY] = next_of_every(schedule, ret_state, seen_usec);
	if (next_usec[SCHEDULE_EVERY] != SCHEDULE_NEVER)
		next_usec[SCHEDULE_EVERY] =
			latest_of_every(schedule, next_usec[SCHEDULE_EVERY], clocks->real_usec);
	next_usec[SCHEDULE_CALENDAR] = next_of_calendar(schedule, seen_usec);
	for (enum schedule_source source = 0; source < SCHEDULE_SOURCES; source++)
		if (miss(schedule, ret_state, clocks, source))
			skipped = true;
	return skipped;
}

/* ---- looking ahead ---- */

size_t schedule_preview(const struct schedule *schedule, int64_t from_usec, int64_t *ret_usec,
			size_t count)
{
	struct schedule_clocks clocks = { from_usec, from_usec };
	struct schedule exact = *schedule;
	struct schedule_state state;
	struct schedule_due due;
	size_t found = 0;

	exact.jitter_usec = 0;
	schedule_begin(&exact, &clocks, 0, &state);
	while (found < count && schedule_next(&exact, &state, &clocks, &due) == 0) {
		if (due.real_usec >= CALENDAR_END_USEC)
			break;
		if (due.real_usec > from_usec)
			ret_usec[found++] = due.real_usec;
		clocks = (struct schedule_clocks){ due.real_usec, due.real_usec };
		schedule_advance(&exact, &state, &clocks);
	}
	return found;
}
