/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "proto/idl.h"

/* Letters are ASCII whatever the locale says, so <ctype.h> is of no use here. */
static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_alphanumeric(char c)
{
	return is_letter(c) || (c >= '0' && c <= '9');
}

/* Two words or more, joined by dots; dashes only inside of a word. */
bool idl_is_interface_name(const char *name, size_t name_bytes)
{
	size_t dots = 0, i;

	if (name_bytes == 0 || !is_letter(name[0]) || !is_alphanumeric(name[name_bytes - 1]))
		return false;
	for (i = 1; i < name_bytes; i++) {
		if (name[i] == '.') {
			if (!is_alphanumeric(name[i - 1]) || !is_alphanumeric(name[i + 1]))
				return false;
			dots++;
		} else if (name[i] != '-' && !is_alphanumeric(name[i])) {
			return false;
		}
	}
	return dots > 0;
}

bool idl_is_member_name(const char *name, size_t name_bytes)
{
	size_t i;

	if (name_bytes == 0 || name[0] < 'A' || name[0] > 'Z')
		return false;
	for (i = 1; i < name_bytes; i++)
		if (!is_alphanumeric(name[i]))
			return false;
	return true;
}

bool idl_is_field_name(const char *name, size_t name_bytes)
{
	size_t i;

	if (name_bytes == 0 || !is_letter(name[0]) || name[name_bytes - 1] == '_')
		return false;
	for (i = 1; i < name_bytes; i++) {
		if (name[i] == '_' ? name[i - 1] == '_' : !is_alphanumeric(name[i]))
			return false;
	}
	return true;
}
