/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/core/lifecycle.h"

#define NAME_ROW(name, text) text,

static const char *const names[] = { LIFECYCLE_LIST(NAME_ROW) };

const char *lifecycle_name(enum lifecycle lifecycle)
{
	return names[lifecycle];
}

void lifecycle_advance(enum lifecycle *lifecycle, enum lifecycle next)
{
	if (next > *lifecycle)
		*lifecycle = next;
}
