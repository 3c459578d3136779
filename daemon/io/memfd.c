/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/io/memfd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/base/cleanup.h"

/* Kernel 6.3; the headers we are built with may be older. */
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif
#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x0020
#endif

/* Kernel 6.1. */
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

/* Where huge pages have another size we go without them. */
#define HUGE_BYTES ((size_t)2 * 1024 * 1024)

#define OUR_SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

static int create(const char *name)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);

	if (fd < 0 && errno == EINVAL)
		fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	return fd < 0 ? -errno : fd;
}

int memfd_grow(int fd, uint64_t size)
{
	if (size > INT64_MAX)
		return -EFBIG;
	while (size > 0 && fallocate(fd, 0, 0, (off_t)size) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

/*
 * One page here and there, so that the kernel finds something to make a huge page of: it does
 * not begin with nothing.
 */
static int plant(int fd, uint64_t offset, size_t size)
{
	for (size_t at = 0; at < size; at += HUGE_BYTES)
		if (fallocate(fd, 0, (off_t)(offset + at), 1) < 0)
			return -errno;
	return 0;
}

static bool map_at(unsigned char *at, size_t size, int fd, size_t offset)
{
	return mmap(at, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, (off_t)offset) !=
	       MAP_FAILED;
}

/* Addresses for `length` bytes, from a multiple of HUGE_BYTES on, with nothing behind them. */
static unsigned char *take_range(size_t length)
{
	unsigned char *range, *bytes;
	size_t before;

	range = mmap(NULL, length + HUGE_BYTES, PROT_NONE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (range == MAP_FAILED)
		return NULL;
	before = -(uintptr_t)range % HUGE_BYTES;
	bytes = range + before;
	if (before > 0)
		(void)munmap(range, before);
	(void)munmap(bytes + length, HUGE_BYTES - before);
	return bytes;
}

static void collapse(int fd, uint64_t offset, size_t size)
{
	unsigned char *bytes = take_range(size);

	if (!bytes)
		return;
	if (map_at(bytes, size, fd, (size_t)offset))
		(void)madvise(bytes, size, MADV_COLLAPSE);
	(void)munmap(bytes, size);
}

/*
 * As much as there can be in huge pages, while nothing is there yet: later each would have to
 * be copied. By madvise on memory of ours, which works where the machine does not give them
 * to shared memory by itself.
 */
static void make_huge(int fd, uint64_t offset, uint64_t size)
{
	size_t huge_bytes = size > SIZE_MAX / 2 ? 0 : (size_t)size / HUGE_BYTES * HUGE_BYTES;

	if (huge_bytes > 0 && plant(fd, offset, huge_bytes) == 0)
		collapse(fd, offset, huge_bytes);
}

static int allocate(int fd, uint64_t offset, uint64_t bytes)
{
	while (bytes > 0 && fallocate(fd, 0, (off_t)offset, (off_t)bytes) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

/* Then a page may be refused to whoever touches it, by SIGBUS. */
static bool memory_is_counted_strictly(void)
{
	cleanup_close int fd = open("/proc/sys/vm/overcommit_memory", O_RDONLY | O_CLOEXEC);
	char mode = '2';

	return fd < 0 || read(fd, &mode, 1) != 1 || mode == '2';
}

static int make(const char *name, uint64_t size, uint64_t ready, unsigned int flags, int *ret_fd)
{
	cleanup_close int fd = create(name);
	int r = 0;

	if (fd < 0)
		return fd;
	if (size > INT64_MAX)
		return -EFBIG;
	/* A memfd starts as 0777, and another user could open it again through /proc. */
	if (fchmod(fd, 0600) < 0 || ftruncate(fd, (off_t)size) < 0)
		return -errno;
	if (flags & MEMFD_HUGE)
		make_huge(fd, 0, ready);
	r = allocate(fd, 0, ready);
	if (r < 0)
		return r;
	if (!(flags & MEMFD_UNSEALED) && fcntl(fd, F_ADD_SEALS, OUR_SEALS) < 0)
		return -errno;
	*ret_fd = take_fd(&fd);
	return 0;
}

int memfd_make(const char *name, uint64_t size, unsigned int flags, int *ret_fd)
{
	return make(name, size, size, flags, ret_fd);
}

int memfd_make_ahead(const char *name, uint64_t size, uint64_t ready, int *ret_fd)
{
	if (ready > size || memory_is_counted_strictly())
		ready = size;
	return make(name, size, ready, MEMFD_HUGE, ret_fd);
}

int memfd_fill(int fd, uint64_t offset, uint64_t bytes)
{
	make_huge(fd, offset, bytes);
	return allocate(fd, offset, bytes);
}

int memfd_map(int fd, size_t size, unsigned int flags, struct mapping *ret_mapping)
{
	int protection = flags & MEMFD_MAP_READ_ONLY ? PROT_READ : PROT_READ | PROT_WRITE;
	int populate = flags & MEMFD_MAP_POPULATE ? MAP_POPULATE : 0;
	void *bytes = mmap(NULL, size, protection, MAP_SHARED | populate, fd, 0);

	if (bytes == MAP_FAILED)
		return -errno;
	if (flags & MEMFD_MAP_HUGE)
		(void)madvise(bytes, size, MADV_HUGEPAGE); /* a wish */
	ret_mapping->bytes = bytes;
	ret_mapping->length = size;
	return 0;
}

int memfd_map_twice(int fd, size_t header, size_t data, struct mapping *ret_mapping)
{
	size_t length = header + 2 * data;
	unsigned char *bytes;
	int error;

	if (data == 0 || data > (SIZE_MAX - header - HUGE_BYTES) / 2)
		return -EINVAL;
	/* First the whole address range, so that the second copy lands on nothing of ours. */
	bytes = take_range(length);
	if (!bytes)
		return -errno;
	if (!map_at(bytes, header + data, fd, 0) ||
	    !map_at(bytes + header + data, data, fd, header)) {
		error = errno;
		(void)munmap(bytes, length);
		return -error;
	}
	ret_mapping->bytes = bytes;
	ret_mapping->length = length;
	return 0;
}

void memfd_unmap(struct mapping *mapping)
{
	if (mapping->bytes)
		(void)munmap(mapping->bytes, mapping->length);
	mapping->bytes = NULL;
	mapping->length = 0;
}

bool memfd_cannot_shrink(int fd)
{
	/* Every file of tmpfs has seals to tell, so success alone means nothing. */
	int seals = fcntl(fd, F_GET_SEALS);

	return seals >= 0 && seals & F_SEAL_SHRINK;
}

int memfd_check(int fd, uint64_t size)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat facts;

	if (seals < 0 || (seals & ~F_SEAL_EXEC) != OUR_SEALS)
		return MEMFD_E_FOREIGN;
	if (fstat(fd, &facts) < 0)
		return -errno;
	if (!S_ISREG(facts.st_mode) || facts.st_nlink != 0 || (uint64_t)facts.st_size != size)
		return MEMFD_E_FOREIGN;
	return 0;
}

int memfd_reopen_read_only(int fd, int *ret_fd)
{
	char path[32];
	int reopened;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	reopened = open(path, O_RDONLY | O_CLOEXEC);
	if (reopened < 0)
		return -errno;
	*ret_fd = reopened;
	return 0;
}
