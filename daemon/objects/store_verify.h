/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_OBJECTS_STORE_VERIFY_H
#define FOREBAY_OBJECTS_STORE_VERIFY_H

/*
 * Reads a stored file, from the disk where that can be had, and holds it against the digest
 * that the catalogue has of it. The reading is done on workers, a piece at a time, so that
 * neither the loop nor the other work of the workers waits for a large file. Loop thread only.
 */

#include <stdbool.h>
#include <stdint.h>

#include "daemon/base/err.h"

struct refusal;
struct store;
struct store_verification;
struct user;

/*
 * Another file under the same path, put there by whatever else, is not the one that was
 * recorded: unless its content is the same all the same, nothing is known about it.
 */
struct store_verified {
	bool known; /* a digest was recorded of this file, or of one like it */
	bool intact;
	const char *expected; /* NULL: not known */
	const char *got;      /* NULL: nothing was recorded under this path, nothing was read */
	uint64_t current_bytes;
	uint64_t total_bytes;
};

/* `progress` may be NULL; it may cancel. `done` is called once. */
struct store_verify_hooks {
	void (*progress)(void *data, uint64_t current_bytes, uint64_t total_bytes);
	void (*done)(void *data, int result, const struct store_verified *verified,
		     const struct refusal *refusal);
	void *data;
};

/* 0: hooks.done will be called, from the loop, and the verification is gone with it. */
int must_check store_verify(struct user *user, struct store *store, const char *path,
			    const struct store_verify_hooks *hooks,
			    struct store_verification **ret_verification, struct refusal *refusal);

/* No hook is called any more. */
void store_verify_cancel(struct store_verification *verification);

#endif
