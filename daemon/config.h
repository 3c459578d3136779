/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CONFIG_H
#define FOREBAY_CONFIG_H

/*
 * What the daemon is told: built-in values, over them the file, over it the command line. One
 * table in config.c has every key of the file; forebayd.conf(5) says what each is for.
 * Reading waits for the disk. Any thread; nothing is shared.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/base/err.h"

#define CONFIG_REASON_BYTES 256

struct config_store {
	char *name;
	char *path; /* absolute */
	bool per_user;
};

/* Numbers are all of one type, so that one table can describe them. */
struct config {
	char *socket;	       /* NULL until config_complete() */
	char *state_directory; /* NULL until config_complete() */
	uint64_t socket_mode;
	uint64_t engine;    /* enum engine_kind */
	uint64_t log_level; /* enum log_level */
	uint64_t certification;
	uint64_t drain_timeout_usec;
	uint64_t default_pool_bytes;

	uint64_t connections_total;
	uint64_t connections;
	uint64_t message_bytes;
	uint64_t memory_bytes_total; /* 0: half of what the machine has */
	uint64_t pool_bytes;
	uint64_t ring_bytes;
	uint64_t staging_bytes;
	uint64_t buffers;
	uint64_t streams;
	uint64_t jobs;
	uint64_t event_queue_bytes;
	uint64_t calls_in_flight;
	uint64_t descriptors_in_flight;
	uint64_t stored_descriptors_total;

	struct config_store *stores;
	size_t store_count;

	uint64_t seen; /* keys of the table that the file has given, as bits */
};

/* Where a file is wrong. */
struct config_error {
	int64_t line; /* 0: the file as a whole */
	char reason[CONFIG_REASON_BYTES];
};

enum config_outcome {
	CONFIG_E_BAD = 1, /* *ret_error says where and why */
};

/* Built-in values. */
void config_init(struct config *config);
void config_fini(struct config *config);

/* 0, CONFIG_E_BAD, -ENOMEM. On failure the configuration is half changed. */
int must_check config_read_file(struct config *config, const char *path,
				struct config_error *ret_error);

/* The same from a text, for tests. */
int must_check config_read_text(struct config *config, const char *text,
				struct config_error *ret_error);

/* One value from elsewhere: the line of the error is 0. */
int must_check config_set(struct config *config, const char *section, const char *key,
			  const char *value, struct config_error *ret_error);

/* A store by name and absolute path; it takes the place of one of the same name. */
int must_check config_set_store(struct config *config, const char *name, const char *path,
				struct config_error *ret_error);

/*
 * Fills in what depends on the environment and on who we are: the paths, the store "default".
 * CONFIG_E_BAD where they cannot be known.
 */
int must_check config_complete(struct config *config, struct config_error *ret_error);

/*
 * Takes over what may change while the daemon runs. Returns the name of a key that differs and
 * may not; NULL: none.
 */
const char *config_reload(struct config *config, const struct config *fresh);

#endif
