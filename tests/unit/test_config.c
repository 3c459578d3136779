/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <check.h>

#include "daemon/base/log.h"
#include "daemon/config.h"
#include "daemon/io/io_engine.h"

static struct config config;
static struct config_error error;

static int read_text(const char *text)
{
	config_init(&config);
	error = (struct config_error){ 0 };
	return config_read_text(&config, text, &error);
}

START_TEST(without_a_file_the_built_in_values_hold)
{
	config_init(&config);
	ck_assert_uint_eq(config.engine, ENGINE_AUTO);
	ck_assert_uint_eq(config.log_level, LOG_LEVEL_INFO);
	ck_assert_uint_eq(config.default_pool_bytes, 16 << 20);
	ck_assert_uint_eq(config.message_bytes, 1 << 20);
	ck_assert_uint_eq(config.drain_timeout_usec, 60000000);
	ck_assert_uint_eq(config.store_count, 0);
	ck_assert_ptr_null(config.socket);
	config_fini(&config);
}
END_TEST

START_TEST(every_type_of_key_is_read)
{
	ck_assert_int_eq(read_text("# a remark\n"
				   "[daemon]\n"
				   "socket = /tmp/x\n"
				   "socketMode = 0660\n"
				   "engine = threads\n"
				   "logLevel = debug\n"
				   "certification = yes\n"
				   "drainTimeout = 5min 20s\n"
				   "\n"
				   "[limits]\n"
				   "poolBytes = 64M\n"
				   "streams = 7\n"),
			 0);
	ck_assert_str_eq(config.socket, "/tmp/x");
	ck_assert_uint_eq(config.socket_mode, 0660);
	ck_assert_uint_eq(config.engine, ENGINE_THREADS);
	ck_assert_uint_eq(config.log_level, LOG_LEVEL_DEBUG);
	ck_assert_uint_eq(config.certification, 1);
	ck_assert_uint_eq(config.drain_timeout_usec, 320000000);
	ck_assert_uint_eq(config.pool_bytes, 64 << 20);
	ck_assert_uint_eq(config.streams, 7);
	config_fini(&config);
}
END_TEST

START_TEST(stores_have_names_paths_and_users)
{
	ck_assert_int_eq(read_text("[store logs]\npath = /srv/logs\nperUser = yes\n"
				   "[store b.2]\npath = /srv/b\n"),
			 0);
	ck_assert_uint_eq(config.store_count, 2);
	ck_assert_str_eq(config.stores[0].name, "logs");
	ck_assert_str_eq(config.stores[0].path, "/srv/logs");
	ck_assert(config.stores[0].per_user);
	ck_assert_str_eq(config.stores[1].name, "b.2");
	ck_assert(!config.stores[1].per_user);
	config_fini(&config);
}
END_TEST

static const struct {
	const char *text;
	int64_t line;
	const char *reason; /* a part of it */
} wrong[] = {
	{ "[daemon]\nsokcet = /x\n", 2, "unknown key \"sokcet\" in [daemon]" },
	{ "[limits]\n\n\nsocket = /x\n", 4, "unknown key \"socket\" in [limits]" },
	{ "[metrics]\nport = 1\n", 2, "unknown key" },
	{ "[demon]\nsocket = /x\n", 2, "unknown section [demon]" },
	{ "socket = /x\n", 1, "before any section" },
	{ "[daemon]\nsocket /x\n", 2, "neither [SECTION] nor KEY = VALUE" },
	{ "[daemon\n", 1, "neither" },
	{ "[daemon]\nsocket =\n", 2, "must not be empty" },
	{ "[daemon]\nengine = fast\n", 2, "auto, uring or threads" },
	{ "[daemon]\nlogLevel = loud\n", 2, "must be error" },
	{ "[daemon]\ncertification = maybe\n", 2, "yes or no" },
	{ "[daemon]\nsocketMode = 0888\n", 2, "octal" },
	{ "[daemon]\nsocketMode = 1000\n", 2, "between" },
	{ "[daemon]\ndrainTimeout = soon\n", 2, "a time" },
	{ "[limits]\nstreams = -1\n", 2, "a number" },
	{ "[limits]\nstreams = 5 5\n", 2, "a number" },
	{ "[limits]\nstreams = 99999999999999999999\n", 2, "a number" },
	{ "[limits]\nstreams = 1000001\n", 2, "between" },
	{ "[limits]\npoolBytes = 1X\n", 2, "a size" },
	{ "[limits]\nmessageBytes = 17M\n", 2, "between" },
	{ "[limits]\nstreams = 1\nstreams = 2\n", 3, "given twice" },
	{ "[limits]\nstreams = 1\n[daemon]\n[limits]\nstreams = 1\n", 5, "given twice" },
	{ "[store a]\nperUser = yes\n", 0, "has no path" },
	{ "[store a]\npath = srv\n", 2, "absolute" },
	{ "[store a/b]\npath = /srv\n", 2, "cannot be a store's name" },
	{ "[store ]\npath = /srv\n", 2, "cannot be a store's name" },
	{ "[store a]\nuser = me\n", 2, "unknown key \"user\" in [store a]" },
	{ "[store a]\npath = /x\npath = /y\n", 3, "given twice" },
	/* The first of several counts. */
	{ "[daemon]\nbad1 = 1\nnonsense\nbad2 = 2\n", 2, "bad1" },
};

#define WRONG ((int)(sizeof(wrong) / sizeof(wrong[0])))

START_TEST(what_is_wrong_is_told_with_its_line)
{
	int r = read_text(wrong[_i].text);

	ck_assert_msg(r == CONFIG_E_BAD, "%s", wrong[_i].text);
	ck_assert_msg(error.line == wrong[_i].line, "line %d, not %d: %s", (int)error.line,
		      (int)wrong[_i].line, wrong[_i].text);
	ck_assert_msg(strstr(error.reason, wrong[_i].reason) != NULL, "\"%s\"", error.reason);
	config_fini(&config);
}
END_TEST

START_TEST(a_line_that_is_too_long_is_refused_not_cut)
{
	char text[8192];

	memset(text, 'x', sizeof(text));
	memcpy(text, "[daemon]\nsocket = /", 19);
	memcpy(text + sizeof(text) - 2, "\n", 2);
	ck_assert_int_eq(read_text(text), CONFIG_E_BAD);
	ck_assert_int_eq(error.line, 2);
	ck_assert_ptr_nonnull(strstr(error.reason, "longer than"));
	config_fini(&config);
}
END_TEST

START_TEST(a_file_that_is_not_there_is_told)
{
	config_init(&config);
	ck_assert_int_eq(config_read_file(&config, "/nowhere/forebayd.conf", &error), CONFIG_E_BAD);
	ck_assert_int_eq(error.line, 0);
	ck_assert_ptr_nonnull(strstr(error.reason, "ENOENT"));
	config_fini(&config);
}
END_TEST

START_TEST(the_sample_file_is_right_as_it_is_and_with_every_key_set)
{
	const char *tree = getenv("FOREBAY_SOURCE_DIR");
	char path[4096], line[1024], text[16384] = "";
	size_t length = 0;
	FILE *file;

	ck_assert_ptr_nonnull(tree);
	(void)snprintf(path, sizeof(path), "%s/systemd/forebayd.conf", tree);
	config_init(&config);
	ck_assert_msg(config_read_file(&config, path, &error) == 0, "%s", error.reason);
	config_fini(&config);

	/* "#key = value" and "#[section]" lose their mark; "# remark" stays. */
	file = fopen(path, "r");
	ck_assert_ptr_nonnull(file);
	while (fgets(line, sizeof(line), file)) {
		const char *from =
			line[0] == '#' && line[1] != ' ' && line[1] != '\n' ? line + 1 : line;

		length += (size_t)snprintf(text + length, sizeof(text) - length, "%s", from);
		ck_assert_uint_lt(length, sizeof(text));
	}
	(void)fclose(file);
	ck_assert_msg(read_text(text) == 0, "line %d: %s", (int)error.line, error.reason);
	ck_assert_uint_eq(config.store_count, 1);
	/* What the sample says are the built-in values. */
	{
		struct config built_in;

		config_init(&built_in);
		ck_assert_uint_eq(config.default_pool_bytes, built_in.default_pool_bytes);
		ck_assert_uint_eq(config.connections, built_in.connections);
		ck_assert_uint_eq(config.pool_bytes, built_in.pool_bytes);
		ck_assert_uint_eq(config.ring_bytes, built_in.ring_bytes);
		ck_assert_uint_eq(config.staging_bytes, built_in.staging_bytes);
		ck_assert_uint_eq(config.descriptors_in_flight, built_in.descriptors_in_flight);
		ck_assert_uint_eq(config.drain_timeout_usec, built_in.drain_timeout_usec);
		config_fini(&built_in);
	}
	config_fini(&config);
}
END_TEST

START_TEST(the_environment_fills_in_what_was_not_said)
{
	ck_assert_int_eq(setenv("XDG_RUNTIME_DIR", "/run/user/7", 1), 0);
	ck_assert_int_eq(setenv("STATE_DIRECTORY", "/var/lib/one:/var/lib/two", 1), 0);
	config_init(&config);
	ck_assert_int_eq(config_complete(&config, &error), 0);
	ck_assert_str_eq(config.state_directory, "/var/lib/one");
	ck_assert_str_eq(config.socket, geteuid() == 0 ? "/run/forebay/forebay.sock" :
							 "/run/user/7/forebay/forebay.sock");
	ck_assert_uint_eq(config.store_count, 1);
	ck_assert_str_eq(config.stores[0].name, "default");
	ck_assert_str_eq(config.stores[0].path, "/var/lib/one/default");
	ck_assert(config.stores[0].per_user);
	config_fini(&config);
}
END_TEST

START_TEST(what_was_said_is_not_filled_in)
{
	ck_assert_int_eq(read_text("[daemon]\nsocket = /s\nstateDirectory = /d\nsocketMode = 0\n"
				   "[store default]\npath = /p\n"),
			 0);
	ck_assert_int_eq(config_complete(&config, &error), 0);
	ck_assert_str_eq(config.socket, "/s");
	ck_assert_str_eq(config.state_directory, "/d");
	ck_assert_uint_eq(config.socket_mode, 0);
	ck_assert_uint_eq(config.store_count, 1);
	ck_assert_str_eq(config.stores[0].path, "/p");
	config_fini(&config);
}
END_TEST

static void complete(struct config *which, const char *text)
{
	config_init(which);
	ck_assert_int_eq(
		config_read_text(which, "[daemon]\nsocket = /s\nstateDirectory = /d\n", &error), 0);
	which->seen = 0;
	ck_assert_int_eq(config_read_text(which, text, &error), 0);
	ck_assert_int_eq(config_complete(which, &error), 0);
}

START_TEST(a_reload_takes_over_what_may_change_and_names_what_may_not)
{
	struct config fresh;

	complete(&config, "[limits]\nstreams = 1\n");
	complete(&fresh, "[limits]\nstreams = 2\n[daemon]\nlogLevel = error\n");
	ck_assert_ptr_null(config_reload(&config, &fresh));
	ck_assert_uint_eq(config.streams, 2);
	ck_assert_uint_eq(config.log_level, LOG_LEVEL_ERROR);
	config_fini(&fresh);

	complete(&fresh, "[daemon]\nengine = threads\n[limits]\nstreams = 3\n");
	ck_assert_str_eq(config_reload(&config, &fresh), "engine");
	ck_assert_uint_eq(config.engine, ENGINE_AUTO);
	ck_assert_uint_eq(config.streams, 3);
	config_fini(&fresh);

	complete(&fresh, "[daemon]\nsocket = /other\n");
	ck_assert_str_eq(config_reload(&config, &fresh), "socket");
	ck_assert_str_eq(config.socket, "/s");
	config_fini(&fresh);

	complete(&fresh, "[store more]\npath = /more\n");
	ck_assert_str_eq(config_reload(&config, &fresh), "store");
	ck_assert_uint_eq(config.store_count, 1);
	config_fini(&fresh);
	config_fini(&config);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("config");
	TCase *tests = tcase_create("config");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tests, without_a_file_the_built_in_values_hold);
	tcase_add_test(tests, every_type_of_key_is_read);
	tcase_add_test(tests, stores_have_names_paths_and_users);
	tcase_add_loop_test(tests, what_is_wrong_is_told_with_its_line, 0, WRONG);
	tcase_add_test(tests, a_line_that_is_too_long_is_refused_not_cut);
	tcase_add_test(tests, a_file_that_is_not_there_is_told);
	tcase_add_test(tests, the_sample_file_is_right_as_it_is_and_with_every_key_set);
	tcase_add_test(tests, the_environment_fills_in_what_was_not_said);
	tcase_add_test(tests, what_was_said_is_not_filled_in);
	tcase_add_test(tests, a_reload_takes_over_what_may_change_and_names_what_may_not);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
