/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/ctl/listener.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <event2/event.h>

#include "daemon/base/fd.h"
#include "daemon/base/log.h"
#include "daemon/ctl/service.h"
#include "daemon/ctl/session.h"
#include "daemon/objects/refusal.h"

/* So many at a time; the rest of the loop has its turn in between. */
#define ACCEPT_AT_ONCE 32

static void pause_accepting(struct listener *listener, int error)
{
	const struct timeval second = { .tv_sec = 1 };

	(void)event_del(listener->incoming);
	(void)evtimer_add(listener->pause, &second);
	if (service_may_log(listener->service))
		log_warning("listener", "cannot accept now, trying again in a second", "errno=%s",
			    err_name(error));
}

/* What the peer did between connecting and being accepted is no trouble of ours. */
static bool is_passing(int error)
{
	return error == EINTR || error == ECONNABORTED || error == EPERM || error == EPROTO;
}

static void accept_some(evutil_socket_t listen_fd, short what, void *data)
{
	struct listener *listener = data;

	(void)what;
	for (int i = 0; i < ACCEPT_AT_ONCE; i++) {
		int conn_fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		int r;

		if (conn_fd < 0 && errno == EAGAIN)
			return;
		if (conn_fd < 0 && is_passing(errno))
			continue;
		if (conn_fd < 0) {
			pause_accepting(listener, errno);
			return;
		}
		r = session_open(listener->service, conn_fd);
		if (r < 0 && service_may_log(listener->service))
			log_warning("listener", "connection not taken", "errno=%s", err_name(r));
	}
}

static void end_pause(evutil_socket_t fd, short what, void *data)
{
	(void)fd;
	(void)what;
	listener_resume(data);
}

void listener_resume(struct listener *listener)
{
	if (!evtimer_pending(listener->pause, NULL) &&
	    event_pending(listener->incoming, EV_READ, NULL))
		return;
	(void)evtimer_del(listener->pause);
	(void)event_add(listener->incoming, NULL);
}

int listener_open(struct service *service, int listen_fd, struct listener **ret_listener)
{
	struct listener *listener = calloc(1, sizeof(*listener));
	int r;

	if (!listener)
		return -ENOMEM;
	list_init(&listener->service_link);
	listener->service = service;
	listener->listen_fd = -1;
	r = fd_set_nonblock(listen_fd);
	listener->incoming =
		event_new(service->base, listen_fd, EV_READ | EV_PERSIST, accept_some, listener);
	listener->pause = evtimer_new(service->base, end_pause, listener);
	if (r == 0 &&
	    (!listener->incoming || !listener->pause || event_add(listener->incoming, NULL) < 0))
		r = -ENOMEM;
	if (r) {
		listener_close(listener);
		return r;
	}
	listener->listen_fd = listen_fd;
	list_append(&service->listeners, &listener->service_link);
	*ret_listener = listener;
	return 0;
}

struct listener *listener_close(struct listener *listener)
{
	if (!listener)
		return NULL;
	if (listener->incoming)
		event_free(listener->incoming);
	if (listener->pause)
		event_free(listener->pause);
	list_remove(&listener->service_link);
	fd_close(listener->listen_fd);
	free(listener);
	return NULL;
}
