/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/objects/store_verify.h"

/*
 * A worker opens the file; the catalogue is asked; then one errand after the other reads a
 * piece. Between two of them the loop tells progress and sees whether to go on: not for a
 * client that has gone, and not once the daemon is to end.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/base/cleanup.h"
#include "daemon/io/catalogue_file.h"
#include "daemon/io/clock.h"
#include "daemon/io/digest.h"
#include "daemon/io/file.h"
#include "daemon/objects/errand.h"
#include "daemon/objects/registry.h"
#include "daemon/objects/store_access.h"
#include "daemon/objects/stores.h"

#define READ_BYTES ((size_t)1024 * 1024)
/* What one errand does before somebody else has its turn. */
#define PIECE_READS 16
#define PROGRESS_NS UINT64_C(100000000)

struct store_verification {
	struct errand errand;
	struct catalogue_find find;
	struct registry *registry;
	const struct store *store;
	uid_t uid;
	char *path;
	const char *reason; /* a constant, for ROOT_E_REFUSED */
	struct store_verify_hooks hooks;
	bool cancelled;

	/* A worker's while an errand is under way. */
	struct store_opened file;
	bool direct; /* reads pass by the page cache */
	bool at_end;
	struct digest *digest;
	uint64_t current_bytes;

	uint64_t told_ns;
};

static void verification_free(struct store_verification *verification)
{
	catalogue_files_fini(&verification->find.found);
	digest_free(verification->digest);
	fd_close(verification->file.file_fd);
	free(verification->file.absolute_path);
	free(verification->path);
	free(verification);
}

static const struct catalogue_file *recorded(const struct store_verification *verification)
{
	const struct catalogue_files *found = &verification->find.found;

	return found->count > 0 && found->list[0].digest[0] != '\0' ? &found->list[0] : NULL;
}

/* ---- the end ---- */

static void tell(struct store_verification *verification, int result,
		 const struct store_verified *verified)
{
	struct refusal refusal;

	if (!verification->cancelled) {
		result = store_access_judge(verification->store, verification->path, result,
					    verification->reason, &refusal);
		verification->hooks.done(verification->hooks.data, result, verified, &refusal);
	}
	verification_free(verification);
}

static void fail(struct store_verification *verification, int result)
{
	tell(verification, result, NULL);
}

static struct store_verified verified_so_far(const struct store_verification *verification)
{
	uint64_t current_bytes = verification->current_bytes;
	uint64_t total_bytes = verification->file.identity.bytes;

	/* A file may grow while it is read. */
	return (struct store_verified){
		.current_bytes = current_bytes,
		.total_bytes = current_bytes > total_bytes ? current_bytes : total_bytes,
	};
}

static void judge_content(struct store_verification *verification)
{
	struct store_verified verified = verified_so_far(verification);
	const struct catalogue_file *row = recorded(verification);
	char got[DIGEST_TEXT_BYTES];

	digest_text(verification->digest, got);
	if (got[0] == '\0') {
		fail(verification, -ENOMEM);
		return;
	}
	verified.intact = strcmp(row->digest, got) == 0;
	verified.known = verified.intact || row->inode == verification->file.identity.inode;
	verified.expected = verified.known ? row->digest : NULL;
	verified.got = got;
	tell(verification, 0, &verified);
}

/* ---- reading ---- */

/* Not every file system can pass by the cache: then it is made to forget the file first. */
static void read_directly(struct store_verification *verification, bool direct)
{
	int flags = fcntl(verification->file.file_fd, F_GETFL);

	flags = direct ? flags | O_DIRECT : flags & ~O_DIRECT;
	verification->direct = fcntl(verification->file.file_fd, F_SETFL, flags) == 0 && direct;
	if (!verification->direct)
		file_drop_pages(verification->file.file_fd);
}

/* One read. 0, also at the end, or -errno. */
static int read_some(struct store_verification *verification, unsigned char *bytes)
{
	ssize_t n = pread(verification->file.file_fd, bytes, READ_BYTES,
			  (off_t)verification->current_bytes);

	if (n < 0 && errno == EINVAL && verification->direct) {
		read_directly(verification, false);
		return 0;
	}
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	verification->at_end = n == 0;
	verification->current_bytes += (uint64_t)n;
	/* After an odd length there is no going on at a page. */
	if (n > 0 && (size_t)n < READ_BYTES && verification->direct)
		read_directly(verification, false);
	return digest_update(verification->digest, bytes, (size_t)n);
}

static int run_piece(struct errand *errand)
{
	struct store_verification *verification = errand->owner;
	cleanup_free unsigned char *bytes = aligned_alloc(FILE_DIRECT_ALIGNMENT_BYTES, READ_BYTES);
	int r = bytes ? 0 : -ENOMEM;

	for (int i = 0; r == 0 && i < PIECE_READS && !verification->at_end; i++)
		r = read_some(verification, bytes);
	return r;
}

static void on_piece(struct errand *errand, int result);

static void read_on(struct store_verification *verification)
{
	verification->errand.name = "verify";
	verification->errand.path = verification->file.absolute_path;
	verification->errand.run = run_piece;
	verification->errand.done = on_piece;
	errand_start(verification->registry, &verification->errand);
}

static void tell_progress(struct store_verification *verification)
{
	struct store_verified so_far = verified_so_far(verification);
	uint64_t now_ns = clock_monotonic_ns();

	if (!verification->hooks.progress || now_ns - verification->told_ns < PROGRESS_NS)
		return;
	verification->told_ns = now_ns;
	verification->hooks.progress(verification->hooks.data, so_far.current_bytes,
				     so_far.total_bytes);
}

static void go_on(struct store_verification *verification)
{
	if (!verification->cancelled)
		tell_progress(verification);
	if (verification->cancelled)
		verification_free(verification);
	else
		read_on(verification);
}

static void on_piece(struct errand *errand, int result)
{
	struct store_verification *verification = errand->owner;

	if (result == 0 && !verification->at_end &&
	    verification->registry->lifecycle != LIFECYCLE_SERVING)
		result = -ESHUTDOWN;
	if (result < 0)
		fail(verification, result);
	else if (verification->at_end)
		judge_content(verification);
	else
		go_on(verification);
}

/* ---- the beginning ---- */

static void record_found(struct catalogue_request *request)
{
	struct store_verification *verification = request->owner;
	const struct catalogue_file *row = recorded(verification);
	struct store_verified nothing = verified_so_far(verification);
	int64_t kind;
	int r = request->result;

	if (r == 0 && !row) {
		tell(verification, 0, &nothing);
		return;
	}
	if (r == 0) {
		kind = digest_text_parse_kind(row->digest);
		r = kind == OPTION_UNSET ?
			    -EUCLEAN :
			    digest_new((enum stream_checksum)kind, &verification->digest);
	}
	if (r < 0)
		fail(verification, r);
	else
		go_on(verification);
}

static int run_open(struct errand *errand)
{
	struct store_verification *verification = errand->owner;
	int r = store_access_open(verification->store, verification->uid, verification->path,
				  &verification->file, &verification->reason);

	if (r == 0)
		read_directly(verification, true);
	return r;
}

static void on_opened(struct errand *errand, int result)
{
	struct store_verification *verification = errand->owner;

	if (result == 0) {
		verification->find.request.done = record_found;
		verification->find.request.owner = verification;
		result = catalogue_find_file(verification->registry->catalogue,
					     verification->file.absolute_path, &verification->find);
	}
	if (result != 0)
		fail(verification, result);
}

int store_verify(struct user *user, struct store *store, const char *path,
		 const struct store_verify_hooks *hooks,
		 struct store_verification **ret_verification, struct refusal *refusal)
{
	struct store_verification *verification;
	int r = store_access_check_path(path, refusal);

	if (r != 0)
		return r;
	verification = calloc(1, sizeof(*verification));
	if (!verification)
		return -ENOMEM;
	verification->file.file_fd = -1;
	verification->registry = user->registry;
	verification->store = store;
	verification->uid = user->uid;
	verification->hooks = *hooks;
	verification->path = strdup(path);
	if (!verification->path) {
		verification_free(verification);
		return -ENOMEM;
	}
	verification->errand = (struct errand){
		.name = "verify",
		.run = run_open,
		.done = on_opened,
		.owner = verification,
	};
	errand_start(verification->registry, &verification->errand);
	*ret_verification = verification;
	return 0;
}

void store_verify_cancel(struct store_verification *verification)
{
	verification->cancelled = true;
}
