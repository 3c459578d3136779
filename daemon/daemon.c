/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <config.h>

#include "daemon/daemon.h"

/*
 * Built from the bottom: loop, disk engine, catalogue, objects, service, sockets. Taken down
 * from the top, with the loop run in between until nothing is under way: whatever a part has
 * asked of the engine comes back before the part goes. If a disk does not answer, that never
 * comes; then nothing is freed, and the end of the process takes it.
 */

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <event2/event.h>

#include "daemon/base/fd.h"
#include "daemon/base/list.h"
#include "daemon/base/log.h"
#include "daemon/config.h"
#include "daemon/ctl/listener.h"
#include "daemon/ctl/service.h"
#include "daemon/ctl/session.h"
#include "daemon/host.h"
#include "daemon/io/catalogue.h"
#include "daemon/io/clock.h"
#include "daemon/io/fault_plan.h"
#include "daemon/io/io_engine.h"
#include "daemon/io/listen_fd.h"
#include "daemon/io/notify.h"
#include "daemon/io/sigbus.h"
#include "daemon/limits.h"
#include "daemon/loop_watch.h"
#include "daemon/objects/errand.h"
#include "daemon/objects/jobs.h"
#include "daemon/objects/ledger.h"
#include "daemon/objects/leftovers.h"
#include "daemon/objects/pools.h"
#include "daemon/objects/registry.h"
#include "daemon/objects/shutdown.h"
#include "daemon/objects/stores.h"
#include "daemon/objects/streams.h"
#include "daemon/options.h"
#include "daemon/state_directory.h"
#include "daemon/watchdog.h"

/* How long the end waits for what is under way, and how long a second signal leaves. */
#define SETTLE_NS UINT64_C(5000000000)
#define IMPATIENT_USEC 1000000

static const int stop_signals[] = { SIGTERM, SIGINT };
#define STOP_SIGNALS ((int)(sizeof(stop_signals) / sizeof(stop_signals[0])))

struct daemon {
	const struct options *options;
	struct config *config;
	uint64_t descriptor_limit;
	struct passed_fds passed;

	struct event_base *base;
	struct event *stop_events[STOP_SIGNALS];
	struct event *reload_event;
	struct event *ready_event;
	int state_lock_fd;
	struct catalogue *catalogue;
	struct registry registry;
	struct service service;
	bool service_made;
	char *bound_path; /* of a socket of our own */
	int socket_lock_fd;
	struct shutdown *shutdown;
	struct watchdog *watchdog;
};

static int fail(const char *what, int error)
{
	log_error("daemon", "cannot start", "part=%s errno=%s", what, err_name(error));
	(void)notify_errno(error);
	return error;
}

/* Reload: read by a worker, taken over by the loop. */

struct reload {
	struct errand errand;
	struct daemon *daemon;
	struct config fresh;
	struct config_error error;
	service_reloaded_fn done;
	void *call;
};

static int run_reload(struct errand *errand)
{
	struct reload *reload = errand->owner;

	return options_load(reload->daemon->options, &reload->fresh, &reload->error);
}

static void take_over(struct daemon *daemon, const struct config *fresh)
{
	const char *differs = config_reload(daemon->config, fresh);

	if (differs)
		log_warning("daemon", "a changed key needs a restart", "key=%s", differs);
	limits_apply(daemon->config, daemon->descriptor_limit, &daemon->registry,
		     &daemon->service.limits);
	log_notice("daemon", "configuration was read again", "file=%s",
		   daemon->options->config_file ? daemon->options->config_file : "");
}

static void on_reloaded(struct errand *errand, int result)
{
	struct reload *reload = errand->owner;
	const char *file = reload->daemon->options->config_file;
	const struct service_bad_configuration bad = {
		.file = file ? file : "",
		.line = reload->error.line,
		.reason = reload->error.reason,
	};

	if (result == 0)
		take_over(reload->daemon, &reload->fresh);
	else if (result == CONFIG_E_BAD)
		log_warning("daemon", "configuration is bad, nothing was changed",
			    "file=%s line=%" PRId64 " reason=\"%s\"", bad.file, bad.line,
			    bad.reason);
	else
		log_warning("daemon", "configuration cannot be read", "errno=%s", err_name(result));
	if (reload->daemon->registry.lifecycle == LIFECYCLE_SERVING)
		(void)notify_ready("serving");
	if (reload->done)
		reload->done(reload->call,
			     result == CONFIG_E_BAD ? SERVICE_E_BAD_CONFIGURATION : result, &bad);
	config_fini(&reload->fresh);
	free(reload);
}

/* `done` NULL: nobody waits for the answer. */
static void begin_reload(void *data, service_reloaded_fn done, void *call)
{
	struct daemon *daemon = data;
	struct reload *reload = calloc(1, sizeof(*reload));

	if (!reload) {
		if (done)
			done(call, -ENOMEM, NULL);
		return;
	}
	if (daemon->registry.lifecycle == LIFECYCLE_SERVING)
		(void)notify_reloading("reading the configuration");
	reload->daemon = daemon;
	reload->done = done;
	reload->call = call;
	reload->errand = (struct errand){
		.name = "reload",
		.run = run_reload,
		.done = on_reloaded,
		.owner = reload,
	};
	errand_start(&daemon->registry, &reload->errand);
}

/* Stop */

static void begin_shutdown(void *data, bool drain, int64_t timeout_usec)
{
	struct daemon *daemon = data;

	shutdown_start(daemon->shutdown, drain,
		       timeout_usec < 0 ? daemon->config->drain_timeout_usec :
					  (uint64_t)timeout_usec);
}

static void on_stop(evutil_socket_t number, short what, void *owner)
{
	struct daemon *daemon = owner;
	bool again = shutdown_is_under_way(daemon->shutdown);

	(void)what;
	log_notice("daemon", "signal", "name=%s", number == SIGINT ? "SIGINT" : "SIGTERM");
	if (again)
		shutdown_start(daemon->shutdown, false, IMPATIENT_USEC);
	else
		begin_shutdown(daemon, true, -1);
}

static void on_reload(evutil_socket_t number, short what, void *owner)
{
	(void)number;
	(void)what;
	begin_reload(owner, NULL, NULL);
}

static void on_shut_down(void *data, uint32_t lost)
{
	struct daemon *daemon = data;

	log_notice("daemon", "stopping", "lost=%u", lost);
	(void)event_base_loopbreak(daemon->base);
}

/* Start */

/* The sockets are open and the loop turns: who connects now is answered. */
static void on_first_turn(evutil_socket_t fd, short what, void *owner)
{
	struct daemon *daemon = owner;

	(void)fd;
	(void)what;
	lifecycle_advance(&daemon->registry.lifecycle, LIFECYCLE_SERVING);
	log_notice("daemon", "serving", "version=%s engine=%s", PACKAGE_VERSION,
		   engine_name(daemon->registry.engine));
	(void)notify_ready("serving");
	jobs_start(&daemon->registry);
}

static void log_from_libevent(int severity, const char *message)
{
	char text[256];

	log_line(severity == EVENT_LOG_ERR  ? LOG_LEVEL_ERROR :
		 severity == EVENT_LOG_WARN ? LOG_LEVEL_WARNING :
					      LOG_LEVEL_DEBUG,
		 "loop", "libevent", "text=%s", log_quote(message, text, sizeof(text)));
}

static int start_process(struct daemon *daemon)
{
	/* A write to a pipe that nobody reads, or past a file size limit, is an errno to us. */
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR || signal(SIGXFSZ, SIG_IGN) == SIG_ERR)
		return -errno;
	/* Whoever starts us by hand may have any. */
	(void)umask(0022);
	daemon->descriptor_limit = host_raise_descriptor_limit();
	event_set_log_callback(log_from_libevent);
	return sigbus_install();
}

static int start_loop(struct daemon *daemon)
{
	daemon->base = event_base_new();
	if (!daemon->base)
		return -ENOMEM;
	for (int i = 0; i < STOP_SIGNALS; i++) {
		daemon->stop_events[i] =
			evsignal_new(daemon->base, stop_signals[i], on_stop, daemon);
		if (!daemon->stop_events[i] || event_add(daemon->stop_events[i], NULL) < 0)
			return -ENOMEM;
	}
	daemon->reload_event = evsignal_new(daemon->base, SIGHUP, on_reload, daemon);
	daemon->ready_event = event_new(daemon->base, -1, 0, on_first_turn, daemon);
	if (!daemon->reload_event || !daemon->ready_event ||
	    event_add(daemon->reload_event, NULL) < 0)
		return -ENOMEM;
	event_active(daemon->ready_event, EV_TIMEOUT, 0);
	return 0;
}

static int start_catalogue(struct daemon *daemon)
{
	int r = state_directory_open(daemon->base, daemon->config->state_directory,
				     &daemon->state_lock_fd, &daemon->catalogue);

	daemon->registry.catalogue = daemon->catalogue;
	return r;
}

/* FOREBAY_FAULTS, for tests, is a plan of what is to go wrong (io/fault_plan.h). */
static int start_engine(struct daemon *daemon)
{
	const char *text = getenv("FOREBAY_FAULTS"), *reason;
	struct io_engine *inner;
	struct fault_plan *plan;
	int r;

	r = engine_open((enum engine_kind)daemon->config->engine, daemon->base, NULL, &inner);
	if (r < 0 || !text) {
		if (r >= 0)
			daemon->registry.engine = inner;
		return r;
	}
	log_warning("daemon", "faults", "plan=\"%s\"", text);
	r = fault_plan_parse(text, &plan, &reason);
	if (r < 0) {
		log_error("daemon", "no plan of faults", "reason=\"%s\"", reason);
		(void)engine_close(inner);
		return r;
	}
	return engine_faulty_new(daemon->base, inner, plan, &daemon->registry.engine);
}

static int start_registry(struct daemon *daemon)
{
	struct registry *registry = &daemon->registry;
	uint64_t instance;

	if (getrandom(&instance, sizeof(instance), 0) < 0)
		return -errno;
	(void)snprintf(registry->instance, sizeof(registry->instance), "%016" PRIx64, instance);
	registry->base = daemon->base;
	registry->own_uid = geteuid();
	limits_apply(daemon->config, daemon->descriptor_limit, &daemon->registry,
		     &daemon->service.limits);
	return start_engine(daemon);
}

static int start_stores(struct daemon *daemon)
{
	const struct config *config = daemon->config;

	for (size_t i = 0; i < config->store_count; i++) {
		const struct config_store *store = &config->stores[i];
		int r = store_add(&daemon->registry, store->name, store->path, store->per_user);

		if (r < 0) {
			log_error("daemon", "store cannot be used", "name=%s path=%s errno=%s",
				  store->name, store->path, err_name(r));
			return r;
		}
	}
	return 0;
}

static int start_leftovers(struct daemon *daemon)
{
	return leftovers_sweep(&daemon->registry);
}

static int start_jobs(struct daemon *daemon)
{
	return jobs_open(&daemon->registry);
}

static int start_service(struct daemon *daemon)
{
	struct service *service = &daemon->service;
	int r;

	service->base = daemon->base;
	service->registry = &daemon->registry;
	service->owner.reload = begin_reload;
	service->owner.shutdown = begin_shutdown;
	service->owner.data = daemon;
	service->engine_name = engine_name(daemon->registry.engine);
	service->check_replies = getenv("FOREBAY_CHECK_REPLIES") != NULL;
	service->certification = daemon->config->certification;
	r = service_init(service);
	daemon->service_made = r == 0;
	return r;
}

static int bind_socket(struct daemon *daemon)
{
	const char *path = daemon->config->socket;
	struct listener *listener;
	int listen_fd = -1;
	int r = listen_fd_bind(path, (mode_t)daemon->config->socket_mode, &listen_fd,
			       &daemon->socket_lock_fd);

	if (r == LISTEN_FD_E_IN_USE)
		r = -EADDRINUSE;
	if (r < 0) {
		log_error("daemon", "cannot listen", "socket=%s errno=%s", path, err_name(r));
		return r;
	}
	daemon->bound_path = strdup(path);
	r = daemon->bound_path ? listener_open(&daemon->service, listen_fd, &listener) : -ENOMEM;
	if (r < 0)
		fd_close(listen_fd);
	return r;
}

/* What the service manager passed goes before what the configuration says. */
static int start_sockets(struct daemon *daemon)
{
	uint32_t taken = 0;

	for (uint32_t i = 0; i < daemon->passed.count; i++) {
		struct passed_fd *passed = &daemon->passed.list[i];
		struct listener *listener;
		int r = 0;

		if (passed->kind == PASSED_FD_STORED)
			continue;
		if (fd_set_nonblock(passed->fd) < 0)
			return -errno;
		if (passed->kind == PASSED_FD_LISTENING)
			r = listener_open(&daemon->service, passed->fd, &listener);
		else
			r = session_open(&daemon->service, passed->fd);
		if (r < 0)
			return r;
		passed->fd = -1;
		taken++;
	}
	return taken > 0 ? 0 : bind_socket(daemon);
}

static int start_passed(struct daemon *daemon)
{
	return passed_fds_init(&daemon->passed);
}

static int start_ledger(struct daemon *daemon)
{
	return ledger_new(&daemon->registry, &daemon->registry.ledger);
}

static int start_shutdown(struct daemon *daemon)
{
	return shutdown_new(&daemon->registry, on_shut_down, daemon, &daemon->shutdown);
}

static int start_watchdog(struct daemon *daemon)
{
	return watchdog_new(daemon->base, daemon->registry.engine, &daemon->watchdog);
}

static const struct {
	const char *name;
	int (*start)(struct daemon *daemon);
} parts[] = {
	{ "process", start_process },	  { "passed descriptors", start_passed },
	{ "loop", start_loop },		  { "registry", start_registry },
	{ "catalogue", start_catalogue }, { "ledger", start_ledger },
	{ "stores", start_stores },	  { "leftovers", start_leftovers },
	{ "jobs", start_jobs },		  { "service", start_service },
	{ "shutdown", start_shutdown },	  { "watchdog", start_watchdog },
	{ "sockets", start_sockets },
};

static int start(struct daemon *daemon)
{
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		int r = parts[i].start(daemon);

		if (r < 0)
			return fail(parts[i].name, r);
	}
	return 0;
}

/* End */

static bool is_settled(const struct daemon *daemon)
{
	return daemon->registry.errands == 0 && engine_pending(daemon->registry.engine) == 0 &&
	       (!daemon->catalogue || catalogue_pending(daemon->catalogue) == 0);
}

static void on_settle_tick(evutil_socket_t fd, short what, void *owner)
{
	(void)fd;
	(void)what;
	(void)owner;
}

/* Runs the loop until nothing is under way. False: a disk does not answer. */
static bool settle(struct daemon *daemon)
{
	const struct timeval tick = { .tv_usec = 10000 };
	uint64_t deadline_ns = clock_boot_ns() + SETTLE_NS;
	struct event *timer = event_new(daemon->base, -1, EV_PERSIST, on_settle_tick, NULL);

	if (!timer || event_add(timer, &tick) < 0)
		return false;
	do {
		(void)event_base_loop(daemon->base, EVLOOP_ONCE);
	} while (!is_settled(daemon) && clock_boot_ns() < deadline_ns);
	event_free(timer);
	return is_settled(daemon);
}

static void free_event(struct event **event)
{
	if (*event)
		event_free(*event);
	*event = NULL;
}

static void end_events(struct daemon *daemon)
{
	for (int i = 0; i < STOP_SIGNALS; i++)
		free_event(&daemon->stop_events[i]);
	free_event(&daemon->reload_event);
	free_event(&daemon->ready_event);
}

/* False: a disk does not answer, and what is below must stay. */
static bool end_objects(struct daemon *daemon)
{
	struct registry *registry = &daemon->registry;
	struct list *link;

	if (!registry->engine)
		return true;
	if (!settle(daemon))
		return false;
	if (daemon->service_made)
		service_fini(&daemon->service);
	daemon->service_made = false;
	/* What the connections left behind ends now: files, then memory. */
	if (!settle(daemon))
		return false;
	jobs_close(registry);
	stream_free_all(registry);
	pool_destroy_all(registry);
	if (!settle(daemon))
		return false;
	while ((link = list_first(&registry->stores)))
		store_free(container_of(link, struct store, link));
	registry->ledger = ledger_free(registry->ledger);
	daemon->catalogue = catalogue_close(daemon->catalogue);
	registry->engine = engine_close(registry->engine);
	return true;
}

/* Of a daemon that is half made too. */
static void end(struct daemon *daemon)
{
	loop_watch_stop();
	if (daemon->bound_path)
		(void)unlink(daemon->bound_path);
	free(daemon->bound_path);
	fd_close(daemon->socket_lock_fd);
	passed_fds_fini(&daemon->passed);
	daemon->watchdog = watchdog_free(daemon->watchdog);
	end_events(daemon);
	if (!end_objects(daemon)) {
		log_warning("daemon", "a disk does not answer, leaving it behind", "pending=%u",
			    engine_pending(daemon->registry.engine));
		return;
	}
	daemon->shutdown = shutdown_free(daemon->shutdown);
	registry_fini(&daemon->registry);
	fd_close(daemon->state_lock_fd);
	if (daemon->base)
		event_base_free(daemon->base);
}

int daemon_run(const struct options *options, struct config *config)
{
	static struct daemon daemon;
	int r;

	daemon = (struct daemon){
		.options = options,
		.config = config,
		.state_lock_fd = -1,
		.socket_lock_fd = -1,
	};
	registry_init(&daemon.registry);
	r = start(&daemon);
	if (r == 0) {
		loop_watch_start(&daemon.service.loop_longest_usec);
		if (event_base_loop(daemon.base, EVLOOP_NO_EXIT_ON_EMPTY) < 0)
			r = -EIO;
	}
	end(&daemon);
	return r;
}
