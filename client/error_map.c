/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/error_map.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "proto/args.h"

/* By the last part of the name: where two interfaces share one, it means the same in both. */
static const struct {
	const char *name;
	int error;
} rows[] = {
	{ "BadConfiguration", EINVAL },	 { "BadEncoding", EILSEQ },
	{ "BadSchedule", EINVAL },	 { "BufferBusy", EBUSY },
	{ "BufferPinned", EBUSY },	 { "DigestMismatch", EBADMSG },
	{ "ExpectedMore", EINVAL },	 { "ExpectedUpgrade", EINVAL },
	{ "InterfaceNotFound", ENOSYS }, { "InvalidParameter", EINVAL },
	{ "JobExists", EEXIST },	 { "LimitExceeded", EDQUOT },
	{ "MethodNotFound", ENOSYS },	 { "MethodNotImplemented", EOPNOTSUPP },
	{ "NoSuchBuffer", ENOENT },	 { "NoSuchFile", ENOENT },
	{ "NoSuchJob", ENOENT },	 { "NoSuchPool", ENOENT },
	{ "NoSuchStore", ENOENT },	 { "NoSuchStream", ENOENT },
	{ "OutOfRange", ERANGE },	 { "PathBusy", EBUSY },
	{ "PathRefused", EACCES },	 { "PermissionDenied", EPERM },
	{ "PoolBusy", EBUSY },		 { "PoolExists", EEXIST },
	{ "PoolFull", ENOSPC },		 { "QueueFull", EAGAIN },
	{ "ShuttingDown", ESHUTDOWN },	 { "TimedOut", ETIMEDOUT },
	{ "WriteAfterEnd", EPIPE },	 { "WrongState", EBADFD },
};

static int fault_errno(const cJSON *parameters)
{
	const cJSON *fault;
	int64_t error;

	if (!args_get_object(parameters, "fault", &fault))
		return -EIO;
	if (args_get_int_within(fault, "errno", 1, 4095, &error))
		return -EIO;
	return -(int)error;
}

/* One that was stopped has no fault. */
static int run_errno(const cJSON *parameters)
{
	static const char *const results[] = { "canceled", "timeout", NULL };
	static const int errors[] = { ECANCELED, ETIMEDOUT };
	const cJSON *run;
	int result;

	if (!args_get_object(parameters, "run", &run))
		return -EIO;
	return args_get_enum(run, "result", results, &result) ? -errors[result] : fault_errno(run);
}

int error_map_errno(const char *name, const cJSON *parameters)
{
	const char *dot = strrchr(name, '.');
	const char *last = dot ? dot + 1 : name;
	size_t i;

	if (strcmp(last, "StreamFailed") == 0)
		return fault_errno(parameters);
	if (strcmp(last, "RunFailed") == 0)
		return run_errno(parameters);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(rows[i].name, last) == 0)
			return -rows[i].error;
	return -EREMOTEIO;
}
