/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_TESTS_VECTORS_REPLAY_FS_TOUCH_H
#define FOREBAY_TESTS_VECTORS_REPLAY_FS_TOUCH_H

/*
 * Where a case meets a rule that is not to be copied, and what is demanded instead. It is
 * found in the case's own steps and answers, and in the log up to there, which has to be
 * Node's.
 *
 *	F8	a batch that is written short, or tried again, goes on at the wrong place: as
 *		Node, but the bytes of the file are those that were written, each at its place
 *	F10	a write in hand is answered as failed when the stream is destroyed, and is not
 *		counted, though it reaches the file: it is answered well, and counted
 *	F11	destroyed before it is open, a file is opened and cut all the same: it is left
 *		as it is, and there is no "open", "ready", nor an error of opening
 *	F12	finish and the answers of end() come before the sync that then fails: they are
 *		answered with that error, and there is no finish
 *	W25	a write after the end destroys the stream: it is refused, and all else is well
 *	W27	a write on a failed stream is not answered: it is answered once, with an error
 *
 * F8 to F12 say in what Node's answer is to be changed; all the rest of it must be equal. With
 * W25 and W27, where two rules meet, and where more follows from one (replay_fs_judge.c), the
 * log must be Node's up to there; from there on it must hold what holds of every case.
 */

#include <stdbool.h>

struct cJSON;

enum fs_rule {
	FS_RULE_F8 = 1 << 0,
	FS_RULE_F10 = 1 << 1,
	FS_RULE_F11 = 1 << 2,
	FS_RULE_F12 = 1 << 3,
	FS_RULE_W25 = 1 << 4,
	FS_RULE_W27 = 1 << 5,
};

struct fs_touch {
	unsigned int rules; /* enum fs_rule */
	int entry;	    /* of the log; at the first of them */
	struct cJSON *hand; /* numbers of the steps that were in hand at F10 */
	bool ended_after;   /* the first end came after F10 or F11 */

	const struct cJSON *entry_case;
	bool auto_close;
	int phase; /* from 0 */
	bool ended;
	bool closing; /* close() was called */
	bool destroyed;
	int corked;
	struct cJSON *at_sink; /* numbers of steps, in this phase */
	struct cJSON *waiting;
};

void fs_touch_init(struct fs_touch *touch, const struct cJSON *entry, bool auto_close);
void fs_touch_fini(struct fs_touch *touch);

/* A phase is about to begin; a step of it is about to be made. `log`: what there is so far. */
void fs_touch_phase(struct fs_touch *touch, const struct cJSON *log);
void fs_touch_step(struct fs_touch *touch, const struct cJSON *step, int number,
		   const struct cJSON *log);

/* All phases are over: what only the answers show. */
void fs_touch_end(struct fs_touch *touch);

/* The first rule's name; NULL: none is met. */
const char *fs_touch_name(const struct fs_touch *touch);

/* F10: Node's kernel took all of what was in hand at the first call. */
bool fs_touch_hand_is_whole(const struct fs_touch *touch);

/* Whether there is an entry that begins so. */
bool fs_touch_log_has(const struct cJSON *log, const char *prefix);

#endif
