/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_TESTS_VECTORS_REPLAY_H
#define FOREBAY_TESTS_VECTORS_REPLAY_H

/*
 * Replays recorded answers of Node against the objects that the daemon links, or libforebay. A kind is one
 * file format; its function gets one entry of the file's list at a time and says what came
 * of it. It holds no rule of the thing under test: it turns the entry into calls and
 * compares what comes back.
 */

#include <stdbool.h>

struct cJSON;

/*
 * One case. `rule` is the rule by which this project departs from Node there on purpose
 * (the case counts as mapped as well as passed), NULL for none. A failed case has told why
 * by replay_complain().
 */
struct replay_verdict {
	bool passed;
	const char *rule;
};

/* Where nothing departs from Node. */
static inline struct replay_verdict replay_verdict(bool passed)
{
	return (struct replay_verdict){ .passed = passed };
}

struct replay_kind {
	const char *name;
	const char *list; /* the file's member that holds the entries */
	struct replay_verdict (*run)(const struct cJSON *entry);
};

extern const struct replay_kind replay_arraybuffer;
extern const struct replay_kind replay_buffer_ops;
extern const struct replay_kind replay_dataview;
extern const struct replay_kind replay_dataview_f16;
extern const struct replay_kind replay_encodings;
extern const struct replay_kind replay_library_buffer_ops;
extern const struct replay_kind replay_library_dataview;
extern const struct replay_kind replay_library_encodings;
extern const struct replay_kind replay_flow_trace;
extern const struct replay_kind replay_fs_streams;
extern const struct replay_kind replay_pool;
extern const struct replay_kind replay_writable;

/* One line about a failure, behind the case's id. Only the first lines of a run are printed. */
void replay_complain(const struct cJSON *entry, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
