/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_TESTS_VECTORS_REPLAY_WRITABLE_H
#define FOREBAY_TESTS_VECTORS_REPLAY_WRITABLE_H

/*
 * Where a scenario first meets a rule of Node from which the flow departs on purpose:
 *
 *	W25	a write after end destroys the stream
 *	W27	a write on a failed, not yet destroyed stream is taken and maybe never answered
 *	W32	destroying does not wait for the sink call in hand
 *
 * Decided from the operations and from what Node answered, never from the flow. A rule counts
 * only where it makes a difference to what Node was seen to do.
 */

struct cJSON;

struct replay_writable_touch {
	const char *rule; /* NULL: nowhere */
	int turn;
	int op;	   /* the operation that meets it */
	int entry; /* the first log entry of that operation */
};

struct replay_writable_touch replay_writable_touch(const struct cJSON *scenario);

#endif
