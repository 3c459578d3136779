/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/core/fault.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>

void fault_set(struct fault *fault, const char *operation, int error, const char *path,
	       int64_t offset)
{
	fault->operation = operation;
	fault->error = error < 0 ? -error : error;
	fault->offset = offset;
	(void)snprintf(fault->path, sizeof(fault->path), "%s", path ? path : "");
}

bool fault_is_set(const struct fault *fault)
{
	return fault->operation != NULL;
}

bool fault_may_pass(int error)
{
	switch (error < 0 ? -error : error) {
	case EBADF:
	case ECANCELED:
	case EEXIST:
	case EFAULT:
	case EFBIG:
	case EINVAL:
	case EISDIR:
	case ELOOP:
	case ENAMETOOLONG:
	case ENOENT:
	case ENOSYS:
	case ENOTDIR:
	case ENOTEMPTY:
	case EOPNOTSUPP:
	case ESHUTDOWN:
	case EXDEV:
		return false;
	default:
		return true;
	}
}
