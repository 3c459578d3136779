/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_IO_FAULT_PLAN_H
#define FOREBAY_IO_FAULT_PLAN_H

/*
 * What is to go wrong, and when: rules read from a text, for engine_faulty.
 *
 *	rule;rule;...		rule = NAME[(PART)]:WHAT[@N[+]]
 *
 *	NAME	an operation's name ("write", "syncData", ..), an IO_RUN request's name
 *		("open", "rename", ..), or * for all
 *	PART	the request's path must contain this
 *	WHAT	ENOSPC (or any errno): not carried out, this error is reported
 *		short: no kernel call is given more than about a third of the write
 *		short/ENOSPC: half is written, then this error is reported
 *		delay=200ms (us, ms, s): carried out after that time
 *		hang: carried out when the engine is closed
 *		busy: ENGINE_BUSY
 *	N	at the N-th request that the rule matches; N+: from then on; without: always
 *
 *	write:EIO@3;syncData:EIO@1+;open:ENOSPC@1;write(/slow/):delay=200ms
 *
 * The first rule that applies to a request wins; every rule counts it. One thread.
 */

#include <stdint.h>

#include "daemon/base/err.h"

enum injection_kind {
	INJECT_NOTHING,
	INJECT_ERROR,
	INJECT_SHORT,
	INJECT_DELAY,
	INJECT_HANG,
	INJECT_BUSY,
};

struct injection {
	enum injection_kind kind;
	int error;		/* ERROR; SHORT if not 0: a positive errno */
	uint64_t delay_ns;	/* DELAY */
};

struct fault_plan;

/* -EINVAL with *ret_reason (a constant) for a text that is no plan; -ENOMEM. */
int fault_plan_parse(const char *text, struct fault_plan **ret_plan,
		     const char **ret_reason) must_check;
struct fault_plan *fault_plan_free(struct fault_plan *plan);

/* `path` may be NULL. */
struct injection fault_plan_next(struct fault_plan *plan, const char *name, const char *path);

#endif
