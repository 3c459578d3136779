/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/reply_text.h"

#include <string.h>

static const char *skip_space(const char *text)
{
	return text + strspn(text, " \t\r\n");
}

/* Behind the closing quote; text stands at the opening one. */
static const char *skip_string(const char *text)
{
	for (text++; *text && *text != '"'; text++)
		if (*text == '\\' && text[1])
			text++;
	return *text ? text + 1 : text;
}

/* Behind a value of any kind. */
static const char *skip_value(const char *text)
{
	size_t depth = 0;

	do {
		if (*text == '"') {
			text = skip_string(text);
			continue;
		}
		if (*text == '{' || *text == '[')
			depth++;
		else if (*text == '}' || *text == ']')
			depth--;
		else if (depth == 0)
			return text + strcspn(text, ",}] \t\r\n");
		text++;
	} while (depth > 0 && *text);
	return text;
}

bool reply_text_find_parameters(const char *text, const char **ret_parameters, size_t *ret_bytes)
{
	static const char key[] = "\"parameters\"";

	text = skip_space(text);
	if (*text != '{')
		return false;
	text = skip_space(text + 1);
	while (*text == '"') {
		const char *name = text, *value, *end;

		text = skip_space(skip_string(text));
		if (*text != ':')
			return false;
		value = skip_space(text + 1);
		end = skip_value(value);
		if (strncmp(name, key, sizeof(key) - 1) == 0) {
			if (*value != '{')
				return false;
			*ret_parameters = value;
			*ret_bytes = (size_t)(end - value);
			return true;
		}
		text = skip_space(end);
		if (*text == ',')
			text = skip_space(text + 1);
	}
	return false;
}
