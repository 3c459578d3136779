/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/ctl/call.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "daemon/base/fd.h"
#include "daemon/base/log.h"
#include "daemon/ctl/errmap.h"
#include "daemon/ctl/service.h"
#include "daemon/ctl/session.h"
#include "daemon/objects/refusal.h"
#include "daemon/objects/registry.h"
#include "proto/args.h"
#include "proto/idl.h"

static void close_all(const int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		fd_close(fds[i]);
}

int call_new(struct session *session, struct message_call *message, const int *fds, size_t fd_count,
	     struct call **ret_call)
{
	struct call *call = malloc(sizeof(*call));
	int *copy = fd_count > 0 ? calloc(fd_count, sizeof(*copy)) : NULL;

	if (!call || (fd_count > 0 && !copy)) {
		free(call);
		free(copy);
		close_all(fds, fd_count);
		message_call_fini(message);
		return -ENOMEM;
	}
	if (fd_count > 0)
		memcpy(copy, fds, fd_count * sizeof(*copy));
	*call = (struct call){
		.session = session,
		.message = *message,
		.fds = copy,
		.fd_count = fd_count,
	};
	*ret_call = call;
	return 0;
}

static void release_descriptors(struct call *call)
{
	user_discharge(call_user(call), QUOTA_DESCRIPTORS_IN_FLIGHT, call->reserved_descriptors);
	call->reserved_descriptors = 0;
}

struct call *call_free(struct call *call)
{
	if (!call)
		return NULL;
	if (call->reserved_descriptors > 0)
		release_descriptors(call);
	if (call->charged)
		user_discharge(call_user(call), QUOTA_CALLS_IN_FLIGHT, 1);
	close_all(call->fds, call->fd_count);
	free(call->fds);
	message_call_fini(&call->message);
	free(call);
	return NULL;
}

const cJSON *call_args(const struct call *call)
{
	return call->message.parameters;
}

struct service *call_service(const struct call *call)
{
	return call->session->service;
}

struct holder *call_holder(const struct call *call)
{
	return &call->session->holder;
}

struct user *call_user(const struct call *call)
{
	return call->session->holder.user;
}

bool call_is_privileged(const struct call *call)
{
	const struct user *user = call_user(call);

	return user->uid == 0 || user->uid == user->registry->own_uid;
}

bool call_wants_more(const struct call *call)
{
	return call->message.more;
}

int call_take_fd(struct call *call, const char *name, int *ret_fd, struct refusal *refusal)
{
	int64_t index;
	int r;

	r = args_get_int_within(call_args(call), name, 0, INT64_MAX, &index);
	if (r == ARGS_E_ABSENT) {
		*ret_fd = -1;
		return 0;
	}
	if (r || (uint64_t)index >= call->fd_count || call->fds[index] < 0)
		return refuse_text(refusal, REFUSAL_PARAMETER, name);
	*ret_fd = call->fds[index];
	call->fds[index] = -1;
	return 0;
}

int call_take_no_more(const struct call *call, struct refusal *refusal)
{
	for (size_t i = 0; i < call->fd_count; i++)
		if (call->fds[i] >= 0)
			return refuse_text(refusal, REFUSAL_PARAMETER, "fileDescriptorIndex");
	return 0;
}

int call_reserve_descriptors(struct call *call, uint32_t count, struct refusal *refusal)
{
	struct user *user = call_user(call);
	int r;

	/* One connection that does not read must not take what all of its user's share. */
	if (call->session->descriptors_in_flight + count > SESSION_DESCRIPTORS_MAX)
		session_settle_descriptors(call->session);
	if (call->session->descriptors_in_flight + count > SESSION_DESCRIPTORS_MAX)
		return refuse_limit(refusal, quota_name(QUOTA_DESCRIPTORS_IN_FLIGHT),
				    SESSION_DESCRIPTORS_MAX);
	r = user_charge(user, QUOTA_DESCRIPTORS_IN_FLIGHT, count, refusal);

	/* What was received meanwhile is only looked for where it matters. */
	if (r == REFUSED) {
		list_for_each(link, &call_service(call)->sessions) {
			struct session *other = container_of(link, struct session, service_link);

			if (other->holder.user == user)
				session_settle_descriptors(other);
		}
		r = user_charge(user, QUOTA_DESCRIPTORS_IN_FLIGHT, count, refusal);
	}
	if (r == 0)
		call->reserved_descriptors += count;
	return r;
}

/* A mistake of ours, which only a build or a run for tests looks for. */
static void check_reply(const struct call *call, const cJSON *parameters)
{
	struct idl_fault fault;
	char method[256], path[300];

	if (!call_service(call)->check_replies ||
	    idl_check_output(call->method->output, parameters, &fault) == 0)
		return;
	call_service(call)->counters.wrong_replies++;
	log_error("call", "a reply is not as defined", "method=%s parameter=%s reason=\"%s\"",
		  log_quote(call->message.method, method, sizeof(method)),
		  log_quote(fault.path, path, sizeof(path)), fault.reason);
}

int call_build_text(const struct call *call, struct args *args, bool continues,
		    struct call_text *ret_text, struct refusal *refusal)
{
	size_t limit = call_service(call)->limits.message_bytes;
	struct call_text text = { .continues = continues };
	cJSON *parameters = NULL;
	int r;

	r = args_take(args, &parameters);
	if (r)
		return r;
	check_reply(call, parameters);
	r = message_build_reply(parameters, continues, &text.bytes, &text.length);
	cJSON_Delete(parameters);
	if (r)
		return r;
	if (text.length > limit) {
		free(text.bytes);
		return refuse_limit(refusal, "messageBytes", limit);
	}
	*ret_text = text;
	return 0;
}

void call_send_text(struct call *call, const struct call_text *text)
{
	if (!call->message.oneway)
		session_send(call->session, text->bytes, text->length, NULL, 0);
	if (!text->continues)
		session_call_ended(call->session);
}

void call_reply(struct call *call, struct args *args)
{
	call_reply_fds(call, args, NULL, 0);
}

void call_reply_empty(struct call *call)
{
	static const cJSON nothing = { .type = cJSON_Object };

	check_reply(call, &nothing);
	if (!call->message.oneway)
		session_send(call->session, message_empty_reply, strlen(message_empty_reply), NULL,
			     0);
	session_call_ended(call->session);
}

void call_reply_fds(struct call *call, struct args *args, const int *fds, size_t count)
{
	struct refusal refusal;
	struct call_text text;
	int r = call_build_text(call, args, false, &text, &refusal);

	if (r) {
		close_all(fds, count);
		call_fail(call, r, &refusal);
		return;
	}
	if (call->message.oneway) {
		close_all(fds, count);
	} else {
		call->reserved_descriptors -= (uint32_t)count;
		call->session->descriptors_in_flight += (uint32_t)count;
		session_send(call->session, text.bytes, text.length, fds, count);
	}
	free(text.bytes);
	session_call_ended(call->session);
}

bool call_continue(struct call *call, struct args *args)
{
	struct refusal refusal;
	struct call_text text;
	int r = call_build_text(call, args, true, &text, &refusal);

	if (r) {
		call_fail(call, r, &refusal);
		return false;
	}
	call_send_text(call, &text);
	free(text.bytes);
	return true;
}

void call_error(struct call *call, int made, struct wire_error *error)
{
	char *text = NULL;
	size_t bytes;
	int r = made;

	call_service(call)->counters.errors++;
	if (r == 0) {
		r = message_build_error(error->name, error->parameters, &text, &bytes);
		cJSON_Delete(error->parameters);
	}
	/* A client that is owed an answer and cannot get one would wait for ever. */
	if (r && !call->message.oneway)
		session_drop(call->session, "no memory for an answer");
	else if (!call->message.oneway)
		session_send(call->session, text, bytes, NULL, 0);
	free(text);
	session_call_ended(call->session);
}

void call_fail(struct call *call, int result, const struct refusal *refusal)
{
	const char *interface = call->interface ? call->interface->idl->name : NULL;
	struct wire_error error;
	int r;

	if (result == REFUSED)
		r = errmap_refusal(refusal, interface, call->method, &error);
	else
		r = errmap_errno(result, &error);
	call_error(call, r, &error);
}

bool call_has_room(const struct call *call)
{
	return frame_writer_pending_bytes(&call->session->writer) < SESSION_PAUSE_BYTES;
}

void call_wake(struct call *call)
{
	session_wake(call->session);
}

void call_drop_client(struct call *call, const char *reason)
{
	session_drop(call->session, reason);
}
