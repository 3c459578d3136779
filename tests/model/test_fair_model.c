/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

/*
 * Long random runs of deficit round robin against what it promises:
 *
 *   - over any stretch of a run two users that always want something get the same number of
 *     bytes, within BOUND, whatever the number and the size of their requests; and so do two
 *     such streams of one user;
 *   - somebody who comes with one request is served before any user who was there has had two
 *     turns.
 *
 * Others come and go meanwhile, and are withdrawn while they wait. FOREBAY_SEED sets the seed,
 * which is printed, so that a failure can be had again.
 */

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "daemon/core/fair.h"

#define QUANTUM (UINT64_C(1024) * 1024)
#define BOUND (3 * QUANTUM)
#define USERS 6
#define BUSY_USERS 3 /* the first ones */
#define BUSY_STREAMS 8
#define OTHERS 60
#define RUNS 40
#define STEPS 20000

/* How far ahead of the other one somebody was, at most and at least. */
struct lead {
	int64_t now;
	int64_t most;
	int64_t least;
};

struct stream {
	struct fair_member member;
	uint32_t user;
	bool always; /* wants something all the time */
	uint64_t bytes;
};

struct user {
	struct stream busy[BUSY_STREAMS];
	uint32_t busy_count;
	uint64_t cost_most; /* of its requests */
	uint64_t bytes;
};

static struct user users[USERS];
static struct stream others[OTHERS];
static struct stream guest;  /* comes with one small request */
static uint64_t guest_limit; /* bytes that others may have before it is served */
static struct lead user_leads[BUSY_USERS][BUSY_USERS];
static struct lead stream_leads[BUSY_USERS][BUSY_STREAMS][BUSY_STREAMS];
static uint64_t random_state;

static uint64_t next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static uint64_t random_cost(uint32_t user)
{
	return next_random() % users[user].cost_most + 1;
}

static bool note(struct lead *lead, int64_t now)
{
	lead->now = now;
	if (now > lead->most)
		lead->most = now;
	if (now < lead->least)
		lead->least = now;
	return lead->most - lead->least <= (int64_t)BOUND;
}

static bool is_fair_to_users(uint32_t user)
{
	for (uint32_t i = 0; i < BUSY_USERS; i++) {
		if (note(&user_leads[user][i], (int64_t)(users[user].bytes - users[i].bytes)) &&
		    note(&user_leads[i][user], (int64_t)(users[i].bytes - users[user].bytes)))
			continue;
		(void)fprintf(stderr, "users %u and %u are not treated alike\n", user, i);
		return false;
	}
	return true;
}

static bool is_fair_to_streams(uint32_t user, const struct stream *stream)
{
	struct lead(*leads)[BUSY_STREAMS] = stream_leads[user];
	size_t at = (size_t)(stream - users[user].busy);

	for (size_t i = 0; i < users[user].busy_count; i++) {
		int64_t ahead = (int64_t)(stream->bytes - users[user].busy[i].bytes);

		if (note(&leads[at][i], ahead) && note(&leads[i][at], -ahead))
			continue;
		(void)fprintf(stderr, "streams of user %u are not treated alike\n", user);
		return false;
	}
	return true;
}

static bool serve_guest(struct fair *fair)
{
	fair_remove(fair, &guest.member);
	return true;
}

static bool serve(struct fair *fair)
{
	struct fair_member *member = fair_pick(fair);
	struct stream *stream = container_of(member, struct stream, member);
	uint64_t bytes = member->cost_bytes;

	if (fair_credit(fair) < bytes) {
		(void)fprintf(stderr, "picked, and may not have what it wants\n");
		return false;
	}
	fair_spend(fair, bytes);
	if (stream == &guest)
		return serve_guest(fair);
	if (fair_has(&guest.member) && guest_limit < bytes) {
		(void)fprintf(stderr, "one small request waits for more than a round\n");
		return false;
	}
	guest_limit -= bytes;
	stream->bytes += bytes;
	users[stream->user].bytes += bytes;
	if (stream->always || next_random() % 4 > 0)
		fair_ask(fair, member, random_cost(stream->user));
	else
		fair_remove(fair, member);
	return (stream->user >= BUSY_USERS || is_fair_to_users(stream->user)) &&
	       (!stream->always || is_fair_to_streams(stream->user, stream));
}

static uint64_t count_groups(const struct fair *fair)
{
	uint64_t count = 0;

	list_for_each(link, &fair->groups)
		count++;
	return count;
}

static void come_and_go(struct fair *fair)
{
	struct stream *stream = &others[next_random() % OTHERS];

	if (fair_has(&stream->member)) {
		fair_remove(fair, &stream->member);
	} else {
		stream->user = (uint32_t)(next_random() % USERS);
		fair_add(fair, &stream->member, stream->user, random_cost(stream->user));
	}
	if (!fair_has(&guest.member)) {
		/* A turn, and what was kept of the one before. */
		guest_limit = 2 * QUANTUM * count_groups(fair);
		fair_add(fair, &guest.member, USERS, next_random() % 4096 + 1);
	}
}

static void begin_run(struct fair *fair)
{
	fair_init(fair, QUANTUM);
	for (uint32_t user = 0; user < USERS; user++) {
		users[user] = (struct user){
			.busy_count = (uint32_t)(next_random() % BUSY_STREAMS) + 1,
			.cost_most = UINT64_C(1) << (next_random() % 20 + 1),
		};
		for (uint32_t i = 0; user < BUSY_USERS && i < users[user].busy_count; i++) {
			struct stream *stream = &users[user].busy[i];

			*stream = (struct stream){ .user = user, .always = true };
			fair_member_init(&stream->member);
			fair_add(fair, &stream->member, user, random_cost(user));
		}
	}
	for (int i = 0; i < OTHERS; i++) {
		others[i] = (struct stream){ .user = 0 };
		fair_member_init(&others[i].member);
	}
	fair_member_init(&guest.member);
	for (size_t i = 0; i < BUSY_USERS; i++) {
		for (size_t j = 0; j < BUSY_USERS; j++)
			user_leads[i][j] = (struct lead){ 0 };
		for (size_t j = 0; j < BUSY_STREAMS * BUSY_STREAMS; j++)
			stream_leads[i][j / BUSY_STREAMS][j % BUSY_STREAMS] = (struct lead){ 0 };
	}
}

static bool run_once(void)
{
	/* From never to a change with every request. */
	uint64_t seldom = UINT64_C(1) << (next_random() % 12);
	struct fair fair;

	begin_run(&fair);
	for (int i = 0; i < STEPS; i++) {
		if (next_random() % seldom == 0)
			come_and_go(&fair);
		if (serve(&fair))
			continue;
		(void)fprintf(stderr, "failed at step %d\n", i);
		return false;
	}
	while (fair.count > 0)
		fair_remove(&fair, fair_pick(&fair));
	return list_is_empty(&fair.groups);
}

int main(void)
{
	const char *text = getenv("FOREBAY_SEED");
	uint64_t seed;

	if (text)
		seed = strtoull(text, NULL, 0);
	else if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		return 99;
	random_state = seed | 1;
	(void)printf("FOREBAY_SEED=%" PRIu64 "\n", seed);
	(void)fflush(stdout);

	for (int i = 0; i < RUNS; i++)
		if (!run_once())
			return EXIT_FAILURE;
	return EXIT_SUCCESS;
}
