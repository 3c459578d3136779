/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CTL_SESSION_H
#define FOREBAY_CTL_SESSION_H

/*
 * One connection. Calls are done one at a time and in order; while one is going on, or while
 * the client leaves its replies unread, nothing is read. So whatever a client sends, or does
 * not read, a session holds no more than one message and a step in, and one message and
 * SESSION_PAUSE_BYTES out.
 *
 *	OPEN ──▶ ENDING ──▶ CLOSED ──▶ (freed)
 *	  ╰───────────────────▲
 *
 * Loop thread only.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/base/err.h"
#include "daemon/base/list.h"
#include "daemon/ctl/peer.h"
#include "daemon/objects/registry.h"
#include "proto/frame.h"

struct call;
struct event;
struct service;

/* Further calls are not looked at while this many bytes wait to be read by the client. */
#define SESSION_PAUSE_BYTES ((size_t)256 * 1024)

/* Descriptors that one connection may have been sent and not received. */
#define SESSION_DESCRIPTORS_MAX 16

enum session_state {
	/* Reads and answers. */
	SESSION_OPEN,
	/* The client sends no more. What came is served, what waits is sent; then closed. */
	SESSION_ENDING,
	/*
	 * The client is gone or was dropped, and so is its holder. Stays until its call ends
	 * and nobody can have descriptors unread that it was sent. Only a timer frees it.
	 */
	SESSION_CLOSED,
};

struct session {
	struct list service_link; /* service::sessions */
	struct service *service;
	struct holder holder;
	struct peer peer;
	int conn_fd;
	enum session_state state;
	struct frame_reader reader;
	struct frame_writer writer;
	struct call *call; /* the one that is going on */

	struct event *io;	/* edge-triggered, for reading; always on until CLOSED */
	struct event *room;	/* edge-triggered, for writing; on while the socket is full */
	struct event *wake;	/* goes on with the work; frees once CLOSED */
	struct event *deadline; /* on while a message has begun and not ended */

	bool readable;			/* there may be bytes: no EAGAIN since the last event */
	bool full;			/* the socket takes no more until `room` says so */
	bool half_closed;		/* the end of what the client sends is to be read */
	bool unanswered;		/* the last message asked for no reply: no send tells of a hang-up */
	bool mute;			/* the client reads no more: replies are dropped */
	bool running;			/* the work is on the stack */
	uint32_t descriptors_in_flight; /* sent or waiting, and not known to be received */
	uint32_t linger_usec;		/* CLOSED, with descriptors in flight: when to look again */
};

/* Takes the connection in any case. 0; REFUSED: over a limit, the client is told; errno. */
int must_check session_open(struct service *service, int conn_fd);

/* Drops the connection now: its holder is gone, and it is freed from the loop. */
void session_close(struct session *session);
/* The same for a client's fault, with a line in the log. */
void session_drop(struct session *session, const char *reason);

/* For call.c. Queues one message; takes the descriptors in any case. */
void session_send(struct session *session, const char *text, size_t bytes, const int *fds,
		  size_t fd_count);
/* The call was answered: frees it. */
void session_call_ended(struct session *session);
/* There may be something to do; it is done from the loop. */
void session_wake(struct session *session);
/* Gives back what the client has received meanwhile. */
void session_settle_descriptors(struct session *session);

/* For service_fini(): sends what the socket takes at once, and frees it. */
void session_free_now(struct session *session);

/*
 * session_io.c. Both stop at EAGAIN and note it in the session. 0; SESSION_E_END: the client
 * sends no more; SESSION_E_BROKEN: it broke the protocol, and *ret_reason says how.
 */
enum session_io_outcome {
	SESSION_E_END = 1,
	SESSION_E_BROKEN,
};
int must_check session_receive(struct session *session, const char **ret_reason);

/* Sends what waits. Notes in the session when the client reads no more. */
void session_flush(struct session *session);

#endif
