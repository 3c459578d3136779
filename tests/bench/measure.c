/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tests/bench/measure.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

uint64_t measure_now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

noreturn void measure_fail(const char *what, int error)
{
	fprintf(stderr, "%s: %s\n", what, strerror(error < 0 ? -error : error));
	exit(1);
}

int measure_need(const char *what, int result)
{
	if (result < 0)
		measure_fail(what, result);
	return result;
}

uint64_t measure_number(const char *text)
{
	char *end;
	uint64_t number;

	errno = 0;
	number = strtoull(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0')
		measure_fail(text, EINVAL);
	return number;
}

static int compare(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return (a > b) - (a < b);
}

void measure_sort(uint64_t *values, size_t count)
{
	qsort(values, count, sizeof(*values), compare);
}

uint64_t measure_quantile(const uint64_t *sorted, size_t count, double quantile)
{
	size_t index = (size_t)(quantile * (double)count);

	return sorted[index < count ? index : count - 1];
}

void measure_pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	(void)sched_setaffinity(0, sizeof(set), &set);
}

uint64_t *measure_new_values(size_t count)
{
	uint64_t *values = calloc(count, sizeof(*values));

	if (!values)
		measure_fail("memory", ENOMEM);
	return values;
}
