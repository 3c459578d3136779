/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "proto/idl.h"
#include "proto/interfaces.h"
#include "proto/message.h"

/* Every example in proto/README.md is what the codec and the interfaces say it is. */

#define INTERFACES 8

static struct idl_interface *interfaces[INTERFACES];

static void set_up(void)
{
	struct idl_error error;
	size_t i;

	for (i = 0; i < INTERFACES; i++)
		ck_assert_int_eq(idl_parse(interface_texts[i].text, &interfaces[i], &error), 0);
}

static void tear_down(void)
{
	size_t i;

	for (i = 0; i < INTERFACES; i++)
		interfaces[i] = idl_free(interfaces[i]);
}

static FILE *open_readme(void)
{
	const char *directory = getenv("FOREBAY_SOURCE_DIR");
	char path[4096];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/proto/README.md", directory ? directory : ".");
	file = fopen(path, "re");
	ck_assert_msg(file != NULL, "%s cannot be opened", path);
	return file;
}

static const struct idl_member *find(const char *full_name, enum idl_member_kind kind)
{
	const char *member;
	size_t bytes, i;

	ck_assert(message_split_method(full_name, &bytes, &member));
	for (i = 0; i < INTERFACES; i++)
		if (strlen(interfaces[i]->name) == bytes &&
		    strncmp(interfaces[i]->name, full_name, bytes) == 0)
			return idl_find(interfaces[i], kind, member);
	return NULL;
}

struct progress {
	const struct idl_member *method; /* of the last call */
	bool more;
	bool over; /* its last reply was there */
	unsigned long line;
	int calls;
};

static void check_call(struct progress *progress, const char *text)
{
	struct message_call call;
	struct idl_fault fault;

	ck_assert_msg(progress->over, "line %lu: the call before has no last reply",
		      progress->line);
	ck_assert_msg(message_parse_call(text, strlen(text), &call) == 0, "line %lu",
		      progress->line);
	progress->method = find(call.method, IDL_METHOD);
	ck_assert_msg(progress->method != NULL, "line %lu: %s", progress->line, call.method);
	ck_assert_msg(idl_check(progress->method->input, call.parameters, &fault) == 0,
		      "line %lu: %s is %s", progress->line, fault.path, fault.reason);
	ck_assert_msg(!call.more || progress->method->supports_more, "line %lu", progress->line);
	progress->more = call.more;
	progress->over = false;
	progress->calls++;
	message_call_fini(&call);
}

static void check_reply(struct progress *progress, const char *text)
{
	const struct idl_type *type;
	struct message_reply reply;
	struct idl_fault fault;

	ck_assert_msg(!progress->over, "line %lu: a reply too many", progress->line);
	ck_assert_msg(message_parse_reply(text, strlen(text), &reply) == 0, "line %lu",
		      progress->line);
	ck_assert_msg(!reply.continues || progress->more, "line %lu", progress->line);
	type = progress->method->output;
	if (reply.error) {
		const struct idl_member *error = find(reply.error, IDL_ERROR);

		ck_assert_msg(error != NULL, "line %lu: %s", progress->line, reply.error);
		type = error->input;
	}
	ck_assert_msg(idl_check_output(type, reply.parameters, &fault) == 0, "line %lu: %s is %s",
		      progress->line, fault.path, fault.reason);
	progress->over = !reply.continues;
	message_reply_fini(&reply);
}

START_TEST(every_example_is_right)
{
	struct progress progress = { .over = true };
	FILE *file = open_readme();
	char *line = NULL;
	size_t size = 0;

	while (getline(&line, &size, file) > 0) {
		progress.line++;
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "    C: ", 7) == 0)
			check_call(&progress, line + 7);
		else if (strncmp(line, "    S: ", 7) == 0)
			check_reply(&progress, line + 7);
	}
	ck_assert(progress.over);
	ck_assert_int_ge(progress.calls, 50);
	free(line);
	(void)fclose(file);
}
END_TEST

/* All but the certification's, whose order is told in its own file. */
START_TEST(every_method_has_an_example)
{
	FILE *file = open_readme();
	static char text[1 << 17];
	size_t i, j, bytes;

	bytes = fread(text, 1, sizeof(text) - 1, file);
	ck_assert_uint_gt(bytes, 0);
	for (i = 0; i < INTERFACES; i++) {
		if (strcmp(interfaces[i]->name, "org.varlink.certification") == 0)
			continue;
		for (j = 0; j < interfaces[i]->member_count; j++) {
			const struct idl_member *member = &interfaces[i]->members[j];
			char call[256];

			if (member->kind != IDL_METHOD)
				continue;
			(void)snprintf(call, sizeof(call), "    C: {\"method\":\"%s.%s\"",
				       interfaces[i]->name, member->name);
			ck_assert_msg(strstr(text, call) != NULL, "%s.%s", interfaces[i]->name,
				      member->name);
		}
	}
	(void)fclose(file);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("proto_readme");
	TCase *tests = tcase_create("proto_readme");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, every_example_is_right);
	tcase_add_test(tests, every_method_has_an_example);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
