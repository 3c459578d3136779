/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/io/fault_plan.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define NAME_BYTES 32
#define PART_BYTES 256
#define ERRNO_MAX 134

struct rule {
	char name[NAME_BYTES];
	char part[PART_BYTES];	/* "": any path */
	struct injection injection;
	uint64_t first;		/* the N-th match, 1 .. */
	uint64_t last;
	uint64_t seen;
};

struct fault_plan {
	uint32_t count;
	uint32_t capacity;
	struct rule *rules;
};

/* Takes what stands before the first of `ends`, or all, off *text. */
static bool take_word(const char **text, const char *ends, char *word, size_t size)
{
	size_t length = strcspn(*text, ends);

	if (length >= size)
		return false;
	memcpy(word, *text, length);
	word[length] = '\0';
	*text += length;
	return true;
}

static int parse_errno(const char *name)
{
	for (int error = 1; error < ERRNO_MAX; error++)
		if (strcmp(err_name(error), name) == 0)
			return error;
	return 0;
}

static bool parse_span(const char *text, uint64_t *ret_ns)
{
	char *end;
	uint64_t number;

	errno = 0;
	number = strtoull(text, &end, 10);
	if (errno != 0 || end == text || number > UINT32_MAX)
		return false;
	if (strcmp(end, "us") == 0)
		*ret_ns = number * 1000;
	else if (strcmp(end, "ms") == 0)
		*ret_ns = number * 1000000;
	else if (strcmp(end, "s") == 0)
		*ret_ns = number * 1000000000;
	else
		return false;
	return true;
}

static bool parse_what(const char *text, struct injection *injection)
{
	if (strcmp(text, "short") == 0) {
		injection->kind = INJECT_SHORT;
	} else if (strncmp(text, "short/", 6) == 0) {
		injection->kind = INJECT_SHORT;
		injection->error = parse_errno(text + 6);
		return injection->error != 0;
	} else if (strncmp(text, "delay=", 6) == 0) {
		injection->kind = INJECT_DELAY;
		return parse_span(text + 6, &injection->delay_ns);
	} else if (strcmp(text, "hang") == 0) {
		injection->kind = INJECT_HANG;
	} else if (strcmp(text, "busy") == 0) {
		injection->kind = INJECT_BUSY;
	} else {
		injection->kind = INJECT_ERROR;
		injection->error = parse_errno(text);
		return injection->error != 0;
	}
	return true;
}

static bool parse_occurrence(const char **text, struct rule *rule)
{
	char *end;

	rule->first = 1;
	rule->last = UINT64_MAX;
	if (**text != '@')
		return true;
	errno = 0;
	rule->first = strtoull(*text + 1, &end, 10);
	if (errno != 0 || end == *text + 1 || rule->first == 0)
		return false;
	if (*end == '+')
		end++;
	else
		rule->last = rule->first;
	*text = end;
	return true;
}

static const char *parse_rule(const char **text, struct rule *rule)
{
	char what[NAME_BYTES];

	if (!take_word(text, "(:;", rule->name, sizeof(rule->name)) || rule->name[0] == '\0')
		return "no operation name";
	if (**text == '(') {
		(*text)++;
		if (!take_word(text, ")", rule->part, sizeof(rule->part)) || **text != ')')
			return "no ) behind the path";
		(*text)++;
	}
	if (**text != ':')
		return "no : behind the operation";
	(*text)++;
	if (!take_word(text, "@;", what, sizeof(what)) || !parse_what(what, &rule->injection))
		return "neither an errno nor short, delay=, hang or busy";
	if (!parse_occurrence(text, rule))
		return "no number behind @";
	return **text == ';' || **text == '\0' ? NULL : "something behind the rule";
}

/* For one more rule, zeroed. */
static bool make_room(struct fault_plan *plan)
{
	uint32_t capacity = plan->capacity > 0 ? 2 * plan->capacity : 16;
	struct rule *rules;

	if (plan->count == plan->capacity) {
		rules = reallocarray(plan->rules, capacity, sizeof(*rules));
		if (!rules)
			return false;
		plan->rules = rules;
		plan->capacity = capacity;
	}
	plan->rules[plan->count] = (struct rule){ 0 };
	return true;
}

int fault_plan_parse(const char *text, struct fault_plan **ret_plan, const char **ret_reason)
{
	struct fault_plan *plan = calloc(1, sizeof(*plan));
	const char *reason = NULL;

	if (!plan)
		return -ENOMEM;
	while (!reason && *text != '\0') {
		if (!make_room(plan)) {
			fault_plan_free(plan);
			return -ENOMEM;
		}
		reason = parse_rule(&text, &plan->rules[plan->count++]);
		if (!reason && *text == ';')
			text++;
	}
	if (reason) {
		fault_plan_free(plan);
		*ret_reason = reason;
		return -EINVAL;
	}
	*ret_plan = plan;
	return 0;
}

struct fault_plan *fault_plan_free(struct fault_plan *plan)
{
	if (plan)
		free(plan->rules);
	free(plan);
	return NULL;
}

static bool matches(const struct rule *rule, const char *name, const char *path)
{
	if (strcmp(rule->name, "*") != 0 && strcmp(rule->name, name) != 0)
		return false;
	return rule->part[0] == '\0' || (path && strstr(path, rule->part));
}

struct injection fault_plan_next(struct fault_plan *plan, const char *name, const char *path)
{
	struct injection injection = { .kind = INJECT_NOTHING };

	for (uint32_t i = 0; i < plan->count; i++) {
		struct rule *rule = &plan->rules[i];

		if (!matches(rule, name, path))
			continue;
		rule->seen++;
		if (rule->seen < rule->first || rule->seen > rule->last)
			continue;
		if (injection.kind == INJECT_NOTHING)
			injection = rule->injection;
	}
	return injection;
}
