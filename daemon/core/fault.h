/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CORE_FAULT_H
#define FOREBAY_CORE_FAULT_H

/* What went wrong, where: kept by the stream (later the run) that it ended. */

#include <stdbool.h>
#include <stdint.h>

#define FAULT_PATH_BYTES 4096

struct fault {
	const char *operation; /* a constant: "open", "write", "syncData"...; NULL: no fault */
	int error;	       /* positive errno */
	int64_t offset;	       /* bytes in the file; -1: does not apply */
	char path[FAULT_PATH_BYTES]; /* "": none */
};

/* `operation` is a constant text; `path` may be NULL and is cut where it is too long. */
void fault_set(struct fault *fault, const char *operation, int error, const char *path,
	       int64_t offset);
bool fault_is_set(const struct fault *fault);

/*
 * Whether trying again later may help: a disk that is full or out of order may be well again,
 * but a request that can never be right (EFBIG, EFAULT, a name that is taken) stays wrong.
 * `error` is an errno, of either sign.
 */
bool fault_may_pass(int error);

#endif
