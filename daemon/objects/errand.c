/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/objects/errand.h"

#include <event2/event.h>

#include "daemon/base/list.h"
#include "daemon/objects/registry.h"

static void finish(struct errand *errand)
{
	errand->registry->errands--;
	errand->done(errand, (int)errand->request.result);
}

static void on_deferred(evutil_socket_t fd, short what, void *owner)
{
	(void)fd;
	(void)what;
	finish(owner);
}

static int run_request(struct io_request *request)
{
	struct errand *errand = request->owner;

	return errand->run(errand);
}

static void on_done(struct io_request *request)
{
	finish(request->owner);
}

/* The event is embedded, so that putting off the answer needs no memory. */
static void defer(struct errand *errand)
{
	(void)event_assign(&errand->deferred, errand->registry->base, -1, 0, on_deferred, errand);
	event_active(&errand->deferred, EV_TIMEOUT, 0);
}

void errand_start(struct registry *registry, struct errand *errand)
{
	errand->registry = registry;
	errand->request = (struct io_request){
		.operation = IO_RUN,
		.name = errand->name,
		.path = errand->path,
		.device = errand->device,
		.fd = -1,
		.run = run_request,
		.done = on_done,
		.owner = errand,
	};
	list_init(&errand->request.link);
	registry->errands++;
	if (engine_submit(registry->engine, &errand->request) != ENGINE_QUEUED)
		defer(errand);
}

void errand_start_here(struct registry *registry, struct errand *errand)
{
	errand->registry = registry;
	registry->errands++;
	errand->request.result = errand->run ? errand->run(errand) : 0;
	defer(errand);
}
