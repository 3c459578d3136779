/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/sized.h"

#include <errno.h>
#include <string.h>

int sized_read(const void *given, size_t first_bytes, void *result, size_t result_bytes)
{
	const unsigned char *bytes = given;
	size_t given_bytes, i;

	memcpy(&given_bytes, given, sizeof(given_bytes));
	if (given_bytes < first_bytes)
		return -EINVAL;
	for (i = result_bytes; i < given_bytes; i++)
		if (bytes[i] != 0)
			return -EINVAL;
	memcpy(result, given, given_bytes < result_bytes ? given_bytes : result_bytes);
	return 0;
}
