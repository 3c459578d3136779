/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "proto/idl.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "proto/args.h"
#include "proto/encoding.h"

/*
 * Values against types. The way down to the value at hand is a chain of steps on the C stack,
 * written out only when there is a fault. How deep it goes is bounded by the value, which
 * json_scan() has bounded.
 */
struct step {
	const struct step *parent; /* NULL: the parameters object itself */
	const char *name;	   /* a field or a key; NULL for an array's element */
	size_t index;
};

struct check {
	bool is_output;
	struct idl_fault *fault;
};

static int check_value(const struct check *check, const struct idl_type *type, const cJSON *value,
		       const struct step *step);

/* Appends one step; what does not fit is left out, and no character is cut in two. */
static void put_step(char *path, size_t path_bytes, const struct step *step)
{
	size_t used, limit;

	if (!step->parent)
		return;
	put_step(path, path_bytes, step->parent);
	used = strlen(path);
	if (!step->name)
		(void)snprintf(path + used, path_bytes - used, "[%zu]", step->index);
	else
		(void)snprintf(path + used, path_bytes - used, "%s%s", used > 0 ? "." : "",
			       step->name);
	for (limit = strlen(path); !encoding_utf8_is_valid(path + used, limit - used); limit--)
		path[limit - 1] = '\0';
}

static int fault(const struct check *check, const struct step *step, const char *reason)
{
	check->fault->path[0] = '\0';
	put_step(check->fault->path, sizeof(check->fault->path), step);
	check->fault->reason = reason;
	return IDL_E_PARAMETER;
}

static const struct idl_field *find_field(const struct idl_type *type, const char *name)
{
	size_t i;

	for (i = 0; i < type->field_count; i++)
		if (strcmp(type->fields[i].name, name) == 0)
			return &type->fields[i];
	return NULL;
}

static int check_struct(const struct check *check, const struct idl_type *type, const cJSON *value,
			const struct step *step)
{
	const cJSON *member;
	size_t i;
	int r;

	if (!cJSON_IsObject(value))
		return fault(check, step, "not an object");
	cJSON_ArrayForEach(member, value) {
		struct step here = { .parent = step, .name = member->string };

		if (!find_field(type, member->string))
			return fault(check, &here, "unknown");
	}
	for (i = 0; i < type->field_count; i++) {
		const struct idl_field *field = &type->fields[i];
		struct step here = { .parent = step, .name = field->name };

		member = cJSON_GetObjectItemCaseSensitive(value, field->name);
		r = check_value(check, field->type, member, &here);
		if (r)
			return r;
	}
	return 0;
}

static int check_map(const struct check *check, const struct idl_type *type, const cJSON *value,
		     const struct step *step)
{
	const cJSON *member;
	int r;

	if (!cJSON_IsObject(value))
		return fault(check, step, "not an object");
	cJSON_ArrayForEach(member, value) {
		struct step here = { .parent = step, .name = member->string };

		r = check_value(check, type->element, member, &here);
		if (r)
			return r;
	}
	return 0;
}

static int check_array(const struct check *check, const struct idl_type *type, const cJSON *value,
		       const struct step *step)
{
	const cJSON *element;
	struct step here = { .parent = step };
	int r;

	if (!cJSON_IsArray(value))
		return fault(check, step, "not an array");
	cJSON_ArrayForEach(element, value) {
		r = check_value(check, type->element, element, &here);
		if (r)
			return r;
		here.index++;
	}
	return 0;
}

static int check_enum(const struct check *check, const struct idl_type *type, const cJSON *value,
		      const struct step *step)
{
	size_t i;

	if (!cJSON_IsString(value))
		return fault(check, step, "not a string");
	for (i = 0; i < type->field_count; i++) {
		const char *name = type->fields[i].name;

		if (check->is_output ? strcmp(value->valuestring, name) == 0 :
				       args_enum_matches(value->valuestring, name))
			return 0;
	}
	return fault(check, step, "not one of the values");
}

static int check_int(const struct check *check, const cJSON *value, const struct step *step)
{
	int64_t number;

	if ((check->is_output && cJSON_IsString(value)) || !args_value_int(value, &number))
		return fault(check, step, "not an integer");
	return 0;
}

static int check_value(const struct check *check, const struct idl_type *type, const cJSON *value,
		       const struct step *step)
{
	if (!value || cJSON_IsNull(value))
		return type->nullable ? 0 : fault(check, step, "missing");

	switch (type->kind) {
	case IDL_BOOL:
		return cJSON_IsBool(value) ? 0 : fault(check, step, "not a boolean");
	case IDL_INT:
		return check_int(check, value, step);
	case IDL_FLOAT:
		return cJSON_IsNumber(value) || cJSON_IsRaw(value) ?
			       0 :
			       fault(check, step, "not a number");
	case IDL_STRING:
		return cJSON_IsString(value) ? 0 : fault(check, step, "not a string");
	case IDL_OBJECT:
		return cJSON_IsObject(value) ? 0 : fault(check, step, "not an object");
	case IDL_ENUM:
		return check_enum(check, type, value, step);
	case IDL_STRUCT:
		return check_struct(check, type, value, step);
	case IDL_ARRAY:
		return check_array(check, type, value, step);
	case IDL_MAP:
		return check_map(check, type, value, step);
	case IDL_NAMED:
		return check_value(check, type->element, value, step);
	}
	return fault(check, step, "of an unknown type");
}

int idl_check(const struct idl_type *type, const cJSON *value, struct idl_fault *ret_fault)
{
	const struct check check = { .is_output = false, .fault = ret_fault };
	const struct step top = { .parent = NULL };

	return check_value(&check, type, value, &top);
}

int idl_check_output(const struct idl_type *type, const cJSON *value, struct idl_fault *ret_fault)
{
	const struct check check = { .is_output = true, .fault = ret_fault };
	const struct step top = { .parent = NULL };

	return check_value(&check, type, value, &top);
}
