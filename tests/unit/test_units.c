/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdlib.h>

#include <check.h>

#include "proto/units.h"

#define SECOND UINT64_C(1000000)

static const struct {
	const char *text;
	uint64_t bytes;
} sizes[] = {
	{ "0", 0 },
	{ "1", 1 },
	{ "65536", 65536 },
	{ "64K", 65536 },
	{ "64k", 65536 },
	{ "64KiB", 65536 },
	{ "64 KB", 65536 },
	{ "64M", 64 << 20 },
	{ "1GiB", 1 << 30 },
	{ "2T", UINT64_C(2) << 40 },
	{ "1.5M", 3 << 19 },
	{ "0.5K", 512 },
	{ " 7B ", 7 },
	{ "18446744073709551615", UINT64_MAX },
	{ "15E", UINT64_C(15) << 60 },
	{ "1.00000000000000000000000001K", 1024 },
};

START_TEST(sizes_are_binary)
{
	uint64_t bytes;

	ck_assert_msg(units_parse_size(sizes[_i].text, &bytes) == 0, "%s", sizes[_i].text);
	ck_assert_uint_eq(bytes, sizes[_i].bytes);
}
END_TEST

START_TEST(what_is_no_size_is_refused)
{
	static const char *const bad[] = { "",	     " ",   "K",	"-1",
					   "+1",     "1X",  "1KK",	"1iB",
					   "1.5",    "1.K", "1,5M",	"0x10",
					   "64 K B", "1 2", "infinity", "1Kib8888888888" };
	uint64_t bytes;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(units_parse_size(bad[i], &bytes) == UNITS_E_SYNTAX, "%s", bad[i]);
	ck_assert_int_eq(units_parse_size("18446744073709551616", &bytes), UNITS_E_OVERFLOW);
	ck_assert_int_eq(units_parse_size("16E", &bytes), UNITS_E_OVERFLOW);
	ck_assert_int_eq(units_parse_size("99999999999T", &bytes), UNITS_E_OVERFLOW);
	ck_assert_int_eq(units_parse_size("999999999999999999999999999999", &bytes),
			 UNITS_E_OVERFLOW);
}
END_TEST

static const struct {
	const char *text;
	uint64_t usec;
} spans[] = {
	{ "0", 0 },
	{ "5", 5 * SECOND },
	{ "5min 20s", 320 * SECOND },
	{ "5min20s", 320 * SECOND },
	{ "1h", 3600 * SECOND },
	{ "100ms", 100000 },
	{ "2d", 172800 * SECOND },
	{ "500us", 500 },
	{ "500 \xc2\xb5s", 500 },
	{ "500\xce\xbcs", 500 },
	{ "1.5h", 5400 * SECOND },
	{ "1 week", 604800 * SECOND },
	{ "2 hours 3 minutes", 7380 * SECOND },
	{ "0.25s", 250000 },
	{ "1M", 2629800 * SECOND },
	{ "1m", 60 * SECOND },
	{ "1y", 31557600 * SECOND },
	{ "55s500ms", 55500000 },
	{ "300ms20s 5day", 5 * 86400 * SECOND + 20 * SECOND + 300000 },
	{ "infinity", UINT64_MAX },
	{ " 1s ", SECOND },
};

START_TEST(spans_are_as_systemd_reads_them)
{
	uint64_t usec;

	ck_assert_msg(units_parse_span(spans[_i].text, &usec) == 0, "%s", spans[_i].text);
	ck_assert_uint_eq(usec, spans[_i].usec);
}
END_TEST

START_TEST(what_is_no_span_is_refused)
{
	static const char *const bad[] = { "",	     "s",   "-1s", "1x",   "5 fortnights",
					   "1..5s",  ".5s", "1s,", "5Min", "infinitys",
					   "1h-5min" };
	uint64_t usec;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(units_parse_span(bad[i], &usec) == UNITS_E_SYNTAX, "%s", bad[i]);
	ck_assert_int_eq(units_parse_span("18446744073709551615us", &usec), UNITS_E_OVERFLOW);
	ck_assert_int_eq(units_parse_span("600000y", &usec), UNITS_E_OVERFLOW);
	ck_assert_int_eq(units_parse_span("18446744073709551000us 1s", &usec), UNITS_E_OVERFLOW);
}
END_TEST

START_TEST(texts_are_what_people_expect)
{
	char text[UNITS_TEXT_BYTES];

	ck_assert_str_eq(units_format_size(0, text), "0");
	ck_assert_str_eq(units_format_size(1023, text), "1023");
	ck_assert_str_eq(units_format_size(65536, text), "64K");
	ck_assert_str_eq(units_format_size(1536, text), "1.5K");
	ck_assert_str_eq(units_format_size(UINT64_MAX, text), "15.9E");
	ck_assert_str_eq(units_format_size_exact(65537, text), "65537");
	ck_assert_str_eq(units_format_size_exact(1536, text), "1536");
	ck_assert_str_eq(units_format_size_exact(64 << 20, text), "64M");
	ck_assert_str_eq(units_format_size_exact(UINT64_C(1) << 63, text), "8E");
	ck_assert_str_eq(units_format_span(0, text), "0");
	ck_assert_str_eq(units_format_span(320 * SECOND, text), "5min 20s");
	ck_assert_str_eq(units_format_span(3600 * SECOND + 500, text), "1h 500us");
	ck_assert_str_eq(units_format_span(UINT64_MAX, text), "infinity");
}
END_TEST

START_TEST(exact_texts_are_read_back)
{
	char text[UNITS_TEXT_BYTES];
	uint64_t value = 1, back;
	int i;

	for (i = 0; i < 2000; i++) {
		value = value * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		ck_assert_int_eq(
			units_parse_size(units_format_size_exact(value >> (i % 60), text), &back),
			0);
		ck_assert_uint_eq(back, value >> (i % 60));
		ck_assert_int_eq(
			units_parse_span(units_format_span(value >> (i % 60), text), &back), 0);
		ck_assert_uint_eq(back, value >> (i % 60));
	}
	ck_assert_int_eq(units_parse_span(units_format_span(UINT64_MAX - 1, text), &back), 0);
	ck_assert_uint_eq(back, UINT64_MAX - 1);
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

int main(void)
{
	Suite *suite = suite_create("units");
	TCase *tests = tcase_create("units");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tests, sizes_are_binary, 0, COUNT(sizes));
	tcase_add_test(tests, what_is_no_size_is_refused);
	tcase_add_loop_test(tests, spans_are_as_systemd_reads_them, 0, COUNT(spans));
	tcase_add_test(tests, what_is_no_span_is_refused);
	tcase_add_test(tests, texts_are_what_people_expect);
	tcase_add_test(tests, exact_texts_are_read_back);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
