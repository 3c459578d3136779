/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/deadline.h"

#include <errno.h>
#include <poll.h>
#include <time.h>

#define NS_PER_SEC UINT64_C(1000000000)

uint64_t deadline_now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_SEC + (uint64_t)now.tv_nsec;
}

uint64_t deadline_after(uint64_t timeout_usec)
{
	uint64_t now = deadline_now_ns();

	if (timeout_usec >= (DEADLINE_NEVER - now) / 1000)
		return DEADLINE_NEVER;
	return now + timeout_usec * 1000;
}

int deadline_poll(struct pollfd *fds, unsigned int count, uint64_t deadline_ns)
{
	for (;;) {
		struct timespec left, *wait = NULL;
		uint64_t now = deadline_now_ns();
		int r;

		if (deadline_ns != DEADLINE_NEVER) {
			uint64_t left_ns = deadline_ns > now ? deadline_ns - now : 0;

			left.tv_sec = (time_t)(left_ns / NS_PER_SEC);
			left.tv_nsec = (long)(left_ns % NS_PER_SEC);
			wait = &left;
		}
		r = ppoll(fds, count, wait, NULL);
		if (r > 0)
			return 0;
		if (r == 0)
			return -ETIMEDOUT;
		if (errno != EINTR)
			return -errno;
	}
}
