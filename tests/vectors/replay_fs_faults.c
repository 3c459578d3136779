/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tests/vectors/replay_fs_faults.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>

#include <cjson/cJSON.h>

#include "daemon/base/err.h"
#include "daemon/io/fault_plan.h"
#include "daemon/io/io_engine.h"
#include "tests/vectors/replay_case.h"
#include "tests/vectors/replay_fs_world.h"

#define FAULTS_MAX 16
#define ERRNO_MAX 134
#define PLAN_BYTES 512

struct write_fault {
	bool batch;
	unsigned int first;
	unsigned int last;
	int error;    /* 0: none, but not all is written */
	size_t bytes; /* so much at most */
};

/*
 * One case at a time, and of it one write at a time: what a worker looks at here was written
 * before it was given that write.
 */
static struct write_fault faults[FAULTS_MAX];
static unsigned int faults_count;
static unsigned int calls[2]; /* by `batch` */
static bool batch_now;

void fs_world_name_writes(bool batch)
{
	batch_now = batch;
}

static int errno_named(const char *name)
{
	for (int error = 1; name && error < ERRNO_MAX; error++)
		if (strcmp(err_name(error), name) == 0)
			return error;
	return 0;
}

static bool add_write(const cJSON *fault, bool batch)
{
	bool for_ever = case_has(fault, "from");
	struct write_fault *added = &faults[faults_count];

	if (faults_count == FAULTS_MAX)
		return false;
	*added = (struct write_fault){
		.batch = batch,
		.first = (unsigned int)case_number(fault, for_ever ? "from" : "at"),
		.error = errno_named(case_text(fault, "err")),
		.bytes = (size_t)case_number(fault, "short"),
	};
	added->last = for_ever ? UINT32_MAX : added->first;
	faults_count++;
	return added->first > 0 &&
	       (added->error || case_has(fault, "short") || case_truth(fault, "zero"));
}

/* One rule of a plan, behind those that are there. */
static bool add_to_plan(const cJSON *fault, const char *name, char plan[static PLAN_BYTES])
{
	bool for_ever = case_has(fault, "from");
	size_t used = strlen(plan);
	int length = snprintf(plan + used, PLAN_BYTES - used, "%s%s:%s@%d%s", used > 0 ? ";" : "",
			      name, case_text(fault, "err") ? case_text(fault, "err") : "",
			      case_number(fault, for_ever ? "from" : "at"), for_ever ? "+" : "");

	return length > 0 && (size_t)length < PLAN_BYTES - used;
}

static bool add(const cJSON *fault, char plan[static PLAN_BYTES])
{
	const char *call = case_text(fault, "call");

	if (case_is(call, "write") || case_is(call, "writev"))
		return add_write(fault, case_is(call, "writev"));
	if (case_is(call, "fsync"))
		return add_to_plan(fault, "syncData", plan);
	if (case_is(call, "open") || case_is(call, "close"))
		return add_to_plan(fault, call, plan);
	return false;
}

bool fs_faults_read(const cJSON *list, struct fault_plan **ret_plan)
{
	char plan[PLAN_BYTES] = "";
	const char *reason;
	const cJSON *fault;

	faults_count = 0;
	calls[false] = 0;
	calls[true] = 0;
	cJSON_ArrayForEach(fault, list)
		if (!add(fault, plan))
			return false;
	return fault_plan_parse(plan, ret_plan, &reason) == 0;
}

/* ---- the kernel call ---- */

ssize_t __real_pwritev(int fd, const struct iovec *iov, int count, off_t offset);
ssize_t __wrap_pwritev(int fd, const struct iovec *iov, int count, off_t offset);

static const struct write_fault *next_fault(void)
{
	unsigned int number = ++calls[batch_now];

	for (unsigned int i = 0; i < faults_count; i++)
		if (faults[i].batch == batch_now && number >= faults[i].first &&
		    number <= faults[i].last)
			return &faults[i];
	return NULL;
}

int fs_world_write_nothing(void)
{
	const struct write_fault *fault = next_fault();

	return fault && fault->error != EAGAIN ? -fault->error : 0;
}

ssize_t __wrap_pwritev(int fd, const struct iovec *iov, int count, off_t offset)
{
	const struct write_fault *fault = next_fault();
	struct iovec part[IO_IOV_MAX];
	size_t left;
	int used = 0;

	if (!fault)
		return __real_pwritev(fd, iov, count, offset);
	if (fault->error) {
		errno = fault->error;
		return -1;
	}
	left = fault->bytes;
	while (used < count && used < IO_IOV_MAX && left > 0) {
		part[used] = iov[used];
		if (part[used].iov_len > left)
			part[used].iov_len = left;
		left -= part[used++].iov_len;
	}
	return used > 0 ? __real_pwritev(fd, part, used, offset) : 0;
}
