/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/io/sigbus.h"

/* Under valgrind this needs --vex-iropt-register-updates=allregs-at-mem-access. */

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/io/io_test.h"

#define PAGES 4

static size_t page;

/* A mapping whose pages from the second on are gone. */
static volatile unsigned char *make_torn(int *ret_fd)
{
	unsigned char *bytes;
	int fd = memfd_create("torn", MFD_CLOEXEC);

	page = (size_t)sysconf(_SC_PAGESIZE);
	ck_assert_int_eq(ftruncate(fd, (off_t)(PAGES * page)), 0);
	bytes = mmap(NULL, PAGES * page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ck_assert(bytes != MAP_FAILED);
	memset(bytes, 'x', PAGES * page);
	ck_assert_int_eq(ftruncate(fd, (off_t)page), 0);
	*ret_fd = fd;
	return bytes;
}

START_TEST(a_lost_page_reads_as_zeros_and_only_its_mapping_is_marked)
{
	struct sigbus_watch watch, other;
	volatile unsigned char *bytes, *other_bytes;
	int fd, other_fd;

	ck_assert_int_eq(sigbus_install(), 0);
	bytes = make_torn(&fd);
	other_bytes = make_torn(&other_fd);
	ck_assert_int_eq(sigbus_watch((void *)other_bytes, PAGES * page, &other), 0);
	ck_assert_int_eq(sigbus_watch((void *)bytes, PAGES * page, &watch), 0);
	ck_assert_uint_eq(bytes[0], 'x');
	ck_assert(!sigbus_was_hit(&watch));
	ck_assert_uint_eq(bytes[2 * page + 17], 0);
	ck_assert(sigbus_was_hit(&watch));
	ck_assert(!sigbus_was_hit(&other));
	ck_assert_uint_eq(bytes[0], 'x');
	bytes[3 * page] = 'y';
	ck_assert_uint_eq(bytes[3 * page], 'y');
	sigbus_unwatch(&watch);
	sigbus_unwatch(&watch);
	ck_assert(!sigbus_was_hit(&watch));
	sigbus_unwatch(&other);
	munmap((void *)bytes, PAGES * page);
	munmap((void *)other_bytes, PAGES * page);
	close(fd);
	close(other_fd);
}
END_TEST

static void *read_torn(void *bytes)
{
	return ((volatile unsigned char *)bytes)[page] == 0 ? bytes : NULL;
}

START_TEST(it_works_on_any_thread)
{
	struct sigbus_watch watch;
	volatile unsigned char *bytes;
	pthread_t thread;
	void *result;
	int fd;

	ck_assert_int_eq(sigbus_install(), 0);
	bytes = make_torn(&fd);
	ck_assert_int_eq(sigbus_watch((void *)bytes, PAGES * page, &watch), 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, read_torn, (void *)bytes), 0);
	ck_assert_int_eq(pthread_join(thread, &result), 0);
	ck_assert_ptr_nonnull(result);
	ck_assert(sigbus_was_hit(&watch));
	sigbus_unwatch(&watch);
	munmap((void *)bytes, PAGES * page);
	close(fd);
}
END_TEST

START_TEST(a_fault_anywhere_else_ends_the_process)
{
	struct sigbus_watch watch;
	volatile unsigned char *bytes;
	int fd;

	ck_assert_int_eq(sigbus_install(), 0);
	bytes = make_torn(&fd);
	ck_assert_int_eq(sigbus_watch((void *)bytes, 2 * page, &watch), 0);
	ck_assert_uint_eq(bytes[2 * page], 0);
}
END_TEST

START_TEST(a_signal_that_somebody_sends_ends_the_process)
{
	ck_assert_int_eq(sigbus_install(), 0);
	(void)raise(SIGBUS);
}
END_TEST

START_TEST(slots_are_used_again_and_have_an_end)
{
	static struct sigbus_watch watches[SIGBUS_WATCHES_MAX];
	struct sigbus_watch one_more = { 0 };
	static char memory[1];

	for (size_t i = 0; i < SIGBUS_WATCHES_MAX; i++)
		ck_assert_int_eq(sigbus_watch(memory, 1, &watches[i]), 0);
	ck_assert_int_eq(sigbus_watch(memory, 1, &one_more), -ENOSPC);
	sigbus_unwatch(&watches[100]);
	ck_assert_int_eq(sigbus_watch(memory, 1, &one_more), 0);
}
END_TEST

int main(void)
{
	TCase *all = tcase_create("sigbus");

	tcase_add_test(all, a_lost_page_reads_as_zeros_and_only_its_mapping_is_marked);
	tcase_add_test(all, it_works_on_any_thread);
	tcase_add_test_raise_signal(all, a_fault_anywhere_else_ends_the_process, SIGBUS);
	tcase_add_test_raise_signal(all, a_signal_that_somebody_sends_ends_the_process, SIGBUS);
	tcase_add_test(all, slots_are_used_again_and_have_an_end);
	return run_case(all, "sigbus", 60);
}
