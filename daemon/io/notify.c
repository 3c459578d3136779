/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/io/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <event2/event.h>

#include "daemon/base/cleanup.h"
#include "daemon/io/clock.h"

#define BARRIER_SECONDS 30

struct notify_barrier {
	struct event *event;
	int read_fd;		/* -1: nobody to wait for */
	void (*done)(void *owner, int result);
	void *owner;
};

bool notify_is_on(void)
{
	return getenv("NOTIFY_SOCKET") != NULL;
}

int notify_ready(const char *status)
{
	return sd_notifyf(0, "READY=1\nSTATUS=%s", status);
}

int notify_status(const char *status)
{
	return sd_notifyf(0, "STATUS=%s", status);
}

int notify_reloading(const char *status)
{
	/* Managers since 253 want the time; older ones take no notice. */
	return sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64 "\nSTATUS=%s",
			  clock_monotonic_ns() / 1000, status);
}

int notify_stopping(const char *status)
{
	return sd_notifyf(0, "STOPPING=1\nSTATUS=%s", status);
}

int notify_errno(int error)
{
	return sd_notifyf(0, "ERRNO=%d", error < 0 ? -error : error);
}

int notify_extend_timeout(uint64_t usec)
{
	return sd_notifyf(0, "EXTEND_TIMEOUT_USEC=%" PRIu64, usec);
}

int notify_watchdog(void)
{
	return sd_notify(0, "WATCHDOG=1");
}

uint64_t notify_watchdog_usec(void)
{
	uint64_t usec = 0;

	return sd_watchdog_enabled(0, &usec) > 0 ? usec : 0;
}

static int send_fd(const char *message, int fd)
{
	return sd_pid_notify_with_fds(0, 0, message, &fd, 1);
}

int notify_store(int fd, const char *name)
{
	char message[320];

	/* FDPOLL=0: a hang-up must not make the manager drop it behind our back. */
	if (snprintf(message, sizeof(message), "FDSTORE=1\nFDPOLL=0\nFDNAME=%s", name) >=
	    (int)sizeof(message))
		return -ENAMETOOLONG;
	return send_fd(message, fd);
}

int notify_unstore(const char *name)
{
	return sd_notifyf(0, "FDSTOREREMOVE=1\nFDNAME=%s", name);
}

struct notify_barrier *notify_barrier_cancel(struct notify_barrier *barrier)
{
	if (!barrier)
		return NULL;
	if (barrier->event)
		event_free(barrier->event);
	fd_close(barrier->read_fd);
	free(barrier);
	return NULL;
}

static void on_barrier(evutil_socket_t fd, short what, void *argument)
{
	struct notify_barrier *barrier = argument;
	void (*done)(void *owner, int result) = barrier->done;
	void *owner = barrier->owner;
	bool late = barrier->read_fd >= 0 && what & EV_TIMEOUT;

	(void)fd;
	notify_barrier_cancel(barrier);
	done(owner, late ? -ETIMEDOUT : 0);
}

/* The manager closes its end once it comes to this message; that wakes the other end. */
static int send_barrier(int *ret_read_fd)
{
	cleanup_close int read_fd = -1;
	cleanup_close int write_fd = -1;
	int fds[2];
	int r;

	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	read_fd = fds[0];
	write_fd = fds[1];
	r = send_fd("BARRIER=1", write_fd);
	if (r < 0)
		return r;
	*ret_read_fd = take_fd(&read_fd);
	return 0;
}

int notify_barrier(struct event_base *base, void (*done)(void *owner, int result), void *owner,
		   struct notify_barrier **ret_barrier)
{
	const struct timeval wait = { .tv_sec = notify_is_on() ? BARRIER_SECONDS : 0 };
	struct notify_barrier *barrier = calloc(1, sizeof(*barrier));
	int r;

	if (!barrier)
		return -ENOMEM;
	barrier->read_fd = -1;
	barrier->done = done;
	barrier->owner = owner;
	r = notify_is_on() ? send_barrier(&barrier->read_fd) : 0;
	if (r == 0) {
		barrier->event = event_new(base, barrier->read_fd,
					   barrier->read_fd < 0 ? 0 : EV_READ, on_barrier, barrier);
		if (!barrier->event || event_add(barrier->event, &wait) < 0)
			r = -ENOMEM;
	}
	if (r < 0) {
		notify_barrier_cancel(barrier);
		return r;
	}
	*ret_barrier = barrier;
	return 0;
}

int notify_take_fds(char ***ret_names)
{
	char **names = NULL;
	int count = sd_listen_fds_with_names(1, &names);

	if (count <= 0)
		return count;
	*ret_names = names;
	return count;
}
