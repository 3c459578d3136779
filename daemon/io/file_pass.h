/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_IO_FILE_PASS_H
#define FOREBAY_IO_FILE_PASS_H

/*
 * One passage over a stored file: a digest is taken of what is stored, steps are undone, and a
 * part of what comes out of them is copied to memory, or is only counted. Positions are those
 * of what comes out; without steps that is what is stored.
 *
 * A piece at a time, each a fraction of a second however well the file is compressed, so that
 * whoever asked can give up between two of them. What libraries read is private memory, a
 * bounded amount; the memory that is filled may be shared: it is written once, and never read.
 *
 * Where a digest is taken, the file is read to its end whatever happens to the steps, because
 * only then it can be said whether the file is what it should be.
 *
 * One thread at a time; file_pass_run() may wait for the disk.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/base/err.h"
#include "daemon/core/stream_options.h"
#include "daemon/io/digest.h"

struct step_chain;

/* `end`: all there is, and all of it is checked, whatever the memory has room for. */
#define FILE_PASS_ALL UINT64_MAX

struct file_pass_plan {
	int fd;				 /* a regular file's, stays the caller's */
	uint64_t stored_bytes;		 /* its length; what is behind that is not looked at */
	const struct stream_step *steps; /* decompressing ones; copied */
	size_t steps_count;
	enum stream_checksum checksum;
	uint64_t begin;	       /* of the part */
	uint64_t end;	       /* nothing is made that lies wholly behind it */
	unsigned char *memory; /* for the part from its beginning; NULL: it is only counted */
	uint64_t memory_bytes;
};

struct file_pass {
	struct file_pass_plan plan;
	struct step_chain *chain; /* NULL: no steps, or no need of them any more */
	struct digest *digest;	  /* NULL: none */
	unsigned char *in;
	size_t in_begin;
	size_t in_end;
	unsigned char *out; /* NULL: no steps */
	bool out_was_full;  /* there may be more without more input */
	uint64_t first;	    /* in the file */
	uint64_t last;
	int step_error;

	/* For the caller to read between two pieces. */
	uint64_t position;   /* in the file: read so far */
	uint64_t made_bytes; /* the position that was reached */
	bool over;
	const char *failed; /* a constant: "read", "digest" or the name of a step; NULL: nothing */
};

/* What one holds at most. */
uint64_t file_pass_memory_bytes(const struct stream_step *steps, size_t steps_count);

/* -ENOMEM; file_pass_fini() in any case. */
int file_pass_init(struct file_pass *pass, const struct file_pass_plan *plan) must_check;
void file_pass_fini(struct file_pass *pass);

/*
 * 0: look at `over`. Negative errno, and `failed`: there is no going on. -EBADMSG: a step's
 * input is not in its format, damaged, or cut short; -ESTALE: the file became shorter.
 */
int file_pass_run(struct file_pass *pass) must_check;

/* Of how many bytes of the file how many are read. */
uint64_t file_pass_done_bytes(const struct file_pass *pass);
uint64_t file_pass_total_bytes(const struct file_pass *pass);

/* The digest stands for the whole file. */
bool file_pass_is_digested(const struct file_pass *pass);

#endif
