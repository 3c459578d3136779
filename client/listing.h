/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CLIENT_LISTING_H
#define FOREBAY_CLIENT_LISTING_H

/*
 * What most verbs do: call a method, and show its answers. With --json each answer's
 * parameters are one line as the daemon wrote them.
 */

#include "client/verbs.h"

struct args;
struct cJSON;
struct forebay_reply;
struct print_column;

/* A method that answers once for each object, as a table. Empties the writer. */
enum verb_status listing_table(struct verb_call *call, const char *method, struct args *args,
			       const struct print_column *columns);

/*
 * The same where a row needs more than the daemon tells: prepare adds it to each object, before
 * the columns look at it. 0 or -ENOMEM.
 */
typedef int (*listing_prepare_fn)(struct cJSON *object, void *data);

struct listing_view {
	const struct print_column *columns;
	listing_prepare_fn prepare;	/* or NULL */
	void *data;
	bool skip_empty;		/* with --json an answer without members is no line */
};

enum verb_status listing_table_with(struct verb_call *call, const char *method, struct args *args,
				    const struct listing_view *view);

/* A method that answers once, as a description. Empties the writer. */
enum verb_status listing_show(struct verb_call *call, const char *method, struct args *args);

/*
 * A method that answers once, and of it the text of one field alone ("buffer.id"); with field
 * NULL nothing is shown.
 */
enum verb_status listing_field(struct verb_call *call, const char *method, struct args *args,
			       const char *field);

/* The call alone; ret_reply may be NULL. A failure has been reported. Empties the writer. */
enum verb_status listing_call(struct verb_call *call, const char *method, struct args *args,
			      struct forebay_reply *ret_reply);

/* {"id":ID} with the verb's first argument, which most methods want. */
void listing_begin_id(struct verb_call *call, struct args *ret_args);

#endif
