/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_OBJECTS_CONDUIT_SOURCE_H
#define FOREBAY_OBJECTS_CONDUIT_SOURCE_H

/*
 * The first part of a conduit; for the conduit_*.c files only. One read at a time: of a file by
 * a worker, of a buffer in its turn, of a pipe or socket when there is something.
 */

#include <stdbool.h>
#include <stdint.h>

#include "daemon/base/err.h"
#include "daemon/objects/conduit.h"

struct conduit_source;
struct pool;

/* As conduit_open(); `opened` is called later on 0. */
int must_check conduit_source_open(struct conduit *conduit, struct holder *holder,
				   struct conduit_request *request, conduit_open_fn opened,
				   struct refusal *refusal);

/* Only when nothing is under way. Takes NULL. */
struct conduit_source *conduit_source_free(struct conduit_source *source);

/* PIPE_FLOW_DO_READ and PIPE_FLOW_DO_RELEASE of it. */
void conduit_source_read(struct conduit *conduit, uint64_t bytes);
void conduit_source_release(struct conduit *conduit);

/* Begins a read that had to wait. */
void conduit_source_turn(struct conduit *conduit);

uint64_t conduit_source_read_bytes(const struct conduit_source *source);
uint64_t conduit_source_total_bytes(const struct conduit_source *source);
const char *conduit_source_absolute_path(const struct conduit_source *source);
bool conduit_source_has_ended(const struct conduit_source *source);
/* Whether it reads a buffer of this pool. */
bool conduit_source_reads(const struct conduit_source *source, const struct pool *pool);

#endif
