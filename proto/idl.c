/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "proto/idl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * A hand-written reader of the definition language. Everything that it makes lies in chunks
 * which the interface owns, so a half-read interface is freed like a whole one. References to
 * named types are kept in a list and resolved at the end, since a type may be used before it
 * is defined.
 */
#define NESTING_MAX 16

struct idl_chunk {
	struct idl_chunk *next;
	max_align_t data[];
};

struct reference {
	struct reference *next;
	struct idl_type *type;
	unsigned line;
};

struct field_node {
	struct field_node *next;
	struct idl_field field;
};

struct member_node {
	struct member_node *next;
	struct idl_member member;
};

struct parser {
	const char *at;
	unsigned line;
	unsigned depth;
	struct idl_interface *interface;
	struct reference *references;
	struct member_node *first;
	struct member_node **end;
	struct idl_error *error;
};

static int fail(struct parser *parser, const char *message)
{
	parser->error->line = parser->line;
	(void)snprintf(parser->error->message, sizeof(parser->error->message), "%s", message);
	return IDL_E_SYNTAX;
}

static void *allocate(struct parser *parser, size_t bytes)
{
	struct idl_chunk *chunk = calloc(1, sizeof(*chunk) + bytes);

	if (!chunk)
		return NULL;
	chunk->next = parser->interface->chunks;
	parser->interface->chunks = chunk;
	return chunk->data;
}

static const char *copy(struct parser *parser, const char *text, size_t text_bytes)
{
	char *copied = allocate(parser, text_bytes + 1);

	if (copied)
		memcpy(copied, text, text_bytes);
	return copied;
}

static size_t line_bytes(const char *text)
{
	return strcspn(text, "\n");
}

static void skip_space(struct parser *parser)
{
	for (;; parser->at++) {
		if (*parser->at == '#')
			parser->at += line_bytes(parser->at);
		if (*parser->at == '\n')
			parser->line++;
		else if (*parser->at != ' ' && *parser->at != '\t' && *parser->at != '\r')
			return;
	}
}

/* The lines from start to end, each without its # and the blank behind it. */
static const char *join_comment(struct parser *parser, const char *start, const char *end)
{
	char *text = allocate(parser, (size_t)(end - start) + 1);
	char *to = text;

	if (!text)
		return NULL;
	while (start < end) {
		const char *line = start + strspn(start, " \t");
		const char *line_end = line + line_bytes(line);

		line++;
		if (*line == ' ')
			line++;
		if (to > text)
			*to++ = '\n';
		if (line < line_end)
			to = mempcpy(to, line, (size_t)(line_end - line));
		start = line_end + (*line_end == '\n');
	}
	return text;
}

/* Passes over space, and gives the comment that stands right before what comes next. */
static int read_comment(struct parser *parser, const char **ret_text)
{
	const char *start = NULL, *end = NULL;

	for (;;) {
		const char *line = parser->at;

		parser->at += strspn(parser->at, " \t\r");
		if (*parser->at == '#') {
			if (!start)
				start = line;
			parser->at += line_bytes(parser->at);
			end = parser->at;
		} else if (*parser->at == '\n') {
			start = NULL;
		} else {
			break;
		}
		if (*parser->at == '\n') {
			parser->at++;
			parser->line++;
		}
	}
	*ret_text = start ? join_comment(parser, start, end) : "";
	return *ret_text ? 0 : -ENOMEM;
}

static bool take(struct parser *parser, const char *token)
{
	size_t bytes = strlen(token);

	skip_space(parser);
	if (strncmp(parser->at, token, bytes) != 0)
		return false;
	parser->at += bytes;
	return true;
}

/* What could be a name of any kind: its bytes, 0 if there is none here. */
static size_t name_bytes_here(struct parser *parser)
{
	skip_space(parser);
	return strspn(parser->at,
		      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");
}

static bool take_keyword(struct parser *parser, const char *keyword)
{
	size_t bytes = name_bytes_here(parser);

	if (bytes != strlen(keyword) || strncmp(parser->at, keyword, bytes) != 0)
		return false;
	parser->at += bytes;
	return true;
}

typedef bool (*name_rule_fn)(const char *name, size_t name_bytes);

static int read_name(struct parser *parser, name_rule_fn rule, const char *message,
		     const char **ret_name)
{
	size_t bytes = name_bytes_here(parser);

	if (!rule(parser->at, bytes))
		return fail(parser, message);
	*ret_name = copy(parser, parser->at, bytes);
	if (!*ret_name)
		return -ENOMEM;
	parser->at += bytes;
	return 0;
}

static int read_type(struct parser *parser, struct idl_type **ret_type);

static int collect_fields(struct parser *parser, struct idl_type *type, struct field_node *nodes,
			  size_t count)
{
	type->fields = allocate(parser, (count > 0 ? count : 1) * sizeof(*type->fields));
	if (!type->fields)
		return -ENOMEM;
	for (; nodes; nodes = nodes->next)
		type->fields[type->field_count++] = nodes->field;
	return 0;
}

/* One `name` or `name: type`; the first tells whether this is an enum or a struct. */
static int read_field(struct parser *parser, struct idl_type *type, bool is_first,
		      struct field_node *node)
{
	struct idl_type *field_type;
	bool is_enum;
	int r;

	r = read_name(parser, idl_is_field_name, "a field's name is expected", &node->field.name);
	if (r)
		return r;
	is_enum = !take(parser, ":");
	if (!is_first && is_enum != (type->kind == IDL_ENUM))
		return fail(parser, is_enum ? "a field without a type" : "a type in an enum");
	type->kind = is_enum ? IDL_ENUM : IDL_STRUCT;
	if (is_enum)
		return 0;
	r = read_type(parser, &field_type);
	if (r)
		return r;
	node->field.type = field_type;
	return 0;
}

/* Behind the opening parenthesis of a struct or an enum. */
static int read_fields(struct parser *parser, struct idl_type *type)
{
	struct field_node *first = NULL, **end = &first, *other;
	size_t count = 0;
	int r;

	type->kind = IDL_STRUCT;
	if (take(parser, ")"))
		return collect_fields(parser, type, NULL, 0);
	do {
		struct field_node *node = allocate(parser, sizeof(*node));

		if (!node)
			return -ENOMEM;
		r = read_field(parser, type, count == 0, node);
		if (r)
			return r;
		for (other = first; other; other = other->next)
			if (strcmp(other->field.name, node->field.name) == 0)
				return fail(parser, "a field of this name was there before");
		*end = node;
		end = &node->next;
		count++;
	} while (take(parser, ","));
	if (!take(parser, ")"))
		return fail(parser, "',' or ')' is expected");
	return collect_fields(parser, type, first, count);
}

static int read_container(struct parser *parser, struct idl_type *type)
{
	struct idl_type *element;
	int r;

	type->kind = take_keyword(parser, "string") ? IDL_MAP : IDL_ARRAY;
	if (!take(parser, "]"))
		return fail(parser, "']' is expected");
	r = read_type(parser, &element);
	type->element = element;
	return r;
}

static int read_type_name(struct parser *parser, struct idl_type *type)
{
	static const struct {
		const char *name;
		enum idl_kind kind;
	} basic[] = {
		{ "bool", IDL_BOOL },	  { "int", IDL_INT },	    { "float", IDL_FLOAT },
		{ "string", IDL_STRING }, { "object", IDL_OBJECT },
	};
	struct reference *reference;
	size_t i;

	for (i = 0; i < sizeof(basic) / sizeof(basic[0]); i++) {
		if (take_keyword(parser, basic[i].name)) {
			type->kind = basic[i].kind;
			return 0;
		}
	}

	reference = allocate(parser, sizeof(*reference));
	if (!reference)
		return -ENOMEM;
	type->kind = IDL_NAMED;
	reference->type = type;
	reference->line = parser->line;
	reference->next = parser->references;
	parser->references = reference;
	return read_name(parser, idl_is_member_name, "a type is expected", &type->name);
}

static int read_type_here(struct parser *parser, struct idl_type *type)
{
	type->nullable = take(parser, "?");
	if (take(parser, "["))
		return read_container(parser, type);
	if (take(parser, "("))
		return read_fields(parser, type);
	return read_type_name(parser, type);
}

static int read_type(struct parser *parser, struct idl_type **ret_type)
{
	struct idl_type *type = allocate(parser, sizeof(*type));
	int r;

	if (!type)
		return -ENOMEM;
	if (parser->depth == NESTING_MAX)
		return fail(parser, "types are nested too deep");
	parser->depth++;
	r = read_type_here(parser, type);
	parser->depth--;
	if (r)
		return r;
	*ret_type = type;
	return 0;
}

static int read_struct(struct parser *parser, const struct idl_type **ret_type)
{
	struct idl_type *type = allocate(parser, sizeof(*type));
	int r;

	if (!type)
		return -ENOMEM;
	if (!take(parser, "("))
		return fail(parser, "'(' is expected");
	r = read_fields(parser, type);
	if (r)
		return r;
	*ret_type = type;
	return 0;
}

static int read_member_kind(struct parser *parser, enum idl_member_kind *ret_kind)
{
	if (take_keyword(parser, "type"))
		*ret_kind = IDL_TYPE;
	else if (take_keyword(parser, "method"))
		*ret_kind = IDL_METHOD;
	else if (take_keyword(parser, "error"))
		*ret_kind = IDL_ERROR;
	else
		return fail(parser, "'type', 'method' or 'error' is expected");
	return 0;
}

static void read_tags(struct idl_member *member)
{
	member->requires_more = strstr(member->documentation, "[Requires 'more' flag]");
	member->supports_more =
		member->requires_more || strstr(member->documentation, "[Supports 'more' flag]");
	member->requires_upgrade = strstr(member->documentation, "[Requires 'upgrade' flag]");
}

static int read_member(struct parser *parser, struct idl_member *member)
{
	const struct member_node *other;
	int r;

	member->line = parser->line;
	r = read_member_kind(parser, &member->kind);
	if (r)
		return r;
	r = read_name(parser, idl_is_member_name, "a name with a capital letter is expected",
		      &member->name);
	if (r)
		return r;
	for (other = parser->first; other; other = other->next)
		if (strcmp(other->member.name, member->name) == 0)
			return fail(parser, "a member of this name was there before");

	r = read_struct(parser, &member->input);
	if (r)
		return r;
	if (member->kind != IDL_TYPE && member->input->kind == IDL_ENUM)
		return fail(parser, "fields with types are expected");
	if (member->kind != IDL_METHOD)
		return 0;
	if (!take(parser, "->"))
		return fail(parser, "'->' is expected");
	r = read_struct(parser, &member->output);
	if (r)
		return r;
	return member->output->kind == IDL_ENUM ? fail(parser, "fields with types are expected") :
						  0;
}

static int read_members(struct parser *parser)
{
	struct idl_interface *interface = parser->interface;
	struct member_node *node;
	int r;

	for (;;) {
		const char *documentation;

		r = read_comment(parser, &documentation);
		if (r)
			return r;
		if (*parser->at == '\0')
			break;
		node = allocate(parser, sizeof(*node));
		if (!node)
			return -ENOMEM;
		node->member.documentation = documentation;
		read_tags(&node->member);
		r = read_member(parser, &node->member);
		if (r)
			return r;
		/* A comment on the same line does not document what comes next. */
		parser->at += strspn(parser->at, " \t\r");
		if (*parser->at == '#')
			parser->at += line_bytes(parser->at);
		*parser->end = node;
		parser->end = &node->next;
		interface->member_count++;
	}

	interface->members =
		allocate(parser, (interface->member_count + 1) * sizeof(struct idl_member));
	if (!interface->members)
		return -ENOMEM;
	interface->member_count = 0;
	for (node = parser->first; node; node = node->next)
		interface->members[interface->member_count++] = node->member;
	return 0;
}

static int read_head(struct parser *parser)
{
	struct idl_interface *interface = parser->interface;
	size_t bytes;
	int r;

	r = read_comment(parser, &interface->documentation);
	if (r)
		return r;
	if (!take_keyword(parser, "interface"))
		return fail(parser, "'interface' is expected");
	skip_space(parser);
	bytes = strcspn(parser->at, " \t\r\n#");
	if (!idl_is_interface_name(parser->at, bytes))
		return fail(parser, "an interface's name is expected");
	interface->name = copy(parser, parser->at, bytes);
	if (!interface->name)
		return -ENOMEM;
	parser->at += bytes;
	parser->at += line_bytes(parser->at);
	return 0;
}

static int resolve(struct parser *parser)
{
	const struct reference *reference;

	for (reference = parser->references; reference; reference = reference->next) {
		const struct idl_member *member;

		member = idl_find(parser->interface, IDL_TYPE, reference->type->name);
		if (!member) {
			parser->line = reference->line;
			return fail(parser, "the type is not defined");
		}
		reference->type->element = member->input;
	}
	return 0;
}

static int parse(struct parser *parser, const char *text)
{
	int r;

	parser->interface->description = copy(parser, text, strlen(text));
	if (!parser->interface->description)
		return -ENOMEM;
	r = read_head(parser);
	if (r)
		return r;
	r = read_members(parser);
	if (r)
		return r;
	return resolve(parser);
}

int idl_parse(const char *text, struct idl_interface **ret_interface, struct idl_error *ret_error)
{
	struct parser parser = { .at = text, .line = 1, .error = ret_error };
	int r;

	parser.end = &parser.first;
	parser.interface = calloc(1, sizeof(*parser.interface));
	if (!parser.interface)
		return -ENOMEM;
	r = parse(&parser, text);
	if (r) {
		idl_free(parser.interface);
		return r;
	}
	*ret_interface = parser.interface;
	return 0;
}

struct idl_interface *idl_free(struct idl_interface *interface)
{
	if (!interface)
		return NULL;
	while (interface->chunks) {
		struct idl_chunk *chunk = interface->chunks;

		interface->chunks = chunk->next;
		free(chunk);
	}
	free(interface);
	return NULL;
}

const struct idl_member *idl_find(const struct idl_interface *interface, enum idl_member_kind kind,
				  const char *name)
{
	size_t i;

	for (i = 0; i < interface->member_count; i++) {
		const struct idl_member *member = &interface->members[i];

		if (member->kind == kind && strcmp(member->name, name) == 0)
			return member;
	}
	return NULL;
}
