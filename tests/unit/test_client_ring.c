/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/ring_producer.h"

#include <check.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/ring.h"

/*
 * The producer against the other side of proto/ring.h: a ring made here, and either a test
 * that moves the daemon's words itself, or a thread that consumes as the daemon does.
 */

#define RING_BYTES (UINT64_C(64) << 10)

struct bench {
	struct ring_producer producer;
	struct forebay_ring_header *header; /* the daemon's own mapping */
	unsigned char *data;
	int memory_fd;
	int daemon_fd;
	int producer_fd;
	bool unmapped;
};

static uint64_t peek(const struct forebay_ring_word *word)
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
	size_t bytes = FOREBAY_RING_HEADER_BYTES + RING_BYTES;
	int pair[2];

	memset(bench, 0, sizeof(*bench));
	bench->memory_fd = memfd_create("ring", MFD_CLOEXEC);
	ck_assert_int_ge(bench->memory_fd, 0);
	ck_assert_int_eq(ftruncate(bench->memory_fd, (off_t)bytes), 0);
	bench->header = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, bench->memory_fd, 0);
	ck_assert_ptr_ne(bench->header, MAP_FAILED);
	bench->data = (unsigned char *)bench->header + FOREBAY_RING_HEADER_BYTES;
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
	bench->producer_fd = pair[1];
}

static void bench_init(struct bench *bench, uint64_t high, uint64_t low, uint64_t phase)
{
	bench_prepare(bench, high, low, phase);
	ck_assert_int_eq(ring_producer_map(&bench->producer, bench->memory_fd, bench->producer_fd),
			 0);
}

static void bench_fini(struct bench *bench)
{
	if (!bench->unmapped)
		ring_producer_unmap(&bench->producer);
	(void)munmap(bench->header, FOREBAY_RING_HEADER_BYTES + RING_BYTES);
	(void)close(bench->memory_fd);
	if (bench->daemon_fd >= 0)
		(void)close(bench->daemon_fd);
}

/* How many bytes the producer has sent on the signal. */
static ssize_t bells(const struct bench *bench)
{
	char bytes[64];
	ssize_t n = recv(bench->daemon_fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	return n < 0 ? 0 : n;
}

static const char chunk[RING_BYTES + 1];

START_TEST(a_write_moves_head_and_stores_the_bytes)
{
	struct bench bench;

	bench_init(&bench, RING_BYTES / 2, RING_BYTES / 4, 0);
	ck_assert_int_eq(ring_producer_write(&bench.producer, "abc", 3), 1);
	ck_assert_int_eq(ring_producer_write(&bench.producer, "de", 2), 1);
	ck_assert_uint_eq(peek(&bench.header->head), 5);
	ck_assert_mem_eq(bench.data, "abcde", 5);
	bench_fini(&bench);
}
END_TEST

START_TEST(an_awake_daemon_is_not_rung)
{
	struct bench bench;

	bench_init(&bench, RING_BYTES / 2, RING_BYTES / 4, 0);
	ck_assert_int_eq(ring_producer_write(&bench.producer, "abc", 3), 1);
	ck_assert_int_eq(bells(&bench), 0);
	poke(&bench.header->sleeping, 1);
	ck_assert_int_eq(ring_producer_write(&bench.producer, "abc", 3), 1);
	ck_assert_int_eq(bells(&bench), 1);
	bench_fini(&bench);
}
END_TEST

START_TEST(at_the_high_mark_the_producer_is_told_to_stop)
{
	struct bench bench;

	bench_init(&bench, 1000, 100, 0);
	ck_assert_int_eq(ring_producer_write(&bench.producer, chunk, 999), 1);
	ck_assert_uint_eq(peek(&bench.header->need), 0);
	ck_assert_int_eq(ring_producer_write(&bench.producer, chunk, 1), 0);
	ck_assert_uint_eq(peek(&bench.header->need), 1);
	ck_assert_uint_eq(peek(&bench.header->wanted), 0);

	poke(&bench.header->tail, 899);
	ck_assert(!ring_producer_take_drain(&bench.producer));
	poke(&bench.header->tail, 900);
	ck_assert(ring_producer_take_drain(&bench.producer));
	ck_assert(!ring_producer_take_drain(&bench.producer));
	ck_assert_uint_eq(bench.producer.drains, 1);
	bench_fini(&bench);
}
END_TEST

START_TEST(without_room_nothing_is_taken_and_wanted_says_how_much)
{
	struct bench bench;
	uint64_t head;

	bench_init(&bench, RING_BYTES, RING_BYTES / 2, 0);
	ck_assert_int_eq(ring_producer_write(&bench.producer, chunk, RING_BYTES - 10), 1);
	head = peek(&bench.header->head);
	ck_assert_int_eq(ring_producer_write(&bench.producer, chunk, 60000), -EAGAIN);
	ck_assert_uint_eq(peek(&bench.header->head), head);
	ck_assert_uint_eq(peek(&bench.header->wanted), 60000);
	ck_assert_uint_eq(peek(&bench.header->need), 1);

	/* Half empty is the low mark, but not room for 60000. */
	poke(&bench.header->tail, RING_BYTES / 2);
	ck_assert(!ring_producer_take_drain(&bench.producer));
	poke(&bench.header->tail, RING_BYTES - 10 - (RING_BYTES - 60000));
	ck_assert(ring_producer_take_drain(&bench.producer));
	ck_assert_int_ge(ring_producer_write(&bench.producer, chunk, 60000), 0);
	bench_fini(&bench);
}
END_TEST

START_TEST(a_chunk_larger_than_the_ring_is_refused)
{
	struct bench bench;

	bench_init(&bench, RING_BYTES, 0, 0);
	ck_assert_int_eq(ring_producer_write(&bench.producer, chunk, RING_BYTES + 1), -EMSGSIZE);
	ck_assert_int_eq(ring_producer_write(&bench.producer, chunk, RING_BYTES), 0);
	bench_fini(&bench);
}
END_TEST

START_TEST(a_chunk_over_the_end_of_the_data_goes_on_at_its_beginning)
{
	struct bench bench;

	bench_init(&bench, RING_BYTES, RING_BYTES / 2, RING_BYTES - 2);
	ck_assert_int_eq(ring_producer_write(&bench.producer, "abcd", 4), 1);
	ck_assert_mem_eq(bench.data + RING_BYTES - 2, "ab", 2);
	ck_assert_mem_eq(bench.data, "cd", 2);
	bench_fini(&bench);
}
END_TEST

START_TEST(reserved_room_is_in_one_piece_over_the_end)
{
	struct bench bench;
	uint64_t room;
	void *space;

	bench_init(&bench, RING_BYTES, RING_BYTES / 2, RING_BYTES - 3);
	ck_assert_int_eq(ring_producer_reserve(&bench.producer, 6, &space, &room), 0);
	ck_assert_uint_eq(room, RING_BYTES);
	memcpy(space, "abcdef", 6);
	ck_assert_uint_eq(peek(&bench.header->head), 0);
	ck_assert_int_eq(ring_producer_commit(&bench.producer, 6), 1);
	ck_assert_uint_eq(peek(&bench.header->head), 6);
	ck_assert_mem_eq(bench.data, "def", 3);
	bench_fini(&bench);
}
END_TEST

START_TEST(more_than_was_reserved_cannot_be_committed)
{
	struct bench bench;
	uint64_t room;
	void *space;

	bench_init(&bench, RING_BYTES, RING_BYTES / 2, 0);
	ck_assert_int_eq(ring_producer_commit(&bench.producer, 1), -EINVAL);
	ck_assert_int_eq(ring_producer_reserve(&bench.producer, 1, &space, &room), 0);
	ck_assert_int_eq(ring_producer_commit(&bench.producer, RING_BYTES + 1), -EINVAL);
	ck_assert_int_eq(ring_producer_commit(&bench.producer, 1), 1);
	ck_assert_int_eq(ring_producer_commit(&bench.producer, 1), -EINVAL);
	bench_fini(&bench);
}
END_TEST

START_TEST(an_end_is_told_once_and_nothing_is_taken_after_it)
{
	struct bench bench;

	bench_init(&bench, RING_BYTES, RING_BYTES / 2, 0);
	ck_assert_int_eq(ring_producer_end(&bench.producer), 0);
	ck_assert_uint_eq(peek(&bench.header->ended), 1);
	ck_assert_int_eq(bells(&bench), 1);
	ck_assert_int_eq(ring_producer_end(&bench.producer), -EALREADY);
	ck_assert_int_eq(ring_producer_write(&bench.producer, "a", 1), -EPIPE);
	ck_assert_uint_eq(peek(&bench.header->head), 0);
	bench_fini(&bench);
}
END_TEST

static const struct {
	uint64_t state;
	int error;
} refusing[] = {
	{ FOREBAY_RING_ENDING, -EPIPE },
	{ FOREBAY_RING_FINISHED, -EPIPE },
	{ FOREBAY_RING_ABORTED, -ECANCELED },
	{ FOREBAY_RING_FAILED, -EIO },
	{ 77, -EPROTO },
};

START_TEST(a_stream_that_is_over_says_why)
{
	struct bench bench;

	bench_init(&bench, RING_BYTES, RING_BYTES / 2, 0);
	poke(&bench.header->state, refusing[_i].state);
	ck_assert_int_eq(ring_producer_write(&bench.producer, "a", 1), refusing[_i].error);
	ck_assert_uint_eq(peek(&bench.header->head), 0);
	bench_fini(&bench);
}
END_TEST

START_TEST(a_paused_stream_takes_bytes)
{
	struct bench bench;

	bench_init(&bench, RING_BYTES, RING_BYTES / 2, 0);
	poke(&bench.header->state, FOREBAY_RING_PAUSED);
	ck_assert_int_eq(ring_producer_write(&bench.producer, "a", 1), 1);
	bench_fini(&bench);
}
END_TEST

START_TEST(a_daemon_that_is_gone_is_an_error_and_no_signal)
{
	struct bench bench;

	bench_init(&bench, RING_BYTES, RING_BYTES / 2, 0);
	poke(&bench.header->sleeping, 1);
	(void)close(bench.daemon_fd);
	bench.daemon_fd = -1;
	ck_assert_int_eq(ring_producer_write(&bench.producer, "a", 1), 1);
	ck_assert_int_eq(ring_producer_write(&bench.producer, "a", 1), -ECONNRESET);
	bench_fini(&bench);
}
END_TEST

START_TEST(a_hang_up_is_noticed_by_reading_the_signal)
{
	struct bench bench;

	bench_init(&bench, RING_BYTES, RING_BYTES / 2, 0);
	ring_producer_read_signal(&bench.producer);
	ck_assert(!bench.producer.lost);
	ck_assert_int_eq(send(bench.daemon_fd, "x", 1, 0), 1);
	(void)close(bench.daemon_fd);
	bench.daemon_fd = -1;
	ring_producer_read_signal(&bench.producer);
	ck_assert(bench.producer.lost);
	bench_fini(&bench);
}
END_TEST

START_TEST(a_full_signal_is_no_failure)
{
	struct bench bench;

	bench_init(&bench, RING_BYTES, RING_BYTES / 2, 0);
	while (send(bench.producer_fd, chunk, 4096, MSG_DONTWAIT) > 0)
		;
	poke(&bench.header->sleeping, 1);
	ck_assert_int_eq(ring_producer_write(&bench.producer, "a", 1), 1);
	ck_assert(!bench.producer.lost);
	bench_fini(&bench);
}
END_TEST

START_TEST(the_producer_goes_on_at_the_head_that_is_there)
{
	struct bench bench;

	bench_prepare(&bench, RING_BYTES, RING_BYTES / 2, 0);
	poke(&bench.header->head, 1000);
	poke(&bench.header->tail, 900);
	poke(&bench.header->need, 7);
	ck_assert_int_eq(ring_producer_map(&bench.producer, bench.memory_fd, bench.producer_fd), 0);
	ck_assert_int_eq(ring_producer_write(&bench.producer, "a", 1), 1);
	ck_assert_uint_eq(peek(&bench.header->head), 1001);
	ck_assert_int_eq(bench.data[1000], 'a');
	ck_assert_int_eq(ring_producer_write(&bench.producer, chunk, RING_BYTES), -EAGAIN);
	ck_assert_uint_eq(peek(&bench.header->need), 8);
	bench_fini(&bench);
}
END_TEST

START_TEST(memory_that_is_no_known_ring_is_refused)
{
	struct bench bench;

	bench_prepare(&bench, RING_BYTES, 0, 0);
	switch (_i) {
	case 0:
		bench.header->magic++;
		break;
	case 1:
		bench.header->version++;
		break;
	case 2:
		bench.header->ring_bytes *= 2;
		break;
	case 3:
		bench.header->phase = RING_BYTES;
		break;
	case 4:
		poke(&bench.header->head, RING_BYTES + 1);
		break;
	default:
		bench.header->header_bytes = 8192;
		break;
	}
	ck_assert_int_eq(ring_producer_map(&bench.producer, bench.memory_fd, bench.producer_fd),
			 -EPROTO);
	(void)close(bench.producer_fd);
	bench.unmapped = true;
	bench_fini(&bench);
}
END_TEST

/* The daemon of proto/ring.h, in a thread: takes what there is in parts of random size. */
struct consumer {
	struct bench *bench;
	unsigned int seed;
	uint64_t tail;
	uint64_t answered;
	uint64_t sleeps;
	bool wrong;
};

static unsigned char byte_at(uint64_t position)
{
	return (unsigned char)(position * 31 + position / 251);
}

static void answer_need(struct consumer *consumer)
{
	struct forebay_ring_header *header = consumer->bench->header;
	uint64_t need = peek(&header->need), wanted = peek(&header->wanted);
	uint64_t limit = RING_BYTES - wanted, length = peek(&header->head) - consumer->tail;

	if (header->low_water_mark < limit)
		limit = header->low_water_mark;
	if (need == consumer->answered || length > limit)
		return;
	consumer->answered = need;
	(void)send(consumer->bench->daemon_fd, "d", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void take_some(struct consumer *consumer, uint64_t head)
{
	struct bench *bench = consumer->bench;
	uint64_t bytes = (uint64_t)rand_r(&consumer->seed) % (head - consumer->tail) + 1;
	uint64_t end = consumer->tail + bytes;

	for (; consumer->tail < end; consumer->tail++) {
		uint64_t at =
			forebay_ring_data_offset(consumer->tail, bench->header->phase, RING_BYTES) -
			FOREBAY_RING_HEADER_BYTES;

		if (bench->data[at] != byte_at(consumer->tail))
			consumer->wrong = true;
	}
	poke(&bench->header->tail, consumer->tail);
	answer_need(consumer);
}

static void *consume(void *argument)
{
	struct consumer *consumer = argument;
	struct forebay_ring_header *header = consumer->bench->header;

	for (;;) {
		struct pollfd wait = { .fd = consumer->bench->daemon_fd, .events = POLLIN };
		uint64_t need = peek(&header->need);
		bool ended = peek(&header->ended);
		uint64_t head = peek(&header->head);

		if (head != consumer->tail) {
			take_some(consumer, head);
			continue;
		}
		if (ended)
			return NULL;
		answer_need(consumer);
		poke(&header->sleeping, 1);
		if (peek(&header->head) == head && !peek(&header->ended) &&
		    peek(&header->need) == need) {
			consumer->sleeps++;
			/* Nobody may be forgotten: a lost wake-up shows as this running out. */
			if (poll(&wait, 1, 10000) == 0) {
				consumer->wrong = true;
				return NULL;
			}
		}
		poke(&header->sleeping, 0);
		(void)bells(consumer->bench);
		answer_need(consumer);
	}
}

static void wait_for_drain(struct ring_producer *producer)
{
	while (producer->waiting && !ring_producer_take_drain(producer)) {
		struct pollfd wait = { .fd = producer->signal_fd, .events = POLLIN };

		ck_assert_msg(poll(&wait, 1, 10000) == 1, "the drain got lost");
		ring_producer_read_signal(producer);
	}
}

static void produce(struct ring_producer *producer, unsigned int *seed, uint64_t whole_bytes)
{
	static unsigned char bytes[RING_BYTES];
	uint64_t position = 0;

	while (position < whole_bytes) {
		uint64_t count = (uint64_t)rand_r(seed) % (rand_r(seed) % 8 ? 600 : RING_BYTES) + 1;
		uint64_t i;
		int r;

		if (count > whole_bytes - position)
			count = whole_bytes - position;
		for (i = 0; i < count; i++)
			bytes[i] = byte_at(position + i);
		r = ring_producer_write(producer, bytes, count);
		if (r >= 0)
			position += count;
		else
			ck_assert_int_eq(r, -EAGAIN);
		if (r != 1)
			wait_for_drain(producer);
	}
	ck_assert_int_eq(ring_producer_end(producer), 0);
}

static const struct {
	uint64_t high;
	uint64_t low;
	uint64_t phase;
} marks[] = {
	{ RING_BYTES / 2, RING_BYTES / 4, 0 },
	{ RING_BYTES, RING_BYTES / 2, 777 },
	{ 1, 0, 4095 },
	{ 16384, 1, 0 },
	{ 0, 0, 1 },
};

START_TEST(every_byte_arrives_in_order_and_no_wake_up_is_lost)
{
	const uint64_t whole_bytes = marks[_i].high < 2 ? UINT64_C(1) << 20 : UINT64_C(16) << 20;
	struct consumer consumer = { .seed = 7 };
	unsigned int seed = (unsigned int)(_i + 1);
	struct bench bench;
	pthread_t thread;

	bench_init(&bench, marks[_i].high, marks[_i].low, marks[_i].phase);
	consumer.bench = &bench;
	ck_assert_int_eq(pthread_create(&thread, NULL, consume, &consumer), 0);
	produce(&bench.producer, &seed, whole_bytes);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert(!consumer.wrong);
	ck_assert_uint_eq(consumer.tail, whole_bytes);
	ck_assert_uint_gt(bench.producer.drains, 0);
	bench_fini(&bench);
}
END_TEST

static Suite *ring_suite(void)
{
	Suite *suite = suite_create("client ring");
	TCase *steps = tcase_create("steps"), *together = tcase_create("together");

	tcase_add_test(steps, a_write_moves_head_and_stores_the_bytes);
	tcase_add_test(steps, an_awake_daemon_is_not_rung);
	tcase_add_test(steps, at_the_high_mark_the_producer_is_told_to_stop);
	tcase_add_test(steps, without_room_nothing_is_taken_and_wanted_says_how_much);
	tcase_add_test(steps, a_chunk_larger_than_the_ring_is_refused);
	tcase_add_test(steps, a_chunk_over_the_end_of_the_data_goes_on_at_its_beginning);
	tcase_add_test(steps, reserved_room_is_in_one_piece_over_the_end);
	tcase_add_test(steps, more_than_was_reserved_cannot_be_committed);
	tcase_add_test(steps, an_end_is_told_once_and_nothing_is_taken_after_it);
	tcase_add_loop_test(steps, a_stream_that_is_over_says_why, 0,
			    (int)(sizeof(refusing) / sizeof(refusing[0])));
	tcase_add_test(steps, a_paused_stream_takes_bytes);
	tcase_add_test(steps, a_daemon_that_is_gone_is_an_error_and_no_signal);
	tcase_add_test(steps, a_hang_up_is_noticed_by_reading_the_signal);
	tcase_add_test(steps, a_full_signal_is_no_failure);
	tcase_add_test(steps, the_producer_goes_on_at_the_head_that_is_there);
	tcase_add_loop_test(steps, memory_that_is_no_known_ring_is_refused, 0, 6);
	suite_add_tcase(suite, steps);

	tcase_set_timeout(together, 120);
	tcase_add_loop_test(together, every_byte_arrives_in_order_and_no_wake_up_is_lost, 0,
			    (int)(sizeof(marks) / sizeof(marks[0])));
	suite_add_tcase(suite, together);
	return suite;
}

int main(void)
{
	SRunner *runner = srunner_create(ring_suite());
	int failed;

	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
