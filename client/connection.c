/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/connection.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "client/deadline.h"
#include "client/error_map.h"
#include "client/forebay.h"
#include "client/reply_text.h"
#include "proto/args.h"
#include "proto/json_scan.h"
#include "proto/message.h"

/* What a call may hold; the daemon has its own, smaller limit and names what breaks it. */
#define CALL_VALUES_MAX 1000000

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(FRAME_DESCRIPTORS_MAX * sizeof(int))];
};

void connection_clear_error(struct forebay_connection *connection)
{
	free(connection->error_name);
	free(connection->error_parameters);
	connection->error_name = NULL;
	connection->error_parameters = NULL;
}

void connection_move_error(struct forebay_connection *connection, struct forebay_connection *from)
{
	connection_clear_error(connection);
	connection->error_name = from->error_name;
	connection->error_parameters = from->error_parameters;
	from->error_name = NULL;
	from->error_parameters = NULL;
}

static int break_with(struct forebay_connection *connection, int error)
{
	connection->broken = true;
	return error;
}

/* The method goes into the text as it is, so it must need no escapes. */
static bool is_method_name(const char *method)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789._-";

	return *method && method[strspn(method, allowed)] == '\0';
}

/*
 * The caller's own JSON goes out as it was written, so that no number changes on the way. It
 * must be well-formed, else it would change what stands around it; whether its content is
 * taken is for the daemon to say.
 */
static int check_parameters(const char *parameters)
{
	struct json_scan scan;
	int r;

	if (parameters[strspn(parameters, " \t\r\n")] != '{')
		return -EINVAL;
	r = json_scan(parameters, strlen(parameters), CALL_VALUES_MAX, NULL, &scan);
	if (r == JSON_SCAN_E_MALFORMED)
		return -EINVAL;
	return r < 0 ? r : 0;
}

static int build_call(const struct connection_call *call, char **ret_text, size_t *ret_bytes)
{
	const char *parameters = call->parameters ? call->parameters : "{}";
	char *text;
	int length, r;

	if (!is_method_name(call->method))
		return -EINVAL;
	r = check_parameters(parameters);
	if (r)
		return r;
	length = asprintf(&text, "{\"method\":\"%s\",\"parameters\":%s%s}", call->method,
			  parameters, call->more ? ",\"more\":true" : "");
	if (length < 0)
		return -ENOMEM;
	*ret_text = text;
	*ret_bytes = (size_t)length + 1;
	return 0;
}

static void attach_fds(struct msghdr *message, union control *control,
		       const struct forebay_fds *fds)
{
	struct cmsghdr *header;

	memset(control, 0, sizeof(*control));
	message->msg_control = control->bytes;
	message->msg_controllen = CMSG_SPACE(fds->count * sizeof(int));
	header = CMSG_FIRSTHDR(message);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(fds->count * sizeof(int));
	memcpy(CMSG_DATA(header), fds->fds, fds->count * sizeof(int));
}

/* Waits for room. Before the first byte a failure leaves the connection as good as it was. */
static int wait_for_room(struct forebay_connection *connection, size_t sent, uint64_t deadline_ns)
{
	struct pollfd wait = { .fd = connection->conn_fd, .events = POLLOUT };
	int r;

	r = deadline_poll(&wait, 1, deadline_ns);
	return r && sent > 0 ? break_with(connection, r) : r;
}

/* The descriptors travel with the first byte. */
static int send_text(struct forebay_connection *connection, const char *text, size_t bytes,
		     const struct forebay_fds *fds, uint64_t deadline_ns)
{
	union control control;
	size_t sent = 0;

	while (sent < bytes) {
		struct iovec part = { .iov_base = (char *)text + sent, .iov_len = bytes - sent };
		struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
		ssize_t n;
		int r;

		if (sent == 0 && fds && fds->count > 0)
			attach_fds(&message, &control, fds);
		n = sendmsg(connection->conn_fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n >= 0) {
			sent += (size_t)n;
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN) {
			r = -errno;
			/* Anything else before the first byte is about the descriptors. */
			return sent > 0 || r == -EPIPE || r == -ECONNRESET ?
				       break_with(connection, r) :
				       r;
		}
		r = wait_for_room(connection, sent, deadline_ns);
		if (r)
			return r;
	}
	return 0;
}

int connection_send(struct forebay_connection *connection, const struct connection_call *call)
{
	size_t bytes;
	char *text;
	int r;

	connection_clear_error(connection);
	if (connection->broken)
		return -ENOTCONN;
	if (connection->awaiting)
		return -EBUSY;
	if (call->fds && call->fds->count > FRAME_DESCRIPTORS_MAX)
		return -EINVAL;
	r = build_call(call, &text, &bytes);
	if (r)
		return r;
	r = send_text(connection, text, bytes, call->fds, deadline_after(call->timeout_usec));
	free(text);
	return r;
}

static void close_all(const int *fds, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (fds[i] >= 0)
			(void)close(fds[i]);
}

static size_t take_received(struct msghdr *message, int *fds)
{
	struct cmsghdr *header;
	size_t count = 0;

	for (header = CMSG_FIRSTHDR(message); header; header = CMSG_NXTHDR(message, header)) {
		if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
			continue;
		count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(fds, CMSG_DATA(header), count * sizeof(int));
	}
	return count;
}

/* One recvmsg() into the reader. 0, -EAGAIN, or what ended the connection. */
static int receive_some(struct forebay_connection *connection)
{
	int fds[FRAME_DESCRIPTORS_MAX];
	union control control;
	struct iovec part;
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
	size_t count;
	ssize_t n;
	int r;

	r = frame_reader_reserve(&connection->reader, &part.iov_base, &part.iov_len);
	if (r)
		return r < 0 ? r : -EPROTO;
	message.msg_control = control.bytes;
	message.msg_controllen = sizeof(control.bytes);
	n = recvmsg(connection->conn_fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	count = take_received(&message, fds);
	if (n == 0 || message.msg_flags & MSG_CTRUNC) {
		close_all(fds, count);
		return n == 0 ? -ECONNRESET : -EPROTO;
	}
	r = frame_reader_commit(&connection->reader, (size_t)n, fds, count);
	if (r) {
		close_all(fds, count);
		return r < 0 ? r : -EPROTO;
	}
	return 0;
}

static int receive_frame(struct forebay_connection *connection, uint64_t deadline_ns,
			 struct frame *ret_frame)
{
	for (;;) {
		struct pollfd wait = { .fd = connection->conn_fd, .events = POLLIN };
		int r;

		r = frame_reader_next(&connection->reader, ret_frame);
		if (r == 0)
			return 0;
		if (r != FRAME_E_NONE)
			return -EPROTO;
		r = receive_some(connection);
		if (r == -EAGAIN)
			r = deadline_poll(&wait, 1, deadline_ns);
		if (r)
			return r;
	}
}

static char *copy_parameters(const char *text)
{
	const char *parameters;
	size_t bytes;

	if (!reply_text_find_parameters(text, &parameters, &bytes))
		return strdup("{}");
	return strndup(parameters, bytes);
}

/* Gives the frame's descriptors to the reply; on failure they stay the frame's. */
static int fill_reply(struct frame *frame, bool continues, struct forebay_reply *ret_reply)
{
	struct forebay_reply reply = { .continues = continues };

	reply.parameters = copy_parameters(frame->text);
	if (frame->fd_count > 0)
		reply.fds = calloc(frame->fd_count, sizeof(*reply.fds));
	if (!reply.parameters || (frame->fd_count > 0 && !reply.fds)) {
		free(reply.parameters);
		free(reply.fds);
		return -ENOMEM;
	}
	if (frame->fd_count > 0)
		memcpy(reply.fds, frame->fds, frame->fd_count * sizeof(*reply.fds));
	reply.fd_count = frame->fd_count;
	frame->fd_count = 0;
	*ret_reply = reply;
	return 0;
}

static int keep_error(struct forebay_connection *connection, const struct frame *frame,
		      const struct message_reply *reply)
{
	connection->error_name = strdup(reply->error);
	connection->error_parameters = copy_parameters(frame->text);
	if (!connection->error_name || !connection->error_parameters) {
		connection_clear_error(connection);
		return -ENOMEM;
	}
	return error_map_errno(reply->error, reply->parameters);
}

int connection_receive(struct forebay_connection *connection, uint64_t deadline_ns,
		       struct forebay_reply *ret_reply)
{
	struct message_reply reply;
	struct frame frame;
	int r;

	connection_clear_error(connection);
	if (connection->broken)
		return -ENOTCONN;
	r = receive_frame(connection, deadline_ns, &frame);
	if (r)
		return r == -ETIMEDOUT ? r : break_with(connection, r);

	r = message_parse_reply(frame.text, frame.text_bytes, &reply);
	if (r) {
		close_all(frame.fds, frame.fd_count);
		return break_with(connection, r < 0 ? r : -EPROTO);
	}
	connection->awaiting = reply.continues;
	if (reply.error)
		r = keep_error(connection, &frame, &reply);
	else
		r = fill_reply(&frame, reply.continues, ret_reply);
	close_all(frame.fds, frame.fd_count);
	message_reply_fini(&reply);
	return r;
}

int connection_call(struct forebay_connection *connection, const struct connection_call *call,
		    struct forebay_reply *ret_reply)
{
	struct forebay_reply reply;
	int r;

	r = connection_send(connection, call);
	if (r)
		return r;
	r = connection_receive(connection, deadline_after(call->timeout_usec), &reply);
	if (r == -ETIMEDOUT && !connection->error_name)
		return break_with(connection, r);
	if (r)
		return r;
	if (reply.continues) {
		forebay_reply_fini(&reply);
		return break_with(connection, -EPROTO);
	}
	if (ret_reply)
		*ret_reply = reply;
	else
		forebay_reply_fini(&reply);
	return 0;
}

int connection_call_args(struct forebay_connection *connection, struct connection_call *call,
			 struct args *args, struct forebay_reply *ret_reply, cJSON **ret_parameters)
{
	struct forebay_reply reply = { 0 };
	cJSON *parameters;
	char *text;
	int r;

	r = args_take_text(args, &text);
	if (r) {
		connection_clear_error(connection);
		return r;
	}
	call->parameters = text;
	r = connection_call(connection, call, &reply);
	call->parameters = NULL;
	cJSON_free(text);
	if (r)
		return r;

	if (ret_parameters) {
		parameters = cJSON_Parse(reply.parameters);
		if (!parameters) {
			forebay_reply_fini(&reply);
			return -ENOMEM;
		}
		*ret_parameters = parameters;
	}
	if (ret_reply)
		*ret_reply = reply;
	else
		forebay_reply_fini(&reply);
	return 0;
}

int connection_check_idle(struct forebay_connection *connection)
{
	char byte;
	ssize_t n;

	n = recv(connection->conn_fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	return -ECONNRESET;
}
