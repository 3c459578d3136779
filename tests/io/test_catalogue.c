/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/io/catalogue.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <event2/event.h>

#include "tests/io/io_test.h"

struct entry {
	struct catalogue_request request;
	bool over;
	int order;
};

static struct event_base *base;
static char *folder;
static char path[512];
static struct catalogue *catalogue;
static int finished;

static const struct catalogue_temporary sample = {
	.instance = "0123",
	.stream_id = "s1",
	.store = "default",
	.directory = "/data/a",
	.temporary_name = ".forebay-0123-s1",
	.final_name = "f'il\"e",
	.on_disconnect = "salvage",
	.open_mode = "replace",
	.owner = 1000,
};

static void open_it(enum catalogue_state state)
{
	ck_assert_int_eq(catalogue_open(base, path, &catalogue), 0);
	ck_assert_int_eq(catalogue_state(catalogue), state);
}

static void set_up(void)
{
	base = event_base_new();
	folder = make_folder();
	strcpy(path, in_folder(folder, "catalogue"));
	finished = 0;
}

static void tear_down(void)
{
	catalogue = catalogue_close(catalogue);
	event_base_free(base);
	remove_folder(folder);
}

static void entry_done(struct catalogue_request *request)
{
	struct entry *entry = request->owner;

	entry->over = true;
	entry->order = finished++;
}

static void prepare(struct entry *entry)
{
	memset(entry, 0, sizeof(*entry));
	entry->request.done = entry_done;
	entry->request.owner = entry;
}

static int64_t add(const struct catalogue_temporary *row)
{
	struct entry entry;

	prepare(&entry);
	ck_assert_int_eq(catalogue_add_temporary(catalogue, row, &entry.request), 0);
	ck_assert(!entry.over);
	run_until(base, &entry.over);
	ck_assert_int_eq(entry.request.result, 0);
	return entry.request.row_id;
}

static void remove_row(int64_t row_id)
{
	struct entry entry;

	prepare(&entry);
	catalogue_remove_temporary(catalogue, row_id, &entry.request);
	run_until(base, &entry.over);
	ck_assert_int_eq(entry.request.result, 0);
}

static int count_row(const struct catalogue_temporary *row, void *owner)
{
	(void)row;
	(*(int *)owner)++;
	return 0;
}

static int count_rows(void)
{
	int count = 0;

	ck_assert_int_eq(catalogue_list_temporaries(catalogue, count_row, &count), 0);
	return count;
}

static int compare_row(const struct catalogue_temporary *row, void *owner)
{
	ck_assert_str_eq(row->instance, sample.instance);
	ck_assert_str_eq(row->stream_id, sample.stream_id);
	ck_assert_str_eq(row->store, sample.store);
	ck_assert_str_eq(row->directory, sample.directory);
	ck_assert_str_eq(row->temporary_name, sample.temporary_name);
	ck_assert_str_eq(row->final_name, sample.final_name);
	ck_assert_str_eq(row->on_disconnect, sample.on_disconnect);
	ck_assert_str_eq(row->open_mode, sample.open_mode);
	ck_assert_uint_eq(row->owner, sample.owner);
	*(int64_t *)owner = row->row_id;
	return 7;
}

START_TEST(a_row_is_there_again_after_a_restart_until_it_is_removed)
{
	int64_t row_id, other_id, found_id;
	struct stat facts;

	open_it(CATALOGUE_CREATED);
	ck_assert_ptr_null(catalogue_set_aside_path(catalogue));
	ck_assert_int_eq(stat(path, &facts), 0);
	ck_assert_int_eq(facts.st_mode & 0777, 0600);
	row_id = add(&sample);
	other_id = add(&sample);
	ck_assert_int_ne(row_id, other_id);
	catalogue = catalogue_close(catalogue);
	open_it(CATALOGUE_OPENED);
	ck_assert_int_eq(catalogue_list_temporaries(catalogue, compare_row, &found_id), 7);
	ck_assert_int_eq(found_id, row_id);
	remove_row(row_id);
	ck_assert_int_eq(count_rows(), 1);
	remove_row(row_id);
	remove_row(other_id);
	ck_assert_int_eq(count_rows(), 0);
	/* Ids are not used again: a late removal must not hit another's row. */
	ck_assert_int_gt(add(&sample), other_id);
}
END_TEST

START_TEST(what_was_said_done_survives_a_kill)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		base = event_base_new();
		open_it(CATALOGUE_CREATED);
		(void)add(&sample);
		(void)kill(getpid(), SIGKILL);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	open_it(CATALOGUE_OPENED);
	ck_assert_int_eq(count_rows(), 1);
}
END_TEST

#define MANY 1000

START_TEST(a_thousand_requests_share_commits_and_keep_their_order)
{
	static struct entry entries[MANY];

	open_it(CATALOGUE_CREATED);
	for (int i = 0; i < MANY; i++) {
		prepare(&entries[i]);
		ck_assert_int_eq(catalogue_add_temporary(catalogue, &sample, &entries[i].request),
				 0);
	}
	ck_assert_uint_eq(catalogue_pending(catalogue), MANY);
	run_until(base, &entries[MANY - 1].over);
	for (int i = 0; i < MANY; i++) {
		ck_assert_int_eq(entries[i].request.result, 0);
		ck_assert_int_eq(entries[i].order, i);
		ck_assert_int_eq(entries[i].request.row_id, i + 1);
	}
	ck_assert_uint_eq(catalogue_pending(catalogue), 0);
	ck_assert_uint_eq(catalogue_progress(catalogue), MANY);
	ck_assert_int_eq(count_rows(), MANY);
}
END_TEST

static int half_done(struct catalogue_request *request, struct sqlite3 *database)
{
	(void)request;
	ck_assert_int_eq(sqlite3_exec(database, "DELETE FROM temporary", NULL, NULL, NULL), 0);
	return -ECANCELED;
}

START_TEST(a_request_that_fails_is_undone_alone)
{
	struct entry before, failing, after;

	open_it(CATALOGUE_CREATED);
	(void)add(&sample);
	prepare(&before);
	prepare(&failing);
	prepare(&after);
	failing.request.perform = half_done;
	ck_assert_int_eq(catalogue_add_temporary(catalogue, &sample, &before.request), 0);
	catalogue_submit(catalogue, &failing.request);
	ck_assert_int_eq(catalogue_add_temporary(catalogue, &sample, &after.request), 0);
	run_until(base, &after.over);
	ck_assert_int_eq(before.request.result, 0);
	ck_assert_int_eq(failing.request.result, -ECANCELED);
	ck_assert_int_eq(after.request.result, 0);
	ck_assert_int_eq(count_rows(), 3);
}
END_TEST

static int lose_transaction(struct catalogue_request *request, struct sqlite3 *database)
{
	(void)request;
	ck_assert_int_eq(sqlite3_exec(database, "ROLLBACK", NULL, NULL, NULL), 0);
	return 0;
}

START_TEST(a_commit_that_fails_fails_all_of_its_requests_and_the_next_one_works)
{
	struct entry first, in_it, failing;

	open_it(CATALOGUE_CREATED);
	/* The first is a commit of its own, the others collect behind it. */
	prepare(&first);
	prepare(&in_it);
	prepare(&failing);
	failing.request.perform = lose_transaction;
	ck_assert_int_eq(catalogue_add_temporary(catalogue, &sample, &first.request), 0);
	ck_assert_int_eq(catalogue_add_temporary(catalogue, &sample, &in_it.request), 0);
	catalogue_submit(catalogue, &failing.request);
	run_until(base, &failing.over);
	ck_assert_int_eq(first.request.result, 0);
	ck_assert_int_lt(in_it.request.result, 0);
	ck_assert_int_lt(failing.request.result, 0);
	ck_assert_int_eq(count_rows(), 1);
	(void)add(&sample);
	ck_assert_int_eq(count_rows(), 2);
}
END_TEST

START_TEST(closing_commits_what_was_asked)
{
	static struct entry entries[10];

	open_it(CATALOGUE_CREATED);
	for (int i = 0; i < 10; i++) {
		prepare(&entries[i]);
		ck_assert_int_eq(catalogue_add_temporary(catalogue, &sample, &entries[i].request),
				 0);
	}
	catalogue = catalogue_close(catalogue);
	ck_assert_int_eq(finished, 10);
	open_it(CATALOGUE_OPENED);
	ck_assert_int_eq(count_rows(), 10);
}
END_TEST

static void check_set_aside(enum catalogue_state state, const char *name)
{
	open_it(state);
	ck_assert_str_eq(catalogue_set_aside_path(catalogue), in_folder(folder, name));
	ck_assert_int_eq(access(in_folder(folder, name), F_OK), 0);
	ck_assert_int_eq(count_rows(), 0);
	(void)add(&sample);
	catalogue = catalogue_close(catalogue);
	open_it(CATALOGUE_OPENED);
	ck_assert_int_eq(count_rows(), 1);
}

static void damage(off_t offset, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT, 0600);

	ck_assert_int_eq(pwrite(fd, text, strlen(text), offset), (ssize_t)strlen(text));
	close(fd);
}

START_TEST(a_file_that_is_no_database_is_set_aside_whole)
{
	static char text[8192];

	memset(text, 'j', sizeof(text) - 1);
	damage(0, text);
	check_set_aside(CATALOGUE_DAMAGED, "catalogue.damaged-1");
	ck_assert(file_holds(in_folder(folder, "catalogue.damaged-1"), 0,
			     (const unsigned char *)text, sizeof(text) - 1));
}
END_TEST

START_TEST(a_damaged_page_is_found_and_names_are_not_used_twice)
{
	char text[2000];

	memset(text, 'j', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	for (int i = 1; i <= 2; i++) {
		open_it(CATALOGUE_CREATED);
		(void)add(&sample);
		catalogue = catalogue_close(catalogue);
		damage(4096, text);
		check_set_aside(CATALOGUE_DAMAGED,
				i == 1 ? "catalogue.damaged-1" : "catalogue.damaged-2");
		catalogue = catalogue_close(catalogue);
		ck_assert_int_eq(unlink(path), 0);
	}
}
END_TEST

START_TEST(a_newer_one_is_set_aside_unchanged)
{
	sqlite3 *database;

	ck_assert_int_eq(sqlite3_open(path, &database), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(database, "CREATE TABLE future (x); PRAGMA user_version=9999",
				      NULL, NULL, NULL),
			 SQLITE_OK);
	ck_assert_int_eq(sqlite3_close(database), SQLITE_OK);
	check_set_aside(CATALOGUE_NEWER, "catalogue.newer-1");
	ck_assert_int_eq(sqlite3_open(in_folder(folder, "catalogue.newer-1"), &database),
			 SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(database, "SELECT x FROM future", NULL, NULL, NULL),
			 SQLITE_OK);
	ck_assert_int_eq(sqlite3_close(database), SQLITE_OK);
}
END_TEST

START_TEST(a_place_that_cannot_be_written_is_an_error)
{
	unsigned int before = count_fds();

	strcpy(path, "/nonexistent/catalogue");
	ck_assert_int_eq(catalogue_open(base, path, &catalogue), -ENOENT);
	ck_assert_uint_eq(count_fds(), before);
}
END_TEST

int main(void)
{
	TCase *all = tcase_create("catalogue");

	tcase_add_checked_fixture(all, set_up, tear_down);
	tcase_add_test(all, a_row_is_there_again_after_a_restart_until_it_is_removed);
	tcase_add_test(all, what_was_said_done_survives_a_kill);
	tcase_add_test(all, a_thousand_requests_share_commits_and_keep_their_order);
	tcase_add_test(all, a_request_that_fails_is_undone_alone);
	tcase_add_test(all, a_commit_that_fails_fails_all_of_its_requests_and_the_next_one_works);
	tcase_add_test(all, closing_commits_what_was_asked);
	tcase_add_test(all, a_file_that_is_no_database_is_set_aside_whole);
	tcase_add_test(all, a_damaged_page_is_found_and_names_are_not_used_twice);
	tcase_add_test(all, a_newer_one_is_set_aside_unchanged);
	tcase_add_test(all, a_place_that_cannot_be_written_is_an_error);
	return run_case(all, "catalogue", 60);
}
