/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/ring_side.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

static bool is_known(const struct forebay_ring_header *header)
{
	uint64_t ring_bytes = header->ring_bytes;

	return header->magic == FOREBAY_RING_MAGIC && header->version == FOREBAY_RING_VERSION &&
	       header->header_bytes == FOREBAY_RING_HEADER_BYTES &&
	       ring_bytes >= FOREBAY_RING_BYTES_MINIMUM &&
	       ring_bytes <= FOREBAY_RING_BYTES_MAXIMUM && (ring_bytes & (ring_bytes - 1)) == 0 &&
	       header->phase < ring_bytes;
}

/* From a multiple of a huge page on: else one could only be mapped in small pieces. */
static unsigned char *take_range(size_t bytes)
{
	unsigned char *range, *base;
	size_t before;

	range = mmap(NULL, bytes + RING_SIDE_HUGE_BYTES, PROT_NONE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (range == MAP_FAILED)
		return NULL;
	before = -(uintptr_t)range % RING_SIDE_HUGE_BYTES;
	base = range + before;
	if (before > 0)
		(void)munmap(range, before);
	(void)munmap(base + bytes, RING_SIDE_HUGE_BYTES - before);
	return base;
}

static bool map_at(void *place, size_t bytes, int protection, int memory_fd, off_t offset)
{
	return mmap(place, bytes, protection, MAP_SHARED | MAP_FIXED, memory_fd, offset) !=
	       MAP_FAILED;
}

/*
 * All of it in one range of addresses. Where the header and the data have the same protection the
 * kernel makes one mapping of them.
 */
static int map_twice(int memory_fd, size_t ring_bytes, int protection, unsigned char **ret_base)
{
	const size_t whole_bytes = FOREBAY_RING_HEADER_BYTES + 2 * ring_bytes;
	unsigned char *base, *data;

	base = take_range(whole_bytes);
	if (!base)
		return -errno;
	data = base + FOREBAY_RING_HEADER_BYTES;
	if (!map_at(base, FOREBAY_RING_HEADER_BYTES, PROT_READ | PROT_WRITE, memory_fd, 0) ||
	    !map_at(data, ring_bytes, protection, memory_fd, FOREBAY_RING_HEADER_BYTES) ||
	    !map_at(data + ring_bytes, ring_bytes, protection, memory_fd,
		    FOREBAY_RING_HEADER_BYTES)) {
		int error = -errno;

		(void)munmap(base, whole_bytes);
		return error;
	}
	*ret_base = base;
	return 0;
}

int ring_side_map(int memory_fd, int protection, struct forebay_ring_header **ret_header,
		  uint64_t *ret_ring_bytes)
{
	struct forebay_ring_header *header;
	unsigned char *base = NULL;
	struct stat status;
	uint64_t ring_bytes;
	int r;

	if (fstat(memory_fd, &status))
		return -errno;
	if (status.st_size < FOREBAY_RING_HEADER_BYTES)
		return -EPROTO;
	ring_bytes = (uint64_t)status.st_size - FOREBAY_RING_HEADER_BYTES;
	if (ring_bytes < FOREBAY_RING_BYTES_MINIMUM || ring_bytes > FOREBAY_RING_BYTES_MAXIMUM)
		return -EPROTO;

	r = map_twice(memory_fd, ring_bytes, protection, &base);
	if (r)
		return r;
	header = (struct forebay_ring_header *)base;
	if (!is_known(header) || header->ring_bytes != ring_bytes) {
		ring_side_unmap(header, ring_bytes);
		return -EPROTO;
	}
	*ret_header = header;
	*ret_ring_bytes = ring_bytes;
	return 0;
}

void ring_side_unmap(struct forebay_ring_header *header, uint64_t ring_bytes)
{
	if (header)
		(void)munmap(header, FOREBAY_RING_HEADER_BYTES + 2 * (size_t)ring_bytes);
}

bool ring_side_send_signal(int signal_fd)
{
	ssize_t n;

	do {
		n = send(signal_fd, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	return n >= 0 || errno == EAGAIN;
}

bool ring_side_read_signal(int signal_fd)
{
	char bytes[256];
	ssize_t n;

	do {
		n = recv(signal_fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	} while (n > 0 || (n < 0 && errno == EINTR));
	return n < 0 && errno == EAGAIN;
}
