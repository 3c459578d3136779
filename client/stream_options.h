/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CLIENT_STREAM_OPTIONS_H
#define FOREBAY_CLIENT_STREAM_OPTIONS_H

/*
 * The options of a stream as the parameters of io.forebay.stream.Open, and of the sink of
 * io.forebay.stream.Pipe. Pure, any thread.
 */

#include <stddef.h>

#include "proto/must_check.h"

struct args;
struct forebay_fds;
struct forebay_stream_options;

/*
 * What a caller gave, in a struct of today's size. -EINVAL: its size is none that any version
 * of this library ever had, or it is larger and uses what we do not know.
 */
int stream_options_read(const struct forebay_stream_options *given,
			struct forebay_stream_options *ret_options) must_check;

/*
 * Adds the parameters to an object that is begun. fds has room for two and gets those that
 * travel with the call. -EINVAL: options->context is no JSON object.
 */
int stream_options_build(const struct forebay_stream_options *options, struct args *parameters,
			 int *fds, struct forebay_fds *ret_fds) must_check;

/*
 * The same without a ring: the context and the descriptors, which come behind the *count that
 * fds has already.
 */
int stream_options_add_sink(const struct forebay_stream_options *options, struct args *parameters,
			    int *fds, size_t *count) must_check;

#endif
