/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/context_fields.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "client/options.h"
#include "proto/args.h"
#include "proto/encoding.h"

#define NAME_BYTES 128

/* Puts the value under the name, in place of one that is there. Takes the value. */
static int put(cJSON *object, const char *name, cJSON *value)
{
	if (!value)
		return -ENOMEM;
	cJSON_DeleteItemFromObjectCaseSensitive(object, name);
	if (!cJSON_AddItemToObject(object, name, value)) {
		cJSON_Delete(value);
		return -ENOMEM;
	}
	return 0;
}

/* The object of this name, made if it is not there. */
static cJSON *child_object(cJSON *object, const char *name)
{
	cJSON *child = cJSON_GetObjectItemCaseSensitive(object, name);

	return child ? child : cJSON_AddObjectToObject(object, name);
}

static cJSON *exact_number(int64_t number)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%" PRId64, number);
	return cJSON_CreateRaw(text);
}

static int add_label(cJSON *object, const char *field, const char *text)
{
	cJSON *labels = child_object(object, field);
	size_t bytes = strcspn(text, "=");
	char name[NAME_BYTES];

	if (!labels)
		return -ENOMEM;
	if (bytes >= sizeof(name))
		return -EINVAL;
	memcpy(name, text, bytes);
	name[bytes] = '\0';
	return put(labels, name, cJSON_CreateString(text + bytes + 1));
}

/* "gzip:6" as {"name":"gzip","level":6}, at the end of the list. */
static int add_step(cJSON *steps, const char *text, size_t bytes)
{
	cJSON *step = cJSON_CreateObject();
	char word[NAME_BYTES];
	int64_t level;
	char *colon;
	int r;

	if (!step || !cJSON_AddItemToArray(steps, step)) {
		cJSON_Delete(step);
		return -ENOMEM;
	}
	if (bytes == 0 || bytes >= sizeof(word))
		return -EINVAL;
	memcpy(word, text, bytes);
	word[bytes] = '\0';
	colon = strchr(word, ':');
	if (colon) {
		*colon = '\0';
		if (!args_parse_int(colon + 1, &level))
			return -EINVAL;
	}
	r = put(step, "name", cJSON_CreateString(word));
	if (r == 0 && colon)
		r = put(step, "level", exact_number(level));
	return r;
}

int context_fields_add_steps(cJSON *steps, const char *text)
{
	for (;;) {
		size_t bytes = strcspn(text, ",");
		int r;

		r = add_step(steps, text, bytes);
		if (r || text[bytes] == '\0')
			return r;
		text += bytes + 1;
	}
}

static int put_steps(cJSON *object, const char *field, const char *text)
{
	cJSON *steps = cJSON_CreateArray();
	int r;

	r = put(object, field, steps);
	return r ? r : context_fields_add_steps(steps, text);
}

static int add_value(cJSON *object, const char *name, const struct option_value *value)
{
	switch (value->row->kind) {
	case OPTION_FLAG:
		return put(object, name, cJSON_CreateTrue());
	case OPTION_NUMBER:
	case OPTION_SIZE:
	case OPTION_SPAN:
	case OPTION_MOMENT:
		return put(object, name, exact_number(value->number));
	case OPTION_STEPS:
		return put_steps(object, name, value->text);
	case OPTION_LABEL:
		return add_label(object, name, value->text);
	default:
		return put(object, name, cJSON_CreateString(value->text));
	}
}

/* "rotate.everyBytes" is the member everyBytes of the object rotate. */
static int add_field(cJSON *object, const struct option_value *value)
{
	const char *field = value->row->field, *dot = strchr(field, '.');
	char name[NAME_BYTES];

	if (value->text && !encoding_utf8_is_valid(value->text, strlen(value->text)))
		return -EILSEQ;
	if (dot) {
		memcpy(name, field, (size_t)(dot - field));
		name[dot - field] = '\0';
		object = child_object(object, name);
		field = dot + 1;
	}
	return object ? add_value(object, field, value) : -ENOMEM;
}

int context_fields_add(const struct options *options, cJSON *object)
{
	size_t i;

	for (i = 0; i < options->count; i++) {
		int r;

		if (!options->values[i].row->field)
			continue;
		r = add_field(object, &options->values[i]);
		if (r)
			return r;
	}
	return 0;
}
