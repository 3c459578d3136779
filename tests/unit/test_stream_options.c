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
	ck_assert_int_eq(options.checksum, STREAM_CHECKSUM_NONE);
	ck_assert(!options.side_file);
	ck_assert_uint_eq(options.steps_count, 0);
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

/* One step alone, at a level just outside or just inside its range. */
static const struct {
	enum stream_step_kind kind;
	int64_t level;
	const char *wrong;
	int64_t resolved;
} levels[] = {
	{ STREAM_STEP_GZIP, OPTION_UNSET, "", STREAM_GZIP_LEVEL_DEFAULT },
	{ STREAM_STEP_GZIP, -1, "steps", 0 },
	{ STREAM_STEP_GZIP, 0, "", 0 },
	{ STREAM_STEP_GZIP, 9, "", 9 },
	{ STREAM_STEP_GZIP, 10, "steps", 0 },
	{ STREAM_STEP_ZSTD, OPTION_UNSET, "", STREAM_ZSTD_LEVEL_DEFAULT },
	{ STREAM_STEP_ZSTD, 0, "steps", 0 },
	{ STREAM_STEP_ZSTD, 1, "", 1 },
	{ STREAM_STEP_ZSTD, 19, "", 19 },
	{ STREAM_STEP_ZSTD, 20, "steps", 0 },
	{ STREAM_STEP_ZSTD, INT64_MAX, "steps", 0 },
	{ STREAM_STEP_GUNZIP, OPTION_UNSET, "", OPTION_UNSET },
	{ STREAM_STEP_GUNZIP, 1, "steps", 0 },
	{ STREAM_STEP_UNZSTD, OPTION_UNSET, "", OPTION_UNSET },
	{ STREAM_STEP_UNZSTD, 3, "steps", 0 },
};

#define LEVELS ((int)(sizeof(levels) / sizeof(levels[0])))

START_TEST(levels_are_within_what_each_step_has)
{
	/* The last of two, so that it is not only the first that is looked at. */
	start();
	options.steps_count = 2;
	options.steps[0] = (struct stream_step){ STREAM_STEP_UNZSTD, OPTION_UNSET };
	options.steps[1] = (struct stream_step){ levels[_i].kind, levels[_i].level };
	ck_assert_str_eq(resolve(STREAM_TARGET_OUTLET), levels[_i].wrong);
	if (levels[_i].wrong[0] == '\0')
		ck_assert_int_eq(options.steps[1].level, levels[_i].resolved);
}
END_TEST

START_TEST(there_are_four_steps_at_most)
{
	start();
	for (int i = 0; i < STREAM_STEPS_MAX; i++)
		options.steps[i] = (struct stream_step){ STREAM_STEP_GUNZIP, OPTION_UNSET };
	options.steps_count = STREAM_STEPS_MAX;
	ck_assert_str_eq(resolve(STREAM_TARGET_PATH), "");
	start();
	options.steps_count = STREAM_STEPS_MAX + 1;
	ck_assert_str_eq(resolve(STREAM_TARGET_PATH), "steps");
}
END_TEST

/* What may be had of a digest where. */
static const struct {
	enum stream_target target;
	int64_t open;
	int64_t checksum;
	bool side_file;
	const char *wrong;
	int64_t resolved;
} checksums[] = {
	{ STREAM_TARGET_PATH, OPTION_UNSET, STREAM_CHECKSUM_CRC32, false, "",
	  STREAM_CHECKSUM_CRC32 },
	{ STREAM_TARGET_PATH, STREAM_OPEN_EXCLUSIVE, STREAM_CHECKSUM_XXH3, false, "",
	  STREAM_CHECKSUM_XXH3 },
	{ STREAM_TARGET_PATH, STREAM_OPEN_TRUNCATE, STREAM_CHECKSUM_SHA256, true, "",
	  STREAM_CHECKSUM_SHA256 },
	{ STREAM_TARGET_PATH, STREAM_OPEN_REPLACE, OPTION_UNSET, true, "", STREAM_CHECKSUM_SHA256 },
	{ STREAM_TARGET_PATH, STREAM_OPEN_APPEND, STREAM_CHECKSUM_CRC32, false, "checksum", 0 },
	{ STREAM_TARGET_PATH, STREAM_OPEN_UPDATE, STREAM_CHECKSUM_SHA256, false, "checksum", 0 },
	{ STREAM_TARGET_PATH, STREAM_OPEN_APPEND, STREAM_CHECKSUM_NONE, false, "",
	  STREAM_CHECKSUM_NONE },
	{ STREAM_TARGET_FILE, OPTION_UNSET, STREAM_CHECKSUM_XXH3, false, "checksum", 0 },
	{ STREAM_TARGET_OUTLET, OPTION_UNSET, STREAM_CHECKSUM_SHA256, false, "checksum", 0 },
	{ STREAM_TARGET_FILE, OPTION_UNSET, STREAM_CHECKSUM_NONE, false, "", STREAM_CHECKSUM_NONE },
	{ STREAM_TARGET_PATH, OPTION_UNSET, STREAM_CHECKSUM_CRC32, true, "sideFile", 0 },
	{ STREAM_TARGET_PATH, OPTION_UNSET, STREAM_CHECKSUM_XXH3, true, "sideFile", 0 },
	{ STREAM_TARGET_PATH, OPTION_UNSET, STREAM_CHECKSUM_NONE, true, "sideFile", 0 },
	{ STREAM_TARGET_PATH, STREAM_OPEN_APPEND, OPTION_UNSET, true, "sideFile", 0 },
	{ STREAM_TARGET_FILE, OPTION_UNSET, OPTION_UNSET, true, "sideFile", 0 },
	{ STREAM_TARGET_OUTLET, OPTION_UNSET, OPTION_UNSET, true, "sideFile", 0 },
};

#define CHECKSUMS ((int)(sizeof(checksums) / sizeof(checksums[0])))

START_TEST(a_digest_is_of_a_whole_file_and_a_side_file_is_for_sha256sum)
{
	start();
	options.open = checksums[_i].open;
	options.checksum = checksums[_i].checksum;
	options.side_file = checksums[_i].side_file;
	ck_assert_str_eq(resolve(checksums[_i].target), checksums[_i].wrong);
	if (checksums[_i].wrong[0] == '\0')
		ck_assert_int_eq(options.checksum, checksums[_i].resolved);
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
	ck_assert_int_eq(stream_step_parse("unzstd"), STREAM_STEP_UNZSTD);
	ck_assert_str_eq(stream_step_name(STREAM_STEP_GUNZIP), "gunzip");
	ck_assert(stream_step_is_compressing(STREAM_STEP_ZSTD));
	ck_assert(!stream_step_is_compressing(STREAM_STEP_GUNZIP));
	ck_assert_int_eq(stream_checksum_parse("xxh3"), STREAM_CHECKSUM_XXH3);
	ck_assert_str_eq(stream_checksum_name(STREAM_CHECKSUM_SHA256), "sha256");
	ck_assert_int_eq(stream_step_parse("lz4"), OPTION_UNSET);
	ck_assert_ptr_null(stream_checksum_name(4));
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

START_TEST(a_rotating_stream_makes_new_files)
{
	start();
	options.rotate_every_bytes = 1000;
	options.size_hint = 1001;
	options.keep_last = 1;
	ck_assert_str_eq(resolve(STREAM_TARGET_PATH), "");
	ck_assert_int_eq(options.size_hint, 1000);
	ck_assert(stream_options_rotate(&options));
	ck_assert_int_eq(options.open, STREAM_OPEN_EXCLUSIVE);
	ck_assert_int_eq(options.on_disconnect, STREAM_DISCONNECT_SALVAGE);
	start();
	ck_assert(!stream_options_rotate(&options));
	options.rotate_every_usec = 1;
	ck_assert(stream_options_rotate(&options));
	options.open = STREAM_OPEN_EXCLUSIVE;
	ck_assert_str_eq(resolve(STREAM_TARGET_PATH), "");
	for (int64_t open = STREAM_OPEN_REPLACE; open <= STREAM_OPEN_UPDATE; open++) {
		start();
		options.rotate_every_usec = 1;
		options.open = open;
		ck_assert_str_eq(resolve(STREAM_TARGET_PATH),
				 open == STREAM_OPEN_EXCLUSIVE ? "" : "open");
	}
}
END_TEST

START_TEST(rotation_is_for_paths_and_retention_for_rotation)
{
	start();
	options.rotate_every_bytes = 1;
	ck_assert_str_eq(resolve(STREAM_TARGET_FILE), "rotate");
	start();
	options.rotate_every_bytes = 1;
	ck_assert_str_eq(resolve(STREAM_TARGET_OUTLET), "rotate");
	start();
	options.maximum_bytes = 1;
	ck_assert_str_eq(resolve(STREAM_TARGET_PATH), "retention");
}
END_TEST

START_TEST(rules_of_a_rotation_are_at_least_one)
{
	static const struct {
		size_t offset;
		const char *name;
	} rows[] = {
		{ offsetof(struct stream_options, rotate_every_bytes), "rotate.everyBytes" },
		{ offsetof(struct stream_options, rotate_every_usec), "rotate.everyUSec" },
		{ offsetof(struct stream_options, keep_last), "retention.keepLast" },
		{ offsetof(struct stream_options, keep_usec), "retention.keepUSec" },
		{ offsetof(struct stream_options, maximum_bytes), "retention.maximumBytes" },
		{ offsetof(struct stream_options, minimum_free_bytes),
		  "retention.minimumFreeBytes" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		start();
		options.rotate_every_bytes = 1;
		*(int64_t *)(void *)((char *)&options + rows[i].offset) = 0;
		ck_assert_str_eq(resolve(STREAM_TARGET_PATH), rows[i].name);
	}
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
	tcase_add_loop_test(tests, levels_are_within_what_each_step_has, 0, LEVELS);
	tcase_add_test(tests, there_are_four_steps_at_most);
	tcase_add_loop_test(tests, a_digest_is_of_a_whole_file_and_a_side_file_is_for_sha256sum, 0,
			    CHECKSUMS);
	tcase_add_test(tests, words_are_read_and_written);
	tcase_add_test(tests, a_mode_is_octal);
	tcase_add_test(tests, a_rotating_stream_makes_new_files);
	tcase_add_test(tests, rotation_is_for_paths_and_retention_for_rotation);
	tcase_add_test(tests, rules_of_a_rotation_are_at_least_one);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
