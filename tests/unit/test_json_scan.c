/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <check.h>

#include "proto/json_scan.h"

static struct json_scan scan;

static int scan_text(const char *text)
{
	return json_scan(text, strlen(text), JSON_VALUES_MAX, NULL, &scan);
}

static const char *const good_texts[] = {
	"{}",
	"[]",
	"null",
	"true",
	"false",
	"0",
	"-0",
	"\"\"",
	" { } ",
	"\t[\r\n]\n",
	"{\"a\":1,\"b\":[1,2,{\"a\":null}]}",
	"{\"a\":{\"a\":{\"a\":1}}}",
	"[[],[],{}]",
	"1.5",
	"1e5",
	"1E+5",
	"0.0e-0",
	"9007199254740992",
	"-9007199254740992",
	"3.14159265358979323846",
	"1e300",
	"1.7976931348623157e308",
	"5e-324",
	"0e999999999",
	"9007199254740992.0",
	"900719925474099.2e1",
	"1e15",
	"\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"",
	"\"\\u00e9\\ud83d\\ude00\\n\\t\\\"\\\\\\/\\b\\f\\r\"",
	"\"\x7f\"",
	"\"\\u0001\"",
	"{\"\":1}",
	"{\"a\":1,\"A\":2}",
	"{\"ab\":1,\"a\":2,\"abc\":3}",
};

START_TEST(strict_json_passes)
{
	ck_assert_msg(scan_text(good_texts[_i]) == 0, "%s", good_texts[_i]);
}
END_TEST

static const char *const malformed_texts[] = {
	"",
	" ",
	"{",
	"}",
	"[",
	"]",
	"{]",
	"[}",
	"[1,]",
	"{\"a\":1,}",
	"{\"a\"}",
	"{\"a\":}",
	"{a:1}",
	"{'a':1}",
	"[1 2]",
	"{\"a\":1 \"b\":2}",
	"{} {}",
	"{}x",
	"{}]",
	"nul",
	"True",
	"nullx",
	"01",
	"-",
	"+1",
	"1.",
	".5",
	"1e",
	"1e+",
	"0x10",
	"1.5.5",
	"1.55555555555555555555555555555.5555555555555555555555555555555555555",
	"--1",
	"-01",
	"00",
	"NaN",
	"Infinity",
	"\"",
	"\"\\",
	"\"\\\"",
	"\"\\x\"",
	"\"\\u12\"",
	"\"\\u12g4\"",
	"\"\n\"",
	"\"\t\"",
	"\"\x01\"",
	"\xef\xbb\xbf{}",
	"\"\xff\"",
	"\"\xc0\x80\"",
	"\"\xed\xa0\x80\"",
	"\"\xf5\x80\x80\x80\"",
	"\"\xe2\x82\"",
	"\"\xf0\x9f\x98\"",
	"{\"\xff\":1}",
	"\"\xf4\x90\x80\x80\"",
	"/**/{}",
	"[\x0b]",
};

START_TEST(what_is_no_json_is_malformed)
{
	ck_assert_msg(scan_text(malformed_texts[_i]) == JSON_SCAN_E_MALFORMED, "%s",
		      malformed_texts[_i]);
}
END_TEST

START_TEST(a_nul_byte_in_the_text_is_malformed)
{
	ck_assert_int_eq(json_scan("{}\0", 3, JSON_VALUES_MAX, NULL, &scan), JSON_SCAN_E_MALFORMED);
	ck_assert_int_eq(json_scan("\"\0\"", 3, JSON_VALUES_MAX, NULL, &scan),
			 JSON_SCAN_E_MALFORMED);
}
END_TEST

static const struct {
	const char *text;
	enum json_scan_reason reason;
	const char *path;
} refused_texts[] = {
	{ "{\"a\":1,\"a\":2}", JSON_SCAN_DUPLICATE_KEY, "a" },
	{ "{\"p\":{\"b\":1,\"a\":1,\"c\":3,\"a\":2}}", JSON_SCAN_DUPLICATE_KEY, "p.a" },
	{ "{\"p\":[0,{\"x\":{\"\\u0061\":1,\"a\":2}}]}", JSON_SCAN_DUPLICATE_KEY, "p[1].x.a" },
	{ "{\"\\ud83d\\ude00\":1,\"\xf0\x9f\x98\x80\":2}", JSON_SCAN_DUPLICATE_KEY,
	  "\xf0\x9f\x98\x80" },
	{ "{\"p\":{\"s\":\"a\\u0000b\"}}", JSON_SCAN_NUL_CHARACTER, "p.s" },
	{ "{\"p\":{\"s\\u0000\":1}}", JSON_SCAN_NUL_CHARACTER, "p.s\xef\xbf\xbd" },
	{ "[\"\\ud800\"]", JSON_SCAN_LONE_SURROGATE, "[0]" },
	{ "[\"\\ud800\\u0061\"]", JSON_SCAN_LONE_SURROGATE, "[0]" },
	{ "[1,\"\\udc00\\ud800\"]", JSON_SCAN_LONE_SURROGATE, "[1]" },
	{ "{\"n\":9007199254740993}", JSON_SCAN_INEXACT_INTEGER, "n" },
	{ "{\"n\":-9007199254740993}", JSON_SCAN_INEXACT_INTEGER, "n" },
	{ "[9007199254740994]", JSON_SCAN_INEXACT_INTEGER, "[0]" },
	{ "[9007199254740993.0]", JSON_SCAN_INEXACT_INTEGER, "[0]" },
	{ "[4503599627370497.3]", JSON_SCAN_INEXACT_INTEGER, "[0]" },
	{ "[1.00000000000000000001]", JSON_SCAN_INEXACT_INTEGER, "[0]" },
	{ "[9223372036854775807]", JSON_SCAN_INEXACT_INTEGER, "[0]" },
	{ "{\"n\":1e400}", JSON_SCAN_NUMBER_RANGE, "n" },
	{ "{\"n\":-1e999999999999}", JSON_SCAN_NUMBER_RANGE, "n" },
	{ "{\"n\":1e-400}", JSON_SCAN_NUMBER_RANGE, "n" },
	{ "[0.0000000000000000000000000000000000000000000000000000000000001]",
	  JSON_SCAN_NUMBER_RANGE, "[0]" },
};

START_TEST(what_we_do_not_take_is_refused_by_its_path)
{
	ck_assert_msg(scan_text(refused_texts[_i].text) == JSON_SCAN_E_REFUSED, "%s",
		      refused_texts[_i].text);
	ck_assert_int_eq(scan.reason, refused_texts[_i].reason);
	ck_assert_str_eq(scan.path, refused_texts[_i].path);
}
END_TEST

START_TEST(malformed_counts_for_more_than_refused)
{
	ck_assert_int_eq(scan_text("{\"a\":1,\"a\":2,}"), JSON_SCAN_E_MALFORMED);
	ck_assert_int_eq(scan_text("[\"\\u0000\",nope]"), JSON_SCAN_E_MALFORMED);
}
END_TEST

START_TEST(the_span_of_the_member_with_the_finding_is_told)
{
	static const char text[] = "{\"x\":1, \"p\" : {\"a\":[1e400]} ,\"y\":2}";

	ck_assert_int_eq(scan_text(text), JSON_SCAN_E_REFUSED);
	ck_assert_str_eq(scan.path, "p.a[0]");
	ck_assert_uint_eq(scan.member_bytes, strlen("{\"a\":[1e400]}"));
	ck_assert_int_eq(strncmp(text + scan.member_offset, "{\"a\":[1e400]}", scan.member_bytes),
			 0);
	ck_assert_int_eq(scan_text("{\"a\":1,\"a\":2}"), JSON_SCAN_E_REFUSED);
	ck_assert_uint_eq(scan.member_bytes, 0);
}
END_TEST

static void append_member(void *data, const struct json_member *member)
{
	char *told = data, *end = told + strlen(told);

	(void)snprintf(end, 200 - strlen(told), "<%.*s|%.*s>", (int)member->key.bytes,
		       member->key.text, (int)member->value_bytes, member->value);
}

START_TEST(each_member_of_the_object_at_the_top_is_told_as_it_is_written)
{
	static const char text[] =
		" {\"a\":1 , \"\\u0062\" : {\"c\":[{\"d\":\"}\"}]},\"\":\"x\\n\",\"e\":{}\t}";
	char told[200] = "";
	const struct json_listener listener = { append_member, told };

	ck_assert_int_eq(json_scan(text, strlen(text), JSON_VALUES_MAX, &listener, &scan), 0);
	ck_assert_str_eq(told, "<a|1><\\u0062|{\"c\":[{\"d\":\"}\"}]}><|\"x\\n\"><e|{}>");
}
END_TEST

START_TEST(an_array_at_the_top_has_no_members)
{
	char told[200] = "";
	const struct json_listener listener = { append_member, told };

	ck_assert_int_eq(json_scan("[{\"a\":1},2]", 11, JSON_VALUES_MAX, &listener, &scan), 0);
	ck_assert_str_eq(told, "");
}
END_TEST

START_TEST(a_key_is_found_again_among_many)
{
	char text[600] = "{";

	for (int i = 0; i < 40; i++)
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text),
			       "\"k%d\":{\"a\":%d},", i, i);
	strcat(text, "\"k3\":0}");
	ck_assert_int_eq(scan_text(text), JSON_SCAN_E_REFUSED);
	ck_assert_int_eq(scan.reason, JSON_SCAN_DUPLICATE_KEY);
	ck_assert_str_eq(scan.path, "k3");
}
END_TEST

/* depth brackets around a 1. */
static char *nested(size_t depth)
{
	char *text = calloc(1, 2 * depth + 2);

	memset(text, '[', depth);
	text[depth] = '1';
	memset(text + depth + 1, ']', depth);
	return text;
}

START_TEST(sixteen_levels_pass_and_seventeen_are_refused)
{
	char *text = nested(JSON_DEPTH_MAX);

	ck_assert_int_eq(scan_text(text), 0);
	free(text);
	text = nested(JSON_DEPTH_MAX + 1);
	ck_assert_int_eq(scan_text(text), JSON_SCAN_E_REFUSED);
	ck_assert_int_eq(scan.reason, JSON_SCAN_TOO_DEEP);
	free(text);
}
END_TEST

START_TEST(a_million_levels_are_only_refused)
{
	char *text = nested(1000000);

	ck_assert_int_eq(scan_text(text), JSON_SCAN_E_REFUSED);
	ck_assert_int_eq(scan.reason, JSON_SCAN_TOO_DEEP);
	text[1000000 + 1 + 999999] = ' ';
	ck_assert_int_eq(scan_text(text), JSON_SCAN_E_MALFORMED);
	free(text);
}
END_TEST

static char *array_of(size_t count)
{
	char *text = malloc(2 * count + 2), *to = text;
	size_t i;

	for (i = 0; i < count; i++) {
		*to++ = i == 0 ? '[' : ',';
		*to++ = '1';
	}
	strcpy(to, "]");
	return text;
}

START_TEST(ten_thousand_values_pass_and_one_more_is_refused)
{
	char *text = array_of(JSON_VALUES_MAX - 1);

	ck_assert_int_eq(scan_text(text), 0);
	free(text);
	text = array_of(JSON_VALUES_MAX);
	ck_assert_int_eq(scan_text(text), JSON_SCAN_E_REFUSED);
	ck_assert_int_eq(scan.reason, JSON_SCAN_TOO_MANY_VALUES);
	ck_assert_str_eq(scan.path, "[9999]");
	free(text);
}
END_TEST

/* Keys that share all but their last characters, in the order that is worst for sorting. */
START_TEST(many_long_keys_are_compared_in_little_time)
{
	enum { KEYS = 9000, PREFIX = 1000 };
	char *text = malloc(KEYS * (PREFIX + 20) + 2), *to = text;
	struct timespec before, after;
	int i;

	for (i = 0; i < KEYS; i++) {
		*to++ = i == 0 ? '{' : ',';
		*to++ = '"';
		memset(to, 'k', PREFIX);
		to += PREFIX;
		to += sprintf(to, "%06d\":1", KEYS - i);
	}
	strcpy(to, "}");
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
	ck_assert_int_eq(scan_text(text), 0);
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
	/* Each pair compared would be 40 million comparisons of a thousand characters. */
	ck_assert_int_lt(after.tv_sec - before.tv_sec, 20);
	free(text);
}
END_TEST

START_TEST(an_endless_path_is_cut)
{
	char text[3000];
	int at = 0, i;

	for (i = 0; i < 8; i++)
		at += sprintf(text + at, "{\"%0*d\":", 200, i);
	at += sprintf(text + at, "1e999");
	memset(text + at, '}', 8);
	text[at + 8] = '\0';
	ck_assert_int_eq(scan_text(text), JSON_SCAN_E_REFUSED);
	ck_assert_uint_lt(strlen(scan.path), JSON_PATH_BYTES);
	ck_assert_uint_gt(strlen(scan.path), 200);
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

int main(void)
{
	Suite *suite = suite_create("json_scan");
	TCase *tests = tcase_create("json_scan");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(tests, 60);
	tcase_add_loop_test(tests, strict_json_passes, 0, COUNT(good_texts));
	tcase_add_loop_test(tests, what_is_no_json_is_malformed, 0, COUNT(malformed_texts));
	tcase_add_test(tests, a_nul_byte_in_the_text_is_malformed);
	tcase_add_loop_test(tests, what_we_do_not_take_is_refused_by_its_path, 0,
			    COUNT(refused_texts));
	tcase_add_test(tests, malformed_counts_for_more_than_refused);
	tcase_add_test(tests, the_span_of_the_member_with_the_finding_is_told);
	tcase_add_test(tests, each_member_of_the_object_at_the_top_is_told_as_it_is_written);
	tcase_add_test(tests, an_array_at_the_top_has_no_members);
	tcase_add_test(tests, a_key_is_found_again_among_many);
	tcase_add_test(tests, sixteen_levels_pass_and_seventeen_are_refused);
	tcase_add_test(tests, a_million_levels_are_only_refused);
	tcase_add_test(tests, ten_thousand_values_pass_and_one_more_is_refused);
	tcase_add_test(tests, many_long_keys_are_compared_in_little_time);
	tcase_add_test(tests, an_endless_path_is_cut);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
