/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tests/vectors/replay_fs_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/base/fd.h"
#include "daemon/io/file.h"
#include "daemon/io/file_pass.h"
#include "daemon/io/root.h"
#include "tests/vectors/replay_fs_world.h"

static void finish(struct fs_file *file, int64_t result)
{
	file->done(file, result);
}

static void on_over(void *data)
{
	struct io_request *request = data;

	request->done(request);
}

/* What is over at once is told from the loop all the same, as Node does. */
static void submit(struct fs_file *file, void (*done)(struct io_request *request))
{
	file->request.done = done;
	file->request.owner = file;
	switch (engine_submit(file->world->engine, &file->request)) {
	case ENGINE_QUEUED:
		break;
	case ENGINE_DONE:
		fs_world_later(file->world, on_over, &file->request);
		break;
	case ENGINE_BUSY:
		/* With one request at a time there is always room. */
		abort();
	}
}

static void on_done(struct io_request *request)
{
	finish(request->owner, request->result);
}

static void submit_run(struct fs_file *file, const char *name, int (*run)(struct io_request *))
{
	file->request = (struct io_request){ .operation = IO_RUN, .name = name, .run = run };
	submit(file, on_done);
}

/* ---- open ---- */

static int run_open(struct io_request *request)
{
	struct fs_file *file = request->owner;
	const struct root_file named = {
		.root_fd = file->world->folder_fd,
		.path = file->world->path,
		.flags = file->flags & ~O_APPEND,
		.mode = file->mode,
		.owner = { (uid_t)-1, (gid_t)-1 },
	};
	struct file_facts facts;
	const char *reason;
	bool made;
	int r = -EINVAL;

	if (file->flags >= 0)
		r = root_make_file(&named, &file->fd, &made, &reason);
	if (r == 0)
		r = file_get_facts(file->fd, &facts);
	if (r != 0)
		return r < 0 ? r : -EPERM;
	file->was_opened = true;
	file->bytes_found = facts.size;
	file->position = file->flags & O_APPEND ? facts.size : file->start;
	return 0;
}

void fs_file_open(struct fs_file *file)
{
	file->fd = -1;
	submit_run(file, "open", run_open);
}

/* ---- write ---- */

static void write_some(struct fs_file *file);

static void on_written(struct io_request *request)
{
	struct fs_file *file = request->owner;

	file->bytes_written += request->bytes_done;
	file->position += request->bytes_done;
	if (request->result >= 0 && file->next != file->writes)
		write_some(file);
	else
		finish(file, request->result);
}

static void on_empty_written(void *data)
{
	struct fs_file *file = data;

	finish(file, fs_world_write_nothing());
}

/* As many as one request takes. */
static void write_some(struct fs_file *file)
{
	uint32_t count = 0;

	while (count < IO_IOV_MAX && file->next != file->writes) {
		struct fs_chunk *chunk = container_of(file->next, struct fs_chunk, write.step.link);

		file->iov[count++] = (struct iovec){ chunk->bytes, chunk->write.bytes };
		file->next = file->next->next;
	}
	file->request = (struct io_request){
		.operation = IO_WRITE,
		.fd = file->fd,
		.offset = file->position,
		.iov = file->iov,
		.iov_count = count,
	};
	submit(file, on_written);
}

void fs_file_write(struct fs_file *file, struct flow_sink *sink)
{
	fs_world_name_writes(sink->count > 1);
	file->writes = &sink->writes;
	file->next = sink->writes.next;
	if (sink->bytes > 0)
		write_some(file);
	else
		fs_world_later(file->world, on_empty_written, file);
}

/* ---- read ---- */

static int run_read(struct io_request *request)
{
	struct fs_file *file = request->owner;
	ssize_t n;

	do {
		n = pread(file->fd, file->memory, file->count, (off_t)file->position);
	} while (n < 0 && errno == EINTR);
	if (n > 0)
		file->position += (uint64_t)n;
	return n < 0 ? -errno : (int)n;
}

void fs_file_read(struct fs_file *file, void *memory, uint64_t count)
{
	file->memory = memory;
	file->count = count;
	submit_run(file, "read", run_read);
}

static int run_load(struct io_request *request)
{
	struct fs_file *file = request->owner;
	const struct file_pass_plan plan = {
		.fd = file->fd,
		.stored_bytes = file->count,
		.end = FILE_PASS_ALL,
		.memory = file->memory,
		.memory_bytes = file->count,
	};
	struct file_pass pass;
	int r = file_pass_init(&pass, &plan);

	while (r == 0 && !pass.over)
		r = file_pass_run(&pass);
	file->position = pass.made_bytes;
	file_pass_fini(&pass);
	return r;
}

void fs_file_load(struct fs_file *file, void *memory, uint64_t count)
{
	file->memory = memory;
	file->count = count;
	submit_run(file, "load", run_load);
}

/* ---- sync and close ---- */

void fs_file_sync(struct fs_file *file)
{
	file->request = (struct io_request){ .operation = IO_SYNC_DATA, .fd = file->fd };
	submit(file, on_done);
}

static int run_close(struct io_request *request)
{
	struct fs_file *file = request->owner;

	file->fd = fd_close(file->fd);
	return 0;
}

/* A close that is made to fail has not been carried out, but the number is free all the same. */
static void on_closed(struct io_request *request)
{
	struct fs_file *file = request->owner;

	file->fd = fd_close(file->fd);
	finish(file, request->result);
}

void fs_file_close(struct fs_file *file)
{
	file->request = (struct io_request){
		.operation = IO_RUN,
		.name = "close",
		.run = run_close,
	};
	submit(file, on_closed);
}
