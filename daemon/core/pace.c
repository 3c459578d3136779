/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/core/pace.h"

#define NS_PER_SEC UINT64_C(1000000000)
#define STEPS_PER_SECOND 10
#define STEP_BYTES_MIN 4096

static int64_t capacity(const struct pace *pace)
{
	return (int64_t)(pace->bytes_per_second / STEPS_PER_SECOND) + 1;
}

void pace_init(struct pace *pace, uint64_t bytes_per_second, uint64_t now_ns)
{
	*pace = (struct pace){ .bytes_per_second = bytes_per_second, .filled_ns = now_ns };
}

static void fill(struct pace *pace, uint64_t now_ns)
{
	uint64_t passed_ns = now_ns - pace->filled_ns;
	uint64_t bytes;

	/* A second fills the bucket from wherever a single write can have brought it. */
	if (passed_ns > 3600 * NS_PER_SEC)
		passed_ns = 3600 * NS_PER_SEC;
	bytes = (uint64_t)((unsigned __int128)passed_ns * pace->bytes_per_second / NS_PER_SEC);
	if (bytes == 0)
		return;
	pace->filled_ns = now_ns;
	pace->credit_bytes += (int64_t)bytes;
	if (pace->credit_bytes > capacity(pace))
		pace->credit_bytes = capacity(pace);
}

void pace_set_rate(struct pace *pace, uint64_t bytes_per_second, uint64_t now_ns)
{
	if (pace->bytes_per_second == 0) {
		pace_init(pace, bytes_per_second, now_ns);
		return;
	}
	fill(pace, now_ns);
	pace->bytes_per_second = bytes_per_second;
	pace->filled_ns = now_ns;
	if (pace->credit_bytes > capacity(pace))
		pace->credit_bytes = capacity(pace);
}

uint64_t pace_next_ns(struct pace *pace, uint64_t now_ns)
{
	uint64_t missing;

	if (pace->bytes_per_second == 0)
		return 0;
	fill(pace, now_ns);
	if (pace->credit_bytes >= 0)
		return 0;
	missing = (uint64_t)-pace->credit_bytes;
	return now_ns + 1 +
	       (uint64_t)((unsigned __int128)missing * NS_PER_SEC / pace->bytes_per_second);
}

void pace_spend(struct pace *pace, uint64_t bytes)
{
	if (pace->bytes_per_second > 0)
		pace->credit_bytes -= (int64_t)bytes;
}

uint64_t pace_step_bytes(const struct pace *pace, uint64_t most_bytes)
{
	uint64_t step = pace->bytes_per_second / STEPS_PER_SECOND;

	if (pace->bytes_per_second == 0 || step > most_bytes)
		return most_bytes;
	return step < STEP_BYTES_MIN ? STEP_BYTES_MIN : step;
}
