/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>
#include <cjson/cJSON.h>

#include "proto/message.h"

static struct message_call call;
static struct message_reply reply;

static int parse_call(const char *text)
{
	return message_parse_call(text, strlen(text), &call);
}

static int parse_reply(const char *text)
{
	return message_parse_reply(text, strlen(text), &reply);
}

START_TEST(a_call_is_taken_apart)
{
	ck_assert_int_eq(
		parse_call("{\"method\":\"a.b.C\",\"parameters\":{\"x\":1},\"more\":true}"), 0);
	ck_assert_str_eq(call.method, "a.b.C");
	ck_assert_int_eq(cJSON_GetArraySize(call.parameters), 1);
	ck_assert(call.more);
	ck_assert(!call.oneway);
	ck_assert(!call.upgrade);
	ck_assert_ptr_null(call.refused_parameter);
	message_call_fini(&call);
}
END_TEST

START_TEST(escapes_in_the_envelope_are_as_good_as_what_they_stand_for)
{
	ck_assert_int_eq(parse_call("{\"m\\u0065thod\":\"a.\\u0062.\\ud83d\\ude00\\/C\","
				    "\"p\\u0061rameters\":{\"x\":1},\"\\u006dore\":true}"),
			 0);
	ck_assert_str_eq(call.method, "a.b.\xf0\x9f\x98\x80/C");
	ck_assert_int_eq(cJSON_GetArraySize(call.parameters), 1);
	ck_assert(call.more);
	message_call_fini(&call);
	ck_assert_int_eq(parse_call("{\"p\\u0061rameters\":{\"a\":1e400},\"method\":\"a.b.C\"}"),
			 MESSAGE_E_REFUSED);
	ck_assert_str_eq(call.refused_parameter, "a");
	message_call_fini(&call);
}
END_TEST

static const char *const empty_calls[] = {
	"{\"method\":\"a.b.C\"}",
	"{\"method\":\"a.b.C\",\"parameters\":null}",
	"{\"method\":\"a.b.C\",\"parameters\":{}}",
	"{\"method\":\"a.b.C\",\"parameters\" : { } }",
	"{\"parameters\":{},\"method\":\"a.b.C\",\"more\":null,\"oneway\":false,\"upgrade\":null}",
	"{\"method\":\"a.b.C\",\"com.example.header\":{\"anything\":[1]}}",
	"{\"method\":\"a.b.C\",\"com\\u002eexample\":1,\"parameters.x\":{\"a\":1}}",
};

START_TEST(absent_null_and_empty_parameters_are_the_same)
{
	ck_assert_int_eq(parse_call(empty_calls[_i]), 0);
	ck_assert(cJSON_IsObject(call.parameters));
	ck_assert_int_eq(cJSON_GetArraySize(call.parameters), 0);
	ck_assert(!call.more && !call.oneway && !call.upgrade);
	message_call_fini(&call);
}
END_TEST

static const char *const malformed_calls[] = {
	"",
	"[]",
	"1",
	"\"x\"",
	"null",
	"{}",
	"{\"method\":1}",
	"{\"method\":null}",
	"{\"method\":\"a.b.C\"",
	"{\"method\":\"a.b.C\"}{}",
	"{\"Method\":\"a.b.C\"}",
	"{\"method\":\"a.b.C\",\"parameters\":[]}",
	"{\"method\":\"a.b.C\",\"parameters\":\"x\"}",
	"{\"method\":\"a.b.C\",\"more\":1}",
	"{\"method\":\"a.b.C\",\"parameters\":1}",
	"{\"method\":\"a.b.C\",\"parameters\":true}",
	"{\"method\":{\"a.b.C\":1}}",
	"{\"method\":\"a.b.C\",\"more\":\"true\"}",
	"{\"method\":\"a.b.C\",\"more\":{}}",
	"{\"method\":\"a.b.C\",\"mor\":true}",
	"{\"method\":\"a.b.C\",\"more\\u0000\":true}",
	"{\"method\":\"a.b.C\",\"\":true}",
	"{\"method\":\"a.b.C\",\"m\\u0065thod\":\"a.b.C\"}",
	"{\"method\":\"a.b.C\",\"more\":true,\"oneway\":true}",
	"{\"method\":\"a.b.C\",\"upgrade\":true,\"more\":true}",
	"{\"method\":\"a.b.C\",\"id\":1}",
	"{\"method\":\"a.b.C\",\"MORE\":true}",
	"{\"method\":\"a.b.C\",\"method\":\"a.b.C\"}",
	"{\"method\":\"a.b.C\",\"parameters\":{},\"parameters\":{}}",
	"{\"method\":\"a.b\\u0000.C\"}",
	"{\"method\":\"\\ud800\"}",
	"{\"method\":\"a.b.C\",\"x.y\":1e999}",
	"{\"method\":\"a.b.C\",\"parameters.x\":{\"a\":1e999}}",
	"{\"method\":\"a.b.C\",\"parameters\":[{\"a\":1,\"a\":1}]}",
	"{\"method\":\"a.b.C\",\"parameters\":\"\\u0000\"}",
};

START_TEST(a_broken_envelope_is_malformed)
{
	ck_assert_msg(parse_call(malformed_calls[_i]) == MESSAGE_E_MALFORMED, "%s",
		      malformed_calls[_i]);
}
END_TEST

static const struct {
	const char *parameters;
	const char *refused;
} refused_calls[] = {
	{ "{\"a\":1,\"a\":2}", "a" },
	{ "{\"context\":{\"labels\":{\"k\":\"1\",\"k\":\"2\"}}}", "context.labels.k" },
	{ "{\"steps\":[{\"name\":\"a\\u0000\"}]}", "steps[0].name" },
	{ "{\"offset\":9007199254740993}", "offset" },
	{ "{\"offset\":1e400}", "offset" },
	{ "{\"a\":[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]}",
	  "a[0][0][0][0][0][0][0][0][0][0][0][0][0][0]" },
};

START_TEST(what_is_refused_in_the_parameters_names_the_parameter_and_keeps_the_flags)
{
	char text[512];

	(void)snprintf(text, sizeof(text),
		       "{\"parameters\":%s,\"method\":\"a.b.C\",\"oneway\":true}",
		       refused_calls[_i].parameters);
	ck_assert_int_eq(parse_call(text), MESSAGE_E_REFUSED);
	ck_assert_str_eq(call.refused_parameter, refused_calls[_i].refused);
	ck_assert_str_eq(call.method, "a.b.C");
	ck_assert(call.oneway);
	ck_assert_int_eq(cJSON_GetArraySize(call.parameters), 0);
	message_call_fini(&call);
}
END_TEST

START_TEST(a_broken_envelope_around_refused_parameters_is_malformed)
{
	ck_assert_int_eq(
		parse_call(
			"{\"parameters\":{\"a\":1,\"a\":2},\"method\":\"x.Y\",\"method\":\"x.Y\"}"),
		MESSAGE_E_MALFORMED);
	ck_assert_int_eq(
		parse_call("{\"parameters\":{\"a\":1,\"a\":2},\"id\":1,\"method\":\"x.Y\"}"),
		MESSAGE_E_MALFORMED);
	ck_assert_int_eq(parse_call("{\"parameters\":{\"a\":1,\"a\":2}}"), MESSAGE_E_MALFORMED);
}
END_TEST

START_TEST(a_reply_is_taken_apart)
{
	ck_assert_int_eq(parse_reply("{\"parameters\":{\"x\":1},\"continues\":true}"), 0);
	ck_assert(reply.continues);
	ck_assert_ptr_null(reply.error);
	ck_assert_int_eq(cJSON_GetArraySize(reply.parameters), 1);
	message_reply_fini(&reply);

	ck_assert_int_eq(parse_reply("{\"error\":\"a.b.Bad\",\"parameters\":{\"id\":\"x\"}}"), 0);
	ck_assert_str_eq(reply.error, "a.b.Bad");
	ck_assert(!reply.continues);
	message_reply_fini(&reply);

	ck_assert_int_eq(parse_reply("{}"), 0);
	ck_assert(cJSON_IsObject(reply.parameters));
	message_reply_fini(&reply);
}
END_TEST

START_TEST(a_broken_reply_is_malformed)
{
	ck_assert_int_eq(parse_reply("{\"error\":\"a.b.Bad\",\"continues\":true}"),
			 MESSAGE_E_MALFORMED);
	ck_assert_int_eq(parse_reply("{\"error\":1}"), MESSAGE_E_MALFORMED);
	ck_assert_int_eq(parse_reply("{\"result\":1}"), MESSAGE_E_MALFORMED);
	ck_assert_int_eq(parse_reply("{\"parameters\":[]}"), MESSAGE_E_MALFORMED);
	ck_assert_int_eq(parse_reply("[]"), MESSAGE_E_MALFORMED);
	ck_assert_int_eq(parse_reply("{\"parameters\":{\"a\":1,\"a\":1}}"), MESSAGE_E_MALFORMED);
}
END_TEST

START_TEST(a_method_is_split_at_its_last_dot)
{
	const char *member;
	size_t bytes;

	ck_assert(message_split_method("io.forebay.daemon.Ping", &bytes, &member));
	ck_assert_uint_eq(bytes, strlen("io.forebay.daemon"));
	ck_assert_str_eq(member, "Ping");
	ck_assert(!message_split_method("Ping", &bytes, &member));
	ck_assert(!message_split_method("", &bytes, &member));
	ck_assert(!message_split_method(".Ping", &bytes, &member));
	ck_assert(!message_split_method("io.forebay.", &bytes, &member));
}
END_TEST

static void expect_text(int result, char *text, size_t text_bytes, const char *expected)
{
	ck_assert_int_eq(result, 0);
	ck_assert_str_eq(text, expected);
	ck_assert_uint_eq(text_bytes, strlen(expected));
	free(text);
}

START_TEST(what_is_built_is_exact)
{
	struct message_call_flags more = { .more = true }, both = { .more = true, .oneway = true };
	cJSON *parameters = cJSON_Parse("{\"a\":[1,\"x\"]}");
	char *text = NULL;
	size_t bytes = 0;
	int r;

	r = message_build_call("a.b.C", NULL, NULL, &text, &bytes);
	expect_text(r, text, bytes, "{\"method\":\"a.b.C\",\"parameters\":{}}");
	r = message_build_call("a.b.C", parameters, &more, &text, &bytes);
	expect_text(r, text, bytes,
		    "{\"method\":\"a.b.C\",\"parameters\":{\"a\":[1,\"x\"]},\"more\":true}");
	r = message_build_reply(NULL, false, &text, &bytes);
	expect_text(r, text, bytes, "{\"parameters\":{}}");
	r = message_build_reply(parameters, true, &text, &bytes);
	expect_text(r, text, bytes, "{\"parameters\":{\"a\":[1,\"x\"]},\"continues\":true}");
	r = message_build_error("a.b.Bad", parameters, &text, &bytes);
	expect_text(r, text, bytes, "{\"error\":\"a.b.Bad\",\"parameters\":{\"a\":[1,\"x\"]}}");
	r = message_build_reply(NULL, false, &text, &bytes);
	expect_text(r, text, bytes, message_empty_reply);
	ck_assert_int_eq(message_build_call("a.b.C", NULL, &both, &text, &bytes), -EINVAL);
	cJSON_Delete(parameters);
}
END_TEST

START_TEST(text_that_is_not_utf8_is_never_built)
{
	cJSON *parameters = cJSON_CreateObject();
	char *text;
	size_t bytes;

	cJSON_AddStringToObject(parameters, "path", "/tmp/\xff");
	ck_assert_int_eq(message_build_reply(parameters, false, &text, &bytes), -EILSEQ);
	ck_assert_int_eq(message_build_call("a.\xc0\x80.C", NULL, NULL, &text, &bytes), -EILSEQ);
	cJSON_Delete(parameters);
}
END_TEST

START_TEST(strings_are_escaped_and_read_back)
{
	cJSON *parameters = cJSON_CreateObject();
	char *text;
	size_t bytes;

	cJSON_AddStringToObject(parameters, "s", "\x01\n\"\\\xc3\xa9\x7f");
	ck_assert_int_eq(message_build_call("a\"b.C", parameters, NULL, &text, &bytes), 0);
	ck_assert_int_eq(message_parse_call(text, bytes, &call), 0);
	ck_assert_str_eq(call.method, "a\"b.C");
	ck_assert_str_eq(cJSON_GetObjectItem(call.parameters, "s")->valuestring,
			 "\x01\n\"\\\xc3\xa9\x7f");
	message_call_fini(&call);
	free(text);
	cJSON_Delete(parameters);
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

int main(void)
{
	Suite *suite = suite_create("message");
	TCase *tests = tcase_create("message");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tests, a_call_is_taken_apart);
	tcase_add_test(tests, escapes_in_the_envelope_are_as_good_as_what_they_stand_for);
	tcase_add_loop_test(tests, absent_null_and_empty_parameters_are_the_same, 0,
			    COUNT(empty_calls));
	tcase_add_loop_test(tests, a_broken_envelope_is_malformed, 0, COUNT(malformed_calls));
	tcase_add_loop_test(
		tests, what_is_refused_in_the_parameters_names_the_parameter_and_keeps_the_flags, 0,
		COUNT(refused_calls));
	tcase_add_test(tests, a_broken_envelope_around_refused_parameters_is_malformed);
	tcase_add_test(tests, a_reply_is_taken_apart);
	tcase_add_test(tests, a_broken_reply_is_malformed);
	tcase_add_test(tests, a_method_is_split_at_its_last_dot);
	tcase_add_test(tests, what_is_built_is_exact);
	tcase_add_test(tests, text_that_is_not_utf8_is_never_built);
	tcase_add_test(tests, strings_are_escaped_and_read_back);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
