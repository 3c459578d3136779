/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/core/path_rule.h"

#include <string.h>

static const char *check_component(const char *name, size_t length)
{
	if (length == 0)
		return "an empty component (two slashes, or one at the end)";
	if (length > PATH_RULE_COMPONENT_BYTES_MAX)
		return "a component is longer than 255 bytes";
	if (length == 1 && name[0] == '.')
		return "a component is \".\"";
	if (length == 2 && name[0] == '.' && name[1] == '.')
		return "a component is \"..\"";
	if (strncmp(name, PATH_RULE_RESERVED, strlen(PATH_RULE_RESERVED)) == 0)
		return "names that begin with .forebay- are reserved";
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f)
			return "a control character";
	return NULL;
}

static const char *find_fault(const char *path)
{
	const char *fault;
	size_t length;

	if (path[0] == '\0')
		return "the path is empty";
	if (path[0] == '/')
		return "the path is absolute";
	if (strlen(path) > PATH_RULE_BYTES_MAX)
		return "the path is too long";
	for (;;) {
		length = strcspn(path, "/");
		fault = check_component(path, length);
		if (fault || path[length] == '\0')
			return fault;
		path += length + 1;
	}
}

bool path_check(const char *path, const char **ret_reason)
{
	const char *fault = find_fault(path);

	if (fault)
		*ret_reason = fault;
	return !fault;
}

const char *path_base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

size_t path_directory_length(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? (size_t)(slash - path) : 0;
}
