/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CLIENT_SIZED_H
#define FOREBAY_CLIENT_SIZED_H

/*
 * Structs of options that grow from version to version: the first member is a size_t with the
 * size that the caller's compiler knew. Pure, any thread.
 */

#include <stddef.h>

#include "proto/must_check.h"

/*
 * What a caller gave, in a struct of today's size, whose defaults are there already. -EINVAL:
 * the size is smaller than that of the first version, or larger than ours with something in it
 * that we do not know; then the result is as it was.
 */
int sized_read(const void *given, size_t first_bytes, void *result, size_t result_bytes) must_check;

#endif
