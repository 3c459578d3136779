/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/io/file_pass.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/io/step_chain.h"

#define IN_BYTES ((size_t)1024 * 1024)
#define OUT_BYTES ((size_t)256 * 1024)
/* Of a piece, read and made together. */
#define PIECE_BYTES (UINT64_C(16) * 1024 * 1024)

uint64_t file_pass_memory_bytes(const struct stream_step *steps, size_t steps_count)
{
	uint64_t bytes = IN_BYTES + (steps_count > 0 ? OUT_BYTES : 0);

	for (size_t i = 0; i < steps_count; i++)
		bytes += step_memory_bytes(steps[i].kind, steps[i].level) + STEP_CHAIN_LINK_BYTES;
	return bytes;
}

static uint64_t lesser(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

int file_pass_init(struct file_pass *pass, const struct file_pass_plan *plan)
{
	int r = 0;

	*pass = (struct file_pass){ .plan = *plan, .last = plan->stored_bytes };
	pass->plan.steps = NULL;
	pass->in = malloc(IN_BYTES);
	if (!pass->in)
		return -ENOMEM;
	if (plan->steps_count > 0) {
		pass->out = malloc(OUT_BYTES);
		r = pass->out ? step_chain_new(plan->steps, plan->steps_count, &pass->chain) :
				-ENOMEM;
	} else if (plan->checksum == STREAM_CHECKSUM_NONE) {
		/* Nothing else of the file is of interest. */
		pass->first = lesser(plan->begin, plan->stored_bytes);
		pass->last = lesser(plan->end, plan->stored_bytes);
	}
	pass->position = pass->first;
	pass->made_bytes = pass->first;
	if (r == 0 && plan->checksum != STREAM_CHECKSUM_NONE)
		r = digest_new(plan->checksum, &pass->digest);
	return r;
}

static void drop_chain(struct file_pass *pass)
{
	pass->chain = step_chain_free(pass->chain);
}

void file_pass_fini(struct file_pass *pass)
{
	drop_chain(pass);
	digest_free(pass->digest);
	free(pass->in);
	free(pass->out);
	*pass = (struct file_pass){ 0 };
}

static int fail(struct file_pass *pass, const char *what, int error)
{
	pass->failed = what;
	drop_chain(pass);
	return error;
}

/* ---- in ---- */

static int read_some(struct file_pass *pass)
{
	uint64_t left = pass->last - pass->position;
	ssize_t n = pread(pass->plan.fd, pass->in, lesser(left, IN_BYTES), (off_t)pass->position);
	int r = 0;

	if (n < 0 && errno == EINTR)
		return 0;
	if (n < 0)
		return fail(pass, "read", -errno);
	if (n == 0)
		return fail(pass, "read", -ESTALE);
	pass->in_begin = 0;
	pass->in_end = (size_t)n;
	pass->position += (uint64_t)n;
	if (pass->digest)
		r = digest_update(pass->digest, pass->in, (size_t)n);
	return r < 0 ? fail(pass, "digest", r) : 0;
}

/* ---- out ---- */

/* What of these bytes lies in the part, and finds room. */
static void give(struct file_pass *pass, const unsigned char *bytes, size_t length)
{
	uint64_t begin = pass->made_bytes;
	uint64_t end = begin + length;
	uint64_t from = begin > pass->plan.begin ? begin : pass->plan.begin;
	uint64_t to = lesser(end, pass->plan.begin + pass->plan.memory_bytes);

	pass->made_bytes = end;
	if (pass->plan.memory && from < to)
		memcpy(pass->plan.memory + (from - pass->plan.begin), bytes + (from - begin),
		       to - from);
}

/* With a digest the rest is read all the same. */
static int fail_step(struct file_pass *pass, int error)
{
	const char *name = step_chain_failed_name(pass->chain);

	pass->failed = name ? name : "steps";
	pass->step_error = error;
	drop_chain(pass);
	return pass->digest ? 0 : error;
}

static int undo(struct file_pass *pass)
{
	struct step_data data = {
		.in = pass->in + pass->in_begin,
		.in_bytes = pass->in_end - pass->in_begin,
		.out = pass->out,
		.out_bytes = OUT_BYTES,
	};
	int r = step_chain_run(pass->chain, &data, STEP_RUN);

	give(pass, pass->out, OUT_BYTES - data.out_bytes);
	pass->in_begin = pass->in_end - data.in_bytes;
	pass->out_was_full = r == STEP_E_FULL;
	return r < 0 ? fail_step(pass, r) : 0;
}

/* Whether anything that is still to come out of the steps is of interest. */
static bool wants_more(const struct file_pass *pass)
{
	return pass->step_error == 0 && pass->made_bytes < pass->plan.end;
}

static bool has_input(const struct file_pass *pass)
{
	return pass->in_begin < pass->in_end || pass->out_was_full;
}

static int use_input(struct file_pass *pass)
{
	if (wants_more(pass) && pass->chain)
		return undo(pass);
	if (wants_more(pass))
		give(pass, pass->in, pass->in_end);
	pass->in_begin = pass->in_end;
	pass->out_was_full = false;
	return 0;
}

/* ---- the end ---- */

static int end(struct file_pass *pass)
{
	if (wants_more(pass) && pass->chain && step_chain_expects_more(pass->chain))
		(void)fail_step(pass, -EBADMSG);
	drop_chain(pass);
	pass->over = pass->step_error == 0;
	return pass->step_error;
}

/* The part is there, and the rest of the file is not of interest. */
static bool is_enough(const struct file_pass *pass)
{
	return !pass->digest && !wants_more(pass);
}

int file_pass_run(struct file_pass *pass)
{
	uint64_t used = 0;
	int r = 0;

	while (r == 0 && used < PIECE_BYTES) {
		uint64_t position = pass->position, made = pass->made_bytes;

		if (is_enough(pass) || (!has_input(pass) && pass->position == pass->last))
			return end(pass);
		r = has_input(pass) ? use_input(pass) : read_some(pass);
		used += pass->position - position + (pass->made_bytes - made);
	}
	return r;
}

uint64_t file_pass_done_bytes(const struct file_pass *pass)
{
	return pass->position - pass->first;
}

uint64_t file_pass_total_bytes(const struct file_pass *pass)
{
	return pass->last - pass->first;
}

bool file_pass_is_digested(const struct file_pass *pass)
{
	return pass->digest && pass->position == pass->plan.stored_bytes;
}
