/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "proto/args.h"

#include <errno.h>
#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "proto/encoding.h"

static const cJSON *get(const cJSON *object, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(object, name);
}

bool args_get_bool(const cJSON *object, const char *name, bool *ret_value)
{
	const cJSON *value = get(object, name);

	if (!cJSON_IsBool(value))
		return false;
	*ret_value = cJSON_IsTrue(value);
	return true;
}

bool args_parse_int(const char *text, int64_t *ret_value)
{
	const char *digits = *text == '-' ? text + 1 : text;
	size_t count = strspn(digits, "0123456789");
	intmax_t value;

	if (count == 0 || digits[count] != '\0' ||
	    (*digits == '0' && (count > 1 || digits != text)))
		return false;
	errno = 0;
	value = strtoimax(text, NULL, 10);
	if (errno != 0 || value < INT64_MIN || value > INT64_MAX)
		return false;
	*ret_value = value;
	return true;
}

bool args_value_int(const cJSON *value, int64_t *ret_value)
{
	double number;

	/* What the writer below made is raw digits. */
	if (cJSON_IsString(value) || cJSON_IsRaw(value))
		return args_parse_int(value->valuestring, ret_value);
	if (!cJSON_IsNumber(value))
		return false;
	number = value->valuedouble;
	if (!(number >= -(double)ARGS_EXACT_MAX && number <= (double)ARGS_EXACT_MAX) ||
	    number != (double)(int64_t)number)
		return false;
	*ret_value = (int64_t)number;
	return true;
}

bool args_get_int(const cJSON *object, const char *name, int64_t *ret_value)
{
	return args_value_int(get(object, name), ret_value);
}

int args_get_int_within(const cJSON *object, const char *name, int64_t minimum, int64_t maximum,
			int64_t *ret_value)
{
	const cJSON *value = get(object, name);
	int64_t number;

	if (!value || cJSON_IsNull(value))
		return ARGS_E_ABSENT;
	if (!args_value_int(value, &number) || number < minimum || number > maximum)
		return ARGS_E_RANGE;
	*ret_value = number;
	return 0;
}

bool args_get_float(const cJSON *object, const char *name, double *ret_value)
{
	const cJSON *value = get(object, name);

	if (!cJSON_IsNumber(value))
		return false;
	*ret_value = value->valuedouble;
	return true;
}

bool args_get_string(const cJSON *object, const char *name, const char **ret_value)
{
	const cJSON *value = get(object, name);

	if (!cJSON_IsString(value))
		return false;
	*ret_value = value->valuestring;
	return true;
}

bool args_get_object(const cJSON *object, const char *name, const cJSON **ret_value)
{
	const cJSON *value = get(object, name);

	if (!cJSON_IsObject(value))
		return false;
	*ret_value = value;
	return true;
}

bool args_get_array(const cJSON *object, const char *name, const cJSON **ret_value)
{
	const cJSON *value = get(object, name);

	if (!cJSON_IsArray(value))
		return false;
	*ret_value = value;
	return true;
}

bool args_enum_matches(const char *text, const char *value)
{
	for (; *text && *value; text++, value++)
		if (*text != *value && !(*text == '-' && *value == '_'))
			return false;
	return *text == *value;
}

bool args_get_enum(const cJSON *object, const char *name, const char *const *names, int *ret_value)
{
	const char *text;
	int i;

	if (!args_get_string(object, name, &text))
		return false;
	for (i = 0; names[i]; i++) {
		if (args_enum_matches(text, names[i])) {
			*ret_value = i;
			return true;
		}
	}
	return false;
}

/* Tells this container and all around it; the first failure is the one that counts. */
static void fail(struct args *args, int error)
{
	for (; args; args = args->parent)
		if (args->error == 0)
			args->error = error;
}

void args_init(struct args *args)
{
	*args = (struct args){ .container = cJSON_CreateObject() };
	if (!args->container)
		args->error = -ENOMEM;
}

void args_fini(struct args *args)
{
	cJSON_Delete(args->container);
	*args = (struct args){ 0 };
}

int args_take(struct args *args, cJSON **ret_object)
{
	int error = args->error;

	if (error) {
		args_fini(args);
		return error;
	}
	*ret_object = args->container;
	args->container = NULL;
	return 0;
}

int args_take_text(struct args *args, char **ret_text)
{
	cJSON *object;
	char *text;
	int r = args_take(args, &object);

	if (r)
		return r;
	text = cJSON_PrintUnformatted(object);
	cJSON_Delete(object);
	if (!text)
		return -ENOMEM;
	*ret_text = text;
	return 0;
}

void args_add_value(struct args *args, const char *name, cJSON *value)
{
	bool added;

	if (!value) {
		fail(args, -ENOMEM);
		return;
	}
	if (args->error) {
		cJSON_Delete(value);
		return;
	}
	added = name ? cJSON_AddItemToObject(args->container, name, value) :
		       cJSON_AddItemToArray(args->container, value);
	if (!added) {
		cJSON_Delete(value);
		fail(args, -ENOMEM);
	}
}

void args_add_bool(struct args *args, const char *name, bool value)
{
	args_add_value(args, name, cJSON_CreateBool(value));
}

void args_add_null(struct args *args, const char *name)
{
	args_add_value(args, name, cJSON_CreateNull());
}

void args_add_int(struct args *args, const char *name, int64_t value)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%" PRId64, value);
	args_add_value(args, name, cJSON_CreateRaw(text));
}

/*
 * The shortest of 15 to 17 digits that reads back as the same double: cJSON takes one that is
 * merely near. The locale's decimal point becomes JSON's.
 */
void args_add_float(struct args *args, const char *name, double value)
{
	const char *point = localeconv()->decimal_point;
	char text[64], *found;
	int digits;

	if (!isfinite(value)) {
		fail(args, -ERANGE);
		return;
	}
	for (digits = 15; digits <= 17; digits++) {
		(void)snprintf(text, sizeof(text), "%.*g", digits, value);
		if (strtod(text, NULL) == value)
			break;
	}
	found = strstr(text, point);
	if (found) {
		*found = '.';
		memmove(found + 1, found + strlen(point), strlen(found + strlen(point)) + 1);
	}
	args_add_value(args, name, cJSON_CreateRaw(text));
}

void args_add_string(struct args *args, const char *name, const char *value)
{
	if (!encoding_utf8_is_valid(value, strlen(value))) {
		fail(args, -EILSEQ);
		return;
	}
	args_add_value(args, name, cJSON_CreateString(value));
}

void args_add_string_bytes(struct args *args, const char *name, const char *value,
			   size_t value_bytes)
{
	char *text;

	if (memchr(value, '\0', value_bytes)) {
		fail(args, -EILSEQ);
		return;
	}
	text = strndup(value, value_bytes);
	if (!text) {
		fail(args, -ENOMEM);
		return;
	}
	args_add_string(args, name, text);
	free(text);
}

void args_add_optional_string(struct args *args, const char *name, const char *value)
{
	if (value)
		args_add_string(args, name, value);
}

void args_add_copy(struct args *args, const char *name, const cJSON *value)
{
	if (value)
		args_add_value(args, name, cJSON_Duplicate(value, true));
}

static void begin(struct args *parent, const char *name, cJSON *container, struct args *ret_child)
{
	args_add_value(parent, name, container);
	*ret_child = (struct args){
		.container = parent->error ? NULL : container,
		.parent = parent,
		.error = parent->error,
	};
}

void args_begin_object(struct args *parent, const char *name, struct args *ret_child)
{
	begin(parent, name, cJSON_CreateObject(), ret_child);
}

void args_begin_array(struct args *parent, const char *name, struct args *ret_child)
{
	begin(parent, name, cJSON_CreateArray(), ret_child);
}
