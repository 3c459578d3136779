/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

/* Writes nothing, at once: what is above the engine is tested and measured without a disk. */

#include <errno.h>
#include <stdlib.h>

#include "daemon/io/engine_backend.h"
#include "daemon/io/io_engine.h"

static bool null_refuse(struct io_engine *engine, struct io_request *request, bool *ret_busy)
{
	*ret_busy = false;
	request->result = 0;
	if (request->operation == IO_RUN) {
		request->result = request->run(request);
	} else if (request->operation == IO_WRITE) {
		request->bytes_done = request->total_bytes;
		request->result = (int64_t)request->total_bytes;
		engine->bytes_written += request->total_bytes;
	}
	engine->completed++;
	return true;
}

static void null_close(struct io_engine *engine)
{
	engine_fini(engine);
	free(engine);
}

static const struct io_engine_ops null_ops = {
	.name = "null",
	.refuse = null_refuse,
	.close = null_close,
};

int engine_null_new(struct event_base *base, struct io_engine **ret_engine)
{
	struct io_engine *engine = calloc(1, sizeof(*engine));
	int r;

	if (!engine)
		return -ENOMEM;
	r = engine_init(engine, &null_ops, base, 1);
	if (r < 0) {
		null_close(engine);
		return r;
	}
	*ret_engine = engine;
	return 0;
}
