/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdlib.h>

#include <check.h>

#include "daemon/core/id_text.h"

START_TEST(an_id_is_a_letter_and_sixteen_digits)
{
	char text[ID_TEXT_BYTES];

	id_format(ID_STREAM, 0x00f1, text);
	ck_assert_str_eq(text, "s00000000000000f1");
	id_format(ID_POOL, UINT64_MAX, text);
	ck_assert_str_eq(text, "pffffffffffffffff");
}
END_TEST

START_TEST(what_was_written_is_read_back)
{
	static const enum id_kind kinds[] = { ID_POOL, ID_BUFFER, ID_STREAM, ID_JOB };
	char text[ID_TEXT_BYTES];
	uint64_t id;

	for (int i = 0; i < 4; i++) {
		for (int bit = 0; bit < 64; bit++) {
			id_format(kinds[i], UINT64_C(1) << bit, text);
			id = 0;
			ck_assert(id_parse(kinds[i], text, &id));
			ck_assert_uint_eq(id, UINT64_C(1) << bit);
		}
	}
}
END_TEST

static const char *const wrong[] = {
	"",
	"s",
	"s0",
	"s0000000000000001 ",
	"s000000000000001",
	"s00000000000000001",
	"b0000000000000001",
	"S0000000000000001",
	"s000000000000000A",
	"s000000000000000g",
	"s+000000000000001",
	"s-000000000000001",
	"s0x00000000000001",
	" s000000000000001",
	"s0000000000000000",
};

#define WRONG ((int)(sizeof(wrong) / sizeof(wrong[0])))

START_TEST(anything_else_is_no_id)
{
	uint64_t id = 7;

	ck_assert_msg(!id_parse(ID_STREAM, wrong[_i], &id), "%s", wrong[_i]);
	ck_assert_uint_eq(id, 7);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("id_text");
	TCase *tests = tcase_create("id_text");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tests, an_id_is_a_letter_and_sixteen_digits);
	tcase_add_test(tests, what_was_written_is_read_back);
	tcase_add_loop_test(tests, anything_else_is_no_id, 0, WRONG);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
