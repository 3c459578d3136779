/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_OBJECTS_STREAM_DESTINATION_H
#define FOREBAY_OBJECTS_STREAM_DESTINATION_H

/*
 * What of opening a stream waits for a disk, or takes time with its size: run by a worker,
 * as errands. For stream_open.c and stream_rotate.c only.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "daemon/core/path_template.h"
#include "daemon/core/stream_options.h"
#include "daemon/io/catalogue_file.h"
#include "daemon/io/memfd.h"
#include "daemon/io/publish.h"
#include "daemon/io/root.h"
#include "daemon/objects/errand.h"
#include "daemon/objects/streams.h"

struct store;
struct stream;

/*
 * What the worker is given and what it finds. It looks at nothing else, so that the stream
 * may be looked at meanwhile.
 */
struct stream_opening {
	struct errand errand;
	struct stream *stream;

	const struct store *store; /* NULL: directory_fd, or a passed descriptor */
	uid_t uid;
	struct root_owner owner;
	int directory_fd;
	int destination_fd;
	enum stream_target target;
	char *path;
	enum stream_open open;
	mode_t mode;
	uint64_t start;
	uint64_t size_hint;
	bool side_file;
	uint64_t ring_bytes;
	char temporary_name[PUBLISH_TEMPORARY_NAME_MAX];

	const char *operation; /* under way, for the fault */
	const char *reason;    /* of a refusal by rule */
	int dir_fd;
	int file_fd;
	int direct_fd; /* the same file, for direct writes; -1: it has none */
	const char *base_name;
	char *absolute_path;
	bool made;
	uint64_t device;
	uint64_t directory; /* st_ino of dir_fd; 0: none */
	uint64_t base_offset;
	int ring_fd;
	struct mapping ring;
	struct stream_ring_fds client_fds;
	bool rotates; /* `path` is a template */
	bool numbered;
	struct path_template_time time;
	struct tm when;
	char *segment_path; /* what becomes of the template; base_name points into it */
	uint64_t present;   /* the highest number in the directory */
	struct catalogue_find find;
	void (*named)(struct stream_opening *opening, int result);
	uint32_t pending; /* the ring's memory and the catalogue's row, made side by side */
	int error;	  /* what went wrong with them, or later, in `operation` */
	bool ledger_full; /* or this */
};

/*
 * The directory, or the file. 0, ROOT_E_REFUSED with `reason`, or a
 * negative errno with `operation`. A file that somebody else writes: -EBUSY in "lock".
 */
int stream_destination_find(struct errand *errand) must_check;

/* The ring's memory. */
int stream_destination_make_ring(struct errand *errand) must_check;

/* The temporary in the stream's directory. */
int stream_destination_make_temporary(struct errand *errand) must_check;

#endif
