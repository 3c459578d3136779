/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_PROTO_ARGS_H
#define FOREBAY_PROTO_ARGS_H

/*
 * Parameters, read and written. Integers are exact both ways: cJSON holds doubles and prints
 * 10^15 as 1e+15, which clients read as 0.
 *
 * Getters are for objects that idl_check() has passed; on any other they are safe too, and
 * say false where the type is not the one asked for. Strings and nested values are borrowed.
 *
 * The writer builds an object. The first failure sticks and every later call does nothing, so
 * only args_take() is looked at:
 *
 *	struct args args, runtime;
 *
 *	args_init(&args);
 *	args_add_string(&args, "id", id);
 *	args_begin_object(&args, "runtime", &runtime);
 *	args_add_int(&runtime, "drains", drains);
 *	r = args_take(&args, &object);
 *
 * Any thread; nothing is shared.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/must_check.h"

struct cJSON;

/* Numbers up to here are exact in a double, and taken as number tokens. */
#define ARGS_EXACT_MAX ((int64_t)1 << 53)

enum args_outcome {
	ARGS_E_ABSENT = 1, /* not there, or null */
	ARGS_E_RANGE,	   /* there, and outside of the range, or no integer at all */
};

/* False: absent or null (or of another type). Then the result is left as it was. */
bool args_get_bool(const struct cJSON *object, const char *name, bool *ret_value);
bool args_get_int(const struct cJSON *object, const char *name, int64_t *ret_value);
bool args_get_float(const struct cJSON *object, const char *name, double *ret_value);
bool args_get_string(const struct cJSON *object, const char *name, const char **ret_value);
bool args_get_object(const struct cJSON *object, const char *name, const struct cJSON **ret_value);
bool args_get_array(const struct cJSON *object, const char *name, const struct cJSON **ret_value);

/* The place of the string in `names` (NULL ends it); a dash matches an underscore. */
bool args_get_enum(const struct cJSON *object, const char *name, const char *const *names,
		   int *ret_value);

/* 0, ARGS_E_ABSENT, ARGS_E_RANGE. */
int args_get_int_within(const struct cJSON *object, const char *name, int64_t minimum,
			int64_t maximum, int64_t *ret_value) must_check;

/* A single value, as they come from an array: number token within 2^53, or decimal string. */
bool args_value_int(const struct cJSON *value, int64_t *ret_value);

/* Text as an exact int64: optional minus, digits without leading zeros, nothing else. */
bool args_parse_int(const char *text, int64_t *ret_value);

/* `text` against an enum's value, where a dash stands for an underscore. */
bool args_enum_matches(const char *text, const char *value);

struct args {
	struct cJSON *container; /* NULL after a failure */
	struct args *parent;	 /* told of failures; NULL at the top */
	int error;		 /* 0, -ENOMEM, -EILSEQ, -ERANGE */
};

/* Begins an object that args_take() gives out or args_fini() drops. */
void args_init(struct args *args);
void args_fini(struct args *args);

/* The finished object, the caller's to cJSON_Delete(); or the first failure, all dropped. */
int args_take(struct args *args, struct cJSON **ret_object) must_check;

/* The same as text, the caller's to cJSON_free(). */
int args_take_text(struct args *args, char **ret_text) must_check;

/* In an array, name is NULL. Text that is no UTF-8: -EILSEQ. NaN and infinity: -ERANGE. */
void args_add_bool(struct args *args, const char *name, bool value);
void args_add_int(struct args *args, const char *name, int64_t value);
void args_add_float(struct args *args, const char *name, double value);
void args_add_string(struct args *args, const char *name, const char *value);
void args_add_string_bytes(struct args *args, const char *name, const char *value,
			   size_t value_bytes);
void args_add_null(struct args *args, const char *name);

/* Adds nothing for NULL. */
void args_add_optional_string(struct args *args, const char *name, const char *value);

/* A deep copy of any value; adds nothing for NULL. */
void args_add_copy(struct args *args, const char *name, const struct cJSON *value);

/* Takes the value, also on failure; NULL counts as -ENOMEM. */
void args_add_value(struct args *args, const char *name, struct cJSON *value);

/* The child is part of its parent at once; it has no end call and must not outlive it. */
void args_begin_object(struct args *parent, const char *name, struct args *ret_child);
void args_begin_array(struct args *parent, const char *name, struct args *ret_child);

#endif
