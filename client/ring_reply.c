/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/ring_reply.h"

#include <errno.h>
#include <unistd.h>

#include "client/forebay.h"
#include "proto/args.h"

/* The descriptor of this index, which the reply loses. -1: there is none. */
static int take_descriptor(const struct cJSON *object, const char *name,
			   struct forebay_reply *reply)
{
	int64_t index;
	int fd;

	if (reply->fd_count == 0 ||
	    args_get_int_within(object, name, 0, (int64_t)reply->fd_count - 1, &index))
		return -1;
	fd = reply->fds[index];
	reply->fds[index] = -1;
	return fd;
}

int ring_reply_take(const struct cJSON *parameters, struct forebay_reply *reply, int *ret_memory_fd,
		    int *ret_signal_fd)
{
	const struct cJSON *ring;
	int memory_fd, signal_fd;

	if (!args_get_object(parameters, "ring", &ring))
		return -EPROTO;
	memory_fd = take_descriptor(ring, "memoryFileDescriptorIndex", reply);
	signal_fd = take_descriptor(ring, "signalFileDescriptorIndex", reply);
	if (memory_fd >= 0 && signal_fd >= 0) {
		*ret_memory_fd = memory_fd;
		*ret_signal_fd = signal_fd;
		return 0;
	}
	if (memory_fd >= 0)
		(void)close(memory_fd);
	if (signal_fd >= 0)
		(void)close(signal_fd);
	return -EPROTO;
}
