/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>
#include <cjson/cJSON.h>

#include "daemon/core/stream_state.h"
#include "daemon/ctl/errmap.h"
#include "daemon/objects/refusal.h"
#include "proto/idl.h"
#include "proto/interfaces.h"
#include "proto/message.h"

#define REFUSAL_LAST REFUSAL_DIGEST_MISMATCH

static struct refusal refusal;

/* The definition of an error by its whole name; fails where no interface declares it. */
static void check_declared(const struct wire_error *error)
{
	const struct interface_text *text;
	const struct idl_member *member;
	struct idl_interface *interface;
	struct idl_error syntax;
	struct idl_fault fault;
	const char *name;
	char *copy = strdup(error->name);
	size_t bytes;

	ck_assert(message_split_method(error->name, &bytes, &name));
	copy[bytes] = '\0';
	text = interface_text_find(copy);
	ck_assert_msg(text, "no interface %s", copy);
	ck_assert_int_eq(idl_parse(text->text, &interface, &syntax), 0);
	member = idl_find(interface, IDL_ERROR, name);
	ck_assert_msg(member, "%s is not declared", error->name);
	ck_assert_msg(idl_check_output(member->input, error->parameters, &fault) == 0, "%s: %s %s",
		      error->name, fault.path, fault.reason);
	idl_free(interface);
	free(copy);
}

static void fill(enum refusal_kind kind)
{
	struct fault fault;

	fault_set(&fault, "write", ENOSPC, "/srv/x", 4096);
	(void)refuse_failed(&refusal, 0x1234, &fault);
	refusal.kind = kind;
	refusal.first = STREAM_STATE_PAUSED;
	refusal.second = 7;
	strcpy(refusal.text, "text");
	strcpy(refusal.reason, "reason");
}

START_TEST(every_refusal_is_an_error_as_its_interface_declares_it)
{
	static const char *const interfaces[] = { "io.forebay.stream", "io.forebay.store",
						  "io.forebay.pool", NULL };

	for (int kind = 0; kind <= REFUSAL_LAST; kind++) {
		for (size_t i = 0; i < 4; i++) {
			struct wire_error error;

			fill((enum refusal_kind)kind);
			ck_assert_int_eq(errmap_refusal(&refusal, interfaces[i], NULL, &error), 0);
			check_declared(&error);
			cJSON_Delete(error.parameters);
		}
	}
}
END_TEST

static void check_name(enum refusal_kind kind, const char *interface, const char *name)
{
	struct wire_error error;

	fill(kind);
	ck_assert_int_eq(errmap_refusal(&refusal, interface, NULL, &error), 0);
	ck_assert_str_eq(error.name, name);
	cJSON_Delete(error.parameters);
}

START_TEST(stores_and_paths_are_refused_under_the_interface_that_was_called)
{
	check_name(REFUSAL_NO_SUCH_STORE, "io.forebay.stream", "io.forebay.stream.NoSuchStore");
	check_name(REFUSAL_NO_SUCH_STORE, "io.forebay.store", "io.forebay.store.NoSuchStore");
	check_name(REFUSAL_NO_SUCH_STORE, "io.forebay.job", "io.forebay.store.NoSuchStore");
	check_name(REFUSAL_PATH_REFUSED, "io.forebay.stream", "io.forebay.stream.PathRefused");
	check_name(REFUSAL_PATH_REFUSED, "io.forebay.job", "io.forebay.store.PathRefused");
	check_name(REFUSAL_PATH_BUSY, "io.forebay.job", "io.forebay.stream.PathBusy");
	check_name(REFUSAL_LIMIT, "io.forebay.stream", "io.forebay.daemon.LimitExceeded");
	check_name(REFUSAL_NO_SUCH_BUFFER, "io.forebay.stream", "io.forebay.buffer.NoSuchBuffer");
}
END_TEST

static void check_parameter(const char *given, const char *told)
{
	const struct interface_text *text = interface_text_find("io.forebay.stream");
	struct idl_interface *interface;
	struct wire_error error;
	struct idl_error syntax;

	ck_assert_int_eq(idl_parse(text->text, &interface, &syntax), 0);
	(void)refuse_text(&refusal, REFUSAL_PARAMETER, given);
	ck_assert_int_eq(errmap_refusal(&refusal, "io.forebay.stream",
					idl_find(interface, IDL_METHOD, "Open"), &error),
			 0);
	ck_assert_str_eq(cJSON_GetObjectItem(error.parameters, "parameter")->valuestring, told);
	cJSON_Delete(error.parameters);
	idl_free(interface);
}

START_TEST(a_parameter_is_named_by_the_path_that_the_client_wrote)
{
	check_parameter("highWaterMark", "context.highWaterMark");
	check_parameter("context.mode", "context.mode");
	check_parameter("ringBytes", "ringBytes");
	check_parameter("fileDescriptorIndex", "fileDescriptorIndex");
	check_parameter("nothingOfThatName", "nothingOfThatName");
}
END_TEST

START_TEST(an_id_that_is_none_is_told_as_it_was_spelt)
{
	struct wire_error error;

	(void)refuse_text(&refusal, REFUSAL_NO_SUCH_STREAM, "nonsense");
	ck_assert_int_eq(errmap_refusal(&refusal, NULL, NULL, &error), 0);
	ck_assert_str_eq(cJSON_GetObjectItem(error.parameters, "id")->valuestring, "nonsense");
	cJSON_Delete(error.parameters);

	(void)refuse_id(&refusal, REFUSAL_NO_SUCH_BUFFER, 0xabc);
	ck_assert_int_eq(errmap_refusal(&refusal, NULL, NULL, &error), 0);
	ck_assert_str_eq(cJSON_GetObjectItem(error.parameters, "id")->valuestring,
			 "b0000000000000abc");
	cJSON_Delete(error.parameters);
}
END_TEST

START_TEST(text_that_is_no_utf8_is_told_with_replacements)
{
	struct wire_error error;

	(void)refuse_path(&refusal, "a\xff\xc3", "because");
	ck_assert_int_eq(errmap_refusal(&refusal, NULL, NULL, &error), 0);
	ck_assert_str_eq(cJSON_GetObjectItem(error.parameters, "path")->valuestring,
			 "a\xef\xbf\xbd\xef\xbf\xbd");
	cJSON_Delete(error.parameters);
}
END_TEST

START_TEST(an_unexpected_errno_is_a_system_error)
{
	struct wire_error error;

	ck_assert_int_eq(errmap_errno(-ENOSPC, &error), 0);
	ck_assert_str_eq(error.name, "io.systemd.System");
	ck_assert_str_eq(cJSON_GetObjectItem(error.parameters, "origin")->valuestring, "linux");
	ck_assert_str_eq(cJSON_GetObjectItem(error.parameters, "errnoName")->valuestring, "ENOSPC");
	ck_assert_str_eq(cJSON_GetObjectItem(error.parameters, "errno")->valuestring, "28");
	cJSON_Delete(error.parameters);
}
END_TEST

START_TEST(errors_of_the_protocol_are_as_declared)
{
	for (int kind = 0; kind <= PROTOCOL_EXPECTED_MORE; kind++) {
		struct wire_error error;

		ck_assert_int_eq(errmap_protocol((enum protocol_error)kind, "x", &error), 0);
		check_declared(&error);
		cJSON_Delete(error.parameters);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("errmap");
	TCase *tcase = tcase_create("errmap");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, every_refusal_is_an_error_as_its_interface_declares_it);
	tcase_add_test(tcase, stores_and_paths_are_refused_under_the_interface_that_was_called);
	tcase_add_test(tcase, a_parameter_is_named_by_the_path_that_the_client_wrote);
	tcase_add_test(tcase, an_id_that_is_none_is_told_as_it_was_spelt);
	tcase_add_test(tcase, text_that_is_no_utf8_is_told_with_replacements);
	tcase_add_test(tcase, an_unexpected_errno_is_a_system_error);
	tcase_add_test(tcase, errors_of_the_protocol_are_as_declared);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
