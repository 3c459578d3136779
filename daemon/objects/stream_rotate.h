/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_OBJECTS_STREAM_ROTATE_H
#define FOREBAY_OBJECTS_STREAM_ROTATE_H

/* What a rotating stream knows beyond others; for stream_rotate.c and stream_segment.c only. */

#include <stdbool.h>
#include <stdint.h>

#include "daemon/base/list.h"
#include "daemon/io/catalogue_file.h"
#include "daemon/objects/stream.h"

struct store;
struct stream_opening;

enum rotate_state {
	ROTATE_FILLING, /* the segment's file is open, or the stream's first one will be */
	ROTATE_PLACING,
	ROTATE_BETWEEN, /* no file is open */
	ROTATE_OPENING,
};

struct stream_rotate {
	struct stream *stream;
	const struct store *store; /* NULL: directory_fd */
	int directory_fd;
	char *template_text; /* as the catalogue knows it */

	enum rotate_state state;
	enum stream_retry retry;	/* of the next segment's beginning */
	struct stream_opening *opening; /* while OPENING */
	bool final_held;		/* until the segment is in place */
	bool release_held;
	uint64_t number; /* of the present segment; 0: it has none */
	uint64_t spare;	 /* taken, and not used yet; 0: none */

	uint64_t start;	  /* position where the present segment begins */
	struct list cuts; /* stream_entry::cut_link: writes that begin a later one */

	/* The segment that is being accepted, which may be a later one. */
	uint64_t newest;   /* where it begins */
	bool newest_ended; /* the next write begins another */
};

/* Whose numbers and files those of the stream are. */
struct catalogue_template stream_rotate_template(const struct stream_rotate *rotate);

/* What must not be interrupted is over: what waited for it is begun. */
void stream_rotate_settle(struct stream_rotate *rotate, enum rotate_state state);

/* stream_segment.c */
/* True: the next segment is being begun. */
bool stream_segment_move(struct stream_rotate *rotate);

#endif
