/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/core/path_rule.h"

#include <stdlib.h>
#include <string.h>

#include <check.h>

static const char *const good[] = {
	"a",  "a/b", "a/b/c.txt",     ".hidden",   "..a",      "a..",	      "...",
	"-x", "a b", "\xc3\xa4/\xff", "forebay-1", ".forebay", "a.forebay-1",
};

static const struct {
	const char *path;
	const char *reason;	/* a part of it */
} bad[] = {
	{ "", "empty" },
	{ "/", "absolute" },
	{ "/etc/passwd", "absolute" },
	{ "a/", "empty component" },
	{ "a//b", "empty component" },
	{ ".", "\".\"" },
	{ "./a", "\".\"" },
	{ "a/./b", "\".\"" },
	{ "..", "\"..\"" },
	{ "../a", "\"..\"" },
	{ "a/..", "\"..\"" },
	{ "a/../b", "\"..\"" },
	{ "a\nb", "control" },
	{ "a/\x1b[0m", "control" },
	{ "a\x7f", "control" },
	{ "\t", "control" },
	{ ".forebay-1-s2", "reserved" },
	{ "a/.forebay-", "reserved" },
	{ ".forebay-dir/a", "reserved" },
};

START_TEST(ordinary_paths_are_accepted)
{
	const char *reason = "untouched";

	ck_assert_msg(path_check(good[_i], &reason), "%s: %s", good[_i], reason);
	ck_assert_str_eq(reason, "untouched");
}
END_TEST

START_TEST(a_refused_path_says_why)
{
	const char *reason = "";

	ck_assert_msg(!path_check(bad[_i].path, &reason), "%s", bad[_i].path);
	ck_assert_msg(strstr(reason, bad[_i].reason), "%s: %s", bad[_i].path, reason);
}
END_TEST

START_TEST(a_component_has_255_bytes_at_most)
{
	char path[2 + PATH_RULE_COMPONENT_BYTES_MAX + 2] = "a/";
	const char *reason;

	memset(path + 2, 'x', PATH_RULE_COMPONENT_BYTES_MAX);
	ck_assert(path_check(path, &reason));
	path[2 + PATH_RULE_COMPONENT_BYTES_MAX] = 'x';
	ck_assert(!path_check(path, &reason));
}
END_TEST

START_TEST(a_path_has_a_longest_length)
{
	char path[PATH_RULE_BYTES_MAX + 2];
	const char *reason;

	for (size_t i = 0; i < sizeof(path); i++)
		path[i] = i % 2 ? '/' : 'x';
	path[PATH_RULE_BYTES_MAX - 1] = 'x';
	path[PATH_RULE_BYTES_MAX] = '\0';
	ck_assert(path_check(path, &reason));
	path[PATH_RULE_BYTES_MAX] = 'x';
	path[PATH_RULE_BYTES_MAX + 1] = '\0';
	ck_assert(!path_check(path, &reason));
}
END_TEST

START_TEST(a_path_is_taken_apart_at_its_last_slash)
{
	ck_assert_str_eq(path_base_name("a"), "a");
	ck_assert_str_eq(path_base_name("a/b/c"), "c");
	ck_assert_uint_eq(path_directory_length("a"), 0);
	ck_assert_uint_eq(path_directory_length("a/b/c"), 3);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("path_rule");
	TCase *all = tcase_create("all");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, all);
	tcase_add_loop_test(all, ordinary_paths_are_accepted, 0, sizeof(good) / sizeof(good[0]));
	tcase_add_loop_test(all, a_refused_path_says_why, 0, sizeof(bad) / sizeof(bad[0]));
	tcase_add_test(all, a_component_has_255_bytes_at_most);
	tcase_add_test(all, a_path_has_a_longest_length);
	tcase_add_test(all, a_path_is_taken_apart_at_its_last_slash);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
