/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>
#include <cjson/cJSON.h>

#include "proto/args.h"

static cJSON *object;

static void set_up(void)
{
	object = cJSON_Parse(
		"{\"i\":42,\"I\":43,\"big\":\"9223372036854775807\",\"f\":1.5,\"s\":\"text\","
		"\"t\":true,\"z\":null,\"o\":{\"a\":1},\"l\":[1],\"e\":\"with-dash\","
		"\"edge\":9007199254740992,\"low\":-9007199254740992,\"huge\":1e300,"
		"\"whole\":1e15}");
	ck_assert_ptr_nonnull(object);
}

static void tear_down(void)
{
	cJSON_Delete(object);
}

START_TEST(getters_give_what_is_there_and_of_their_type)
{
	const cJSON *nested;
	const char *text;
	int64_t number;
	double real;
	bool truth;

	ck_assert(args_get_int(object, "i", &number));
	ck_assert_int_eq(number, 42);
	ck_assert(args_get_int(object, "I", &number));
	ck_assert_int_eq(number, 43);
	ck_assert(args_get_bool(object, "t", &truth));
	ck_assert(truth);
	ck_assert(args_get_float(object, "f", &real));
	ck_assert(real == 1.5);
	ck_assert(args_get_string(object, "s", &text));
	ck_assert_str_eq(text, "text");
	ck_assert(args_get_object(object, "o", &nested));
	ck_assert(args_get_array(object, "l", &nested));
}
END_TEST

START_TEST(getters_leave_the_result_alone_for_what_is_absent_or_another_type)
{
	const cJSON *nested = object;
	const char *text = "kept";
	int64_t number = 7;
	bool truth = true;

	ck_assert(!args_get_int(object, "none", &number));
	ck_assert(!args_get_int(object, "z", &number));
	ck_assert(!args_get_int(object, "s", &number));
	ck_assert(!args_get_int(object, "f", &number));
	ck_assert(!args_get_int(object, "huge", &number));
	ck_assert(!args_get_int(object, "S", &number));
	ck_assert_int_eq(number, 7);
	ck_assert(!args_get_string(object, "i", &text));
	ck_assert_str_eq(text, "kept");
	ck_assert(!args_get_bool(object, "i", &truth));
	ck_assert(truth);
	ck_assert(!args_get_object(object, "l", &nested));
	ck_assert(!args_get_array(object, "o", &nested));
	ck_assert_ptr_eq(nested, object);
	ck_assert(!args_get_string(NULL, "i", &text));
}
END_TEST

START_TEST(integers_are_exact_up_to_the_edges)
{
	int64_t number;

	ck_assert(args_get_int(object, "edge", &number));
	ck_assert_int_eq(number, INT64_C(9007199254740992));
	ck_assert(args_get_int(object, "low", &number));
	ck_assert_int_eq(number, -INT64_C(9007199254740992));
	ck_assert(args_get_int(object, "big", &number));
	ck_assert_int_eq(number, INT64_MAX);
	ck_assert(args_get_int(object, "whole", &number));
	ck_assert_int_eq(number, INT64_C(1000000000000000));
}
END_TEST

START_TEST(decimal_text_is_strict)
{
	static const char *const bad[] = {
		"",
		"-",
		"+1",
		" 1",
		"1 ",
		"01",
		"-01",
		"-0",
		"1.0",
		"1e3",
		"0x1",
		"one",
		"9223372036854775808",
		"-9223372036854775809",
		"99999999999999999999",
	};
	int64_t number;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(!args_parse_int(bad[i], &number), "%s", bad[i]);
	ck_assert(args_parse_int("0", &number));
	ck_assert_int_eq(number, 0);
	ck_assert(args_parse_int("-9223372036854775808", &number));
	ck_assert_int_eq(number, INT64_MIN);
}
END_TEST

START_TEST(a_range_tells_absent_from_outside)
{
	int64_t number = 7;

	ck_assert_int_eq(args_get_int_within(object, "none", 0, 100, &number), ARGS_E_ABSENT);
	ck_assert_int_eq(args_get_int_within(object, "z", 0, 100, &number), ARGS_E_ABSENT);
	ck_assert_int_eq(args_get_int_within(object, "i", 0, 41, &number), ARGS_E_RANGE);
	ck_assert_int_eq(args_get_int_within(object, "i", 43, 50, &number), ARGS_E_RANGE);
	ck_assert_int_eq(args_get_int_within(object, "s", 0, 100, &number), ARGS_E_RANGE);
	ck_assert_int_eq(number, 7);
	ck_assert_int_eq(args_get_int_within(object, "i", 42, 42, &number), 0);
	ck_assert_int_eq(number, 42);
}
END_TEST

START_TEST(a_dash_stands_for_an_underscore_in_an_enum)
{
	static const char *const names[] = { "other", "with_dash", NULL };
	int value = -1;

	ck_assert(args_get_enum(object, "e", names, &value));
	ck_assert_int_eq(value, 1);
	ck_assert(!args_get_enum(object, "s", names, &value));
	ck_assert(args_enum_matches("with_dash", "with_dash"));
	ck_assert(!args_enum_matches("with_dash", "with-dash"));
	ck_assert(!args_enum_matches("with", "with_dash"));
	ck_assert(!args_enum_matches("with_dash_", "with_dash"));
}
END_TEST

static void expect_taken(struct args *args, const char *expected)
{
	cJSON *built;
	char *text;

	ck_assert_int_eq(args_take(args, &built), 0);
	text = cJSON_PrintUnformatted(built);
	ck_assert_str_eq(text, expected);
	cJSON_free(text);
	cJSON_Delete(built);
}

START_TEST(what_is_built_can_be_taken_as_text_once)
{
	struct args args;
	char *text = NULL;

	args_init(&args);
	args_add_int(&args, "n", INT64_C(9007199254740993));
	ck_assert_int_eq(args_take_text(&args, &text), 0);
	ck_assert_str_eq(text, "{\"n\":9007199254740993}");
	cJSON_free(text);

	args_init(&args);
	args_add_float(&args, "n", NAN);
	text = NULL;
	ck_assert_int_eq(args_take_text(&args, &text), -ERANGE);
	ck_assert_ptr_null(text);
}
END_TEST

START_TEST(the_writer_prints_every_digit_and_no_exponent)
{
	struct args args;

	args_init(&args);
	args_add_int(&args, "a", INT64_C(1000000000000000));
	args_add_int(&args, "b", INT64_C(9007199254740993));
	args_add_int(&args, "c", INT64_MAX);
	args_add_int(&args, "d", INT64_MIN);
	args_add_int(&args, "e", 0);
	expect_taken(&args,
		     "{\"a\":1000000000000000,\"b\":9007199254740993,\"c\":9223372036854775807,"
		     "\"d\":-9223372036854775808,\"e\":0}");
}
END_TEST

START_TEST(floats_are_printed_to_the_last_bit)
{
	static const double values[] = { M_PI, 0.1, 1.0 / 3, 1e300, 5e-324, -0.0, 1.0, 123456.7 };
	size_t i;

	for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		struct args args;
		cJSON *built;

		args_init(&args);
		args_add_float(&args, "f", values[i]);
		ck_assert_int_eq(args_take(&args, &built), 0);
		ck_assert(strtod(cJSON_GetObjectItem(built, "f")->valuestring, NULL) == values[i]);
		cJSON_Delete(built);
	}
}
END_TEST

START_TEST(the_writer_nests)
{
	struct args args, child, list, element;

	args_init(&args);
	args_add_string(&args, "s", "\xc3\xa9");
	args_add_string_bytes(&args, "b", "textual", 4);
	args_begin_object(&args, "o", &child);
	args_add_bool(&child, "t", true);
	args_begin_array(&child, "l", &list);
	args_add_int(&list, NULL, 1);
	args_begin_object(&list, NULL, &element);
	args_add_null(&element, "z");
	args_add_optional_string(&args, "absent", NULL);
	args_add_optional_string(&args, "present", "x");
	args_add_copy(&args, "copy", cJSON_GetObjectItem(object, "o"));
	args_add_copy(&args, "nothing", NULL);
	expect_taken(&args,
		     "{\"s\":\"\xc3\xa9\",\"b\":\"text\",\"o\":{\"t\":true,\"l\":[1,{\"z\":null}]},"
		     "\"present\":\"x\",\"copy\":{\"a\":1}}");
}
END_TEST

START_TEST(the_first_failure_sticks_and_reaches_the_top)
{
	struct args args, child, grandchild, late;
	cJSON *built;

	args_init(&args);
	args_begin_object(&args, "o", &child);
	args_begin_array(&child, "l", &grandchild);
	args_add_string(&grandchild, NULL, "\xff");
	args_add_float(&grandchild, NULL, NAN);
	args_add_int(&args, "after", 1);
	args_begin_object(&args, "late", &late);
	args_add_int(&late, "x", 1);
	ck_assert_int_eq(args_take(&args, &built), -EILSEQ);

	args_init(&args);
	args_add_float(&args, "f", INFINITY);
	ck_assert_int_eq(args_take(&args, &built), -ERANGE);

	args_init(&args);
	args_add_string_bytes(&args, "s", "a\0b", 3);
	ck_assert_int_eq(args_take(&args, &built), -EILSEQ);

	args_init(&args);
	args_add_value(&args, "v", NULL);
	ck_assert_int_eq(args_take(&args, &built), -ENOMEM);

	args_init(&args);
	args_add_int(&args, "dropped", 1);
	args_fini(&args);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("args");
	TCase *tests = tcase_create("args");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, what_is_built_can_be_taken_as_text_once);
	tcase_add_test(tests, getters_give_what_is_there_and_of_their_type);
	tcase_add_test(tests, getters_leave_the_result_alone_for_what_is_absent_or_another_type);
	tcase_add_test(tests, integers_are_exact_up_to_the_edges);
	tcase_add_test(tests, decimal_text_is_strict);
	tcase_add_test(tests, a_range_tells_absent_from_outside);
	tcase_add_test(tests, a_dash_stands_for_an_underscore_in_an_enum);
	tcase_add_test(tests, the_writer_prints_every_digit_and_no_exponent);
	tcase_add_test(tests, floats_are_printed_to_the_last_bit);
	tcase_add_test(tests, the_writer_nests);
	tcase_add_test(tests, the_first_failure_sticks_and_reaches_the_top);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
