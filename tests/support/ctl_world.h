/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_TESTS_CTL_WORLD_H
#define FOREBAY_TESTS_CTL_WORLD_H

/*
 * A service with its loop and registry in the test's own process, and clients that speak to
 * it through socket pairs. The loop turns only inside these functions; a test that waits for
 * something that does not come fails after ten seconds.
 */

#include <stdbool.h>
#include <stddef.h>

#include "daemon/ctl/service.h"
#include "daemon/objects/registry.h"

struct cJSON;

struct ctl_world {
	struct event_base *base;
	struct registry registry;
	struct service service;
	int shutdowns;	   /* how often Shutdown was asked for */
	bool drain;	   /* what it asked for last */
	int reload_result; /* what Reload is to answer */
};

/* Limits of a size that tests can reach. */
void ctl_world_init(struct ctl_world *world);
/* Fails where anything is left that the clients made, or a reply was not as defined. */
void ctl_world_fini(struct ctl_world *world);

/* A client's socket, the test's to close. */
int ctl_world_connect(struct ctl_world *world);

/* Turns the loop until nothing is ready and no work is with the engine. */
void ctl_world_settle(struct ctl_world *world);

/* The whole text with its final NUL, and descriptors with it. */
void ctl_world_send(int client_fd, const char *text);
void ctl_world_send_fds(int client_fd, const char *text, const int *fds, size_t count);

/* The next reply as JSON, to be deleted; turns the loop meanwhile. NULL: the end. */
struct cJSON *ctl_world_receive(struct ctl_world *world, int client_fd);
struct cJSON *ctl_world_receive_fds(struct ctl_world *world, int client_fd, int *fds,
				    size_t fds_max, size_t *ret_count);

/* Sends and receives. */
struct cJSON *ctl_world_call(struct ctl_world *world, int client_fd, const char *text);

/* Whether the reply is this error; deletes it. */
bool ctl_world_is_error(struct cJSON *reply, const char *error);
/* A string of the reply's parameters, "a.b" for one within another; "" if it is not there. */
const char *ctl_world_text(const struct cJSON *reply, const char *path);

/* Open descriptors of this process. */
int ctl_world_count_fds(void);

#endif
