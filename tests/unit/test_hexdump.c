/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/hexdump.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* What is printed. */
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

/* Bytes in pieces of so many, from an offset on. */
static void check_pieces(const void *bytes, size_t length, size_t piece, uint64_t offset,
			 const char *wanted)
{
	struct capture capture;
	struct hexdump dump;
	size_t at, part;

	capture_begin(&capture);
	hexdump_init(&dump, offset, capture.file);
	for (at = 0; at < length; at += part) {
		part = length - at < piece ? length - at : piece;
		hexdump_write(&dump, (const char *)bytes + at, part);
	}
	hexdump_end(&dump);
	capture_check(&capture, wanted);
}

static void check_dump(const void *bytes, size_t length, const char *wanted)
{
	check_pieces(bytes, length, length, 0, wanted);
}

START_TEST(no_byte_is_no_line)
{
	check_dump("", 0, "");
	check_pieces("", 0, 1, 4096, "");
}
END_TEST

START_TEST(a_line_has_offset_two_groups_of_eight_and_text)
{
	check_dump("0123456789abcdef", 16,
		   "00000000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  "
		   "|0123456789abcdef|\n"
		   "00000010\n");
}
END_TEST

START_TEST(a_short_line_keeps_the_columns)
{
	check_dump("abc", 3,
		   "00000000  61 62 63                                          |abc|\n"
		   "00000003\n");
	check_dump("12345678", 8,
		   "00000000  31 32 33 34 35 36 37 38                           |12345678|\n"
		   "00000008\n");
	check_dump("123456789", 9,
		   "00000000  31 32 33 34 35 36 37 38  39                       |123456789|\n"
		   "00000009\n");
	check_dump("0123456789abcdef!", 17,
		   "00000000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  "
		   "|0123456789abcdef|\n"
		   "00000010  21                                                |!|\n"
		   "00000011\n");
}
END_TEST

START_TEST(what_is_not_printable_ascii_is_a_point)
{
	check_dump("\0\x1f ~\x7f\x80\xc3\xa4\xff\x1b[31m", 14,
		   "00000000  00 1f 20 7e 7f 80 c3 a4  ff 1b 5b 33 31 6d        "
		   "|.. ~......[31m|\n"
		   "0000000e\n");
}
END_TEST

START_TEST(lines_that_repeat_are_one_asterisk)
{
	static const char zeros[100];
	char mixed[64];

	check_dump(zeros, 32,
		   "00000000  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  "
		   "|................|\n"
		   "*\n"
		   "00000020\n");
	/* The last is shown even if it is the beginning of the one before. */
	check_dump(zeros, 100,
		   "00000000  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  "
		   "|................|\n"
		   "*\n"
		   "00000060  00 00 00 00                                       |....|\n"
		   "00000064\n");
	memset(mixed, 'a', sizeof(mixed));
	memset(mixed + 32, 'b', 16);
	check_dump(mixed, sizeof(mixed),
		   "00000000  61 61 61 61 61 61 61 61  61 61 61 61 61 61 61 61  "
		   "|aaaaaaaaaaaaaaaa|\n"
		   "*\n"
		   "00000020  62 62 62 62 62 62 62 62  62 62 62 62 62 62 62 62  "
		   "|bbbbbbbbbbbbbbbb|\n"
		   "00000030  61 61 61 61 61 61 61 61  61 61 61 61 61 61 61 61  "
		   "|aaaaaaaaaaaaaaaa|\n"
		   "00000040\n");
}
END_TEST

START_TEST(pieces_of_any_size_give_the_same)
{
	static const char wanted[] =
		"00000007  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  "
		"|0123456789abcdef|\n"
		"*\n"
		"00000027  67 68 69                                          |ghi|\n"
		"0000002a\n";
	static const char text[] = "0123456789abcdef0123456789abcdefghi";
	size_t piece;

	for (piece = 1; piece <= sizeof(text); piece++)
		check_pieces(text, strlen(text), piece, 7, wanted);
}
END_TEST

START_TEST(an_offset_beyond_four_gigabytes_has_all_its_digits)
{
	check_pieces("a", 1, 1, UINT64_C(0x1fffffff0),
		     "1fffffff0  61                                                |a|\n"
		     "1fffffff1\n");
}
END_TEST

static void check_numbers(uint64_t offset, size_t number_bytes, const char *const *texts,
			  size_t count, const char *wanted)
{
	struct number_table table;
	struct capture capture;

	capture_begin(&capture);
	number_table_init(&table, offset, number_bytes, capture.file, false);
	number_table_write(&table, texts, count);
	capture_check(&capture, wanted);
}

START_TEST(each_number_stands_behind_its_offset)
{
	static const char *const texts[] = { "1", "-32768", "7" };
	static const char *const floats[] = { "-0", "NaN", "-Infinity", "1.5" };

	check_numbers(0, 2, texts, 3,
		      "OFFSET   VALUE\n"
		      "     0       1\n"
		      "     2  -32768\n"
		      "     4       7\n");
	check_numbers(12, 4, floats, 4,
		      "OFFSET      VALUE\n"
		      "    12         -0\n"
		      "    16        NaN\n"
		      "    20  -Infinity\n"
		      "    24        1.5\n");
}
END_TEST

START_TEST(no_number_is_no_heading)
{
	check_numbers(0, 8, NULL, 0, "");
}
END_TEST

START_TEST(a_column_is_as_wide_as_its_widest)
{
	static const char *const texts[] = { "0", "18446744073709551615" };

	check_numbers(9999992, 8, texts, 2,
		      "  OFFSET                 VALUE\n"
		      " 9999992                     0\n"
		      "10000000  18446744073709551615\n");
}
END_TEST

START_TEST(a_table_goes_on_where_it_was)
{
	static const char *const first[] = { "1", "2" }, *const second[] = { "1234567" };
	struct number_table table;
	struct capture capture;

	capture_begin(&capture);
	number_table_init(&table, 0, 4, capture.file, true);
	number_table_write(&table, first, 2);
	number_table_write(&table, second, 1);
	number_table_write(&table, first, 1);
	capture_check(&capture, "\033[1mOFFSET  VALUE\033[0m\n"
				"     0      1\n"
				"     4      2\n"
				"     8  1234567\n"
				"    12        1\n");
}
END_TEST

START_TEST(what_a_terminal_obeys_is_not_printed)
{
	static const char *const texts[] = { "\033[31m" };

	check_numbers(0, 1, texts, 1, "OFFSET  VALUE\n     0  ?[31m\n");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("hexdump");
	TCase *tests = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_test(tests, no_byte_is_no_line);
	tcase_add_test(tests, a_line_has_offset_two_groups_of_eight_and_text);
	tcase_add_test(tests, a_short_line_keeps_the_columns);
	tcase_add_test(tests, what_is_not_printable_ascii_is_a_point);
	tcase_add_test(tests, lines_that_repeat_are_one_asterisk);
	tcase_add_test(tests, pieces_of_any_size_give_the_same);
	tcase_add_test(tests, an_offset_beyond_four_gigabytes_has_all_its_digits);
	tcase_add_test(tests, each_number_stands_behind_its_offset);
	tcase_add_test(tests, no_number_is_no_heading);
	tcase_add_test(tests, a_column_is_as_wide_as_its_widest);
	tcase_add_test(tests, a_table_goes_on_where_it_was);
	tcase_add_test(tests, what_a_terminal_obeys_is_not_printed);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
