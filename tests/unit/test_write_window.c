/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/core/write_window.h"

#include <check.h>
#include <stdlib.h>

#define MS UINT64_C(1000000)
#define SECOND UINT64_C(1000000000)
#define KIB UINT64_C(1024)
#define MIB (UINT64_C(1024) * 1024)
#define QUEUE 128

/* It moves one byte after the other, and each request is told of a while later. */
struct device {
	uint64_t bytes_per_second;
	uint64_t latency_ns;
	uint64_t free_ns; /* when it has moved all that it was given */
};

struct request {
	uint64_t bytes;
	uint64_t submitted_ns;
	uint64_t over_ns;
};

/* A producer who always has more, on one device. */
struct run {
	struct device device;
	struct write_window window;
	struct request queue[QUEUE]; /* a circle; they end in the order of submission */
	uint32_t first;
	uint32_t count;
	uint64_t in_flight_bytes;
	uint64_t now_ns;

	/* Since run_measure(). */
	uint64_t bytes;
	uint64_t since_ns;
	uint64_t longest_ns;
	uint64_t least_window;
	uint64_t most_window;
};

static void run_init(struct run *run, uint64_t bytes_per_second, uint64_t latency_ns)
{
	*run = (struct run){ .device = { bytes_per_second, latency_ns, 0 }, .now_ns = SECOND };
	write_window_init(&run->window, run->now_ns);
}

static void run_measure(struct run *run)
{
	run->bytes = 0;
	run->since_ns = run->now_ns;
	run->longest_ns = 0;
	run->least_window = run->window.bytes;
	run->most_window = run->window.bytes;
}

static void submit(struct run *run)
{
	struct device *device = &run->device;
	struct request *request = &run->queue[(run->first + run->count) % QUEUE];

	ck_assert_uint_lt(run->count, QUEUE);
	run->count++;
	request->bytes = write_window_piece_bytes(&run->window);
	request->submitted_ns = run->now_ns;
	if (device->free_ns < run->now_ns)
		device->free_ns = run->now_ns;
	device->free_ns += request->bytes * SECOND / device->bytes_per_second;
	request->over_ns = device->free_ns + device->latency_ns;
	run->in_flight_bytes += request->bytes;
}

static void take_first(struct run *run)
{
	const struct request *request = &run->queue[run->first];
	uint64_t took_ns;

	run->first = (run->first + 1) % QUEUE;
	run->count--;
	run->now_ns = request->over_ns;
	run->in_flight_bytes -= request->bytes;
	run->bytes += request->bytes;
	took_ns = run->now_ns - request->submitted_ns;
	if (took_ns > run->longest_ns)
		run->longest_ns = took_ns;
	write_window_over(&run->window, request->bytes, request->submitted_ns, run->now_ns);
	if (run->window.bytes < run->least_window)
		run->least_window = run->window.bytes;
	if (run->window.bytes > run->most_window)
		run->most_window = run->window.bytes;
}

static void run_for(struct run *run, uint64_t bytes)
{
	uint64_t end = run->bytes + bytes;

	while (run->bytes < end) {
		while (write_window_has_room(&run->window, run->in_flight_bytes))
			submit(run);
		take_first(run);
	}
}

static double share_of_rate(const struct run *run)
{
	return (double)run->bytes * (double)SECOND / (double)(run->now_ns - run->since_ns) /
	       (double)run->device.bytes_per_second;
}

START_TEST(a_fast_disk_has_the_largest_window_after_a_few_megabytes)
{
	struct run run;

	run_init(&run, 2000 * MIB, MS / 10);
	run_for(&run, 16 * MIB);
	ck_assert_uint_eq(run.window.bytes, WRITE_WINDOW_MAX);
	ck_assert_uint_eq(write_window_piece_bytes(&run.window), WRITE_WINDOW_PIECE_MAX);
	run_measure(&run);
	run_for(&run, 1000 * MIB);
	ck_assert_uint_eq(run.least_window, WRITE_WINDOW_MAX);
	ck_assert(share_of_rate(&run) > 0.99);
}
END_TEST

START_TEST(a_slow_disk_has_a_tenth_of_a_second_in_flight)
{
	struct run run;

	run_init(&run, 20 * MIB, MS);
	run_for(&run, 32 * MIB);
	run_measure(&run);
	run_for(&run, 100 * MIB);
	ck_assert(share_of_rate(&run) > 0.99);
	ck_assert_uint_le(run.longest_ns, 2 * WRITE_WINDOW_AIM_NS);
	/* 2 MiB, and it stays about there. */
	ck_assert_uint_ge(run.least_window, 3 * MIB / 2);
	ck_assert_uint_le(run.most_window, 3 * MIB);
}
END_TEST

START_TEST(a_very_slow_one_has_a_few_small_requests_at_once)
{
	struct run run;

	run_init(&run, MIB, MS);
	run_for(&run, 24 * MIB);
	run_measure(&run);
	run_for(&run, 16 * MIB);
	ck_assert_uint_le(run.most_window, 4 * WRITE_WINDOW_PIECE_MIN);
	ck_assert_uint_eq(write_window_piece_bytes(&run.window), WRITE_WINDOW_PIECE_MIN);
	ck_assert(share_of_rate(&run) > 0.99);
	ck_assert_uint_le(run.longest_ns, 5 * SECOND / 4);
}
END_TEST

START_TEST(a_network_is_kept_busy_though_it_answers_late)
{
	struct run run;

	/* 100 MiB/s and 20 ms, 50 ms, 150 ms: at least 2, 5, 15 MiB are under way. */
	for (uint64_t latency_ns = 20 * MS; latency_ns <= 150 * MS; latency_ns += 130 * MS / 4) {
		run_init(&run, 100 * MIB, latency_ns);
		run_for(&run, 100 * MIB);
		run_measure(&run);
		run_for(&run, 1000 * MIB);
		ck_assert(share_of_rate(&run) > 0.9);
		ck_assert_uint_le(run.longest_ns, 3 * latency_ns + WRITE_WINDOW_AIM_NS);
	}
}
END_TEST

START_TEST(a_disk_that_becomes_slow_and_fast_again_is_followed)
{
	struct run run;

	run_init(&run, 1000 * MIB, MS / 10);
	run_for(&run, 100 * MIB);
	run.device.bytes_per_second = 10 * MIB;
	run_for(&run, 64 * MIB);
	run_measure(&run);
	run_for(&run, 16 * MIB);
	ck_assert_uint_le(run.most_window, 2 * MIB);
	run.device.bytes_per_second = 1000 * MIB;
	run_for(&run, 64 * MIB);
	ck_assert_uint_eq(run.window.bytes, WRITE_WINDOW_MAX);
}
END_TEST

START_TEST(one_stall_does_not_cost_more_than_a_few_rounds)
{
	struct run run;

	run_init(&run, 1000 * MIB, MS / 10);
	run_for(&run, 100 * MIB);
	run.device.free_ns += 2 * SECOND;
	run_for(&run, 100 * MIB);
	ck_assert_uint_eq(run.window.bytes, WRITE_WINDOW_MAX);
}
END_TEST

START_TEST(a_trickle_does_not_make_it_larger)
{
	struct write_window window;
	uint64_t now_ns = SECOND, first;

	write_window_init(&window, now_ns);
	first = window.bytes;
	for (int i = 0; i < 1000; i++) {
		ck_assert(write_window_has_room(&window, 0));
		write_window_over(&window, 256 * KIB, now_ns, now_ns + MS);
		now_ns += 2 * MS;
	}
	ck_assert_uint_eq(window.bytes, first);
	/* But a slow device makes it smaller, before anybody has much to write. */
	for (int i = 0; i < 1000; i++) {
		write_window_over(&window, 256 * KIB, now_ns, now_ns + 400 * MS);
		now_ns += 400 * MS;
	}
	ck_assert_uint_eq(window.bytes, WRITE_WINDOW_MIN);
}
END_TEST

START_TEST(requests_from_before_a_change_do_not_count_again)
{
	struct write_window window;
	uint64_t after;

	write_window_init(&window, SECOND);
	write_window_over(&window, MIB, SECOND, SECOND + MS);
	/* A round of slow ones makes it smaller; those that were under way beside them do not. */
	for (int i = 0; i < 7; i++)
		write_window_over(&window, MIB, SECOND, 3 * SECOND);
	after = window.bytes;
	ck_assert_uint_eq(after, 2 * MIB);
	for (int i = 0; i < 8; i++)
		write_window_over(&window, MIB, 2 * SECOND, 4 * SECOND);
	ck_assert_uint_eq(window.bytes, after);
}
END_TEST

START_TEST(clocks_that_stand_still_do_no_harm)
{
	struct write_window window;

	write_window_init(&window, 0);
	for (int i = 0; i < 1000; i++) {
		(void)write_window_has_room(&window, UINT64_MAX);
		write_window_over(&window, MIB, 0, 0);
	}
	ck_assert_uint_eq(window.bytes, WRITE_WINDOW_MAX);
	write_window_over(&window, UINT64_MAX / 2, 0, UINT64_MAX);
	ck_assert_uint_ge(window.bytes, WRITE_WINDOW_MIN);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("write_window");
	TCase *tcase = tcase_create("write_window");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, a_fast_disk_has_the_largest_window_after_a_few_megabytes);
	tcase_add_test(tcase, a_slow_disk_has_a_tenth_of_a_second_in_flight);
	tcase_add_test(tcase, a_very_slow_one_has_a_few_small_requests_at_once);
	tcase_add_test(tcase, a_network_is_kept_busy_though_it_answers_late);
	tcase_add_test(tcase, a_disk_that_becomes_slow_and_fast_again_is_followed);
	tcase_add_test(tcase, one_stall_does_not_cost_more_than_a_few_rounds);
	tcase_add_test(tcase, a_trickle_does_not_make_it_larger);
	tcase_add_test(tcase, requests_from_before_a_change_do_not_count_again);
	tcase_add_test(tcase, clocks_that_stand_still_do_no_harm);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
