/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/core/path_template.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Saturday, 2026-11-21 03:07:09, the 325th day. */
static const struct tm when = {
	.tm_year = 126,
	.tm_mon = 10,
	.tm_mday = 21,
	.tm_hour = 3,
	.tm_min = 7,
	.tm_sec = 9,
	.tm_wday = 6,
	.tm_yday = 324,
	.tm_gmtoff = -3600,
};

static size_t write_time(const struct path_template_time *unused_time, char letter, char *room,
			 size_t room_bytes)
{
	const char format[] = { '%', letter, '\0' };

	(void)unused_time;
	return strftime(room, room_bytes, format, &when);
}

static const struct path_template_time test_time = { write_time };

struct expansion {
	const char *text;
	const char *path;
};

static const struct expansion expansions[] = {
	{ "log-{n}", "log-17" },
	{ "{n}", "17" },
	{ "a/{n}.gz", "a/17.gz" },
	{ "%Y/%m/%d/log-{n}", "2026/11/21/log-17" },
	{ "%Y%m%d-%H%M%S", "20261121-030709" },
	{ "100%%-{n}", "100%-17" },
	{ "%%Y%%{n}", "%Y%17" },
	{ "%F %T", "2026-11-21 03:07:09" },
	{ "%y%C%j%I%u%w%a%b%p%z", "262032503"
				  "66SatNovAM-0100" },
	{ "{n}%Y", "172026" },
};

START_TEST(a_template_becomes_the_path_of_a_segment)
{
	const struct expansion *row = &expansions[_i];
	char path[PATH_TEMPLATE_BYTES];
	const char *reason = "";

	ck_assert_msg(path_template_check(row->text, &reason), "%s: %s", row->text, reason);
	ck_assert(path_template_expand(row->text, &test_time, 17, path));
	ck_assert_str_eq(path, row->path);
}
END_TEST

static const char *const bad[] = {
	"",	    "plain",  "a/b",	"100%%",	"{n}-{n}",  "{n}/a",
	"a{n}/%Y",  "%q-{n}", "{n}%",	"%{n}",		"%D-{n}",   "%EY-{n}",
	"%s-{n}",   "%n{n}",  "{n:06}", "{N}",		"{x}-{n}",  "{n",
	"/log-{n}", "../{n}", "a//{n}", ".forebay-{n}", "log-{n}/", "log\n{n}",
};

START_TEST(what_is_no_good_template_is_refused_with_a_reason)
{
	const char *reason = "";

	ck_assert_msg(!path_template_check(bad[_i], &reason), "%s", bad[_i]);
	ck_assert_str_ne(reason, "");
}
END_TEST

START_TEST(the_highest_number_must_fit_into_the_name)
{
	char text[300], path[PATH_TEMPLATE_BYTES];
	const char *reason;

	memset(text, 'x', sizeof(text));
	strcpy(text + PATH_RULE_COMPONENT_BYTES_MAX - 19, "{n}");
	ck_assert(path_template_check(text, &reason));
	ck_assert(path_template_expand(text, &test_time, PATH_TEMPLATE_NUMBER_MAX, path));
	strcpy(text + PATH_RULE_COMPONENT_BYTES_MAX - 18, "{n}");
	text[PATH_RULE_COMPONENT_BYTES_MAX - 19] = 'x';
	ck_assert(!path_template_check(text, &reason));
}
END_TEST

START_TEST(a_path_that_does_not_fit_is_not_expanded)
{
	char text[2 * PATH_TEMPLATE_BYTES], path[PATH_TEMPLATE_BYTES];
	const char *reason;

	memset(text, 0, sizeof(text));
	for (size_t i = 0; i + 2 < PATH_TEMPLATE_BYTES; i += 2)
		memcpy(text + i, "%F", 2);
	ck_assert(!path_template_expand(text, &test_time, 1, path));
	ck_assert(!path_template_check(text, &reason));
}
END_TEST

START_TEST(it_is_known_whether_a_number_is_in_it)
{
	ck_assert(path_template_has_number("a/%Y-{n}"));
	ck_assert(!path_template_has_number("a/%Y"));
}
END_TEST

struct match {
	const char *base;
	const char *name;
	uint64_t number; /* 0: it is no match */
};

static const struct match matches[] = {
	{ "log-{n}", "log-1", 1 },
	{ "log-{n}", "log-907", 907 },
	{ "log-{n}", "log-9223372036854775807", INT64_MAX },
	{ "log-{n}", "log-9223372036854775808", 0 },
	{ "log-{n}", "log-99999999999999999999999999", 0 },
	{ "log-{n}", "log-", 0 },
	{ "log-{n}", "log-0", 0 },
	{ "log-{n}", "log-01", 0 },
	{ "log-{n}", "log-1x", 0 },
	{ "log-{n}", "log--1", 0 },
	{ "log-{n}", "log- 1", 0 },
	{ "log-{n}", "log-1.partial", 0 },
	{ "log-{n}", "xlog-1", 0 },
	{ "log-{n}", "", 0 },
	{ "{n}.gz", "31.gz", 31 },
	{ "{n}.gz", ".gz", 0 },
	{ "{n}.gz", "31.gx", 0 },
	{ "%Y-{n}", "2031-5", 5 },
	{ "%Y-{n}", "203-5", 0 },
	{ "%Y-{n}", "20x1-5", 0 },
	{ "%b{n}%Y", "Nov122031", 12 },
	{ "%b{n}%Y", "N0v122031", 0 },
	{ "%b{n}%Y", "Nov2031", 0 },
	{ "%z{n}", "+01007", 7 },
	{ "%z{n}", "001007", 0 },
	{ "%F.{n}", "2031-01-02.3", 3 },
	{ "%F.{n}", "2031_01-02.3", 0 },
	{ "5%%{n}", "5%4", 4 },
	{ "%Y", "2031", 0 },
	{ "plain", "plain", 0 },
};

START_TEST(a_name_gives_its_number_back)
{
	const struct match *row = &matches[_i];
	uint64_t number = 0;

	ck_assert_msg(path_template_match(row->base, row->name, &number) == (row->number > 0),
		      "%s %s", row->base, row->name);
	ck_assert_uint_eq(number, row->number);
}
END_TEST

START_TEST(every_conversion_is_matched_by_what_it_makes)
{
	static const char letters[] = "YyCGgmdjHIMSuwUVWabpzFT";
	char path[PATH_TEMPLATE_BYTES];
	const char *reason;
	uint64_t number;

	for (const char *letter = letters; *letter != '\0'; letter++) {
		const char text[] = { '%', *letter, '{', 'n', '}', '%', *letter, '\0' };

		ck_assert(path_template_check(text, &reason));
		ck_assert(path_template_expand(text, &test_time, 42, path));
		ck_assert_msg(path_template_match(text, path, &number), "%s", path);
		ck_assert_uint_eq(number, 42);
	}
}
END_TEST

static const struct path_template_words words = { .job = "keeper", .host = "here", .run = 7 };

static const struct {
	const char *text;
	const char *path; /* NULL: refused */
} of_jobs[] = {
	{ "plain", "plain" },
	{ "{job}/{run}-{host}", "keeper/7-here" },
	{ "{run}{run}/%Y%%", "77/2026%" },
	{ "{n}", NULL },
	{ "{job", NULL },
	{ "{}", NULL },
	{ "%Q", NULL },
	{ "../{job}", NULL },
	{ "/{job}", NULL },
	{ "", NULL },
};

START_TEST(a_jobs_path_has_words_of_its_own)
{
	char path[PATH_TEMPLATE_BYTES];
	const char *reason = NULL;
	bool good = path_template_check_job(of_jobs[_i].text, &words, &reason);

	ck_assert_msg(good == (of_jobs[_i].path != NULL), "%s", of_jobs[_i].text);
	if (!good) {
		ck_assert_ptr_nonnull(reason);
		return;
	}
	ck_assert(path_template_expand_job(of_jobs[_i].text, &test_time, &words, path));
	ck_assert_str_eq(path, of_jobs[_i].path);
}
END_TEST

START_TEST(a_rotations_path_has_none_of_them)
{
	const char *reason;

	ck_assert(!path_template_check("{job}-{n}", &reason));
	ck_assert(!path_template_check("{run}-{n}", &reason));
}
END_TEST

#define COUNT(rows) (int)(sizeof(rows) / sizeof((rows)[0]))

int main(void)
{
	Suite *suite = suite_create("path_template");
	TCase *all = tcase_create("all");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, all);
	tcase_add_loop_test(all, a_template_becomes_the_path_of_a_segment, 0, COUNT(expansions));
	tcase_add_loop_test(all, what_is_no_good_template_is_refused_with_a_reason, 0, COUNT(bad));
	tcase_add_test(all, the_highest_number_must_fit_into_the_name);
	tcase_add_test(all, a_path_that_does_not_fit_is_not_expanded);
	tcase_add_test(all, it_is_known_whether_a_number_is_in_it);
	tcase_add_loop_test(all, a_name_gives_its_number_back, 0, COUNT(matches));
	tcase_add_test(all, every_conversion_is_matched_by_what_it_makes);
	tcase_add_loop_test(all, a_jobs_path_has_words_of_its_own, 0, COUNT(of_jobs));
	tcase_add_test(all, a_rotations_path_has_none_of_them);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
