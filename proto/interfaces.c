/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "proto/interfaces.h"

#include <string.h>

const struct interface_text *interface_text_find(const char *name)
{
	const struct interface_text *text;

	for (text = interface_texts; text->name; text++)
		if (strcmp(text->name, name) == 0)
			return text;
	return NULL;
}
