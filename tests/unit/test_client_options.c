/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/options.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "client/context_fields.h"

static const struct option_row own[] = {
	{ "size", OPTION_SIZE, "N", NULL, "sizeHint", "" },
	{ "wait", OPTION_SPAN, "TIME", NULL, "syncIntervalUSec", "" },
	{ "every", OPTION_SIZE, "N", NULL, "rotate.everyBytes", "" },
	{ "often", OPTION_SPAN, "TIME", NULL, "rotate.everyUSec", "" },
	{ "how", OPTION_CHOICE, "HOW", "red|green", "open", "" },
	{ "steps", OPTION_STEPS, "STEP", NULL, "steps", "" },
	{ "label", OPTION_LABEL, "K=V", NULL, "labels", "" },
	{ "number", OPTION_NUMBER, "N", NULL, NULL, "" },
	{ "at", OPTION_MOMENT, "TIME", NULL, "schedule.atUSec", "" },
	{ "name", OPTION_TEXT, "TEXT", NULL, NULL, "" },
	{ NULL, OPTION_FLAG, NULL, NULL, NULL, NULL },
};

static const struct option_row common[] = {
	{ "help", OPTION_FLAG, NULL, NULL, NULL, "" },
	{ NULL, OPTION_FLAG, NULL, NULL, NULL, NULL },
};

static const struct option_rows rows = { own, common };
static struct options options;
static char message[128];

#define PARSE(...)                                                                                 \
	options_parse(&options, &rows, (char *const[]){ __VA_ARGS__, NULL }, message,              \
		      sizeof(message))

static char word_size[] = "--size", word_64m[] = "64M", word_name[] = "--name=a=b",
	    word_path[] = "path", word_dash[] = "-", word_end[] = "--", word_minus[] = "-5",
	    word_part[] = "-.5", word_infinity[] = "-Infinity";

START_TEST(options_and_arguments_may_come_in_any_order)
{
	ck_assert_int_eq(PARSE(word_path, word_size, word_64m, word_dash, word_name), 0);
	ck_assert_uint_eq(options.argument_count, 2);
	ck_assert_str_eq(options.arguments[0], "path");
	ck_assert_str_eq(options.arguments[1], "-");
	ck_assert_int_eq(options_number(&options, "size", 0), 64 << 20);
	ck_assert_str_eq(options_text(&options, "name"), "a=b");
	ck_assert(!options_has(&options, "help"));
}
END_TEST

START_TEST(behind_two_dashes_everything_is_an_argument)
{
	ck_assert_int_eq(PARSE(word_end, word_size, word_end), 0);
	ck_assert_uint_eq(options.argument_count, 2);
	ck_assert_str_eq(options.arguments[0], "--size");
	ck_assert_str_eq(options.arguments[1], "--");
}
END_TEST

START_TEST(a_negative_number_is_an_argument)
{
	ck_assert_int_eq(PARSE(word_minus, word_part, word_infinity), 0);
	ck_assert_uint_eq(options.argument_count, 3);
	ck_assert_str_eq(options.arguments[0], "-5");
	ck_assert_str_eq(options.arguments[1], "-.5");
	ck_assert_str_eq(options.arguments[2], "-Infinity");
}
END_TEST

static const char *const refused[][2] = {
	{ "--nothing", "no option --nothing" },
	{ "-Infinite", "no option -Infinite" },
	{ "--size", "--size needs a value" },
	{ "--size=much", "--size: \"much\" is no size" },
	{ "--size=9999999999T", "--size: \"9999999999T\" is too large" },
	{ "--wait=5 lightyears", "--wait: \"5 lightyears\" is no time span" },
	{ "--how=blue", "--how: \"blue\" is none of red|green" },
	{ "--how=", "--how: \"\" is none of red|green" },
	{ "--how=red|green", "--how: \"red|green\" is none of red|green" },
	{ "--help=yes", "--help takes no value" },
	{ "--label=x", "--label: \"x\" is not KEY=VALUE" },
	{ "--number=1x", "--number: \"1x\" is no number" },
	{ "--at=soon", "--at: \"soon\" is no time; try 2026-10-25 02:30 or @1700000000" },
	{ "-x", "no option -x" },
};

START_TEST(what_is_wrong_is_said_by_name)
{
	char word[64];

	(void)strcpy(word, refused[_i][0]);
	ck_assert_int_eq(PARSE(word), -EINVAL);
	ck_assert_str_eq(message, refused[_i][1]);
}
END_TEST

static char *context_of(char *const *words, int *ret_result)
{
	cJSON *object = cJSON_CreateObject();
	char *text;

	ck_assert_int_eq(options_parse(&options, &rows, words, message, sizeof(message)), 0);
	*ret_result = context_fields_add(&options, object);
	text = cJSON_PrintUnformatted(object);
	cJSON_Delete(object);
	return text;
}

START_TEST(fields_become_members_with_exact_numbers)
{
	char size[] = "--size=1000000000000000", wait[] = "--wait=1min 1s", every[] = "--every=1K",
	     often[] = "--often=2s", how[] = "--how=red", again[] = "--how=green";
	char *const words[] = { size, wait, every, how, often, again, NULL };
	int r;
	char *text = context_of(words, &r);

	ck_assert_int_eq(r, 0);
	ck_assert_str_eq(text, "{\"sizeHint\":1000000000000000,\"syncIntervalUSec\":61000000,"
			       "\"rotate\":{\"everyBytes\":1024,\"everyUSec\":2000000},"
			       "\"open\":\"green\"}");
	cJSON_free(text);
}
END_TEST

START_TEST(moments_become_microseconds)
{
	char at[] = "--at=2099-01-02 03:04:05 UTC";
	char *const words[] = { at, NULL };
	int r;
	char *text = context_of(words, &r);

	ck_assert_int_eq(r, 0);
	ck_assert_str_eq(text, "{\"schedule\":{\"atUSec\":4071006245000000}}");
	cJSON_free(text);
}
END_TEST

START_TEST(labels_add_up_and_steps_become_a_list)
{
	char first[] = "--label=a=1", second[] = "--label=b=x=y", steps[] = "--steps=gzip:6,zstd";
	char *const words[] = { first, steps, second, NULL };
	int r;
	char *text = context_of(words, &r);

	ck_assert_int_eq(r, 0);
	ck_assert_str_eq(text, "{\"labels\":{\"a\":\"1\",\"b\":\"x=y\"},"
			       "\"steps\":[{\"name\":\"gzip\",\"level\":6},{\"name\":\"zstd\"}]}");
	cJSON_free(text);
}
END_TEST

START_TEST(a_list_of_steps_that_is_none_is_refused)
{
	static const char *const bad[] = { "--steps=", "--steps=gzip,", "--steps=gzip:high" };
	char word[64];
	char *const words[] = { word, NULL };
	int r;

	(void)strcpy(word, bad[_i]);
	cJSON_free(context_of(words, &r));
	ck_assert_int_eq(r, -EINVAL);
}
END_TEST

static Suite *options_suite(void)
{
	Suite *suite = suite_create("client options");
	TCase *parsing = tcase_create("parsing"), *fields = tcase_create("fields");

	tcase_add_test(parsing, options_and_arguments_may_come_in_any_order);
	tcase_add_test(parsing, behind_two_dashes_everything_is_an_argument);
	tcase_add_test(parsing, a_negative_number_is_an_argument);
	tcase_add_loop_test(parsing, what_is_wrong_is_said_by_name, 0,
			    (int)(sizeof(refused) / sizeof(refused[0])));
	suite_add_tcase(suite, parsing);
	tcase_add_test(fields, fields_become_members_with_exact_numbers);
	tcase_add_test(fields, labels_add_up_and_steps_become_a_list);
	tcase_add_test(fields, moments_become_microseconds);
	tcase_add_loop_test(fields, a_list_of_steps_that_is_none_is_refused, 0, 3);
	suite_add_tcase(suite, fields);
	return suite;
}

int main(void)
{
	SRunner *runner = srunner_create(options_suite());
	int failed;

	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
