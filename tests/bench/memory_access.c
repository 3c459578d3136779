/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

/*
 *	memory_access ROUNDS
 *
 * Numbers in a view against plain C loads and stores of an array, over the same 16 KiB, which
 * lie in the nearest cache: one number a call, and a whole array a call. What is got is added
 * up (floats: compared with a limit, since adding doubles takes longer than getting them), and
 * what is set is i and a start, so that no compiler can leave any of it out; each loop is a
 * function of its own with a length that is not known to it. Prints for each type, direction and
 * round "NAME ours theirs", in ns a number.
 *
 * Where the compiler makes vector instructions of the plain loops (not gcc's -O2, but -O3, and
 * clang's -O2), only whole arrays keep up with them, and of floats only those that are got: when
 * they are set, each is looked at for being NaN.
 */

#include <inttypes.h>
#include <stdalign.h>
#include <stdio.h>
#include <string.h>

#include "client/forebay_memory.h"
#include "tests/bench/measure.h"

#define MEMORY_BYTES 16384
#define REPEATS 400
#define APART __attribute__((noinline))

/* Loads behind stores to an address that is the same but for a multiple of 4096 wait for them. */
#define APART_BYTES 1088

static alignas(64) unsigned char memory[MEMORY_BYTES];
static alignas(64) unsigned char between[APART_BYTES + MEMORY_BYTES];
static uint64_t checksum;

/* One loop of either side; `start` changes what is set from one time to the next. */
typedef uint64_t (*loop_fn)(const struct forebay_view *view, size_t count, int start);

#define TAKE_INTEGER(value) (uint64_t)(value)
#define TAKE_FLOAT(value) ((value) > 0.5)
#define IN_ORDER(value) (value)

/* A plain load or store of the other byte order is followed by the swap that it takes. */
static inline double swap_double(double value)
{
	uint64_t raw;

	memcpy(&raw, &value, sizeof(raw));
	raw = __builtin_bswap64(raw);
	memcpy(&value, &raw, sizeof(raw));
	return value;
}

#define LOOPS(name, type, take, order)                                                             \
	APART static uint64_t get_##name(const struct forebay_view *view, size_t count, int start) \
	{                                                                                          \
		const struct forebay_view mine = *view;                                            \
		uint64_t sum = (uint64_t)start;                                                    \
		int failed = 0;                                                                    \
		type value = 0;                                                                    \
                                                                                                   \
		for (size_t i = 0; i < count; i++) {                                               \
			failed |= forebay_view_get_##name(&mine, i * sizeof(type), &value);        \
			sum += take(value);                                                        \
		}                                                                                  \
		return failed ? 0 : sum;                                                           \
	}                                                                                          \
                                                                                                   \
	APART static uint64_t plain_get_##name(const struct forebay_view *view, size_t count,      \
					       int start)                                          \
	{                                                                                          \
		const type *plain = (const type *)(const void *)view->memory;                      \
		uint64_t sum = (uint64_t)start;                                                    \
                                                                                                   \
		for (size_t i = 0; i < count; i++)                                                 \
			sum += take(order(plain[i]));                                              \
		return sum;                                                                        \
	}                                                                                          \
                                                                                                   \
	APART static uint64_t set_##name(const struct forebay_view *view, size_t count, int start) \
	{                                                                                          \
		const struct forebay_view mine = *view;                                            \
		int failed = 0;                                                                    \
                                                                                                   \
		for (size_t i = 0; i < count; i++)                                                 \
			failed |= forebay_view_set_##name(&mine, i * sizeof(type),                 \
							  (type)((int)i + start));                 \
		return (uint64_t)failed;                                                           \
	}                                                                                          \
                                                                                                   \
	APART static uint64_t plain_set_##name(const struct forebay_view *view, size_t count,      \
					       int start)                                          \
	{                                                                                          \
		type *plain = (type *)(void *)view->memory;                                        \
                                                                                                   \
		for (size_t i = 0; i < count; i++)                                                 \
			plain[i] = order((type)((int)i + start));                                  \
		return 0;                                                                          \
	}                                                                                          \
                                                                                                   \
	APART static uint64_t get_array_##name(const struct forebay_view *view, size_t count,      \
					       int start)                                          \
	{                                                                                          \
		type *to = (type *)(void *)(between + APART_BYTES);                                \
                                                                                                   \
		(void)start;                                                                       \
		return (uint64_t)forebay_view_get_##name##_array(view, 0, to, count);              \
	}                                                                                          \
                                                                                                   \
	APART static uint64_t plain_get_array_##name(const struct forebay_view *view,              \
						     size_t count, int start)                      \
	{                                                                                          \
		const type *from = (const type *)(const void *)view->memory;                       \
		type *to = (type *)(void *)(between + APART_BYTES);                                \
                                                                                                   \
		(void)start;                                                                       \
		for (size_t i = 0; i < count; i++)                                                 \
			to[i] = order(from[i]);                                                    \
		return 0;                                                                          \
	}                                                                                          \
                                                                                                   \
	APART static uint64_t set_array_##name(const struct forebay_view *view, size_t count,      \
					       int start)                                          \
	{                                                                                          \
		const type *from = (const type *)(const void *)(between + APART_BYTES);            \
                                                                                                   \
		(void)start;                                                                       \
		return (uint64_t)forebay_view_set_##name##_array(view, 0, from, count);            \
	}                                                                                          \
                                                                                                   \
	APART static uint64_t plain_set_array_##name(const struct forebay_view *view,              \
						     size_t count, int start)                      \
	{                                                                                          \
		const type *from = (const type *)(const void *)(between + APART_BYTES);            \
		type *to = (type *)(void *)view->memory;                                           \
                                                                                                   \
		(void)start;                                                                       \
		for (size_t i = 0; i < count; i++)                                                 \
			to[i] = order(from[i]);                                                    \
		return 0;                                                                          \
	}

LOOPS(int32le, int32_t, TAKE_INTEGER, IN_ORDER)
LOOPS(float64le, double, TAKE_FLOAT, IN_ORDER)
LOOPS(float64be, double, TAKE_FLOAT, swap_double)

#define PAIRS(name, type)                                                                          \
	{ "get_" #name, get_##name, plain_get_##name, sizeof(type) },                              \
		{ "set_" #name, set_##name, plain_set_##name, sizeof(type) },                      \
		{ "get_array_" #name, get_array_##name, plain_get_array_##name, sizeof(type) },    \
	{                                                                                          \
		"set_array_" #name, set_array_##name, plain_set_array_##name, sizeof(type)         \
	}

static const struct pair {
	const char *name;
	loop_fn ours;
	loop_fn theirs;
	size_t bytes;
} pairs[] = {
	PAIRS(int32le, int32_t),
	PAIRS(float64le, double),
	PAIRS(float64be, double),
};

static double time_ns(loop_fn loop, const struct forebay_view *view, size_t count)
{
	uint64_t begin_ns = measure_now_ns();

	for (int i = 0; i < REPEATS; i++) {
		checksum = checksum * 31 + loop(view, count, i);
		checksum += view->memory[(size_t)i * 8] + between[APART_BYTES + (size_t)i * 8];
	}
	return (double)(measure_now_ns() - begin_ns) / REPEATS / (double)count;
}

int main(int argc, char **argv)
{
	struct forebay_view view = forebay_view_of_memory(memory, sizeof(memory));
	uint64_t rounds;

	if (argc != 2) {
		fprintf(stderr, "usage: memory_access ROUNDS\n");
		return 2;
	}
	rounds = measure_number(argv[1]);
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		const struct pair *pair = &pairs[i];
		size_t count = MEMORY_BYTES / pair->bytes;

		for (uint64_t round = 0; round < rounds; round++) {
			double ours = 0, theirs;

			if (round % 2 == 0)
				ours = time_ns(pair->ours, &view, count);
			theirs = time_ns(pair->theirs, &view, count);
			if (round % 2 == 1)
				ours = time_ns(pair->ours, &view, count);
			printf("%s %.4f %.4f\n", pair->name, ours, theirs);
		}
	}
	printf("checksum %" PRIu64 "\n", checksum);
	return 0;
}
