/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tests/io/step_test.h"

#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define OUT_MOST ((size_t)256 * 1024)

void bytes_add(struct bytes *bytes, const void *data, size_t length)
{
	if (bytes->length + length > bytes->room || !bytes->data) {
		bytes->room = 2 * (bytes->length + length) + 64;
		bytes->data = realloc(bytes->data, bytes->room);
		ck_assert_ptr_nonnull(bytes->data);
	}
	if (length > 0)
		memcpy(bytes->data + bytes->length, data, length);
	bytes->length += length;
}

void bytes_drop(struct bytes *bytes)
{
	free(bytes->data);
	*bytes = (struct bytes){ 0 };
}

void check_same(const struct bytes *found, const struct bytes *wanted)
{
	ck_assert_uint_eq(found->length, wanted->length);
	ck_assert(wanted->length == 0 || memcmp(found->data, wanted->data, wanted->length) == 0);
}

size_t random_below(size_t below)
{
	static unsigned int state = 1;
	size_t high = (size_t)rand_r(&state);

	return (high * 32768 + (size_t)rand_r(&state)) % below;
}

struct bytes make_content(size_t length)
{
	struct bytes content = { 0 };

	while (content.length < length) {
		size_t left = length - content.length;
		size_t run = 1 + random_below(3000);
		unsigned char part[3000];
		unsigned char letter = (unsigned char)random_below(256);

		for (size_t i = 0; i < run; i++)
			part[i] = letter % 2 ? letter : (unsigned char)random_below(256);
		bytes_add(&content, part, run < left ? run : left);
	}
	return content;
}

/* Until the piece was taken; in memory of just the room that is offered, for ASan to watch. */
static int run_piece(run_fn run, void *what, struct step_data *data, enum step_flush flush,
		     struct bytes *out, size_t out_most)
{
	int r;

	do {
		size_t room = 1 + random_below(out_most);
		unsigned char *given = malloc(room);

		ck_assert_ptr_nonnull(given);
		data->out = given;
		data->out_bytes = room;
		r = run(what, data, flush);
		ck_assert_ptr_eq(data->out, given + room - data->out_bytes);
		bytes_add(out, given, room - data->out_bytes);
		free(given);
		if (r == STEP_E_FULL)
			ck_assert_uint_eq(data->out_bytes, 0);
	} while (r == STEP_E_FULL);
	return r;
}

int run_in_pieces(run_fn run, void *what, const struct bytes *in, enum step_flush flush,
		  const struct pieces *pieces, struct bytes *out)
{
	size_t out_most = pieces->out_most < OUT_MOST ? pieces->out_most : OUT_MOST;
	size_t at = 0;

	do {
		size_t left = in->length - at;
		size_t piece = left ? 1 + random_below(pieces->in_most) : 0;
		struct step_data data = { 0 };
		int r;

		if (piece > left)
			piece = left;
		data.in = piece ? in->data + at : NULL;
		data.in_bytes = piece;
		at += piece;
		r = run_piece(run, what, &data, at == in->length ? flush : STEP_RUN, out, out_most);
		if (r < 0)
			return r;
		ck_assert_uint_eq(data.in_bytes, 0);
	} while (at < in->length);
	return 0;
}

static int make_input(const struct bytes *in)
{
	int fd = memfd_create("input", 0);

	ck_assert_int_ge(fd, 0);
	if (in->length > 0)
		ck_assert_int_eq(write(fd, in->data, in->length), (ssize_t)in->length);
	ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

int run_program(const char *const *argv, const struct bytes *in, struct bytes *out)
{
	int input_fd = make_input(in), output[2], status;
	posix_spawn_file_actions_t actions;
	unsigned char part[4096];
	ssize_t got;
	pid_t child;

	ck_assert_int_eq(pipe(output), 0);
	ck_assert_int_eq(posix_spawn_file_actions_init(&actions), 0);
	ck_assert_int_eq(posix_spawn_file_actions_adddup2(&actions, input_fd, 0), 0);
	ck_assert_int_eq(posix_spawn_file_actions_adddup2(&actions, output[1], 1), 0);
	ck_assert_int_eq(posix_spawn_file_actions_addclose(&actions, output[0]), 0);
	ck_assert_msg(posix_spawnp(&child, argv[0], &actions, NULL, (char *const *)argv, environ) ==
			      0,
		      "%s cannot be run", argv[0]);
	posix_spawn_file_actions_destroy(&actions);
	close(input_fd);
	close(output[1]);
	while ((got = read(output[0], part, sizeof(part))) > 0)
		bytes_add(out, part, (size_t)got);
	close(output[0]);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}
