/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_TESTS_SUPPORT_OWN_DAEMON_H
#define FOREBAY_TESTS_SUPPORT_OWN_DAEMON_H

/*
 * For tests of libforebay: one daemon as built ($FOREBAYD) for each test, in a directory of its
 * own, and a connection to it. A fixture of Check: what goes wrong fails the test.
 */

#include <stddef.h>

#define OWN_DAEMON_PATH_BYTES 256

struct own_daemon {
	char directory[128];
	char socket_path[OWN_DAEMON_PATH_BYTES];
	char store_path[OWN_DAEMON_PATH_BYTES];
	int pid;		/* 0: it was stopped */
	struct forebay_connection *connection;
};

extern struct own_daemon own_daemon;

void own_daemon_setup(void);
void own_daemon_teardown(void);

/* Ends it by this signal, and waits for that; the connection stays. */
void own_daemon_stop(int signal_number);

/* Starts it again over the same directory, with a new connection. */
void own_daemon_restart(void);

/* The file of the store holds these bytes and no others. */
void own_daemon_check_file(const char *name, const void *content, size_t bytes);

#endif
