/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/base/log.h"

#define CAPTURE_BYTES 8192

static int saved_stderr_fd;
static int capture_fds[2];

static void capture_start(void)
{
	ck_assert_int_eq(unsetenv("JOURNAL_STREAM"), 0);
	log_set_level(LOG_LEVEL_INFO);
	ck_assert_int_eq(pipe(capture_fds), 0);
	saved_stderr_fd = dup(STDERR_FILENO);
	ck_assert_int_ge(saved_stderr_fd, 0);
	ck_assert_int_eq(dup2(capture_fds[1], STDERR_FILENO), STDERR_FILENO);
	close(capture_fds[1]);
}

/* What was logged since capture_start(); stderr is itself again. */
static const char *captured(void)
{
	static char text[CAPTURE_BYTES];
	ssize_t length;
	size_t used = 0;

	ck_assert_int_eq(dup2(saved_stderr_fd, STDERR_FILENO), STDERR_FILENO);
	close(saved_stderr_fd);
	while ((length = read(capture_fds[0], text + used, sizeof(text) - 1 - used)) > 0)
		used += (size_t)length;
	close(capture_fds[0]);
	text[used] = '\0';
	return text;
}

START_TEST(a_line_has_level_topic_message_and_fields)
{
	capture_start();
	log_warning("stream", "write failed", "id=%s errno=%d", "s1", 28);
	ck_assert_str_eq(captured(), "warning: stream: write failed id=s1 errno=28\n");
}
END_TEST

START_TEST(without_fields_nothing_stands_behind_the_message)
{
	capture_start();
	log_line(LOG_LEVEL_NOTICE, "loop", "ready", "");
	ck_assert_str_eq(captured(), "notice: loop: ready\n");
}
END_TEST

START_TEST(under_the_journal_a_line_starts_with_its_priority)
{
	capture_start();
	ck_assert_int_eq(setenv("JOURNAL_STREAM", "8:1", 1), 0);
	log_error("job", "lost", "id=%d", 7);
	ck_assert_int_eq(unsetenv("JOURNAL_STREAM"), 0);
	ck_assert_str_eq(captured(), "<3>job: lost id=7\n");
}
END_TEST

START_TEST(what_is_above_the_level_is_dropped)
{
	capture_start();
	log_set_level(LOG_LEVEL_WARNING);
	log_notice("a", "b", "c=%d", 1);
	log_warning("a", "b", "c=%d", 2);
	log_set_level(LOG_LEVEL_DEBUG);
	log_debug("a", "b", "c=%d", 3);
	ck_assert_str_eq(captured(), "warning: a: b c=2\ndebug: a: b c=3\n");
}
END_TEST

START_TEST(a_newline_in_a_field_does_not_make_a_second_line)
{
	capture_start();
	log_info("a", "b", "text=%s", "x\n<0>forged: line");
	ck_assert_str_eq(captured(), "info: a: b text=x <0>forged: line\n");
}
END_TEST

START_TEST(a_line_that_is_too_long_is_cut_and_stays_a_line)
{
	char field[5000];
	const char *line;

	memset(field, 'x', sizeof(field) - 1);
	field[sizeof(field) - 1] = '\0';
	capture_start();
	log_info("a", "b", "field=%s", field);
	line = captured();
	ck_assert_uint_lt(strlen(line), sizeof(field));
	ck_assert_str_eq(line + strlen(line) - 5, "x...\n");
	ck_assert_ptr_eq(strchr(line, '\n'), line + strlen(line) - 1);
}
END_TEST

START_TEST(errno_is_kept)
{
	int kept[2];

	capture_start();
	errno = ENOSPC;
	log_info("a", "b", "c=%d", 1);
	kept[0] = errno;
	log_debug("a", "b", "c=%d", 1);
	kept[1] = errno;
	ck_assert_str_eq(captured(), "info: a: b c=1\n");
	ck_assert_int_eq(kept[0], ENOSPC);
	ck_assert_int_eq(kept[1], ENOSPC);
}
END_TEST

START_TEST(levels_have_names)
{
	enum log_level level = LOG_LEVEL_DEBUG;

	ck_assert(log_level_parse("error", &level));
	ck_assert_int_eq(level, LOG_LEVEL_ERROR);
	ck_assert(log_level_parse("debug", &level));
	ck_assert_int_eq(level, LOG_LEVEL_DEBUG);
	ck_assert(!log_level_parse("Error", &level));
	ck_assert(!log_level_parse("", &level));
	ck_assert_int_eq(level, LOG_LEVEL_DEBUG);
}
END_TEST

START_TEST(a_quoted_text_holds_no_byte_that_could_deceive)
{
	char buffer[64];

	ck_assert_str_eq(log_quote("a b", buffer, sizeof(buffer)), "\"a b\"");
	ck_assert_str_eq(log_quote("", buffer, sizeof(buffer)), "\"\"");
	ck_assert_str_eq(log_quote("\"\\", buffer, sizeof(buffer)), "\"\\\"\\\\\"");
	ck_assert_str_eq(log_quote("\n\x1b\xff", buffer, sizeof(buffer)), "\"\\x0a\\x1b\\xff\"");
}
END_TEST

START_TEST(a_quoted_text_is_cut_to_fit_and_says_so)
{
	char buffer[10];

	ck_assert_str_eq(log_quote("1234567", buffer, sizeof(buffer)), "\"1234567\"");
	ck_assert_str_eq(log_quote("12345678", buffer, sizeof(buffer)), "\"1234...\"");
	ck_assert_str_eq(log_quote("123\n\n", buffer, sizeof(buffer)), "\"123...\"");
	ck_assert_str_eq(log_quote("\n\n\n", buffer, 8), "\"...\"");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("log");
	TCase *lines = tcase_create("lines");
	SRunner *runner;
	int failed;

	tcase_add_test(lines, a_line_has_level_topic_message_and_fields);
	tcase_add_test(lines, without_fields_nothing_stands_behind_the_message);
	tcase_add_test(lines, under_the_journal_a_line_starts_with_its_priority);
	tcase_add_test(lines, what_is_above_the_level_is_dropped);
	tcase_add_test(lines, a_newline_in_a_field_does_not_make_a_second_line);
	tcase_add_test(lines, a_line_that_is_too_long_is_cut_and_stays_a_line);
	tcase_add_test(lines, errno_is_kept);
	tcase_add_test(lines, levels_have_names);
	tcase_add_test(lines, a_quoted_text_holds_no_byte_that_could_deceive);
	tcase_add_test(lines, a_quoted_text_is_cut_to_fit_and_says_so);
	suite_add_tcase(suite, lines);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
