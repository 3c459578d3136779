/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/core/pipe_flow.h"

#include <stdlib.h>
#include <string.h>

#include <check.h>

/*
 * The driver that pipe_flow.h describes, with nothing behind it: whatever takes time stays in
 * hand until the test picks it, in an order that its seed decides. Each part counts the bytes
 * that it takes, and each chunk knows its place among those that its maker gave, so that
 * nothing can be lost, doubled or change places unseen.
 */

#define PIECES_MAX 1024
#define TAIL_BYTES 3 /* what a step gives at its end */
#define MINE (-7)    /* an error of the caller's own */

struct piece {
	struct pipe_flow_chunk chunk;
	uint64_t position; /* among what the part gave */
	unsigned int part;
	bool lent;
};

/* What the driver knows of one part. */
struct work {
	struct flow_sink *sink; /* WRITE is in hand */
	bool final;		/* FINAL is */
	bool release;		/* RELEASE is */
	bool stalled;		/* it is begun, and waits until more output is wanted */
	uint64_t ratio;		/* bytes that a step gives for each it takes */
	uint64_t to_give;	/* of the WRITE or FINAL in hand */
	uint64_t given;
	uint64_t taken;
	unsigned int closes;
	bool let_go;
};

static struct {
	struct pipe_flow pipe;
	struct pipe_flow_part parts[PIPE_FLOW_PARTS_MAX];
	struct work work[PIPE_FLOW_PARTS_MAX];
	unsigned int last; /* the sink's number */
	struct piece pieces[PIECES_MAX];
	struct piece *reading;	  /* READ is in hand */
	bool read_due;		  /* READ was given, and there was no memory */
	unsigned int memory;	  /* so many chunks may the source have lent */
	unsigned int source_lent; /* and so many has it */
	uint64_t left;		  /* bytes of the source */
	uint64_t push_bytes;	  /* at most, in one push */
	uint64_t mark;
	bool in_call;	    /* what can be done at once is done in the action */
	unsigned int fault; /* the so-many-th that is over from now on fails; 0: none */
	bool failed;
	unsigned int dones;
	int outcome;
	unsigned int depth_max;
	uint32_t seed;
	uint32_t random;
} d;

#define need(condition)                                                                            \
	do {                                                                                       \
		if (!(condition))                                                                  \
			ck_abort_msg("seed %u: " #condition, d.seed);                              \
	} while (0)

static uint32_t roll(uint32_t below)
{
	d.random ^= d.random << 13;
	d.random ^= d.random >> 17;
	d.random ^= d.random << 5;
	return d.random % below;
}

static void now(void);

static struct piece *piece_take(unsigned int part)
{
	unsigned int i = 0;

	while (i < PIECES_MAX && d.pieces[i].lent)
		i++;
	need(i < PIECES_MAX);
	d.pieces[i] = (struct piece){ .part = part, .lent = true };
	if (part == 0)
		d.source_lent++;
	return &d.pieces[i];
}

static void piece_back(struct piece *piece)
{
	need(piece->lent);
	piece->lent = false;
	if (piece->part == 0)
		d.source_lent--;
}

static void give(unsigned int part, struct piece *piece, uint64_t bytes)
{
	piece->position = d.work[part].given;
	piece->chunk.read.bytes = bytes;
	if (read_flow_push(&d.parts[part].read, &piece->chunk.read))
		d.work[part].given += bytes;
	else
		piece_back(piece);
	pipe_flow_read(&d.pipe, part);
	now();
}

static void release(unsigned int part)
{
	struct work *work = &d.work[part];

	if (!work->release || work->final || (part == 0 && d.reading))
		return;
	work->release = false;
	work->let_go = true;
	if (part == 0)
		d.read_due = false;
	pipe_flow_released(&d.pipe, part, 0);
	now();
}

static int fault(void)
{
	if (d.fault == 0 || --d.fault > 0)
		return 0;
	d.failed = true;
	return MINE;
}

static void read_start(void)
{
	if (d.read_due && !d.reading && d.source_lent < d.memory) {
		d.read_due = false;
		d.reading = piece_take(0);
	}
}

static void read_back(void)
{
	uint64_t bytes = d.left < d.push_bytes ? d.left : d.push_bytes;
	struct piece *piece = d.reading;

	d.reading = NULL;
	if (fault()) {
		piece_back(piece);
		pipe_flow_destroy(&d.pipe, 0, MINE);
		now();
	} else if (bytes > 0) {
		d.left -= bytes;
		give(0, piece, bytes);
	} else {
		piece_back(piece);
		read_flow_push_end(&d.parts[0].read);
		pipe_flow_read(&d.pipe, 0);
		now();
	}
	if (!d.in_call)
		release(0);
}

/* A step goes on with what it has in hand, and so does a sink, which gives nothing. */
static void go_on(unsigned int part)
{
	struct work *work = &d.work[part];
	struct flow_sink *sink = work->sink;

	while (work->to_give > 0 && pipe_flow_wants(&d.parts[part])) {
		uint64_t bytes = work->to_give < d.push_bytes ? work->to_give : d.push_bytes;

		work->to_give -= bytes;
		give(part, piece_take(part), bytes);
	}
	work->stalled = work->to_give > 0;
	if (work->stalled)
		return;
	if (sink) {
		work->sink = NULL;
		pipe_flow_complete(&d.pipe, part, sink, fault());
	} else {
		work->final = false;
		pipe_flow_final_done(&d.pipe, part, fault());
	}
	now();
}

static void do_write(unsigned int part, struct flow_sink *sink)
{
	struct work *work = &d.work[part];

	need(!work->sink && !work->final && !work->let_go);
	list_for_each(link, &sink->writes) {
		struct flow_write *write = container_of(link, struct flow_write, step.link);
		struct piece *piece = container_of(write, struct piece, chunk.write);

		need(piece->lent && piece->part + 1 == part);
		need(piece->position + piece->chunk.offset == work->taken);
		work->taken += write->bytes;
	}
	work->sink = sink;
	work->to_give = sink->bytes * work->ratio;
	if (d.in_call)
		go_on(part);
}

static void do_final(unsigned int part)
{
	struct work *work = &d.work[part];

	need(part < d.last && !work->sink && !work->let_go);
	work->final = true;
	work->to_give = TAIL_BYTES;
	if (d.in_call)
		go_on(part);
}

static void do_release(unsigned int part)
{
	need(!d.work[part].sink && !d.work[part].let_go);
	d.work[part].release = true;
	if (d.in_call)
		release(part);
}

static void do_read(unsigned int part)
{
	need(part == 0 && !d.reading && !d.read_due && !d.work[0].let_go);
	d.read_due = true;
	read_start();
	if (d.in_call && d.reading)
		read_back();
}

static void do_done(int error)
{
	d.dones++;
	d.outcome = error;
	for (unsigned int i = 0; i <= d.last; i++)
		need(d.work[i].closes == 1);
}

static void perform(const struct pipe_flow_action *action)
{
	switch (action->what) {
	case PIPE_FLOW_DO_READ:
		do_read(action->part);
		break;
	case PIPE_FLOW_DO_WRITE:
		do_write(action->part, action->sink);
		break;
	case PIPE_FLOW_DO_FINAL:
		do_final(action->part);
		break;
	case PIPE_FLOW_DO_RELEASE:
		do_release(action->part);
		break;
	case PIPE_FLOW_DO_DELIVER:
	case PIPE_FLOW_DO_RETURN:
		if (action->what == PIPE_FLOW_DO_RETURN || action->read.returned)
			piece_back(container_of(action->chunk, struct piece, chunk));
		read_start();
		break;
	case PIPE_FLOW_DO_TELL:
		if (action->event == PIPE_FLOW_EVENT_CLOSE)
			d.work[action->part].closes++;
		break;
	case PIPE_FLOW_DO_DONE:
		do_done(action->error);
		break;
	case PIPE_FLOW_DO_FINISHED:
		ck_abort_msg("nobody watched");
	}
}

static void now(void)
{
	struct pipe_flow_action action;

	while (pipe_flow_next(&d.pipe, &action)) {
		if (d.pipe.depth > d.depth_max)
			d.depth_max = d.pipe.depth;
		perform(&action);
	}
}

/* No part holds more than its mark and what came before it could say no. */
static void check_marks(void)
{
	uint64_t most = d.mark + 2 * d.push_bytes;

	for (unsigned int i = 0; i <= d.last; i++) {
		if (i < d.last)
			need(read_flow_length(&d.parts[i].read) <= most);
		if (i > 0)
			need(flow_length(&d.parts[i].write) <= most);
	}
}

/* The end of a wake-up: all actions, then the steps that could not go on. */
static void later(void)
{
	struct pipe_flow_action action;
	bool again = true;

	while (again) {
		while (pipe_flow_next_deferred(&d.pipe, &action))
			perform(&action);
		check_marks();
		again = false;
		for (unsigned int i = 1; i < d.last; i++)
			if (d.work[i].stalled && pipe_flow_wants(&d.parts[i])) {
				go_on(i);
				release(i);
				again = true;
			}
	}
}

/* Picks one of what is in hand, and it is over; false: nothing is. */
static bool pick(void)
{
	unsigned int from = roll(d.last + 1);

	if (d.reading && roll(2) == 0) {
		read_back();
		return true;
	}
	for (unsigned int i = 0; i <= d.last; i++) {
		unsigned int part = (from + i) % (d.last + 1);
		struct work *work = &d.work[part];

		if ((work->sink || work->final) && !work->stalled) {
			go_on(part);
			release(part);
			return true;
		}
		if (work->release && !(part == 0 && d.reading)) {
			release(part);
			return true;
		}
	}
	if (!d.reading)
		return false;
	read_back();
	return true;
}

static void make(unsigned int steps, uint64_t mark, uint64_t ratio)
{
	const struct flow_config write = {
		.high_water_mark = mark,
		.sinks = 1,
		.sink_writes = 1 + d.seed % 3,
		.sink_bytes = UINT64_MAX,
	};
	struct pipe_flow_part_config configs[PIPE_FLOW_PARTS_MAX];
	uint32_t seed = d.seed;

	memset(&d, 0, sizeof(d));
	d.seed = seed;
	d.random = seed * 2654435761u + 1;
	d.mark = mark;
	d.last = steps + 1;
	d.memory = 2;
	d.push_bytes = 5;
	for (unsigned int i = 0; i <= d.last; i++) {
		configs[i] = (struct pipe_flow_part_config){
			.reads = i<d.last, .writes = i> 0,
			.read_high_water_mark = mark,
			.write = &write,
		};
		d.work[i].ratio = i > 0 && i < d.last ? ratio : 0;
	}
	pipe_flow_init(&d.pipe, d.parts, configs, steps + 2);
}

static void start(void)
{
	pipe_flow_guard(&d.pipe);
	later();
}

static void run(void)
{
	while (pick())
		later();
}

/* Nothing is in hand, the outcome was told, and every chunk is the driver's again. */
static void finish(void)
{
	struct read_chunk *chunk;

	need(d.dones == 1);
	need(d.pipe.depth == 0 && d.depth_max <= PIPE_FLOW_FRAMES_MAX / 2);
	for (unsigned int i = 0; i <= d.last; i++) {
		need(d.work[i].let_go);
		if (i > 0)
			need(flow_length(&d.parts[i].write) == 0);
		if (i == d.last)
			continue;
		while ((chunk = read_flow_take_back(&d.parts[i].read)))
			piece_back(container_of(chunk, struct piece, chunk.read));
		need(read_flow_length(&d.parts[i].read) == 0);
	}
	for (unsigned int i = 0; i < PIECES_MAX; i++)
		need(!d.pieces[i].lent);
	pipe_flow_fini(&d.pipe);
}

static void finish_well(void)
{
	for (unsigned int i = 1; i <= d.last; i++)
		need(d.work[i].taken == d.work[i - 1].given);
	need(d.outcome == 0 && d.left == 0);
	finish();
}

/* A row of any kind; each seed another one. */
static void make_some(uint32_t seed)
{
	static const uint64_t ratios[] = { 0, 1, 1, 1, 2 };

	d.seed = seed;
	d.random = seed * 2654435761u + 1;
	make(roll(PIPE_FLOW_PARTS_MAX - 1), roll(40), 1);
	for (unsigned int i = 1; i < d.last; i++)
		d.work[i].ratio = ratios[roll(5)];
	if (d.last > 1 && roll(4) == 0)
		d.work[1 + roll(d.last - 1)].ratio = 40;
	d.push_bytes = 1 + roll(30);
	d.left = roll(200);
	d.memory = 1 + roll(4);
	d.in_call = roll(3) == 0;
}

START_TEST(whatever_takes_time_every_byte_arrives_once_and_in_order)
{
	for (uint32_t seed = 1; seed <= 300; seed++) {
		uint64_t left;

		make_some(seed);
		left = d.left;
		start();
		run();
		need(d.work[0].given == left);
		finish_well();
	}
}
END_TEST

START_TEST(whatever_is_destroyed_every_chunk_comes_back_and_the_outcome_is_told)
{
	unsigned int broken = 0;

	for (uint32_t seed = 1; seed <= 800; seed++) {
		unsigned int when;

		make_some(seed);
		d.in_call = false;
		when = roll(40);
		start();
		while (when-- > 0 && pick())
			later();
		for (unsigned int times = 1 + roll(2); times > 0; times--) {
			pipe_flow_destroy(&d.pipe, roll(d.last + 1), roll(2) ? MINE : 0);
			now();
			if (roll(2))
				later();
		}
		later();
		run();
		broken += d.outcome != 0;
		if (d.outcome)
			finish();
		else
			finish_well();
	}
	ck_assert_uint_gt(broken, 300);
}
END_TEST

START_TEST(whatever_fails_every_chunk_comes_back_and_the_outcome_is_told)
{
	unsigned int failed = 0;

	for (uint32_t seed = 1; seed <= 800; seed++) {
		make_some(seed);
		d.fault = 1 + roll(40);
		start();
		run();
		failed += d.failed;
		need(d.outcome == (d.failed ? MINE : 0));
		if (d.failed)
			finish();
		else
			finish_well();
	}
	ck_assert_uint_gt(failed, 300);
}
END_TEST

START_TEST(a_row_that_is_given_up_waits_for_what_is_in_hand)
{
	make(1, 8, 1);
	d.left = 100;
	start();
	read_back();
	later();
	ck_assert_ptr_nonnull(d.work[1].sink);
	go_on(1);
	later();
	read_back();
	later();
	ck_assert_ptr_nonnull(d.work[1].sink);
	ck_assert_ptr_nonnull(d.work[2].sink);
	for (unsigned int i = 0; i <= d.last; i++) {
		pipe_flow_destroy(&d.pipe, i, MINE);
		now();
	}
	later();
	ck_assert(d.work[0].release && !d.work[1].release && !d.work[2].release);
	go_on(2);
	later();
	ck_assert(!d.work[1].release && d.work[2].release);
	run();
	ck_assert_int_eq(d.outcome, MINE);
	finish();
}
END_TEST

START_TEST(a_step_with_much_output_holds_no_more_of_it_than_is_wanted)
{
	make(1, 8, 1000);
	d.left = 50;
	start();
	run();
	ck_assert_uint_eq(d.work[2].taken, 50 * 1000 + TAIL_BYTES);
	finish_well();
}
END_TEST

START_TEST(a_step_that_waits_to_be_read_ends_when_it_is_destroyed)
{
	make(1, 8, 1000);
	d.left = 50;
	start();
	read_back();
	later();
	go_on(1);
	later();
	ck_assert(d.work[1].stalled);
	pipe_flow_destroy(&d.pipe, 2, MINE);
	now();
	later();
	run();
	ck_assert_int_eq(d.outcome, MINE);
	finish();
}
END_TEST

START_TEST(a_step_that_gives_nothing_is_not_held_back)
{
	make(1, 0, 0);
	d.left = 50;
	start();
	run();
	ck_assert_uint_eq(d.work[1].taken, 50);
	ck_assert_uint_eq(d.work[2].taken, TAIL_BYTES);
	finish_well();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pipe_flow_driver");
	TCase *tcase = tcase_create("pipe_flow_driver");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tcase, whatever_takes_time_every_byte_arrives_once_and_in_order);
	tcase_add_test(tcase, whatever_is_destroyed_every_chunk_comes_back_and_the_outcome_is_told);
	tcase_add_test(tcase, whatever_fails_every_chunk_comes_back_and_the_outcome_is_told);
	tcase_add_test(tcase, a_row_that_is_given_up_waits_for_what_is_in_hand);
	tcase_add_test(tcase, a_step_with_much_output_holds_no_more_of_it_than_is_wanted);
	tcase_add_test(tcase, a_step_that_waits_to_be_read_ends_when_it_is_destroyed);
	tcase_add_test(tcase, a_step_that_gives_nothing_is_not_held_back);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
