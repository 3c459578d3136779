/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/io/memfd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/io/io_test.h"

#define SIZE 65536
#define HUGE ((size_t)2 << 20)

START_TEST(one_is_allocated_private_and_sealed)
{
	struct stat facts;
	int fd;

	ck_assert_int_eq(memfd_make("test", SIZE, 0, &fd), 0);
	ck_assert_int_eq(fstat(fd, &facts), 0);
	ck_assert_int_eq(facts.st_size, SIZE);
	ck_assert_int_eq(facts.st_blocks * 512, SIZE);
	ck_assert_int_eq(facts.st_mode & 0777, 0600);
	ck_assert_int_eq(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	ck_assert_int_lt(ftruncate(fd, SIZE / 2), 0);
	ck_assert_int_eq(errno, EPERM);
	ck_assert_int_lt(ftruncate(fd, SIZE * 2), 0);
	ck_assert_int_lt(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
	ck_assert(memfd_cannot_shrink(fd));
	ck_assert_int_eq(memfd_check(fd, SIZE), 0);
	ck_assert_int_eq(memfd_check(fd, SIZE + 1), MEMFD_E_FOREIGN);
	close(fd);
}
END_TEST

START_TEST(foreign_files_are_told_apart)
{
	char *folder = make_folder();
	int plain_fd = open(in_folder(folder, "x"), O_RDWR | O_CREAT, 0600);
	int shm_fd = open("/dev/shm", O_TMPFILE | O_RDWR, 0600);
	int fd = memfd_create("foreign", MFD_ALLOW_SEALING);

	ck_assert(!memfd_cannot_shrink(plain_fd));
	ck_assert_int_eq(memfd_check(plain_fd, 0), MEMFD_E_FOREIGN);
	/* A file of tmpfs has seals to tell, and none that helps. */
	if (shm_fd >= 0)
		ck_assert(!memfd_cannot_shrink(shm_fd));
	ck_assert(!memfd_cannot_shrink(fd));
	ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	ck_assert(memfd_cannot_shrink(fd));
	ck_assert_int_eq(memfd_check(fd, 0), MEMFD_E_FOREIGN);
	ck_assert_int_eq(memfd_check(-1, 0), MEMFD_E_FOREIGN);
	close(fd);
	close(shm_fd);
	close(plain_fd);
	remove_folder(folder);
}
END_TEST

START_TEST(an_unsealed_one_grows)
{
	struct stat facts;
	int fd;

	ck_assert_int_eq(memfd_make("test", 0, MEMFD_UNSEALED, &fd), 0);
	ck_assert_int_eq(memfd_grow(fd, SIZE), 0);
	ck_assert_int_eq(memfd_grow(fd, 1), 0);
	ck_assert_int_eq(fstat(fd, &facts), 0);
	ck_assert_int_eq(facts.st_size, SIZE);
	close(fd);
}
END_TEST

START_TEST(a_size_that_cannot_be_is_refused_without_a_descriptor_left)
{
	unsigned int before = count_fds();
	int fd = -7;

	ck_assert_int_lt(memfd_make("test", UINT64_MAX, 0, &fd), 0);
	ck_assert_int_eq(fd, -7);
	ck_assert_uint_eq(count_fds(), before);
}
END_TEST

START_TEST(a_ring_has_no_seam)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	unsigned char bytes[1000];
	struct mapping ring, plain;
	int fd;

	ck_assert_int_eq(memfd_make("test", page + SIZE, 0, &fd), 0);
	ck_assert_int_eq(memfd_map_twice(fd, page, SIZE, &ring), 0);
	ck_assert_int_eq(memfd_map(fd, page + SIZE, MEMFD_MAP_POPULATE, &plain), 0);
	ck_assert_uint_eq(ring.length, page + 2 * SIZE);
	fill_pattern(bytes, sizeof(bytes), 9);
	memcpy(ring.bytes + page + SIZE - 400, bytes, sizeof(bytes));
	ck_assert_mem_eq(plain.bytes + page + SIZE - 400, bytes, 400);
	ck_assert_mem_eq(plain.bytes + page, bytes + 400, 600);
	ring.bytes[0] = 0x55;
	ck_assert_uint_eq(plain.bytes[0], 0x55);
	memfd_unmap(&ring);
	memfd_unmap(&plain);
	memfd_unmap(&plain);
	ck_assert_ptr_null(plain.bytes);
	ck_assert_int_eq(memfd_map_twice(fd, page, 0, &ring), -EINVAL);
	ck_assert_int_lt(memfd_map_twice(fd, page + 1, SIZE, &ring), 0);
	close(fd);
}
END_TEST

START_TEST(one_in_huge_pages_is_no_different)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	const size_t data = HUGE * 4;
	struct mapping ring;
	struct stat facts;
	int fd;

	ck_assert_int_eq(memfd_make("test", page + data, MEMFD_HUGE, &fd), 0);
	ck_assert_int_eq(fstat(fd, &facts), 0);
	ck_assert_uint_eq((uint64_t)facts.st_size, page + data);
	ck_assert_uint_eq((uint64_t)facts.st_blocks * 512, page + data);
	ck_assert_int_eq(memfd_check(fd, page + data), 0);
	ck_assert_int_eq(memfd_map_twice(fd, page, data, &ring), 0);
	ck_assert_uint_eq((uintptr_t)ring.bytes % HUGE, 0);
	for (size_t at = 0; at < ring.length; at++)
		if (ring.bytes[at] != 0)
			ck_abort_msg("not zero at %zu", at);
	ring.bytes[page] = 0x55;
	ck_assert_uint_eq(ring.bytes[page + data], 0x55);
	memfd_unmap(&ring);
	close(fd);
}
END_TEST

static uint64_t allocated_bytes(int fd)
{
	struct stat facts;

	ck_assert_int_eq(fstat(fd, &facts), 0);
	return (uint64_t)facts.st_blocks * 512;
}

static bool is_counted_strictly(void)
{
	FILE *file = fopen("/proc/sys/vm/overcommit_memory", "re");
	int mode = file ? fgetc(file) : '2';

	if (file)
		(void)fclose(file);
	return mode == '2';
}

START_TEST(one_made_ahead_is_filled_later_and_keeps_what_was_touched_before)
{
	const uint64_t size = 4096 + 3 * MEMFD_FILL_BYTES;
	struct mapping mapping;
	int fd;

	ck_assert_int_eq(memfd_make_ahead("test", size, MEMFD_FILL_BYTES, &fd), 0);
	ck_assert_int_eq(memfd_check(fd, size), 0);
	ck_assert_uint_eq(allocated_bytes(fd), is_counted_strictly() ? size : MEMFD_FILL_BYTES);
	ck_assert_int_eq(memfd_map(fd, (size_t)size, 0, &mapping), 0);
	mapping.bytes[2 * MEMFD_FILL_BYTES + 5] = 0x55;
	for (uint64_t at = MEMFD_FILL_BYTES; at < size; at += MEMFD_FILL_BYTES) {
		uint64_t left = size - at;

		ck_assert_int_eq(
			memfd_fill(fd, at, left < MEMFD_FILL_BYTES ? left : MEMFD_FILL_BYTES), 0);
	}
	ck_assert_uint_eq(allocated_bytes(fd), size);
	for (uint64_t at = 0; at < size; at++)
		if (mapping.bytes[at] != (at == 2 * MEMFD_FILL_BYTES + 5 ? 0x55 : 0))
			ck_abort_msg("%#x at %zu", mapping.bytes[at], (size_t)at);
	memfd_unmap(&mapping);
	close(fd);
}
END_TEST

START_TEST(one_that_is_ready_at_once_needs_no_filling)
{
	int fd;

	ck_assert_int_eq(memfd_make_ahead("test", SIZE, MEMFD_FILL_BYTES, &fd), 0);
	ck_assert_uint_eq(allocated_bytes(fd), SIZE);
	close(fd);
}
END_TEST

START_TEST(a_read_only_descriptor_can_neither_write_nor_map_for_writing)
{
	struct mapping mapping;
	int fd, read_fd;

	ck_assert_int_eq(memfd_make("test", SIZE, 0, &fd), 0);
	ck_assert_int_eq(memfd_reopen_read_only(fd, &read_fd), 0);
	ck_assert_int_lt(write(read_fd, "x", 1), 0);
	ck_assert_int_eq(memfd_map(read_fd, SIZE, 0, &mapping), -EACCES);
	ck_assert_int_eq(memfd_map(read_fd, SIZE, MEMFD_MAP_READ_ONLY, &mapping), 0);
	ck_assert_int_eq(pwrite(fd, "y", 1, 5), 1);
	ck_assert_uint_eq(mapping.bytes[5], 'y');
	memfd_unmap(&mapping);
	close(read_fd);
	close(fd);
}
END_TEST

int main(void)
{
	TCase *all = tcase_create("memfd");

	tcase_add_test(all, one_is_allocated_private_and_sealed);
	tcase_add_test(all, foreign_files_are_told_apart);
	tcase_add_test(all, an_unsealed_one_grows);
	tcase_add_test(all, a_size_that_cannot_be_is_refused_without_a_descriptor_left);
	tcase_add_test(all, a_ring_has_no_seam);
	tcase_add_test(all, one_in_huge_pages_is_no_different);
	tcase_add_test(all, one_made_ahead_is_filled_later_and_keeps_what_was_touched_before);
	tcase_add_test(all, one_that_is_ready_at_once_needs_no_filling);
	tcase_add_test(all, a_read_only_descriptor_can_neither_write_nor_map_for_writing);
	return run_case(all, "memfd", 20);
}
