/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/ring_consumer.h"

#include <check.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client/ring_producer.h"
#include "proto/ring.h"

/*
 * The consumer against the other side of proto/ring.h. That a ring works the same both ways is
 * held up by having the daemon's part played by the producer that the library has.
 */

#define RING_BYTES (UINT64_C(64) << 10)

struct bench {
	struct ring_consumer consumer;
	struct ring_producer daemon;
	struct forebay_ring_header *header;
	int memory_fd;
	int daemon_fd;
	int consumer_fd;
};

static uint64_t word(const struct forebay_ring_word *word)
{
	return __atomic_load_n(&word->value, __ATOMIC_ACQUIRE);
}

static void poke(struct forebay_ring_word *word, uint64_t value)
{
	__atomic_store_n(&word->value, value, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static void bench_prepare(struct bench *bench, uint64_t high, uint64_t low, uint64_t phase)
{
	const size_t bytes = FOREBAY_RING_HEADER_BYTES + RING_BYTES;
	int pair[2];

	memset(bench, 0, sizeof(*bench));
	bench->memory_fd = memfd_create("ring", MFD_CLOEXEC);
	ck_assert_int_ge(bench->memory_fd, 0);
	ck_assert_int_eq(ftruncate(bench->memory_fd, (off_t)bytes), 0);
	bench->header = mmap(NULL, FOREBAY_RING_HEADER_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
			     bench->memory_fd, 0);
	ck_assert_ptr_ne(bench->header, MAP_FAILED);
	bench->header->magic = FOREBAY_RING_MAGIC;
	bench->header->version = FOREBAY_RING_VERSION;
	bench->header->header_bytes = FOREBAY_RING_HEADER_BYTES;
	bench->header->ring_bytes = RING_BYTES;
	bench->header->phase = phase;
	bench->header->high_water_mark = high;
	bench->header->low_water_mark = low;
	poke(&bench->header->state, FOREBAY_RING_OPEN);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	bench->daemon_fd = pair[0];
	bench->consumer_fd = pair[1];
}

static void bench_init(struct bench *bench, uint64_t high, uint64_t low, uint64_t phase)
{
	bench_prepare(bench, high, low, phase);
	ck_assert_int_eq(ring_producer_map(&bench->daemon, bench->memory_fd, bench->daemon_fd), 0);
	ck_assert_int_eq(ring_consumer_map(&bench->consumer, bench->memory_fd, bench->consumer_fd),
			 0);
}

static void bench_fini(struct bench *bench)
{
	ring_consumer_unmap(&bench->consumer);
	ring_producer_unmap(&bench->daemon);
	(void)munmap(bench->header, FOREBAY_RING_HEADER_BYTES);
	(void)close(bench->memory_fd);
}

/* How many bytes came on a side's signal. */
static ssize_t bells(int signal_fd)
{
	char bytes[64];
	ssize_t n = recv(signal_fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	return n < 0 ? 0 : n;
}

static const char chunk[RING_BYTES];

static void expect(struct bench *bench, const char *wanted)
{
	const void *data = NULL;
	uint64_t bytes = 0;

	ck_assert_int_eq(ring_consumer_peek(&bench->consumer, &data, &bytes), 0);
	ck_assert_uint_eq(bytes, strlen(wanted));
	ck_assert_mem_eq(data, wanted, bytes);
}

static int look(struct bench *bench)
{
	const void *data;
	uint64_t bytes;

	return ring_consumer_peek(&bench->consumer, &data, &bytes);
}

START_TEST(what_was_written_is_seen_until_it_is_consumed)
{
	struct bench bench;

	bench_init(&bench, RING_BYTES, 0, 0);
	ck_assert_int_eq(ring_producer_write(&bench.daemon, "abc", 3), 1);
	expect(&bench, "abc");
	ck_assert_int_eq(ring_producer_write(&bench.daemon, "de", 2), 1);
	expect(&bench, "abcde");
	ck_assert_int_eq(ring_consumer_consume(&bench.consumer, 2), 0);
	ck_assert_uint_eq(word(&bench.header->tail), 2);
	expect(&bench, "cde");
	ck_assert_int_eq(ring_consumer_consume(&bench.consumer, 4), -EINVAL);
	expect(&bench, "cde");
	ck_assert_int_eq(ring_consumer_consume(&bench.consumer, 3), 0);
	ck_assert_int_eq(look(&bench), -EAGAIN);
	bench_fini(&bench);
}
END_TEST

START_TEST(bytes_over_the_end_of_the_data_are_in_one_piece)
{
	struct bench bench;

	bench_init(&bench, RING_BYTES, 0, RING_BYTES - 2);
	ck_assert_int_eq(ring_producer_write(&bench.daemon, "abcd", 4), 1);
	expect(&bench, "abcd");
	bench_fini(&bench);
}
END_TEST

START_TEST(only_who_found_nothing_is_woken)
{
	struct bench bench;

	bench_init(&bench, RING_BYTES, 0, 0);
	ck_assert_int_eq(ring_producer_write(&bench.daemon, "a", 1), 1);
	ck_assert_int_eq(bells(bench.consumer_fd), 0);
	expect(&bench, "a");
	ck_assert_int_eq(ring_consumer_consume(&bench.consumer, 1), 0);
	ck_assert_int_eq(look(&bench), -EAGAIN);
	ck_assert_int_eq(look(&bench), -EAGAIN);
	ck_assert_uint_eq(word(&bench.header->sleeping), 1);
	ck_assert_int_eq(ring_producer_write(&bench.daemon, "b", 1), 1);
	ck_assert_int_eq(bells(bench.consumer_fd), 1);
	expect(&bench, "b");
	ck_assert_uint_eq(word(&bench.header->sleeping), 0);
	bench_fini(&bench);
}
END_TEST

START_TEST(a_daemon_that_was_told_to_stop_is_woken_once_at_its_low_mark)
{
	struct bench bench;

	bench_init(&bench, 1000, 100, 0);
	ck_assert_int_eq(ring_producer_write(&bench.daemon, chunk, 1000), 0);
	ck_assert_int_eq(look(&bench), 0);
	ck_assert_int_eq(ring_consumer_consume(&bench.consumer, 899), 0);
	ck_assert_int_eq(bells(bench.daemon_fd), 0);
	ck_assert_int_eq(ring_consumer_consume(&bench.consumer, 1), 0);
	ck_assert_int_eq(bells(bench.daemon_fd), 1);
	ck_assert(ring_producer_take_drain(&bench.daemon));
	ck_assert_int_eq(ring_consumer_consume(&bench.consumer, 100), 0);
	ck_assert_int_eq(bells(bench.daemon_fd), 0);
	bench_fini(&bench);
}
END_TEST

START_TEST(a_daemon_that_wants_room_is_woken_when_there_is_so_much)
{
	struct bench bench;

	bench_init(&bench, RING_BYTES, RING_BYTES / 2, 0);
	ck_assert_int_eq(ring_producer_write(&bench.daemon, chunk, RING_BYTES - 10), 1);
	ck_assert_int_eq(ring_producer_write(&bench.daemon, chunk, 60000), -EAGAIN);
	ck_assert_int_eq(look(&bench), 0);
	ck_assert_int_eq(ring_consumer_consume(&bench.consumer, RING_BYTES / 2), 0);
	ck_assert_int_eq(bells(bench.daemon_fd), 0);
	ck_assert_int_eq(ring_consumer_consume(&bench.consumer, 60000 - RING_BYTES / 2 - 10), 0);
	ck_assert_int_eq(bells(bench.daemon_fd), 1);
	ck_assert_int_ge(ring_producer_write(&bench.daemon, chunk, 60000), 0);
	bench_fini(&bench);
}
END_TEST

START_TEST(a_daemon_that_wants_more_than_the_ring_is_woken_when_that_is_empty)
{
	struct bench bench;

	bench_init(&bench, RING_BYTES, RING_BYTES / 2, 0);
	ck_assert_int_eq(ring_producer_write(&bench.daemon, "ab", 2), 1);
	poke(&bench.header->wanted, RING_BYTES + 1);
	poke(&bench.header->need, 1);
	expect(&bench, "ab");
	ck_assert_int_eq(ring_consumer_consume(&bench.consumer, 1), 0);
	ck_assert_int_eq(bells(bench.daemon_fd), 0);
	ck_assert_int_eq(ring_consumer_consume(&bench.consumer, 1), 0);
	ck_assert_int_eq(bells(bench.daemon_fd), 1);
	bench_fini(&bench);
}
END_TEST

START_TEST(a_stop_from_before_the_ring_was_mapped_is_answered)
{
	struct bench bench;

	bench_prepare(&bench, 1000, 100, 0);
	ck_assert_int_eq(ring_producer_map(&bench.daemon, bench.memory_fd, bench.daemon_fd), 0);
	ck_assert_int_eq(ring_producer_write(&bench.daemon, chunk, 1000), 0);
	ck_assert_int_eq(ring_consumer_map(&bench.consumer, bench.memory_fd, bench.consumer_fd), 0);
	ck_assert_int_eq(look(&bench), 0);
	ck_assert_int_eq(ring_consumer_consume(&bench.consumer, 1000), 0);
	ck_assert_int_eq(bells(bench.daemon_fd), 1);
	bench_fini(&bench);
}
END_TEST

static const struct {
	uint64_t ended;
	int result;
} ends[] = {
	{ FOREBAY_RING_ENDED, RING_CONSUMER_E_END },
	{ FOREBAY_RING_CUT, -ECANCELED },
	{ FOREBAY_RING_BROKEN, -EIO },
	{ 77, -EPROTO },
};

START_TEST(an_end_of_any_kind_comes_behind_the_last_byte)
{
	struct bench bench;

	bench_init(&bench, RING_BYTES, 0, 0);
	ck_assert_int_eq(ring_producer_write(&bench.daemon, "last", 4), 1);
	poke(&bench.header->ended, ends[_i].ended);
	expect(&bench, "last");
	ck_assert_int_eq(ring_consumer_consume(&bench.consumer, 4), 0);
	ck_assert_int_eq(look(&bench), ends[_i].result);
	ck_assert_int_eq(look(&bench), ends[_i].result);
	bench_fini(&bench);
}
END_TEST

START_TEST(a_daemon_that_is_gone_is_told_behind_the_last_byte)
{
	struct bench bench;

	bench_init(&bench, RING_BYTES, 0, 0);
	ck_assert_int_eq(ring_producer_write(&bench.daemon, "last", 4), 1);
	ring_consumer_read_signal(&bench.consumer);
	ck_assert(!bench.consumer.lost);
	(void)shutdown(bench.daemon_fd, SHUT_RDWR);
	ring_consumer_read_signal(&bench.consumer);
	ck_assert(bench.consumer.lost);
	expect(&bench, "last");
	ck_assert_int_eq(ring_consumer_consume(&bench.consumer, 4), 0);
	ck_assert_int_eq(look(&bench), -ECONNRESET);
	poke(&bench.header->ended, FOREBAY_RING_ENDED);
	ck_assert_int_eq(look(&bench), RING_CONSUMER_E_END);
	bench_fini(&bench);
}
END_TEST

START_TEST(a_head_that_makes_no_sense_is_refused)
{
	struct bench bench;

	bench_init(&bench, RING_BYTES, 0, 0);
	ck_assert_int_eq(ring_producer_write(&bench.daemon, "abc", 3), 1);
	expect(&bench, "abc");
	poke(&bench.header->head, _i ? 2 : RING_BYTES + 1);
	ck_assert_int_eq(look(&bench), -EPROTO);
	bench_fini(&bench);
}
END_TEST

START_TEST(pausing_and_resuming_stand_in_the_state_and_wake_the_daemon)
{
	struct bench bench;

	bench_init(&bench, RING_BYTES, 0, 0);
	ring_consumer_set_paused(&bench.consumer, true);
	ck_assert_uint_eq(word(&bench.header->state), FOREBAY_RING_PAUSED);
	ck_assert_int_eq(bells(bench.daemon_fd), 1);
	ring_consumer_set_paused(&bench.consumer, false);
	ck_assert_uint_eq(word(&bench.header->state), FOREBAY_RING_OPEN);
	ck_assert_int_eq(bells(bench.daemon_fd), 1);
	bench_fini(&bench);
}
END_TEST

START_TEST(a_mark_above_the_size_of_the_ring_is_taken)
{
	struct bench bench;

	bench_prepare(&bench, RING_BYTES * 8, 0, 0);
	ck_assert_int_eq(ring_consumer_map(&bench.consumer, bench.memory_fd, bench.consumer_fd), 0);
	bench.header->high_water_mark = RING_BYTES;
	ck_assert_int_eq(ring_producer_map(&bench.daemon, bench.memory_fd, bench.daemon_fd), 0);
	bench_fini(&bench);
}
END_TEST

START_TEST(memory_that_is_no_known_ring_is_refused)
{
	struct bench bench;

	bench_prepare(&bench, RING_BYTES, 0, 0);
	if (_i)
		bench.header->version++;
	else
		bench.header->ring_bytes *= 2;
	ck_assert_int_eq(ring_consumer_map(&bench.consumer, bench.memory_fd, bench.consumer_fd),
			 -EPROTO);
	(void)close(bench.consumer_fd);
	(void)close(bench.daemon_fd);
	(void)munmap(bench.header, FOREBAY_RING_HEADER_BYTES);
	(void)close(bench.memory_fd);
}
END_TEST

/* The daemon in a thread of its own: writes parts of any size, and waits where it must. */
#define RACE_BYTES (UINT64_C(8) << 20)
#define RACE_PART_BYTES 20000

/* The last of them is never at its high mark, and waits for room alone. */
static const struct {
	uint64_t high_water_mark;
	uint64_t low_water_mark;
} races[] = {
	{ 1, 0 },
	{ 30000, 3000 },
	{ RING_BYTES, RING_BYTES },
};

struct race {
	struct bench *bench;
	unsigned int seed;
	uint64_t waits;
	const char *problem;
};

static unsigned char byte_at(uint64_t position)
{
	return (unsigned char)(position * 31 + position / 251);
}

static bool wait_for_bell(int signal_fd)
{
	struct pollfd wait = { .fd = signal_fd, .events = POLLIN };

	return poll(&wait, 1, 20000) == 1;
}

static void *produce(void *argument)
{
	struct race *race = argument;
	struct ring_producer *daemon = &race->bench->daemon;
	unsigned char part[RACE_PART_BYTES];

	while (daemon->head < RACE_BYTES && !race->problem) {
		uint64_t left = RACE_BYTES - daemon->head;
		uint64_t bytes = (uint64_t)rand_r(&race->seed) % RACE_PART_BYTES + 1;
		int r;

		bytes = bytes < left ? bytes : left;
		for (uint64_t i = 0; i < bytes; i++)
			part[i] = byte_at(daemon->head + i);
		r = ring_producer_write(daemon, part, bytes);
		if (r < 0 && r != -EAGAIN)
			race->problem = "a write failed";
		while (r <= 0 && daemon->waiting && !ring_producer_take_drain(daemon)) {
			race->waits++;
			if (!wait_for_bell(daemon->signal_fd)) {
				race->problem = "the daemon was not woken";
				break;
			}
			ring_producer_read_signal(daemon);
		}
	}
	if (ring_producer_end(daemon))
		race->problem = "the end failed";
	return NULL;
}

START_TEST(no_wake_up_is_lost_between_two_that_go_to_sleep_all_the_time)
{
	struct bench bench;
	struct race race = { .bench = &bench, .seed = 17 + (unsigned int)_i };
	unsigned int seed = 71 + (unsigned int)_i;
	uint64_t sleeps = 0, position = 0, wrong = 0;
	pthread_t thread;
	int r;

	bench_init(&bench, races[_i].high_water_mark, races[_i].low_water_mark, 4097);
	ck_assert_int_eq(pthread_create(&thread, NULL, produce, &race), 0);
	for (;;) {
		const unsigned char *data;
		const void *there;
		uint64_t bytes;

		r = ring_consumer_peek(&bench.consumer, &there, &bytes);
		if (r == -EAGAIN) {
			sleeps++;
			ck_assert_msg(wait_for_bell(bench.consumer_fd),
				      "the consumer was not woken at %llu",
				      (unsigned long long)position);
			ring_consumer_read_signal(&bench.consumer);
			continue;
		}
		if (r)
			break;
		data = there;
		bytes = (uint64_t)rand_r(&seed) % bytes + 1;
		for (uint64_t i = 0; i < bytes; i++)
			wrong += data[i] != byte_at(position + i);
		ck_assert_int_eq(ring_consumer_consume(&bench.consumer, bytes), 0);
		position += bytes;
	}
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert_ptr_null(race.problem);
	ck_assert_int_eq(r, RING_CONSUMER_E_END);
	ck_assert_uint_eq(position, RACE_BYTES);
	ck_assert_uint_eq(wrong, 0);
	ck_assert_uint_gt(sleeps + race.waits, 0);
	bench_fini(&bench);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("client/ring_consumer");
	TCase *tcase = tcase_create("ring_consumer");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, what_was_written_is_seen_until_it_is_consumed);
	tcase_add_test(tcase, bytes_over_the_end_of_the_data_are_in_one_piece);
	tcase_add_test(tcase, only_who_found_nothing_is_woken);
	tcase_add_test(tcase, a_daemon_that_was_told_to_stop_is_woken_once_at_its_low_mark);
	tcase_add_test(tcase, a_daemon_that_wants_room_is_woken_when_there_is_so_much);
	tcase_add_test(tcase, a_daemon_that_wants_more_than_the_ring_is_woken_when_that_is_empty);
	tcase_add_test(tcase, a_stop_from_before_the_ring_was_mapped_is_answered);
	tcase_add_loop_test(tcase, an_end_of_any_kind_comes_behind_the_last_byte, 0,
			    sizeof(ends) / sizeof(ends[0]));
	tcase_add_test(tcase, a_daemon_that_is_gone_is_told_behind_the_last_byte);
	tcase_add_loop_test(tcase, a_head_that_makes_no_sense_is_refused, 0, 2);
	tcase_add_test(tcase, pausing_and_resuming_stand_in_the_state_and_wake_the_daemon);
	tcase_add_test(tcase, a_mark_above_the_size_of_the_ring_is_taken);
	tcase_add_loop_test(tcase, memory_that_is_no_known_ring_is_refused, 0, 2);
	tcase_add_loop_test(tcase, no_wake_up_is_lost_between_two_that_go_to_sleep_all_the_time, 0,
			    sizeof(races) / sizeof(races[0]));
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
