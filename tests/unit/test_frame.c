/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "proto/frame.h"

#define LIMIT 100

static struct frame_reader reader;
static struct frame frame;

static void set_up(void)
{
	frame_reader_init(&reader, LIMIT);
}

static void tear_down(void)
{
	int fd;

	while (frame_reader_take_descriptor(&reader, &fd))
		;
	frame_reader_fini(&reader);
}

/* As one recvmsg() would: bytes (which may hold NULs) and descriptors together. */
static int receive(const char *bytes, size_t count, const int *fds, size_t fd_count)
{
	size_t room;
	void *space;
	int r;

	r = frame_reader_reserve(&reader, &space, &room);
	if (r)
		return r;
	ck_assert_uint_ge(room, count);
	memcpy(space, bytes, count);
	return frame_reader_commit(&reader, count, fds, fd_count);
}

#define RECEIVE(literal) receive(literal, sizeof(literal) - 1, NULL, 0)

static void expect(const char *text, size_t fd_count)
{
	ck_assert_int_eq(frame_reader_next(&reader, &frame), 0);
	ck_assert_str_eq(frame.text, text);
	ck_assert_uint_eq(frame.text_bytes, strlen(text));
	ck_assert_uint_eq(frame.fd_count, fd_count);
}

START_TEST(messages_come_out_whole_and_in_order)
{
	ck_assert_int_eq(RECEIVE("one\0two\0thr"), 0);
	expect("one", 0);
	expect("two", 0);
	ck_assert_int_eq(frame_reader_next(&reader, &frame), FRAME_E_NONE);
	ck_assert(frame_reader_is_started(&reader));
	ck_assert_int_eq(RECEIVE("ee\0"), 0);
	expect("three", 0);
	ck_assert(!frame_reader_is_started(&reader));
}
END_TEST

START_TEST(messages_that_come_byte_by_byte_are_the_same)
{
	static const char bytes[] = "one\0\0three";
	size_t i;

	for (i = 0; i < sizeof(bytes); i++) {
		ck_assert_int_eq(frame_reader_next(&reader, &frame), FRAME_E_NONE);
		ck_assert_int_eq(receive(bytes + i, 1, NULL, 0), 0);
		if (i == 3)
			expect("one", 0);
		if (i == 4)
			expect("", 0);
	}
	expect("three", 0);
}
END_TEST

START_TEST(reading_on_is_refused_while_a_message_waits)
{
	ck_assert_int_eq(RECEIVE("one\0"), 0);
	ck_assert(frame_reader_has_message(&reader));
	ck_assert_int_eq(RECEIVE("two\0"), FRAME_E_FULL);
	expect("one", 0);
	ck_assert(!frame_reader_has_message(&reader));
	ck_assert_int_eq(RECEIVE("two\0"), 0);
	expect("two", 0);
}
END_TEST

START_TEST(a_message_of_exactly_the_limit_passes)
{
	char bytes[LIMIT + 1];

	memset(bytes, 'a', LIMIT);
	bytes[LIMIT] = '\0';
	ck_assert_int_eq(receive(bytes, LIMIT, NULL, 0), 0);
	ck_assert_int_eq(frame_reader_next(&reader, &frame), FRAME_E_NONE);
	ck_assert_int_eq(receive("", 1, NULL, 0), 0);
	expect(bytes, 0);
}
END_TEST

START_TEST(a_message_of_one_byte_more_is_too_large)
{
	char bytes[LIMIT + 1];

	memset(bytes, 'a', sizeof(bytes));
	ck_assert_int_eq(receive(bytes, sizeof(bytes), NULL, 0), 0);
	ck_assert_int_eq(frame_reader_next(&reader, &frame), FRAME_E_TOO_LARGE);
	ck_assert_int_eq(receive("", 1, NULL, 0), FRAME_E_TOO_LARGE);
}
END_TEST

START_TEST(the_limit_holds_at_sixteen_mebibytes)
{
	struct frame_reader large;
	size_t sent = 0, room;
	void *space;

	frame_reader_init(&large, FRAME_LIMIT_MAXIMUM_BYTES);
	while (frame_reader_reserve(&large, &space, &room) == 0) {
		ck_assert_uint_le(room, FRAME_STEP_BYTES + 4096);
		memset(space, 'a', room);
		ck_assert_int_eq(frame_reader_commit(&large, room, NULL, 0), 0);
		sent += room;
		if (sent <= FRAME_LIMIT_MAXIMUM_BYTES)
			ck_assert_int_eq(frame_reader_next(&large, &frame), FRAME_E_NONE);
	}
	ck_assert_uint_eq(sent, FRAME_LIMIT_MAXIMUM_BYTES + 1);
	ck_assert_int_eq(frame_reader_next(&large, &frame), FRAME_E_TOO_LARGE);
	frame_reader_fini(&large);
}
END_TEST

START_TEST(memory_shrinks_after_a_big_message)
{
	struct frame_reader large;
	size_t sent = 0, room;
	void *space;

	frame_reader_init(&large, FRAME_LIMIT_DEFAULT_BYTES);
	while (sent < 500000) {
		ck_assert_int_eq(frame_reader_reserve(&large, &space, &room), 0);
		memset(space, 'a', room);
		sent += room;
		if (sent >= 500000)
			((char *)space)[room - 1] = '\0';
		ck_assert_int_eq(frame_reader_commit(&large, room, NULL, 0), 0);
	}
	ck_assert_uint_ge(large.capacity_bytes, 500000);
	ck_assert_int_eq(frame_reader_next(&large, &frame), 0);
	ck_assert_int_eq(frame_reader_next(&large, &frame), FRAME_E_NONE);
	ck_assert_uint_le(large.capacity_bytes, 512);
	ck_assert_int_eq(frame_reader_reserve(&large, &space, &room), 0);
	ck_assert_uint_eq(room, 512);
	frame_reader_fini(&large);
}
END_TEST

START_TEST(descriptors_belong_to_the_last_message_that_begins_with_them)
{
	const int fds[] = { 11, 12 };

	ck_assert_int_eq(receive("one\0two\0thr", 11, fds, 2), 0);
	expect("one", 0);
	expect("two", 0);
	ck_assert_int_eq(frame_reader_next(&reader, &frame), FRAME_E_NONE);
	ck_assert_int_eq(RECEIVE("ee\0four\0"), 0);
	expect("three", 2);
	ck_assert_int_eq(frame.fds[0], 11);
	ck_assert_int_eq(frame.fds[1], 12);
	expect("four", 0);
}
END_TEST

START_TEST(descriptors_glued_behind_another_call_are_the_second_calls)
{
	const int fds[] = { 11 };

	ck_assert_int_eq(receive("one\0two\0", 8, fds, 1), 0);
	expect("one", 0);
	expect("two", 1);
	ck_assert_int_eq(frame.fds[0], 11);
}
END_TEST

START_TEST(descriptors_behind_the_rest_of_a_message_are_the_next_messages)
{
	const int first[] = { 11 }, second[] = { 12, 13 };

	ck_assert_int_eq(receive("on", 2, first, 1), 0);
	ck_assert_int_eq(receive("e\0two\0", 6, second, 2), 0);
	expect("one", 1);
	ck_assert_int_eq(frame.fds[0], 11);
	expect("two", 2);
	ck_assert_int_eq(frame.fds[0], 12);
}
END_TEST

START_TEST(descriptors_in_the_middle_of_a_message_are_refused)
{
	const int fds[] = { 11 };

	ck_assert_int_eq(RECEIVE("on"), 0);
	ck_assert_int_eq(receive("e", 1, fds, 1), FRAME_E_DESCRIPTORS);
	ck_assert_int_eq(receive("e\0", 2, fds, 1), FRAME_E_DESCRIPTORS);
	ck_assert_int_eq(receive("", 0, fds, 1), FRAME_E_DESCRIPTORS);
}
END_TEST

START_TEST(as_many_descriptors_as_the_kernel_takes_pass_and_one_more_does_not)
{
	int fds[FRAME_DESCRIPTORS_MAX + 1], i;

	for (i = 0; i <= FRAME_DESCRIPTORS_MAX; i++)
		fds[i] = 100 + i;
	ck_assert_int_eq(receive("one\0", 4, fds, FRAME_DESCRIPTORS_MAX + 1), FRAME_E_DESCRIPTORS);
	ck_assert_int_eq(receive("two\0", 4, fds, FRAME_DESCRIPTORS_MAX), 0);
	expect("two", FRAME_DESCRIPTORS_MAX);
	ck_assert_int_eq(frame.fds[FRAME_DESCRIPTORS_MAX - 1], 100 + FRAME_DESCRIPTORS_MAX - 1);
}
END_TEST

START_TEST(descriptors_never_handed_out_are_given_back)
{
	const int first[] = { 11, 12 }, second[] = { 13 };
	int fd, sum = 0;

	ck_assert_int_eq(receive("on", 2, first, 2), 0);
	ck_assert_int_eq(receive("e\0tw", 4, second, 1), 0);
	while (frame_reader_take_descriptor(&reader, &fd))
		sum += fd;
	ck_assert_int_eq(sum, 36);
}
END_TEST

static struct frame_writer writer;
static struct frame_part part;

START_TEST(plain_messages_are_sent_together)
{
	frame_writer_init(&writer);
	ck_assert(!frame_writer_peek(&writer, &part));
	ck_assert_int_eq(frame_writer_append(&writer, "one", 3, NULL, 0), 0);
	ck_assert_int_eq(frame_writer_append(&writer, "two", 3, NULL, 0), 0);
	ck_assert(frame_writer_peek(&writer, &part));
	ck_assert_uint_eq(part.length_bytes, 8);
	ck_assert_mem_eq(part.bytes, "one\0two\0", 8);
	ck_assert_uint_eq(frame_writer_pending_bytes(&writer), 8);
	frame_writer_sent(&writer, 5);
	ck_assert(frame_writer_peek(&writer, &part));
	ck_assert_mem_eq(part.bytes, "wo\0", 3);
	frame_writer_sent(&writer, 3);
	ck_assert(!frame_writer_peek(&writer, &part));
	frame_writer_fini(&writer);
}
END_TEST

START_TEST(a_message_with_descriptors_is_sent_alone)
{
	const int fds[] = { 11, 12 };

	frame_writer_init(&writer);
	ck_assert_int_eq(frame_writer_append(&writer, "one", 3, NULL, 0), 0);
	ck_assert_int_eq(frame_writer_append(&writer, "two", 3, fds, 2), 0);
	ck_assert_int_eq(frame_writer_append(&writer, "three", 5, NULL, 0), 0);
	ck_assert_uint_eq(frame_writer_pending_descriptors(&writer), 2);

	ck_assert(frame_writer_peek(&writer, &part));
	ck_assert_mem_eq(part.bytes, "one\0", part.length_bytes);
	ck_assert_uint_eq(part.length_bytes, 4);
	ck_assert_uint_eq(part.fd_count, 0);
	frame_writer_sent(&writer, 4);

	ck_assert(frame_writer_peek(&writer, &part));
	ck_assert_uint_eq(part.length_bytes, 4);
	ck_assert_uint_eq(part.fd_count, 2);
	ck_assert_int_eq(part.fds[1], 12);
	frame_writer_sent(&writer, 1);

	ck_assert_uint_eq(frame_writer_pending_descriptors(&writer), 0);
	ck_assert(frame_writer_peek(&writer, &part));
	ck_assert_uint_eq(part.fd_count, 0);
	ck_assert_uint_eq(part.length_bytes, 3 + 6);
	frame_writer_fini(&writer);
}
END_TEST

START_TEST(attachments_keep_their_place_when_the_buffer_moves)
{
	const int fds[] = { 11 };
	char text[3000];
	int i, sent = 0, with_fd = 0;

	memset(text, 'a', sizeof(text));
	frame_writer_init(&writer);
	for (i = 0; i < 50; i++) {
		ck_assert_int_eq(frame_writer_append(&writer, text, sizeof(text), fds, i % 3 == 0),
				 0);
		if (frame_writer_peek(&writer, &part)) {
			with_fd += (int)part.fd_count;
			sent += (int)part.length_bytes;
			ck_assert_uint_eq(part.length_bytes % (sizeof(text) + 1), 0);
			if (part.fd_count > 0)
				ck_assert_uint_eq(part.length_bytes, sizeof(text) + 1);
			frame_writer_sent(&writer, part.length_bytes);
		}
	}
	while (frame_writer_peek(&writer, &part)) {
		with_fd += (int)part.fd_count;
		sent += (int)part.length_bytes;
		frame_writer_sent(&writer, part.length_bytes);
	}
	ck_assert_int_eq(sent, 50 * 3001);
	ck_assert_int_eq(with_fd, 17);
	frame_writer_fini(&writer);
}
END_TEST

START_TEST(what_was_never_sent_gives_its_descriptors_back)
{
	const int fds[] = { 11, 12 };
	int fd, sum = 0;

	frame_writer_init(&writer);
	ck_assert_int_eq(frame_writer_append(&writer, "one", 3, fds, 2), 0);
	ck_assert_int_eq(frame_writer_append(&writer, "two", 3, fds, FRAME_DESCRIPTORS_MAX + 1),
			 FRAME_E_DESCRIPTORS);
	ck_assert_int_eq(frame_writer_append(&writer, "two", 3, fds, 1), 0);
	while (frame_writer_take_descriptor(&writer, &fd))
		sum += fd;
	ck_assert_int_eq(sum, 34);
	frame_writer_fini(&writer);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("frame");
	TCase *reading = tcase_create("reading");
	TCase *writing = tcase_create("writing");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(reading, set_up, tear_down);
	tcase_add_test(reading, messages_come_out_whole_and_in_order);
	tcase_add_test(reading, messages_that_come_byte_by_byte_are_the_same);
	tcase_add_test(reading, reading_on_is_refused_while_a_message_waits);
	tcase_add_test(reading, a_message_of_exactly_the_limit_passes);
	tcase_add_test(reading, a_message_of_one_byte_more_is_too_large);
	tcase_add_test(reading, the_limit_holds_at_sixteen_mebibytes);
	tcase_add_test(reading, memory_shrinks_after_a_big_message);
	tcase_add_test(reading, descriptors_belong_to_the_last_message_that_begins_with_them);
	tcase_add_test(reading, descriptors_glued_behind_another_call_are_the_second_calls);
	tcase_add_test(reading, descriptors_behind_the_rest_of_a_message_are_the_next_messages);
	tcase_add_test(reading, descriptors_in_the_middle_of_a_message_are_refused);
	tcase_add_test(reading, as_many_descriptors_as_the_kernel_takes_pass_and_one_more_does_not);
	tcase_add_test(reading, descriptors_never_handed_out_are_given_back);
	suite_add_tcase(suite, reading);
	tcase_add_test(writing, plain_messages_are_sent_together);
	tcase_add_test(writing, a_message_with_descriptors_is_sent_alone);
	tcase_add_test(writing, attachments_keep_their_place_when_the_buffer_moves);
	tcase_add_test(writing, what_was_never_sent_gives_its_descriptors_back);
	suite_add_tcase(suite, writing);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
