/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CTL_CALL_H
#define FOREBAY_CTL_CALL_H

/*
 * One call, from its parameters to its last reply. A connection has one at a time. A command
 * answers it once, now or from a later callback; with the answer the call is gone. If the
 * connection dies first, a call that has set `cancel` is cancelled, and any other stays until
 * it is answered: the answer goes nowhere, but whoever holds the pointer may use it until
 * then. Loop thread only.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/base/err.h"
#include "proto/message.h"

struct args;
struct cJSON;
struct holder;
struct idl_member;
struct refusal;
struct service;
struct service_interface;
struct session;
struct user;
struct wire_error;

struct call {
	struct session *session;
	struct message_call message;
	const struct service_interface *interface; /* NULL until it is found */
	const struct idl_member *method;
	int *fds; /* that came along; -1: taken */
	size_t fd_count;
	uint32_t reserved_descriptors; /* for the answer */
	bool charged;		       /* counts among the user's calls in flight */

	/* The command's own. */
	void *data;
	/* Set while the call can be given up: stops all that refers to the call, frees `data`. */
	void (*cancel)(struct call *call);
	/* Set while there is more to say: called when there is room for another reply. */
	void (*produce)(struct call *call);
};

/* For session.c. Takes the message, and the descriptors, in any case. -ENOMEM. */
int must_check call_new(struct session *session, struct message_call *message, const int *fds,
			size_t fd_count, struct call **ret_call);
/* Without an answer. Takes NULL; returns NULL. */
struct call *call_free(struct call *call);

const struct cJSON *call_args(const struct call *call);
struct service *call_service(const struct call *call);
struct holder *call_holder(const struct call *call);
struct user *call_user(const struct call *call);
/* root, or whom the daemon runs as. */
bool call_is_privileged(const struct call *call);
bool call_wants_more(const struct call *call);

/*
 * The descriptor that the index in the parameter `name` stands for, the caller's from now on;
 * -1 where the parameter is not given. Each can be taken once.
 */
int must_check call_take_fd(struct call *call, const char *name, int *ret_fd,
			    struct refusal *refusal);

/* Once all are taken that the call names: REFUSED where there are others. */
int must_check call_take_no_more(const struct call *call, struct refusal *refusal);

/*
 * Before anything is done that will be answered with descriptors: REFUSED where the
 * connection, or all of the user's together, have too many that were not received yet.
 */
int must_check call_reserve_descriptors(struct call *call, uint32_t count, struct refusal *refusal);

/* Each of these takes the parameters, and ends the call. */
void call_reply(struct call *call, struct args *args);
void call_reply_empty(struct call *call);
/* Takes the descriptors too; as many must have been reserved. */
void call_reply_fds(struct call *call, struct args *args, const int *fds, size_t count);
/* `result`: REFUSED with the refusal, or a negative errno. */
void call_fail(struct call *call, int result, const struct refusal *refusal);
/* `made` is what the errmap function returned that made the error. */
void call_error(struct call *call, int made, struct wire_error *error);

/* A reply with more to come, for a call that wants more. False: the call has ended. */
bool must_check call_continue(struct call *call, struct args *args);

/*
 * The text of a reply, for call_send_text() later; the call is not touched. Takes the
 * parameters. 0; REFUSED: larger than a message may be; negative errno.
 */
struct call_text {
	char *bytes; /* the receiver's to free */
	size_t length;
	bool continues;
};
int must_check call_build_text(const struct call *call, struct args *args, bool continues,
			       struct call_text *ret_text, struct refusal *refusal);
/* Without `continues` it ends the call. The text stays the caller's. */
void call_send_text(struct call *call, const struct call_text *text);

/* Whether another reply may be sent without waiting for the client to read. */
bool call_has_room(const struct call *call);

/* Has `produce` looked at soon. */
void call_wake(struct call *call);

/* For a client that cannot be served any more: cancels the call, drops the connection. */
void call_drop_client(struct call *call, const char *reason);

#endif
