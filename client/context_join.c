/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/context_join.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "proto/args.h"
#include "proto/json_scan.h"

#define CONTEXT_VALUES_MAX 10000

/* The text between the braces of an object; false if it is no object. */
static bool find_inside(const char *text, const char **ret_inside, size_t *ret_bytes)
{
	const char *begin = strchr(text, '{'), *end = strrchr(text, '}');

	if (!begin || !end || (size_t)(begin - text) != strspn(text, " \t\r\n"))
		return false;
	*ret_inside = begin + 1 + strspn(begin + 1, " \t\r\n");
	*ret_bytes = end > *ret_inside ? (size_t)(end - *ret_inside) : 0;
	return true;
}

static int join(const cJSON *object, const char *members, cJSON **ret_raw)
{
	struct json_scan scan;
	const char *inside;
	char *own, *text;
	size_t bytes, own_bytes;
	int length, r;

	r = json_scan(members, strlen(members), CONTEXT_VALUES_MAX, NULL, &scan);
	if (r < 0)
		return r;
	if (r == JSON_SCAN_E_MALFORMED || !find_inside(members, &inside, &bytes))
		return -EINVAL;

	own = cJSON_PrintUnformatted(object);
	if (!own)
		return -ENOMEM;
	own_bytes = strlen(own) - 1;
	length = asprintf(&text, "%.*s%s%.*s}", (int)own_bytes, own,
			  own_bytes > 1 && bytes > 0 ? "," : "", (int)bytes, inside);
	cJSON_free(own);
	if (length < 0)
		return -ENOMEM;
	*ret_raw = cJSON_CreateRaw(text);
	free(text);
	return *ret_raw ? 0 : -ENOMEM;
}

int context_join(struct args *own, const char *members, cJSON **ret_context)
{
	cJSON *object;
	int r;

	r = args_take(own, &object);
	if (r)
		return r;
	if (!members) {
		*ret_context = object;
		return 0;
	}
	r = join(object, members, ret_context);
	cJSON_Delete(object);
	return r;
}
