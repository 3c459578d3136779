/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CLIENT_READABLE_H
#define FOREBAY_CLIENT_READABLE_H

/* A readable stream from the inside: what readable.c (calls) and readable_flow.c (bytes) share. */

#include <stdbool.h>

#include "client/forebay.h"
#include "client/forebay_readable.h"
#include "client/ring_consumer.h"

struct forebay_connection;

struct forebay_readable {
	struct forebay_connection *connection;
	struct ring_consumer ring;
	char id[FOREBAY_ID_BYTES];
	int epoll_fd;	   /* -1 until somebody asks for it */
	int ready_fd;	   /* an eventfd in it; -1 as long */
	bool ready;	   /* that is readable */
	unsigned int told; /* FOREBAY_READABLE_EVENT_... that are told only once */
};

#endif
