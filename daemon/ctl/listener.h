/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CTL_LISTENER_H
#define FOREBAY_CTL_LISTENER_H

/*
 * A socket that clients connect to. Out of descriptors or memory, it stops accepting for a
 * second or until a connection ends: a full process would be woken for the same waiting
 * client again and again. Loop thread only.
 */

#include "daemon/base/err.h"
#include "daemon/base/list.h"

struct event;
struct service;

struct listener {
	struct list service_link; /* service::listeners */
	struct service *service;
	int listen_fd;
	struct event *incoming;
	struct event *pause; /* on while nothing is accepted */
};

/* Takes the listening socket on success, and accepts from now on. */
int must_check listener_open(struct service *service, int listen_fd,
			     struct listener **ret_listener);
/* Closes the socket. Takes NULL; returns NULL. */
struct listener *listener_close(struct listener *listener);

/* Ends a pause. */
void listener_resume(struct listener *listener);

#endif
