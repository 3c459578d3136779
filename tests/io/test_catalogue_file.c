/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/io/catalogue_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <event2/event.h>

#include "tests/io/io_test.h"

static struct event_base *base;
static char *folder;
static char path[512];
static struct catalogue *catalogue;

static const struct catalogue_file sample = {
	.owner = 1000,
	.store = "default",
	.path = "/data/a/lo'g-1",
	.template_text = "a/lo'g-{n}",
	.digest = "xxh3:0123456789abcdef",
	.bytes = UINT64_C(5000000000),
	.published_usec = 1700000000000000,
	.inode = UINT64_C(0x8000000000000001),
	.mtime_ns = 1700000000123456789,
	.number = 1,
};

static const struct catalogue_template sample_template = {
	.owner = 1000,
	.store = "default",
	.template_text = "a/lo'g-{n}",
};

static void set_up(void)
{
	base = event_base_new();
	folder = make_folder();
	strcpy(path, in_folder(folder, "catalogue"));
	ck_assert_int_eq(catalogue_open(base, path, &catalogue), 0);
}

static void tear_down(void)
{
	catalogue = catalogue_close(catalogue);
	event_base_free(base);
	remove_folder(folder);
}

static void set_flag(struct catalogue_request *request)
{
	*(bool *)request->owner = true;
}

static int64_t add(const struct catalogue_file *row)
{
	bool over = false;
	struct catalogue_request request = { .done = set_flag, .owner = &over };

	ck_assert_int_eq(catalogue_add_file(catalogue, row, &request), 0);
	run_until(base, &over);
	ck_assert_int_eq(request.result, 0);
	return request.row_id;
}

/* What was asked for must be found; the files are the caller's to free. */
static struct catalogue_find wait_for(struct catalogue_find *find, bool *over)
{
	run_until(base, over);
	ck_assert_int_eq(find->request.result, 0);
	return *find;
}

#define PREPARE(find, over)                                                                        \
	bool over = false;                                                                         \
	struct catalogue_find find = { .request = { .done = set_flag, .owner = &over } }

static struct catalogue_find find_file(const char *file_path)
{
	PREPARE(find, over);

	ck_assert_int_eq(catalogue_find_file(catalogue, file_path, &find), 0);
	return wait_for(&find, &over);
}

static struct catalogue_find find_files(const char *prefix)
{
	PREPARE(find, over);

	ck_assert_int_eq(catalogue_find_files(catalogue, prefix, &find), 0);
	return wait_for(&find, &over);
}

static struct catalogue_find find_template(const struct catalogue_template *template)
{
	PREPARE(find, over);

	ck_assert_int_eq(catalogue_find_template(catalogue, template, &find), 0);
	return wait_for(&find, &over);
}

static uint64_t take_number(const struct catalogue_template *template, uint64_t present)
{
	PREPARE(find, over);

	ck_assert_int_eq(catalogue_take_number(catalogue, template, present, &find), 0);
	return wait_for(&find, &over).number;
}

static void remove_file(int64_t row_id)
{
	bool over = false;
	struct catalogue_request request = { .done = set_flag, .owner = &over };

	catalogue_remove_file(catalogue, row_id, &request);
	run_until(base, &over);
	ck_assert_int_eq(request.result, 0);
}

static size_t count_files(const char *prefix)
{
	struct catalogue_find find = find_files(prefix);
	size_t count = find.found.count;

	catalogue_files_fini(&find.found);
	return count;
}

static void reopen(void)
{
	catalogue = catalogue_close(catalogue);
	ck_assert_int_eq(catalogue_open(base, path, &catalogue), 0);
	ck_assert_int_eq(catalogue_state(catalogue), CATALOGUE_OPENED);
}

START_TEST(a_record_is_found_whole_after_a_restart)
{
	int64_t row_id = add(&sample);
	struct catalogue_find find;
	const struct catalogue_file *row;

	reopen();
	find = find_file(sample.path);
	ck_assert_uint_eq(find.found.count, 1);
	row = &find.found.list[0];
	ck_assert_int_eq(row->row_id, row_id);
	ck_assert_uint_eq(row->owner, sample.owner);
	ck_assert_str_eq(row->store, sample.store);
	ck_assert_str_eq(row->path, sample.path);
	ck_assert_str_eq(row->template_text, sample.template_text);
	ck_assert_str_eq(row->digest, sample.digest);
	ck_assert_uint_eq(row->bytes, sample.bytes);
	ck_assert_int_eq(row->published_usec, sample.published_usec);
	ck_assert_uint_eq(row->inode, sample.inode);
	ck_assert_int_eq(row->mtime_ns, sample.mtime_ns);
	ck_assert_uint_eq(row->number, sample.number);
	catalogue_files_fini(&find.found);
}
END_TEST

START_TEST(a_new_record_of_a_path_takes_the_place_of_the_old_one)
{
	struct catalogue_file newer = sample;
	struct catalogue_find find;

	(void)add(&sample);
	newer.digest = "sha256:00";
	newer.bytes = 1;
	(void)add(&newer);
	find = find_file(sample.path);
	ck_assert_uint_eq(find.found.count, 1);
	ck_assert_str_eq(find.found.list[0].digest, "sha256:00");
	catalogue_files_fini(&find.found);
}
END_TEST

START_TEST(a_removed_record_is_gone_and_removing_it_again_is_no_error)
{
	int64_t row_id = add(&sample);

	remove_file(row_id);
	ck_assert_uint_eq(count_files("/"), 0);
	remove_file(row_id);
	ck_assert_uint_eq(find_file(sample.path).found.count, 0);
}
END_TEST

START_TEST(a_record_is_forgotten_with_its_file_but_not_with_another_of_its_name)
{
	bool over = false;
	struct catalogue_request request = { .done = set_flag, .owner = &over };

	(void)add(&sample);
	ck_assert_int_eq(catalogue_forget_file(catalogue, sample.path, sample.inode + 1, &request),
			 0);
	run_until(base, &over);
	ck_assert_uint_eq(count_files("/"), 1);
	over = false;
	ck_assert_int_eq(catalogue_forget_file(catalogue, sample.path, sample.inode, &request), 0);
	run_until(base, &over);
	ck_assert_int_eq(request.result, 0);
	ck_assert_uint_eq(count_files("/"), 0);
}
END_TEST

START_TEST(a_digest_that_holds_no_longer_is_taken_from_its_record_alone)
{
	bool over = false;
	struct catalogue_request request = { .done = set_flag, .owner = &over };
	struct catalogue_find find;

	(void)add(&sample);
	ck_assert_int_eq(catalogue_void_digest(catalogue, sample.path, &request), 0);
	run_until(base, &over);
	ck_assert_int_eq(request.result, 0);
	ck_assert_uint_eq(count_files("/"), 1);
	find = find_file(sample.path);
	ck_assert_str_eq(find.found.list[0].digest, "");
	catalogue_files_fini(&find.found);
	over = false;
	ck_assert_int_eq(catalogue_void_digest(catalogue, "/not/there", &request), 0);
	run_until(base, &over);
	ck_assert_int_eq(request.result, 0);
}
END_TEST

START_TEST(files_are_found_by_the_beginning_of_their_path_in_order)
{
	static const char *const paths[] = { "/d/b", "/d/a", "/d", "/d/ab", "/e", "/d/a/c" };
	struct catalogue_file row = sample;
	struct catalogue_find find;

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		row.path = paths[i];
		(void)add(&row);
	}
	find = find_files("/d/a");
	ck_assert_uint_eq(find.found.count, 3);
	ck_assert_str_eq(find.found.list[0].path, "/d/a");
	ck_assert_str_eq(find.found.list[1].path, "/d/a/c");
	ck_assert_str_eq(find.found.list[2].path, "/d/ab");
	catalogue_files_fini(&find.found);
	ck_assert_uint_eq(count_files("/d/"), 4);
	ck_assert_uint_eq(count_files("/"), 6);
	ck_assert_uint_eq(count_files("/x"), 0);
}
END_TEST

START_TEST(a_template_has_the_files_of_its_owner_and_store_only_the_oldest_first)
{
	struct catalogue_file row = sample;
	struct catalogue_find find;

	(void)add(&row);
	row.path = "/data/older";
	row.published_usec--;
	(void)add(&row);
	row.path = "/data/other user";
	row.owner++;
	(void)add(&row);
	row = sample;
	row.path = "/data/other store";
	row.store = "other";
	(void)add(&row);
	row = sample;
	row.path = "/data/other template";
	row.template_text = "a/log-{n}";
	(void)add(&row);
	find = find_template(&sample_template);
	ck_assert_uint_eq(find.found.count, 2);
	ck_assert_str_eq(find.found.list[0].path, "/data/older");
	ck_assert_str_eq(find.found.list[1].path, sample.path);
	catalogue_files_fini(&find.found);
}
END_TEST

START_TEST(numbers_go_on_from_the_highest_taken_recorded_or_present)
{
	struct catalogue_template other = sample_template;
	struct catalogue_file row = sample;
	struct catalogue_find find;

	ck_assert_uint_eq(take_number(&sample_template, 0), 1);
	ck_assert_uint_eq(take_number(&sample_template, 0), 2);
	ck_assert_uint_eq(take_number(&sample_template, 7), 8);
	ck_assert_uint_eq(take_number(&sample_template, 3), 9);
	row.number = 20;
	remove_file(add(&row));
	row.number = 5;
	(void)add(&row);
	reopen();
	find = find_template(&sample_template);
	ck_assert_uint_eq(find.number, 20);
	catalogue_files_fini(&find.found);
	ck_assert_uint_eq(take_number(&sample_template, 0), 21);
	other.owner++;
	ck_assert_uint_eq(take_number(&other, 0), 1);
	other = sample_template;
	other.store = "";
	ck_assert_uint_eq(take_number(&other, 0), 1);
}
END_TEST

START_TEST(a_record_without_a_number_leaves_numbers_alone)
{
	struct catalogue_file row = sample;

	row.number = 0;
	(void)add(&row);
	ck_assert_uint_eq(take_number(&sample_template, 0), 1);
}
END_TEST

START_TEST(there_is_an_end_to_numbers)
{
	PREPARE(find, over);

	ck_assert_uint_eq(take_number(&sample_template, INT64_MAX - 1), INT64_MAX);
	ck_assert_int_eq(catalogue_take_number(catalogue, &sample_template, 0, &find), 0);
	run_until(base, &over);
	ck_assert_int_eq(find.request.result, -EOVERFLOW);
}
END_TEST

START_TEST(many_files_are_found)
{
	static struct catalogue_request requests[1000];
	static bool over;
	struct catalogue_file row = sample;
	char name[64];

	for (int i = 0; i < 1000; i++) {
		(void)snprintf(name, sizeof(name), "/data/%04d", i);
		row.path = name;
		row.number = (uint64_t)i + 1;
		requests[i].done = set_flag;
		requests[i].owner = &over;
		over = false;
		ck_assert_int_eq(catalogue_add_file(catalogue, &row, &requests[i]), 0);
	}
	while (catalogue_pending(catalogue) > 0)
		event_base_loop(base, EVLOOP_ONCE);
	ck_assert_uint_eq(count_files("/data/"), 1000);
	ck_assert_uint_eq(take_number(&sample_template, 0), 1001);
}
END_TEST

START_TEST(a_file_is_the_same_only_with_the_same_inode_size_and_time)
{
	const struct stat facts = {
		.st_dev = 77,
		.st_ino = sample.inode,
		.st_size = (off_t)sample.bytes,
		.st_mtim = { 1700000000, 123456789 },
	};
	const struct catalogue_identity same = catalogue_identity(&facts);
	struct catalogue_identity other = same;

	ck_assert(catalogue_file_is_same(&sample, &same));
	other.inode++;
	ck_assert(!catalogue_file_is_same(&sample, &other));
	other = same;
	other.bytes++;
	ck_assert(!catalogue_file_is_same(&sample, &other));
	other = same;
	other.mtime_ns++;
	ck_assert(!catalogue_file_is_same(&sample, &other));
}
END_TEST

int main(void)
{
	TCase *all = tcase_create("catalogue_file");

	tcase_add_checked_fixture(all, set_up, tear_down);
	tcase_add_test(all, a_record_is_found_whole_after_a_restart);
	tcase_add_test(all, a_new_record_of_a_path_takes_the_place_of_the_old_one);
	tcase_add_test(all, a_removed_record_is_gone_and_removing_it_again_is_no_error);
	tcase_add_test(all, a_record_is_forgotten_with_its_file_but_not_with_another_of_its_name);
	tcase_add_test(all, a_digest_that_holds_no_longer_is_taken_from_its_record_alone);
	tcase_add_test(all, files_are_found_by_the_beginning_of_their_path_in_order);
	tcase_add_test(all, a_template_has_the_files_of_its_owner_and_store_only_the_oldest_first);
	tcase_add_test(all, numbers_go_on_from_the_highest_taken_recorded_or_present);
	tcase_add_test(all, a_record_without_a_number_leaves_numbers_alone);
	tcase_add_test(all, there_is_an_end_to_numbers);
	tcase_add_test(all, many_files_are_found);
	tcase_add_test(all, a_file_is_the_same_only_with_the_same_inode_size_and_time);
	return run_case(all, "catalogue_file", 60);
}
