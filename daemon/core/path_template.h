/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CORE_PATH_TEMPLATE_H
#define FOREBAY_CORE_PATH_TEMPLATE_H

/*
 * The path of a rotating stream, from which each segment's path is made: {n} stands for the
 * segment's number, and conversions of strftime for the time it was begun. "%%" is a percent
 * sign. {n} may stand once, in the last component; conversions may stand anywhere.
 *
 * Only conversions that always give the same number of characters are known, so that a name
 * says without doubt which number is in it:
 *
 *	%Y %y %C %G %g %m %d %j %H %I %M %S %u %w %U %V %W %a %b %p %z %F %T
 *
 * A job's path is such a template too, but for {n}: {job}, {run} and {host} stand in it, each
 * as often as wanted and anywhere, and it may have nothing of all that.
 *
 * Pure: whoever calls has the time written.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/core/path_rule.h"

#define PATH_TEMPLATE_BYTES (PATH_RULE_BYTES_MAX + 1)

/* The highest number there is: it fits into every integer that it will meet. */
#define PATH_TEMPLATE_NUMBER_MAX INT64_MAX

/* False with *ret_reason, a constant text: no template, or one whose paths would be refused. */
bool path_template_check(const char *text, const char **ret_reason);

/* For a text that path_template_check() has accepted: whether {n} is in it. */
bool path_template_has_number(const char *text);

/* What the conversion of this letter stands for, as strftime would put it there. */
struct path_template_time {
	size_t (*write)(const struct path_template_time *time, char letter, char *room,
			size_t room_bytes);
};

/* The same kind of text. False: the path does not fit. */
bool path_template_expand(const char *text, const struct path_template_time *time, uint64_t number,
			  char path[static PATH_TEMPLATE_BYTES]);

/*
 * Whether `name` could have been made from the last component of a template, `base`, and with
 * which number. Never true where there is no {n}.
 */
bool path_template_match(const char *base, const char *name, uint64_t *ret_number);

/* What stands for the words of a job's path. */
struct path_template_words {
	const char *job;
	const char *host;
	uint64_t run;
};

/* As path_template_check() and path_template_expand(), for a job's path. */
bool path_template_check_job(const char *text, const struct path_template_words *words,
			     const char **ret_reason);
bool path_template_expand_job(const char *text, const struct path_template_time *time,
			      const struct path_template_words *words,
			      char path[static PATH_TEMPLATE_BYTES]);

#endif
