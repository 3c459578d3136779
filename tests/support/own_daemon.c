/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tests/support/own_daemon.h"

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/forebay.h"

struct own_daemon own_daemon;

static void start_daemon(void)
{
	const char *program = getenv("FOREBAYD");
	char state[OWN_DAEMON_PATH_BYTES], store[OWN_DAEMON_PATH_BYTES + 16];

	ck_assert_msg(program != NULL, "FOREBAYD says where the daemon is");
	(void)snprintf(state, sizeof(state), "%s/state", own_daemon.directory);
	(void)snprintf(store, sizeof(store), "default=%s", own_daemon.store_path);
	own_daemon.pid = fork();
	ck_assert_int_ge(own_daemon.pid, 0);
	if (own_daemon.pid == 0) {
		(void)execl(program, program, "--socket", own_daemon.socket_path,
			    "--state-directory", state, "--store", store, "--log-level", "error",
			    (char *)NULL);
		_exit(127);
	}
}

/* Until it answers, or its death shows that it never will. */
static void wait_for_daemon(void)
{
	int status;

	while (forebay_connect(own_daemon.socket_path, &own_daemon.connection)) {
		ck_assert_msg(waitpid(own_daemon.pid, &status, WNOHANG) == 0, "forebayd ended");
		(void)usleep(10000);
	}
	ck_assert_int_eq(forebay_ping(own_daemon.connection), 0);
}

void own_daemon_setup(void)
{
	const char *temporary = getenv("TMPDIR");

	(void)snprintf(own_daemon.directory, sizeof(own_daemon.directory), "%s/libXXXXXX",
		       temporary ? temporary : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(own_daemon.directory));
	(void)snprintf(own_daemon.socket_path, sizeof(own_daemon.socket_path), "%s/socket",
		       own_daemon.directory);
	(void)snprintf(own_daemon.store_path, sizeof(own_daemon.store_path), "%s/store",
		       own_daemon.directory);
	ck_assert_int_eq(mkdir(own_daemon.store_path, 0700), 0);
	start_daemon();
	wait_for_daemon();
}

void own_daemon_stop(int signal_number)
{
	if (own_daemon.pid <= 0)
		return;
	(void)kill(own_daemon.pid, signal_number);
	(void)waitpid(own_daemon.pid, NULL, 0);
	own_daemon.pid = 0;
}

void own_daemon_restart(void)
{
	forebay_disconnect(own_daemon.connection);
	own_daemon.connection = NULL;
	start_daemon();
	wait_for_daemon();
}

void own_daemon_teardown(void)
{
	char command[200];

	forebay_disconnect(own_daemon.connection);
	own_daemon_stop(SIGTERM);
	(void)snprintf(command, sizeof(command), "rm -rf '%s'", own_daemon.directory);
	ck_assert_int_eq(system(command), 0);
}

void own_daemon_check_file(const char *name, const void *content, size_t bytes)
{
	unsigned char *found = malloc(bytes + 1);
	char path[2 * OWN_DAEMON_PATH_BYTES];
	FILE *file;

	ck_assert_ptr_nonnull(found);
	(void)snprintf(path, sizeof(path), "%s/%s", own_daemon.store_path, name);
	file = fopen(path, "re");
	ck_assert_msg(file != NULL, "%s is not there", path);
	ck_assert_uint_eq(fread(found, 1, bytes + 1, file), bytes);
	ck_assert(memcmp(found, content, bytes) == 0);
	(void)fclose(file);
	free(found);
}
