/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/ctl/session.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cjson/cJSON.h>
#include <event2/event.h>
#include <linux/sockios.h>

#include "daemon/base/fd.h"
#include "daemon/base/log.h"
#include "daemon/ctl/call.h"
#include "daemon/ctl/dispatch.h"
#include "daemon/ctl/errmap.h"
#include "daemon/ctl/service.h"
#include "daemon/objects/refusal.h"
#include "proto/message.h"

/*
 * All work is done by run(), from the loop and never from inside a callback of an object: an
 * answer that comes later is only queued, and run() is woken for it. It does so much at a
 * time and then lets the loop go round. Events of the socket are edge-triggered, so it keeps
 * in mind that there may be more to read; level-triggered ones would come again and again
 * while a call is going on and nothing is read.
 *
 * Nothing here frees a session but free_closed(), from the wake event: whoever has called
 * out may find its session closed afterwards, never gone.
 */

/* Calls and reads of one turn. */
#define TURN_STEPS 64

/* How long to wait until looking again whether a closed connection's descriptors are gone. */
#define LINGER_USEC_MIN 1000
#define LINGER_USEC_MAX 512000

static void set_deadline(struct session *session, bool begun_anew)
{
	uint64_t usec = session->service->limits.message_timeout_usec;
	bool started = !session->call && !frame_reader_has_message(&session->reader) &&
		       frame_reader_is_started(&session->reader);
	bool on = evtimer_pending(session->deadline, NULL);
	struct timeval timeout;

	if (!started || begun_anew) {
		if (on)
			(void)evtimer_del(session->deadline);
		on = false;
	}
	if (!started || on)
		return;
	if (usec == 0)
		usec = SERVICE_MESSAGE_TIMEOUT_USEC;
	timeout.tv_sec = (time_t)(usec / 1000000);
	timeout.tv_usec = (suseconds_t)(usec % 1000000);
	(void)evtimer_add(session->deadline, &timeout);
}

/* Can nobody be there any more? A half-closed client still waits for its replies. */
static bool is_hung_up(const struct session *session)
{
	struct pollfd poll_fd = { .fd = session->conn_fd };

	return poll(&poll_fd, 1, 0) > 0 && (poll_fd.revents & (POLLHUP | POLLERR | POLLNVAL));
}

static void cancel_call(struct session *session)
{
	struct call *call = session->call;

	call->cancel(call);
	session->call = call_free(call);
}

/*
 * The client will never hear the answer to the call that is going on. Waiting is given up,
 * and what else the client sent before it left is still done. Any other call cannot be
 * taken back, and the connection ends with it.
 */
static void lose_listener(struct session *session)
{
	if (session->call && session->call->cancel)
		cancel_call(session);
	else if (session->call)
		session_close(session);
}

static void begin_call(struct session *session, struct frame *frame)
{
	struct message_call message = { 0 };
	struct call *call;
	int r;

	r = message_parse_call(frame->text, frame->text_bytes, &message);
	if (r != 0 && r != MESSAGE_E_REFUSED) {
		for (size_t i = 0; i < frame->fd_count; i++)
			fd_close(frame->fds[i]);
		session_drop(session, r < 0 ? "no memory for a call" : "not a call");
		return;
	}
	session->unanswered = message.oneway;
	r = call_new(session, &message, frame->fds, frame->fd_count, &call);
	if (r) {
		session_drop(session, "no memory for a call");
		return;
	}
	session->service->counters.calls++;
	session->call = call;
	dispatch_call(call);
}

/* One step of work. False: there is nothing more to do now. */
static bool step(struct session *session, bool *ret_took_message)
{
	const char *reason = "no memory";
	struct frame frame;
	int r;

	if (session->call) {
		if (!session->call->produce || !call_has_room(session->call))
			return false;
		session->call->produce(session->call);
		return true;
	}
	if (frame_writer_pending_bytes(&session->writer) >= SESSION_PAUSE_BYTES)
		return false;

	r = frame_reader_next(&session->reader, &frame);
	if (r == 0) {
		*ret_took_message = true;
		begin_call(session, &frame);
		return true;
	}
	if (r != FRAME_E_NONE) {
		session_drop(session, "message too large");
		return false;
	}
	if (!session->readable || session->state != SESSION_OPEN)
		return false;
	r = session_receive(session, &reason);
	if (r == SESSION_E_END)
		session->state = SESSION_ENDING;
	else if (r)
		session_drop(session, reason);
	return r == 0;
}

static bool has_input(const struct session *session)
{
	return frame_reader_has_message(&session->reader) ||
	       (session->readable && session->state == SESSION_OPEN);
}

/*
 * Once no more steps can be made. True: now there are some again. A client that left right
 * after its call is only seen by looking: its one event has brought the call.
 */
static bool end_turn(struct session *session, bool took_message)
{
	bool had_call = session->call;
	bool gone = took_message && (had_call || session->unanswered) && is_hung_up(session);

	session_flush(session);
	/* The end of what it sent brings no event of its own. */
	if (gone)
		session->readable = true;
	if (session->mute || gone)
		lose_listener(session);
	if (session->state == SESSION_CLOSED || session->call)
		return false;
	if (has_input(session))
		return had_call || gone;
	if (session->mute ||
	    (session->state == SESSION_ENDING && frame_writer_pending_bytes(&session->writer) == 0))
		session_close(session);
	return false;
}

static void run(struct session *session)
{
	const struct timeval now = { 0 };
	bool took_message = false, again;
	int steps = 0;

	session->running = true;
	while (session->state != SESSION_CLOSED && steps < TURN_STEPS) {
		if (!step(session, &took_message)) {
			session_flush(session);
			/* What was just sent may have made room for the next. */
			if (session->full || session->state == SESSION_CLOSED ||
			    !step(session, &took_message))
				break;
		}
		steps++;
	}
	again = session->state != SESSION_CLOSED && end_turn(session, took_message);
	session->running = false;
	if (session->state == SESSION_CLOSED)
		return;
	set_deadline(session, took_message);
	if (again || steps == TURN_STEPS)
		(void)evtimer_add(session->wake, &now);
}

static void on_io(evutil_socket_t conn_fd, short what, void *data)
{
	struct session *session = data;

	(void)conn_fd;
	session->readable = true;
	if (what & EV_CLOSED)
		session->half_closed = true;
	if (session->call && is_hung_up(session))
		lose_listener(session);
	if (session->state != SESSION_CLOSED)
		run(session);
}

static void on_room(evutil_socket_t conn_fd, short what, void *data)
{
	struct session *session = data;

	(void)conn_fd;
	(void)what;
	session->full = false;
	run(session);
}

static void on_deadline(evutil_socket_t fd, short what, void *data)
{
	(void)fd;
	(void)what;
	session_drop(data, "message not finished in time");
}

/* How much of what was sent is still unread; 0 once the other side is closed. */
static bool is_unread(const struct session *session)
{
	int bytes = 0;

	return frame_writer_pending_descriptors(&session->writer) > 0 ||
	       (ioctl(session->conn_fd, SIOCOUTQ, &bytes) == 0 && bytes > 0);
}

void session_settle_descriptors(struct session *session)
{
	if (session->descriptors_in_flight == 0 || is_unread(session))
		return;
	user_discharge(session->holder.user, QUOTA_DESCRIPTORS_IN_FLIGHT,
		       session->descriptors_in_flight);
	session->descriptors_in_flight = 0;
}

/* Of a session that is half made too. */
static void free_event(struct event *event)
{
	if (event)
		event_free(event);
}

static void session_free(struct session *session)
{
	struct service *service = session->service;
	int fd;

	call_free(session->call);
	if (session->holder.user) {
		user_discharge(session->holder.user, QUOTA_DESCRIPTORS_IN_FLIGHT,
			       session->descriptors_in_flight);
		holder_fini(&session->holder);
	}
	while (frame_reader_take_descriptor(&session->reader, &fd))
		fd_close(fd);
	while (frame_writer_take_descriptor(&session->writer, &fd))
		fd_close(fd);
	frame_reader_fini(&session->reader);
	frame_writer_fini(&session->writer);
	free_event(session->io);
	free_event(session->room);
	free_event(session->wake);
	free_event(session->deadline);
	fd_close(session->conn_fd);
	list_remove(&session->service_link);
	free(session);
	service->session_count--;
	service_wake_listeners(service);
}

static void free_closed(struct session *session)
{
	if (session->call)
		return;
	session_settle_descriptors(session);
	if (session->descriptors_in_flight > 0) {
		/*
		 * The kernel counts descriptors in flight against us as a whole. A client that
		 * hangs up without reading keeps its connection's place until it closes it,
		 * and of that nobody is told.
		 */
		const struct timeval again = { .tv_usec = session->linger_usec };

		if (session->linger_usec < LINGER_USEC_MAX)
			session->linger_usec *= 2;
		(void)evtimer_add(session->wake, &again);
		return;
	}
	user_discharge(session->holder.user, QUOTA_CONNECTIONS, 1);
	session_free(session);
}

static void on_wake(evutil_socket_t fd, short what, void *data)
{
	struct session *session = data;

	(void)fd;
	(void)what;
	if (session->state == SESSION_CLOSED) {
		free_closed(session);
		return;
	}
	/* Full without waiting for room: a try after a while. */
	if (session->full && !event_pending(session->room, EV_WRITE, NULL))
		session->full = false;
	run(session);
}

void session_wake(struct session *session)
{
	if (!session->running)
		event_active(session->wake, EV_TIMEOUT, 0);
}

void session_call_ended(struct session *session)
{
	session->call = call_free(session->call);
	session_wake(session);
}

void session_send(struct session *session, const char *text, size_t bytes, const int *fds,
		  size_t fd_count)
{
	int r = -EPIPE;

	if (session->state != SESSION_CLOSED && !session->mute)
		r = frame_writer_append(&session->writer, text, bytes, fds, fd_count);
	if (r)
		for (size_t i = 0; i < fd_count; i++)
			fd_close(fds[i]);
	if (r && r != -EPIPE)
		session_drop(session, "no memory for an answer");
	else
		session_wake(session);
}

void session_close(struct session *session)
{
	const struct timeval now = { 0 };
	int fd;

	if (session->state == SESSION_CLOSED)
		return;
	session->state = SESSION_CLOSED;
	(void)event_del(session->io);
	(void)event_del(session->room);
	(void)event_del(session->deadline);
	while (frame_writer_take_descriptor(&session->writer, &fd))
		fd_close(fd);
	(void)shutdown(session->conn_fd, SHUT_RDWR);
	if (session->call && session->call->cancel)
		cancel_call(session);
	holder_gone(&session->holder);
	log_debug("session", "closed", "pid=%d uid=%u", (int)session->peer.pid, session->peer.uid);
	(void)evtimer_add(session->wake, &now);
}

void session_drop(struct session *session, const char *reason)
{
	if (session->state == SESSION_CLOSED)
		return;
	session->service->counters.clients_dropped++;
	if (service_may_log(session->service))
		log_info("session", "client dropped", "pid=%d uid=%u reason=\"%s\"",
			 (int)session->peer.pid, session->peer.uid, reason);
	session_close(session);
}

void session_free_now(struct session *session)
{
	if (session->state != SESSION_CLOSED) {
		session_flush(session);
		session_close(session);
	}
	user_discharge(session->holder.user, QUOTA_CONNECTIONS, 1);
	session_free(session);
}

/* Before there is a session: the one message that tells why there will be none. */
static void tell_refusal(int conn_fd, const struct refusal *refusal)
{
	struct wire_error error;
	char *text;
	size_t bytes;

	if (errmap_refusal(refusal, NULL, NULL, &error))
		return;
	if (message_build_error(error.name, error.parameters, &text, &bytes) == 0) {
		(void)send(conn_fd, text, bytes + 1, MSG_DONTWAIT | MSG_NOSIGNAL);
		free(text);
	}
	cJSON_Delete(error.parameters);
}

static int add_events(struct session *session)
{
	struct event_base *base = session->service->base;
	int fd = session->conn_fd;

	session->io = event_new(base, fd, EV_READ | EV_CLOSED | EV_ET | EV_PERSIST, on_io, session);
	session->room = event_new(base, fd, EV_WRITE | EV_ET, on_room, session);
	session->wake = evtimer_new(base, on_wake, session);
	session->deadline = evtimer_new(base, on_deadline, session);
	if (!session->io || !session->room || !session->wake || !session->deadline ||
	    event_add(session->io, NULL) < 0)
		return -ENOMEM;
	return 0;
}

static int charge(struct session *session, struct refusal *refusal)
{
	struct service *service = session->service;

	if (service->session_count > service->limits.connections_total)
		return refuse_limit(refusal, "connectionsTotal", service->limits.connections_total);
	return user_charge(session->holder.user, QUOTA_CONNECTIONS, 1, refusal);
}

int session_open(struct service *service, int conn_fd)
{
	struct session *session = calloc(1, sizeof(*session));
	struct refusal refusal;
	int r;

	if (!session) {
		fd_close(conn_fd);
		return -ENOMEM;
	}
	session->service = service;
	session->conn_fd = conn_fd;
	session->linger_usec = LINGER_USEC_MIN;
	list_append(&service->sessions, &session->service_link);
	service->session_count++;
	frame_reader_init(&session->reader, service->limits.message_bytes);
	frame_writer_init(&session->writer);

	r = peer_get(conn_fd, &session->peer);
	if (r == 0)
		r = holder_init(&session->holder, service->registry, session->peer.uid);
	if (r == 0)
		r = add_events(session);
	if (r == 0)
		r = charge(session, &refusal);
	if (r == REFUSED)
		tell_refusal(conn_fd, &refusal);
	if (r) {
		session_free(session);
		return r;
	}
	service->counters.connections++;
	log_debug("session", "opened", "pid=%d uid=%u", (int)session->peer.pid, session->peer.uid);
	return 0;
}
