/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_TESTS_IO_IO_TEST_H
#define FOREBAY_TESTS_IO_IO_TEST_H

/* What the tests of daemon/io/ share. Everything here aborts the test if it cannot be had. */

#include <stdbool.h>
#include <stddef.h>

#include <check.h>

struct event_base;

/* An empty folder of the test's own; remove_folder() takes it with all that is in it. */
char *make_folder(void);
void remove_folder(char *folder);

/* "folder/name" in a static place, good until the next but three. */
const char *in_folder(const char *folder, const char *name);

int open_folder(const char *folder);
unsigned int count_fds(void);

/* Bytes that differ from one another and by `seed`. */
void fill_pattern(unsigned char *bytes, size_t length, unsigned int seed);
bool file_holds(const char *path, size_t offset, const unsigned char *bytes, size_t length);

/* Runs the loop until *flag is set. Check's own time limit ends a test that never gets there. */
void run_until(struct event_base *base, const bool *flag);

/* A tmpfs of that size on the folder, seen by this process only; false if not permitted. */
bool mount_small(const char *folder, const char *options);

/* From here on this thread and those it starts get `error` from that system call. */
void refuse_system_call(long number, int error);

/* Runs it all; for main(). `seconds` is the limit of each test. */
int run_case(TCase *test_case, const char *name, double seconds);

#endif
