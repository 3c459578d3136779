/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/core/id_text.h"

#include <string.h>

#define DIGITS (ID_TEXT_BYTES - 2)

static const char digits[] = "0123456789abcdef";

void id_format(enum id_kind kind, uint64_t id, char text[static ID_TEXT_BYTES])
{
	text[0] = (char)kind;
	for (int i = DIGITS; i > 0; i--, id >>= 4)
		text[i] = digits[id & 15];
	text[DIGITS + 1] = '\0';
}

bool id_parse(enum id_kind kind, const char *text, uint64_t *ret_id)
{
	uint64_t id = 0;

	if (text[0] != (char)kind || strlen(text) != DIGITS + 1)
		return false;
	for (const char *c = text + 1; *c != '\0'; c++) {
		const char *digit = strchr(digits, *c);

		if (!digit)
			return false;
		id = id << 4 | (uint64_t)(digit - digits);
	}
	if (id == 0)
		return false;
	*ret_id = id;
	return true;
}
