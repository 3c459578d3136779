/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/base/err.h"

#include <stdio.h>
#include <string.h>

const char *err_name(int error)
{
	/* For a number that the C library has no name for; each thread has its own text. */
	static _Thread_local char unnamed[sizeof("E2147483648")];
	unsigned int number = error < 0 ? 0U - (unsigned int)error : (unsigned int)error;
	const char *name = number ? strerrorname_np((int)number) : NULL;

	if (name)
		return name;
	(void)snprintf(unnamed, sizeof(unnamed), "E%u", number);
	return unnamed;
}
