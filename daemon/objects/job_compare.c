/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Whether what a run would write is what the job's last file was made of. */

#include "config.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/objects/job.h"

/* A digest is taken in pieces, so that no single call takes long. */
#define DIGEST_PIECE_BYTES ((uint64_t)16 * 1024 * 1024)

static int take_digest(const struct job_run *run, char text[static DIGEST_TEXT_BYTES])
{
	int64_t kind = run->options.checksum;
	struct digest *digest;
	uint64_t at = 0;
	int r = digest_new(kind == STREAM_CHECKSUM_NONE ? STREAM_CHECKSUM_XXH3 :
							  (enum stream_checksum)kind,
			   &digest);

	while (r == 0 && at < run->source.bytes) {
		uint64_t bytes = run->source.bytes - at;

		if (bytes > DIGEST_PIECE_BYTES)
			bytes = DIGEST_PIECE_BYTES;
		r = digest_update(digest, run->source.memory + at, bytes);
		at += bytes;
	}
	if (r == 0)
		digest_text(digest, text);
	digest_free(digest);
	return r;
}

int job_compare(struct errand *errand)
{
	struct job_run *run = errand->owner;
	const char *last_path = run->job->last_path;
	char text[DIGEST_TEXT_BYTES];
	struct stat facts;
	bool same;
	int r = take_digest(run, text);

	if (r < 0)
		return r;
	same = strcmp(run->content, text) == 0;
	strcpy(run->content, text);
	return same && last_path && lstat(last_path, &facts) == 0 && S_ISREG(facts.st_mode);
}
