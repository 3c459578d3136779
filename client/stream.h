/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CLIENT_STREAM_H
#define FOREBAY_CLIENT_STREAM_H

/* A stream from the inside: what stream.c (calls) and stream_flow.c (bytes) share. */

#include "client/forebay.h"
#include "client/ring_producer.h"

struct forebay_connection;

struct forebay_stream {
	struct forebay_connection *connection;
	struct ring_producer ring;
	char id[FOREBAY_ID_BYTES];
	char *token;
	char *path;
	int epoll_fd;	   /* -1 until somebody asks for it */
	unsigned int told; /* FOREBAY_EVENT_... that are told only once */
};

#endif
