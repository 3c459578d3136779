/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_PROTO_IDL_H
#define FOREBAY_PROTO_IDL_H

/*
 * Interface definitions, read once and then used to check what goes over the wire: the
 * parameters of every call before its command sees them, and (in tests) every reply.
 *
 * A compiled interface is constant after idl_parse() and may be read by any thread.
 */

#include <stdbool.h>
#include <stddef.h>

#include "proto/must_check.h"

struct cJSON;

enum idl_outcome {
	IDL_E_SYNTAX = 1, /* the definition is bad; idl_error says where */
	IDL_E_PARAMETER,  /* the value does not fit; idl_fault says which */
};

enum idl_kind {
	IDL_BOOL,
	IDL_INT,
	IDL_FLOAT,
	IDL_STRING,
	IDL_OBJECT, /* any JSON object */
	IDL_ENUM,   /* fields, without types */
	IDL_STRUCT, /* fields; none for (), which is what sets hold */
	IDL_ARRAY,  /* of element */
	IDL_MAP,    /* from any string to element */
	IDL_NAMED,  /* element is the type of that name */
};

struct idl_type {
	enum idl_kind kind;
	bool nullable;
	const char *name;		/* IDL_NAMED */
	const struct idl_type *element; /* IDL_ARRAY, IDL_MAP, IDL_NAMED */
	struct idl_field *fields;	/* IDL_STRUCT, IDL_ENUM */
	size_t field_count;
};

struct idl_field {
	const char *name;
	const struct idl_type *type; /* NULL in an enum */
};

enum idl_member_kind {
	IDL_TYPE,
	IDL_METHOD,
	IDL_ERROR,
};

struct idl_member {
	enum idl_member_kind kind;
	const char *name;
	const char *documentation; /* the comment right before it, lines joined by \n; "" if none */
	const struct idl_type *input;  /* a method's parameters, an error's, or the type itself */
	const struct idl_type *output; /* a method's reply; NULL otherwise */
	bool supports_more;	       /* documentation has [Supports 'more' flag] or the next */
	bool requires_more;	       /* documentation has [Requires 'more' flag] */
	bool requires_upgrade;	       /* documentation has [Requires 'upgrade' flag] */
	unsigned line;
};

struct idl_interface {
	const char *name;
	const char *description;    /* the text as given */
	const char *documentation;  /* the comment before "interface" */
	struct idl_member *members; /* in the order of the text */
	size_t member_count;
	struct idl_chunk *chunks; /* owns everything above */
};

struct idl_error {
	unsigned line; /* from 1 */
	char message[96];
};

struct idl_fault {
	char path[256];	    /* "context.highWaterMark", "steps[0].name" */
	const char *reason; /* constant: "unknown", "missing", "not an integer", ... */
};

/* 0, IDL_E_SYNTAX, -ENOMEM. The text is copied. */
int idl_parse(const char *text, struct idl_interface **ret_interface,
	      struct idl_error *ret_error) must_check;

/* Takes NULL; returns NULL. */
struct idl_interface *idl_free(struct idl_interface *interface);

/* NULL if there is none. */
const struct idl_member *idl_find(const struct idl_interface *interface, enum idl_member_kind kind,
				  const char *name);

/*
 * What a peer sent: unknown keys, missing fields and wrong types are faults; an int may be a
 * number token within 2^53 or a decimal string; an enum's underscore may come as a dash.
 * Null and absent are the same, and fit nullable types only. 0, IDL_E_PARAMETER.
 */
int idl_check(const struct idl_type *type, const struct cJSON *value,
	      struct idl_fault *ret_fault) must_check;

/* What we send: as above, but ints are digits and enums are exactly as defined. */
int idl_check_output(const struct idl_type *type, const struct cJSON *value,
		     struct idl_fault *ret_fault) must_check;

bool idl_is_interface_name(const char *name, size_t name_bytes);
bool idl_is_member_name(const char *name, size_t name_bytes);
bool idl_is_field_name(const char *name, size_t name_bytes);

#endif
