/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "proto/json_string.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

static const struct {
	const char *written;
	const char *meant;
} strings[] = {
	{ "", "" },
	{ "method", "method" },
	{ "m\\u0065thod", "method" },
	{ "\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t" },
	{ "\xc3\xa9\\u20ac\\ud83d\\ude00", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80" },
	{ "\\u0001\x7f", "\x01\x7f" },
};

START_TEST(a_copy_is_what_the_string_stands_for)
{
	const struct json_string string = { strings[_i].written, strlen(strings[_i].written) };
	char *copy = json_string_copy(&string);

	ck_assert_str_eq(copy, strings[_i].meant);
	free(copy);
}
END_TEST

START_TEST(only_the_string_itself_is_copied)
{
	const struct json_string plain = { "ab\",\"c\"", 2 }, escaped = { "\\n\\u00e9\\n", 8 };
	char *copy = json_string_copy(&plain);

	ck_assert_str_eq(copy, "ab");
	free(copy);
	copy = json_string_copy(&escaped);
	ck_assert_str_eq(copy, "\n\xc3\xa9");
	free(copy);
}
END_TEST

static bool is(const char *written, const char *ascii)
{
	const struct json_string string = { written, strlen(written) };

	return json_string_is(&string, ascii);
}

START_TEST(a_string_equals_what_it_stands_for_and_nothing_else)
{
	ck_assert(is("more", "more"));
	ck_assert(is("m\\u006Fre", "more"));
	ck_assert(is("", ""));
	ck_assert(!is("mor", "more"));
	ck_assert(!is("mores", "more"));
	ck_assert(!is("More", "more"));
	ck_assert(!is("", "more"));
	ck_assert(!is("more", ""));
	ck_assert(!is("more\\u0000", "more"));
	ck_assert(!is("mor\xc3\xa9", "more"));
}
END_TEST

static bool has_dot(const char *written)
{
	const struct json_string string = { written, strlen(written) };

	return json_string_has(&string, '.');
}

START_TEST(a_character_is_found_however_it_is_written)
{
	ck_assert(has_dot("a.b"));
	ck_assert(has_dot("."));
	ck_assert(has_dot("\xc3\xa9\\n\\u002e"));
	ck_assert(!has_dot(""));
	ck_assert(!has_dot("ab"));
	ck_assert(!has_dot("\\u2e2e"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("json_string");
	TCase *tests = tcase_create("json_string");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tests, a_copy_is_what_the_string_stands_for, 0, COUNT(strings));
	tcase_add_test(tests, only_the_string_itself_is_copied);
	tcase_add_test(tests, a_string_equals_what_it_stands_for_and_nothing_else);
	tcase_add_test(tests, a_character_is_found_however_it_is_written);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
