/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/print.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "client/progress.h"
#include "client/reply_text.h"

static const struct print_column columns[] = {
	{ "NAME", "context.name", PRINT_TEXT },
	{ "SIZE", "context.sizeBytes", PRINT_SIZE },
	{ "DRAINS", "runtime.drains", PRINT_NUMBER },
	{ "ON", "on", PRINT_BOOL },
	{ 0 },
};

/* What a function that prints has printed. */
struct capture {
	FILE *file;
	char *text;
	size_t bytes;
};

static void capture_begin(struct capture *capture)
{
	capture->file = open_memstream(&capture->text, &capture->bytes);
	ck_assert_ptr_nonnull(capture->file);
}

static void capture_check(struct capture *capture, const char *wanted)
{
	(void)fclose(capture->file);
	ck_assert_str_eq(capture->text, wanted);
	free(capture->text);
}

static void add(struct print_table *table, const char *json)
{
	cJSON *object = cJSON_Parse(json);

	ck_assert_ptr_nonnull(object);
	ck_assert_int_eq(print_table_add(table, object), 0);
	cJSON_Delete(object);
}

START_TEST(columns_are_as_wide_as_their_widest_cell)
{
	struct print_table table;
	struct capture capture;

	print_table_init(&table, columns);
	add(&table, "{\"context\":{\"name\":\"a\",\"sizeBytes\":67108864},\"runtime\":{\"drains\":"
		    "12345678},\"on\":true}");
	add(&table, "{\"context\":{\"name\":\"b\xc3\xa4"
		    "cdef\",\"sizeBytes\":null},\"on\":false}");
	capture_begin(&capture);
	print_table_write(&table, capture.file, false);
	capture_check(&capture, "NAME    SIZE    DRAINS  ON\n"
				"a        64M  12345678  yes\n"
				"b\xc3\xa4"
				"cdef     -         -  no\n");
	print_table_fini(&table);
}
END_TEST

START_TEST(a_table_grows_with_its_rows)
{
	struct print_table table;
	struct capture capture;
	int i;

	print_table_init(&table, columns);
	for (i = 0; i < 100; i++)
		add(&table, "{\"context\":{\"name\":\"x\"}}");
	capture_begin(&capture);
	print_table_write(&table, capture.file, true);
	(void)fflush(capture.file);
	ck_assert_int_eq(strncmp(capture.text, "\033[1mNAME", 8), 0);
	(void)fclose(capture.file);
	free(capture.text);
	print_table_fini(&table);
}
END_TEST

START_TEST(nothing_to_list_prints_nothing)
{
	struct print_table table;
	struct capture capture;

	print_table_init(&table, columns);
	capture_begin(&capture);
	print_table_write(&table, capture.file, true);
	capture_check(&capture, "");
	print_table_fini(&table);
}
END_TEST

START_TEST(what_steers_a_terminal_is_not_printed)
{
	struct capture capture;

	capture_begin(&capture);
	print_text("a\033[31mb\nc\x7f\xc2\x9b"
		   "d\xff\xc3\xa9",
		   capture.file);
	capture_check(&capture, "a?[31mb?c??d?\xc3\xa9");
}
END_TEST

START_TEST(an_object_is_shown_as_paths_and_values)
{
	cJSON *object = cJSON_Parse("{\"a\":{\"b\":9007199254740991,\"none\":null},"
				    "\"waitUSec\":61000000,\"list\":[1],\"on\":false}");
	struct capture capture;

	capture_begin(&capture);
	print_object(object, capture.file);
	capture_check(&capture, "a.b: 9007199254740991\nwaitUSec: 1min 1s\nlist: [1]\non: no\n");
	cJSON_Delete(object);
}
END_TEST

START_TEST(the_bar_tells_bytes_rate_time_left_and_the_ring)
{
	const struct progress_state state = {
		.taken_bytes = 80 << 20,
		.done_bytes = 64 << 20,
		.length_bytes = 16 << 20,
		.ring_bytes = 64 << 20,
		.elapsed_ns = 2000000000,
		.total_bytes = 256 << 20,
	};
	char line[128];

	progress_format(&state, 200, line, sizeof(line));
	ck_assert_str_eq(line, "[#####...............] 64M of 256M  32M/s  0:06 left  ring 25%");
	progress_format(&state, 10, line, sizeof(line));
	ck_assert_str_eq(line, "[#####....");
}
END_TEST

START_TEST(without_a_ring_nothing_is_told_of_it)
{
	const struct progress_state state = {
		.done_bytes = 1 << 20,
		.elapsed_ns = 1000000000,
		.total_bytes = 2 << 20,
	};
	char line[128];

	progress_format(&state, 200, line, sizeof(line));
	ck_assert_str_eq(line, "[##########..........] 1M of 2M  1M/s  0:01 left");
}
END_TEST

START_TEST(without_a_total_there_is_no_bar)
{
	const struct progress_state state = {
		.done_bytes = 1 << 20,
		.ring_bytes = 64 << 20,
		.elapsed_ns = 1000000000,
	};
	char line[128];

	progress_format(&state, 200, line, sizeof(line));
	ck_assert_str_eq(line, "1M  1M/s  ring 0%");
}
END_TEST

static const char *const replies[][2] = {
	{ "{\"parameters\":{\"a\":10000000000000000}}", "{\"a\":10000000000000000}" },
	{ " { \"continues\" : true , \"parameters\" : {\"x\":\"}\\\"\"} }", "{\"x\":\"}\\\"\"}" },
	{ "{\"error\":\"a.B\",\"parameters\":{}}", "{}" },
	{ "{\"x.y\":{\"parameters\":{\"no\":1}},\"parameters\":{\"yes\":[{},[2]]}}",
	  "{\"yes\":[{},[2]]}" },
	{ "{\"continues\":false}", NULL },
	{ "{\"parameters\":null}", NULL },
	{ "{}", NULL },
};

START_TEST(parameters_are_cut_out_as_they_were_written)
{
	const char *found = NULL;
	size_t bytes = 0;

	ck_assert_int_eq(reply_text_find_parameters(replies[_i][0], &found, &bytes),
			 replies[_i][1] != NULL);
	if (!replies[_i][1])
		return;
	ck_assert_uint_eq(bytes, strlen(replies[_i][1]));
	ck_assert_int_eq(memcmp(found, replies[_i][1], bytes), 0);
}
END_TEST

static Suite *print_suite(void)
{
	Suite *suite = suite_create("client print");
	TCase *all = tcase_create("print");

	tcase_add_test(all, columns_are_as_wide_as_their_widest_cell);
	tcase_add_test(all, a_table_grows_with_its_rows);
	tcase_add_test(all, nothing_to_list_prints_nothing);
	tcase_add_test(all, what_steers_a_terminal_is_not_printed);
	tcase_add_test(all, an_object_is_shown_as_paths_and_values);
	tcase_add_test(all, the_bar_tells_bytes_rate_time_left_and_the_ring);
	tcase_add_test(all, without_a_ring_nothing_is_told_of_it);
	tcase_add_test(all, without_a_total_there_is_no_bar);
	tcase_add_loop_test(all, parameters_are_cut_out_as_they_were_written, 0,
			    (int)(sizeof(replies) / sizeof(replies[0])));
	suite_add_tcase(suite, all);
	return suite;
}

int main(void)
{
	SRunner *runner = srunner_create(print_suite());
	int failed;

	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
