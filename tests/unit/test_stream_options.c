/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stddef.h>
#include <stdlib.h>

#include <check.h>

#include "daemon/core/stream_options.h"

static struct stream_options options;

static void start(void)
{
	stream_options_init(&options);
}

static const char *resolve(enum stream_target target)
{
	const char *parameter = NULL;
	int r = stream_options_resolve(&options, target, &parameter);

	ck_assert_int_eq(r, parameter ? STREAM_OPTIONS_E_PARAMETER : 0);
	return parameter ? parameter : "";
}

START_TEST(a_path_gets_the_documented_defaults)
{
	start();
	ck_assert_str_eq(resolve(STREAM_TARGET_PATH), "");
	ck_assert_int_eq(options.open, STREAM_OPEN_REPLACE);
	ck_assert_int_eq(options.ack, STREAM_ACK_SYNCED);
	ck_assert_int_eq(options.mode, 0640);
	ck_assert_int_eq(options.on_error, STREAM_ON_ERROR_FAIL);
	ck_assert_int_eq(options.on_disconnect, STREAM_DISCONNECT_SALVAGE);
	ck_assert_int_eq(options.sync_interval_usec, 1000000);
	ck_assert_int_eq(options.attach_timeout_usec, INT64_C(3600) * 1000000);
	ck_assert_int_eq(options.high_water_mark, 65536);
	ck_assert_int_eq(options.low_water_mark, 0);
	ck_assert_int_eq(options.maximum_length, 1024 * 1024);
	ck_assert_int_eq(options.ring_bytes, 0);
	ck_assert_int_eq(options.start, 0);
	ck_assert_int_eq(options.rate_bytes_per_second, 0);
	ck_assert_int_eq(options.size_hint, 0);
}
END_TEST

START_TEST(the_marks_of_a_ring_follow_its_size)
{
	start();
	options.ring_bytes = 1024 * 1024;
	ck_assert_str_eq(resolve(STREAM_TARGET_PATH), "");
	ck_assert_int_eq(options.high_water_mark, 512 * 1024);
	ck_assert_int_eq(options.low_water_mark, 256 * 1024);
}
END_TEST

START_TEST(a_ring_is_rounded_up_to_a_power_of_two)
{
	start();
	options.ring_bytes = 65537;
	ck_assert_str_eq(resolve(STREAM_TARGET_PATH), "");
	ck_assert_int_eq(options.ring_bytes, 131072);
	start();
	options.ring_bytes = STREAM_RING_BYTES_MAX;
	ck_assert_str_eq(resolve(STREAM_TARGET_PATH), "");
	ck_assert_int_eq(options.ring_bytes, STREAM_RING_BYTES_MAX);
}
END_TEST

START_TEST(a_passed_descriptor_is_finished_by_default_and_a_pipe_only_written)
{
	start();
	ck_assert_str_eq(resolve(STREAM_TARGET_FILE), "");
	ck_assert_int_eq(options.on_disconnect, STREAM_DISCONNECT_FINISH);
	ck_assert_int_eq(options.ack, STREAM_ACK_SYNCED);
	start();
	ck_assert_str_eq(resolve(STREAM_TARGET_OUTLET), "");
	ck_assert_int_eq(options.ack, STREAM_ACK_WRITTEN);
}
END_TEST

START_TEST(in_place_modes_are_finished_by_default)
{
	static const enum stream_open in_place[] = {
		STREAM_OPEN_APPEND,
		STREAM_OPEN_TRUNCATE,
		STREAM_OPEN_UPDATE,
	};

	for (int i = 0; i < 3; i++) {
		start();
		options.open = in_place[i];
		ck_assert_str_eq(resolve(STREAM_TARGET_PATH), "");
		ck_assert_int_eq(options.on_disconnect, STREAM_DISCONNECT_FINISH);
		ck_assert(!stream_open_is_temporary(in_place[i]));
	}
	ck_assert(stream_open_is_temporary(STREAM_OPEN_REPLACE));
	ck_assert(stream_open_is_temporary(STREAM_OPEN_EXCLUSIVE));
}
END_TEST

START_TEST(four_marks_may_be_held_if_that_is_more_than_a_mebibyte)
{
	start();
	options.high_water_mark = 1024 * 1024;
	ck_assert_str_eq(resolve(STREAM_TARGET_PATH), "");
	ck_assert_int_eq(options.maximum_length, 4 * 1024 * 1024);
	start();
	options.high_water_mark = INT64_MAX;
	ck_assert_str_eq(resolve(STREAM_TARGET_PATH), "");
	ck_assert_int_eq(options.maximum_length, INT64_MAX);
}
END_TEST

#define AT(field) offsetof(struct stream_options, field)

/* One option at a value just outside (wrong: its name) or just inside (wrong: "") its range. */
static const struct {
	size_t field;
	int64_t value;
	const char *wrong;
} edges[] = {
	{ AT(ring_bytes), 65535, "ringBytes" },
	{ AT(ring_bytes), 65536, "" },
	{ AT(ring_bytes), -1, "ringBytes" },
	{ AT(ring_bytes), STREAM_RING_BYTES_MAX + INT64_C(1), "ringBytes" },
	{ AT(ring_bytes), 0, "" },
	{ AT(high_water_mark), -1, "highWaterMark" },
	{ AT(high_water_mark), 0, "" },
	{ AT(high_water_mark), 1, "" },
	{ AT(low_water_mark), -1, "lowWaterMark" },
	{ AT(low_water_mark), 65536, "lowWaterMark" },
	{ AT(low_water_mark), 65535, "" },
	{ AT(maximum_length), 0, "maximumLength" },
	{ AT(maximum_length), 1, "" },
	{ AT(sync_interval_usec), 0, "syncIntervalUSec" },
	{ AT(sync_interval_usec), 1, "" },
	{ AT(attach_timeout_usec), -1, "attachTimeoutUSec" },
	{ AT(attach_timeout_usec), 0, "" },
	{ AT(rate_bytes_per_second), -1, "rateBytesPerSecond" },
	{ AT(rate_bytes_per_second), 0, "" },
	{ AT(size_hint), -1, "sizeHint" },
	{ AT(size_hint), 0, "" },
	{ AT(start), 0, "start" },
};

#define EDGES ((int)(sizeof(edges) / sizeof(edges[0])))

START_TEST(ranges_are_checked_by_name)
{
	start();
	*(int64_t *)((char *)&options + edges[_i].field) = edges[_i].value;
	ck_assert_str_eq(resolve(STREAM_TARGET_PATH), edges[_i].wrong);
}
END_TEST

START_TEST(marks_must_be_in_order_and_within_the_ring)
{
	start();
	options.high_water_mark = 0;
	options.low_water_mark = 0;
	ck_assert_str_eq(resolve(STREAM_TARGET_PATH), "");
	start();
	options.high_water_mark = 10;
	options.low_water_mark = 10;
	ck_assert_str_eq(resolve(STREAM_TARGET_PATH), "lowWaterMark");
	start();
	options.ring_bytes = 65536;
	options.high_water_mark = 65537;
	ck_assert_str_eq(resolve(STREAM_TARGET_PATH), "highWaterMark");
	start();
	options.ring_bytes = 65536;
	options.high_water_mark = 65536;
	ck_assert_str_eq(resolve(STREAM_TARGET_PATH), "");
}
END_TEST

START_TEST(what_makes_no_sense_for_a_descriptor_is_refused)
{
	start();
	options.open = STREAM_OPEN_REPLACE;
	ck_assert_str_eq(resolve(STREAM_TARGET_FILE), "open");
	start();
	options.mode = 0600;
	ck_assert_str_eq(resolve(STREAM_TARGET_FILE), "mode");
	start();
	options.start = 0;
	ck_assert_str_eq(resolve(STREAM_TARGET_FILE), "start");
	start();
	options.ack = STREAM_ACK_SYNCED;
	ck_assert_str_eq(resolve(STREAM_TARGET_OUTLET), "ack");
	start();
	options.on_disconnect = STREAM_DISCONNECT_SALVAGE;
	ck_assert_str_eq(resolve(STREAM_TARGET_FILE), "onDisconnect");
	start();
	options.on_disconnect = STREAM_DISCONNECT_SALVAGE;
	options.open = STREAM_OPEN_APPEND;
	ck_assert_str_eq(resolve(STREAM_TARGET_PATH), "onDisconnect");
}
END_TEST

START_TEST(only_update_starts_somewhere)
{
	start();
	options.open = STREAM_OPEN_UPDATE;
	options.start = 4096;
	ck_assert_str_eq(resolve(STREAM_TARGET_PATH), "");
	ck_assert_int_eq(options.start, 4096);
	start();
	options.open = STREAM_OPEN_UPDATE;
	options.start = -1;
	ck_assert_str_eq(resolve(STREAM_TARGET_PATH), "start");
	start();
	options.open = STREAM_OPEN_APPEND;
	options.start = 1;
	ck_assert_str_eq(resolve(STREAM_TARGET_PATH), "start");
}
END_TEST

START_TEST(words_are_read_and_written)
{
	ck_assert_int_eq(stream_open_parse("exclusive"), STREAM_OPEN_EXCLUSIVE);
	ck_assert_str_eq(stream_open_name(STREAM_OPEN_UPDATE), "update");
	ck_assert_int_eq(stream_ack_parse("published"), STREAM_ACK_PUBLISHED);
	ck_assert_str_eq(stream_ack_name(STREAM_ACK_WRITTEN), "written");
	ck_assert_int_eq(stream_disconnect_parse("detach"), STREAM_DISCONNECT_DETACH);
	ck_assert_str_eq(stream_disconnect_name(STREAM_DISCONNECT_ABORT), "abort");
	ck_assert_int_eq(stream_on_error_parse("pause"), STREAM_ON_ERROR_PAUSE);
	ck_assert_str_eq(stream_on_error_name(STREAM_ON_ERROR_FAIL), "fail");
	ck_assert_int_eq(stream_ack_parse("Synced"), OPTION_UNSET);
	ck_assert_int_eq(stream_open_parse(""), OPTION_UNSET);
	ck_assert_ptr_null(stream_open_name(OPTION_UNSET));
	ck_assert_ptr_null(stream_ack_name(3));
}
END_TEST

START_TEST(a_mode_is_octal)
{
	static const char *const wrong[] = { "", "8", "0o640", "1000", "00640", "-1", "64 ", "rw" };

	ck_assert_int_eq(stream_mode_parse("0640"), 0640);
	ck_assert_int_eq(stream_mode_parse("640"), 0640);
	ck_assert_int_eq(stream_mode_parse("0"), 0);
	ck_assert_int_eq(stream_mode_parse("0777"), 0777);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		ck_assert_msg(stream_mode_parse(wrong[i]) == OPTION_UNSET, "%s", wrong[i]);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("stream_options");
	TCase *tests = tcase_create("stream_options");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tests, a_path_gets_the_documented_defaults);
	tcase_add_test(tests, the_marks_of_a_ring_follow_its_size);
	tcase_add_test(tests, a_ring_is_rounded_up_to_a_power_of_two);
	tcase_add_test(tests, a_passed_descriptor_is_finished_by_default_and_a_pipe_only_written);
	tcase_add_test(tests, in_place_modes_are_finished_by_default);
	tcase_add_test(tests, four_marks_may_be_held_if_that_is_more_than_a_mebibyte);
	tcase_add_loop_test(tests, ranges_are_checked_by_name, 0, EDGES);
	tcase_add_test(tests, marks_must_be_in_order_and_within_the_ring);
	tcase_add_test(tests, what_makes_no_sense_for_a_descriptor_is_refused);
	tcase_add_test(tests, only_update_starts_somewhere);
	tcase_add_test(tests, words_are_read_and_written);
	tcase_add_test(tests, a_mode_is_octal);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
