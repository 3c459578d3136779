/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CTL_DISPATCH_H
#define FOREBAY_CTL_DISPATCH_H

/*
 * From a method's name to the function that does it. What a call may carry is in the
 * interface's definition and is checked here, so a command sees parameters of the right
 * names and types only; ranges and meanings are its own business.
 */

#include <stdbool.h>

#include "daemon/base/err.h"

struct call;
struct refusal;
struct service;

enum command_flags {
	COMMAND_TAKES_DESCRIPTORS = 1,
};

/*
 * 0: the call has been answered, or will be. REFUSED with the refusal, or a negative errno:
 * it is answered with that by the caller.
 */
typedef int (*command_fn)(struct call *call, struct refusal *refusal);

struct command {
	const char *member; /* NULL ends a table */
	command_fn run;
	unsigned int flags;
};

/* Does the call or answers why not. The call may be gone when this returns. */
void dispatch_call(struct call *call);

/* Whether every command's name is a method of its interface. */
bool dispatch_is_complete(const struct service *service);

#endif
