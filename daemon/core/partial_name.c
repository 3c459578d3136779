/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/core/partial_name.h"

#include <stdio.h>

#define SUFFIX ".partial"
#define KEPT_BYTES ((int)(PARTIAL_NAME_BYTES - sizeof(SUFFIX)))

void partial_name(const char *name, char partial[static PARTIAL_NAME_BYTES])
{
	(void)snprintf(partial, PARTIAL_NAME_BYTES, "%.*s" SUFFIX, KEPT_BYTES, name);
}
