/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_OBJECTS_READABLE_PARTS_H
#define FOREBAY_OBJECTS_READABLE_PARTS_H

/* What a readable stream is made of; for the readable*.c files only. */

#include "daemon/core/id_text.h"
#include "daemon/io/memfd.h"
#include "daemon/io/sigbus.h"
#include "daemon/objects/errand.h"
#include "daemon/objects/readable.h"

struct forebay_ring_header;

/* What one turn copies: a fast consumer must not keep the loop from the others. */
#define READABLE_TURN_BYTES (UINT64_C(256) * 1024)

/* The longest beginning of a character. */
#define READABLE_CARRY_BYTES 4

struct readable_ring {
	uint64_t bytes; /* 0: none */
	int memory_fd;
	int signal_fd;
	struct event *signal_event;
	struct mapping mapping;
	struct sigbus_watch watch;
	struct forebay_ring_header *header;
	unsigned char *data;
	uint64_t head;
	uint64_t tail; /* the last good one */
	uint64_t need;
	bool asked;  /* to be told of room */
	bool paused; /* by the client's word */
	bool told_end;
};

/* What can be taken: the rest of a sink call, and before it what was carried over. */
struct readable_hand {
	struct list *cursor;   /* flow_sink::writes */
	uint64_t cursor_bytes; /* of that one that were taken */
	uint64_t bytes;	       /* left of the sink call, */
	uint64_t taken_bytes;  /* and taken */
	unsigned char carry[READABLE_CARRY_BYTES];
	size_t carry_bytes;
};

struct readable {
	struct list registry_link; /* registry::readables */
	struct list holder_link;   /* holder::readables */
	struct user *user;	   /* has a reference */
	struct holder *holder;	   /* NULL: it is gone, and so is this as soon as it can be */
	uint64_t id;
	char id_text[ID_TEXT_BYTES];
	bool charged;
	uint64_t charged_ring_bytes;

	struct conduit conduit;
	enum stream_state state;
	bool paused;
	bool aborted;
	bool finishing; /* everything is in the consumer's reach, and not all of it is taken */
	struct fault fault;
	struct readable_open_answer {
		readable_open_fn done;
		void *data;
	} open;
	struct errand errand;

	struct readable_hand hand;
	bool writing; /* a sink call is in hand */
	uint64_t taken_bytes;
	uint64_t read_bytes; /* by a conduit that is over, */
	uint64_t total_bytes;
	char *path; /* and of what */

	struct list reads; /* struct readable_read */
	struct readable_ring ring;
};

static inline struct readable *readable_of(struct conduit *conduit)
{
	return container_of(conduit, struct readable, conduit);
}

/* readable.c */
void readable_set_state(struct readable *readable, enum stream_state state);
/* What can be taken now; takes so many of it, or only looks at them. */
uint64_t readable_available(const struct readable *readable);
void readable_take(struct readable *readable, unsigned char *to, uint64_t bytes);
void readable_peek(const struct readable *readable, unsigned char *to, uint64_t bytes);
/*
 * Lays aside all that is in hand, so that more can come: the beginning of a character, less than
 * READABLE_CARRY_BYTES with what was laid aside before.
 */
void readable_carry(struct readable *readable);
/* Ends the sink call when nothing of it is left. True: it did. */
bool readable_end_write(struct readable *readable);
/* All of it was taken. */
void readable_finish(struct readable *readable);
/* Gives it up, with the fault. */
void readable_fail(struct readable *readable, const char *operation, int error);

/* readable_take.c. True: something was answered to the flow. */
bool readable_take_turn(struct readable *readable);
/* Whoever waits hears how it ended. */
void readable_end_reads(struct readable *readable);

/* readable_ring.c */
bool readable_ring_turn(struct readable *readable);
/* For a worker. */
int readable_ring_make(struct readable *readable);
int readable_ring_connect(struct readable *readable, struct stream_ring_fds *ret_fds);
/* The consumer sees how it ended. */
void readable_ring_tell_end(struct readable *readable);
void readable_ring_fini(struct readable *readable);

#endif
