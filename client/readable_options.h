/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CLIENT_READABLE_OPTIONS_H
#define FOREBAY_CLIENT_READABLE_OPTIONS_H

/*
 * What to read as the parameters of io.forebay.stream.OpenReadable and Pipe. Pure, any thread.
 */

#include <stddef.h>

#include "proto/must_check.h"

struct args;
struct forebay_readable_options;

/* What a caller gave, in a struct of today's size. -EINVAL as of sized_read(). */
int readable_options_read(const struct forebay_readable_options *given,
			  struct forebay_readable_options *ret_options) must_check;

/*
 * Adds source, steps and mark to an object that is begun; a descriptor goes behind the *count that
 * fds has already, with its index under the name fd_name. -EINVAL: options->steps is no JSON
 * array.
 */
int readable_options_add(const struct forebay_readable_options *options, struct args *parameters,
			 const char *fd_name, int *fds, size_t *count) must_check;

#endif
