/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tests/support/ctl_world.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <check.h>
#include <cjson/cJSON.h>
#include <event2/event.h>

#include "daemon/ctl/session.h"
#include "daemon/io/clock.h"
#include "daemon/io/io_engine.h"
#include "daemon/objects/ledger.h"
#include "daemon/objects/pools.h"
#include "daemon/objects/streams.h"

#define PATIENCE_NS UINT64_C(10000000000)

static void note_shutdown(void *data, bool drain, int64_t timeout_usec)
{
	struct ctl_world *world = data;

	(void)timeout_usec;
	world->shutdowns++;
	world->drain = drain;
}

static void answer_reload(void *data, service_reloaded_fn done, void *call)
{
	const struct service_bad_configuration bad = { "forebayd.conf", 7, "unknown key" };
	struct ctl_world *world = data;

	done(call, world->reload_result, &bad);
}

void ctl_world_init(struct ctl_world *world)
{
	*world = (struct ctl_world){ .base = event_base_new() };
	ck_assert_ptr_nonnull(world->base);
	registry_init(&world->registry);
	world->registry.base = world->base;
	world->registry.own_uid = getuid();
	world->registry.lifecycle = LIFECYCLE_SERVING;
	world->registry.memory_limit_bytes = 256 * 1024 * 1024;
	world->registry.default_pool_bytes = 1024 * 1024;
	world->registry.descriptor_limit = 64;
	for (int kind = 0; kind < QUOTA_KINDS; kind++)
		world->registry.limits.maximum[kind] = 128 * 1024 * 1024;
	world->registry.limits.maximum[QUOTA_CONNECTIONS] = 8;
	ck_assert_int_eq(engine_threads_new(world->base, NULL, &world->registry.engine), 0);
	ck_assert_int_eq(ledger_new(&world->registry, &world->registry.ledger), 0);

	world->service.base = world->base;
	world->service.registry = &world->registry;
	world->service.owner = (struct service_owner){ answer_reload, note_shutdown, world };
	world->service.limits = (struct service_limits){
		.connections_total = 16,
		.message_bytes = 64 * 1024,
		.event_queue_bytes = 16 * 1024,
	};
	world->service.engine_name = "threads";
	world->service.check_replies = true;
	ck_assert_int_eq(service_init(&world->service), 0);
}

void ctl_world_fini(struct ctl_world *world)
{
	ctl_world_settle(world);
	ck_assert_uint_eq(world->service.counters.wrong_replies, 0);
	service_fini(&world->service);
	ctl_world_settle(world);
	stream_free_all(&world->registry);
	pool_destroy_all(&world->registry);
	ctl_world_settle(world);
	world->registry.engine = engine_close(world->registry.engine);
	ck_assert_uint_eq(ledger_count(world->registry.ledger), 0);
	world->registry.ledger = ledger_free(world->registry.ledger);
	registry_fini(&world->registry);
	event_base_free(world->base);
}

int ctl_world_connect(struct ctl_world *world)
{
	/* The kernel holds little, so that a client that does not read is noticed soon. */
	int pair[2], little = 8192;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair),
			 0);
	ck_assert_int_eq(setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &little, sizeof(little)), 0);
	ck_assert_int_eq(session_open(&world->service, pair[1]), 0);
	return pair[0];
}

void ctl_world_settle(struct ctl_world *world)
{
	uint64_t deadline_ns = clock_monotonic_ns() + PATIENCE_NS;

	/* A timer of no time is due in the next turn. */
	for (int i = 0; i < 20 || world->registry.errands > 0; i++) {
		ck_assert_int_ge(event_base_loop(world->base, EVLOOP_NONBLOCK), 0);
		ck_assert_msg(clock_monotonic_ns() < deadline_ns, "work that does not end");
	}
}

void ctl_world_send(int client_fd, const char *text)
{
	ctl_world_send_fds(client_fd, text, NULL, 0);
}

void ctl_world_send_fds(int client_fd, const char *text, const int *fds, size_t count)
{
	char control[CMSG_SPACE(sizeof(int) * 253)] = { 0 };
	struct iovec bytes = { (void *)text, strlen(text) + 1 };
	struct msghdr message = { .msg_iov = &bytes, .msg_iovlen = 1 };

	if (count > 0) {
		struct cmsghdr *header = (struct cmsghdr *)(void *)control;

		message.msg_control = control;
		message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(int) * count);
		memcpy(CMSG_DATA(header), fds, sizeof(int) * count);
	}
	ck_assert_int_eq(sendmsg(client_fd, &message, MSG_NOSIGNAL), (ssize_t)bytes.iov_len);
}

/* Bytes of one message, and what comes with them; 0: the end, -1: nothing yet. */
static ssize_t receive_some(int client_fd, char *bytes, size_t space_bytes, int *fds,
			    size_t fds_max, size_t *count)
{
	char control[CMSG_SPACE(sizeof(int) * 253)];
	/* Looked at first: what is behind the NUL is for the next one. */
	ssize_t there = recv(client_fd, bytes, space_bytes, MSG_PEEK);
	char *end = there > 0 ? memchr(bytes, '\0', (size_t)there) : NULL;
	struct iovec space = { bytes, end ? (size_t)(end - bytes) + 1 : (size_t)there };
	struct msghdr message = {
		.msg_iov = &space,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	ssize_t received = there > 0 ? recvmsg(client_fd, &message, MSG_CMSG_CLOEXEC) : there;

	if (received < 0 && errno == ECONNRESET)
		return 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); received > 0 && c;
	     c = CMSG_NXTHDR(&message, c)) {
		size_t here = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		ck_assert_uint_le(*count + here, fds_max);
		memcpy(fds + *count, CMSG_DATA(c), here * sizeof(int));
		*count += here;
	}
	return received;
}

cJSON *ctl_world_receive_fds(struct ctl_world *world, int client_fd, int *fds, size_t fds_max,
			     size_t *ret_count)
{
	uint64_t deadline_ns = clock_monotonic_ns() + PATIENCE_NS;
	static char text[1024 * 1024];
	size_t length = 0;

	*ret_count = 0;
	for (;;) {
		ssize_t received = receive_some(client_fd, &text[length], sizeof(text) - length,
						fds, fds_max, ret_count);

		if (received == 0) {
			ck_assert_uint_eq(length, 0);
			return NULL;
		}
		if (received > 0 && text[length + (size_t)received - 1] == '\0')
			break;
		if (received > 0) {
			length += (size_t)received;
			ck_assert_uint_lt(length, sizeof(text));
			continue;
		}
		ck_assert_msg(clock_monotonic_ns() < deadline_ns, "no reply came");
		ck_assert_int_ge(event_base_loop(world->base, EVLOOP_NONBLOCK), 0);
	}
	cJSON *reply = cJSON_Parse(text);

	ck_assert_msg(reply, "not JSON: %s", text);
	return reply;
}

cJSON *ctl_world_receive(struct ctl_world *world, int client_fd)
{
	int fds[16];
	size_t count;
	cJSON *reply = ctl_world_receive_fds(world, client_fd, fds, 16, &count);

	for (size_t i = 0; i < count; i++)
		close(fds[i]);
	return reply;
}

cJSON *ctl_world_call(struct ctl_world *world, int client_fd, const char *text)
{
	ctl_world_send(client_fd, text);
	return ctl_world_receive(world, client_fd);
}

bool ctl_world_is_error(cJSON *reply, const char *error)
{
	const cJSON *name = cJSON_GetObjectItemCaseSensitive(reply, "error");
	bool is = name && strcmp(name->valuestring, error) == 0;

	if (!is) {
		char *text = cJSON_PrintUnformatted(reply);

		fprintf(stderr, "expected %s, got %s\n", error, text ? text : "the end");
		free(text);
	}
	cJSON_Delete(reply);
	return is;
}

const char *ctl_world_text(const cJSON *reply, const char *path)
{
	const cJSON *value = cJSON_GetObjectItemCaseSensitive(reply, "parameters");
	char name[64];

	while (*path != '\0') {
		size_t bytes = strcspn(path, ".");

		ck_assert_uint_lt(bytes, sizeof(name));
		memcpy(name, path, bytes);
		name[bytes] = '\0';
		value = cJSON_GetObjectItemCaseSensitive(value, name);
		path += bytes + (path[bytes] == '.');
	}
	return cJSON_IsString(value) ? value->valuestring : "";
}

int ctl_world_count_fds(void)
{
	DIR *directory = opendir("/proc/self/fd");
	int count = 0;

	ck_assert_ptr_nonnull(directory);
	while (readdir(directory))
		count++;
	closedir(directory);
	return count;
}
