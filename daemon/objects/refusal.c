/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/objects/refusal.h"

#include <stdio.h>

static void copy_text(char target[static REFUSAL_TEXT_BYTES], const char *text)
{
	(void)snprintf(target, REFUSAL_TEXT_BYTES, "%s", text);
}

int refuse(struct refusal *refusal, enum refusal_kind kind)
{
	/* The two texts are large and are only read where their kind says so. */
	refusal->kind = kind;
	refusal->id = 0;
	refusal->first = 0;
	refusal->second = 0;
	refusal->text[0] = '\0';
	refusal->reason[0] = '\0';
	refusal->fault.operation = NULL;
	return REFUSED;
}

int refuse_text(struct refusal *refusal, enum refusal_kind kind, const char *text)
{
	(void)refuse(refusal, kind);
	copy_text(refusal->text, text);
	return REFUSED;
}

int refuse_id(struct refusal *refusal, enum refusal_kind kind, uint64_t id)
{
	(void)refuse(refusal, kind);
	refusal->id = id;
	return REFUSED;
}

int refuse_range(struct refusal *refusal, const char *parameter, int64_t minimum, int64_t maximum)
{
	(void)refuse_text(refusal, REFUSAL_OUT_OF_RANGE, parameter);
	refusal->first = minimum;
	refusal->second = maximum;
	return REFUSED;
}

int refuse_limit(struct refusal *refusal, const char *limit, uint64_t maximum)
{
	(void)refuse_text(refusal, REFUSAL_LIMIT, limit);
	refusal->first = maximum > INT64_MAX ? INT64_MAX : (int64_t)maximum;
	return REFUSED;
}

int refuse_schedule(struct refusal *refusal, const char *parameter, const char *reason)
{
	(void)refuse_text(refusal, REFUSAL_BAD_SCHEDULE, parameter);
	copy_text(refusal->reason, reason);
	return REFUSED;
}

int refuse_digest(struct refusal *refusal, const char *expected, const char *got)
{
	(void)refuse_text(refusal, REFUSAL_DIGEST_MISMATCH, expected);
	copy_text(refusal->reason, got);
	return REFUSED;
}

int refuse_path(struct refusal *refusal, const char *path, const char *reason)
{
	(void)refuse_text(refusal, REFUSAL_PATH_REFUSED, path);
	copy_text(refusal->reason, reason);
	return REFUSED;
}

int refuse_failed(struct refusal *refusal, uint64_t id, const struct fault *fault)
{
	(void)refuse_id(refusal, REFUSAL_STREAM_FAILED, id);
	refusal->fault = *fault;
	return REFUSED;
}
