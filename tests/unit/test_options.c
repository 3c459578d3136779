/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <check.h>

#include "daemon/config.h"
#include "daemon/io/io_engine.h"
#include "daemon/options.h"

#define WORDS_MAX 16

static struct options options;
static char reason[OPTIONS_REASON_BYTES];

/* Words separated by single spaces. */
static int parse(const char *line)
{
	static char words[256];
	char *argv[WORDS_MAX] = { (char *)"forebayd" };
	int argc = 1;

	(void)snprintf(words, sizeof(words), "%s", line);
	for (char *word = strtok(words, " "); word; word = strtok(NULL, " "))
		argv[argc++] = word;
	reason[0] = '\0';
	return options_parse(&options, argc, argv, reason);
}

START_TEST(nothing_is_a_good_command_line)
{
	ck_assert_int_eq(parse(""), 0);
	ck_assert_ptr_null(options.config_file);
	ck_assert(!options.help && !options.version && !options.check_config);
	ck_assert_uint_eq(options.override_count, 0);
	options_fini(&options);
}
END_TEST

START_TEST(a_value_comes_behind_an_equals_sign_or_as_the_next_word)
{
	ck_assert_int_eq(parse("--config=/a --socket /b --check-config"), 0);
	ck_assert_str_eq(options.config_file, "/a");
	ck_assert(options.check_config);
	ck_assert_uint_eq(options.override_count, 1);
	ck_assert_str_eq(options.overrides[0].key, "socket");
	ck_assert_str_eq(options.overrides[0].value, "/b");
	options_fini(&options);
}
END_TEST

START_TEST(help_and_version_are_noted)
{
	ck_assert_int_eq(parse("--help"), 0);
	ck_assert(options.help);
	options_fini(&options);
	ck_assert_int_eq(parse("--version"), 0);
	ck_assert(options.version);
	options_fini(&options);
}
END_TEST

static const char *const wrong[] = {
	"--sokcet /x",	      "--socket",	 "--config",	"-h", "file",	  "--help=yes",
	"--certification=no", "--store nothing", "--store =/x", "--", "--soc /x", "--socketx /y",
};

#define WRONG ((int)(sizeof(wrong) / sizeof(wrong[0])))

START_TEST(a_wrong_command_line_is_refused_with_a_reason)
{
	ck_assert_msg(parse(wrong[_i]) == OPTIONS_E_USAGE, "%s", wrong[_i]);
	ck_assert_uint_gt(strlen(reason), 0);
}
END_TEST

START_TEST(the_help_names_every_option)
{
	static const char *const names[] = {
		"--config FILE",
		"--socket PATH",
		"--state-directory DIR",
		"--store NAME=PATH",
		"--engine auto|uring|threads",
		"--certification",
		"--log-level LEVEL",
		"--check-config",
		"--version",
		"--help",
	};
	char *text = options_help();

	ck_assert_ptr_nonnull(text);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		ck_assert_msg(strstr(text, names[i]) != NULL, "%s", names[i]);
	free(text);
}
END_TEST

START_TEST(the_command_line_goes_before_the_file_and_the_file_before_the_built_in)
{
	char path[] = "/tmp/forebay-options-XXXXXX";
	static const char text[] = "[daemon]\nsocket = /file\nengine = threads\nlogLevel = error\n"
				   "[store a]\npath = /file/a\nperUser = yes\n";
	struct config_error error;
	struct config config;
	char line[128];
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (int)strlen(text));
	close(fd);
	(void)snprintf(line, sizeof(line),
		       "--config %s --socket /line --state-directory /s --store a=/line/a", path);
	ck_assert_int_eq(parse(line), 0);
	ck_assert_int_eq(options_load(&options, &config, &error), 0);
	ck_assert_str_eq(config.socket, "/line");
	ck_assert_uint_eq(config.engine, ENGINE_THREADS);
	ck_assert_uint_eq(config.default_pool_bytes, 16 << 20);
	ck_assert_str_eq(config.stores[0].path, "/line/a");
	ck_assert(!config.stores[0].per_user);
	config_fini(&config);
	options_fini(&options);
	unlink(path);
}
END_TEST

START_TEST(a_relative_store_is_meant_from_here)
{
	struct config_error error;
	struct config config;
	char expected[4200], here[4096];

	ck_assert_ptr_nonnull(getcwd(here, sizeof(here)));
	(void)snprintf(expected, sizeof(expected), "%s/there", here);
	ck_assert_int_eq(parse("--store a=there --socket /s --state-directory /s"), 0);
	ck_assert_int_eq(options_load(&options, &config, &error), 0);
	ck_assert_str_eq(config.stores[0].path, expected);
	config_fini(&config);
	options_fini(&options);
}
END_TEST

START_TEST(a_bad_value_is_the_configurations_to_refuse)
{
	struct config_error error;
	struct config config;

	ck_assert_int_eq(parse("--engine fast"), 0);
	ck_assert_int_eq(options_load(&options, &config, &error), CONFIG_E_BAD);
	ck_assert_int_eq(error.line, 0);
	ck_assert_ptr_nonnull(strstr(error.reason, "engine"));
	config_fini(&config);
	options_fini(&options);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("options");
	TCase *tests = tcase_create("options");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tests, nothing_is_a_good_command_line);
	tcase_add_test(tests, a_value_comes_behind_an_equals_sign_or_as_the_next_word);
	tcase_add_test(tests, help_and_version_are_noted);
	tcase_add_loop_test(tests, a_wrong_command_line_is_refused_with_a_reason, 0, WRONG);
	tcase_add_test(tests, the_help_names_every_option);
	tcase_add_test(tests,
		       the_command_line_goes_before_the_file_and_the_file_before_the_built_in);
	tcase_add_test(tests, a_relative_store_is_meant_from_here);
	tcase_add_test(tests, a_bad_value_is_the_configurations_to_refuse);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
