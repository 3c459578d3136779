/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/io/workers.h"

/*
 * One lock over the queue, the finished list and the counts of threads. Workers never touch
 * libevent: they put a task on the finished list and add to an eventfd that the loop watches.
 * `pending` and `progress` belong to the loop thread.
 */

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <event2/event.h>

#include "daemon/base/fd.h"
#include "daemon/io/lanes.h"

#define STACK_BYTES (512 * 1024)
#define NAME_BYTES 16

struct workers {
	char name[NAME_BYTES];
	int event_fd;
	struct event *event;
	uint32_t pending;
	uint64_t progress;

	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct list queue;	/* struct worker_task */
	struct list finished;	/* struct worker_task */
	struct lanes lanes;	/* of the tasks that run */
	bool ending;
	uint32_t queued;
	uint32_t idle;		/* also those woken that do not run yet */
	uint32_t threads_count;
	uint32_t threads_max;
	pthread_t threads[];
};

/* The first task whose device has room. Locked. */
static struct worker_task *take_task(struct workers *workers)
{
	list_for_each(link, &workers->queue) {
		struct worker_task *task = container_of(link, struct worker_task, link);

		if (!lanes_have_room(&workers->lanes, task->device))
			continue;
		list_remove(link);
		workers->queued--;
		lanes_enter(&workers->lanes, task->device);
		return task;
	}
	return NULL;
}

static void post_finished(struct workers *workers)
{
	uint64_t one = 1;

	/* Only a counter near its maximum could refuse, and then the loop is awake anyway. */
	if (write(workers->event_fd, &one, sizeof(one)) < 0)
		return;
}

static void *work(void *argument)
{
	struct workers *workers = argument;
	struct worker_task *task;
	uint64_t device;

	pthread_mutex_lock(&workers->lock);
	for (;;) {
		task = take_task(workers);
		if (!task) {
			if (workers->ending)
				break;
			workers->idle++;
			pthread_cond_wait(&workers->wake, &workers->lock);
			workers->idle--;
			continue;
		}
		device = task->device;
		pthread_mutex_unlock(&workers->lock);
		task->run(task);
		pthread_mutex_lock(&workers->lock);
		lanes_leave(&workers->lanes, device);
		list_append(&workers->finished, &task->link);
		post_finished(workers);
	}
	pthread_mutex_unlock(&workers->lock);
	return NULL;
}

static int create_thread(struct workers *workers, pthread_t *thread)
{
	pthread_attr_t attributes;
	int r = pthread_attr_init(&attributes);

	if (r != 0)
		return -r;
	(void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
	r = pthread_create(thread, &attributes, work, workers);
	(void)pthread_attr_destroy(&attributes);
	if (r == 0)
		(void)pthread_setname_np(*thread, workers->name);
	return -r;
}

/* A thread takes over the mask it is made with; signals are the loop's. */
static int start_thread(struct workers *workers)
{
	sigset_t blocked, before;
	int r;

	sigfillset(&blocked);
	sigdelset(&blocked, SIGSEGV);
	sigdelset(&blocked, SIGBUS);
	sigdelset(&blocked, SIGFPE);
	sigdelset(&blocked, SIGILL);
	sigdelset(&blocked, SIGABRT);
	(void)pthread_sigmask(SIG_SETMASK, &blocked, &before);
	r = create_thread(workers, &workers->threads[workers->threads_count]);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r == 0)
		workers->threads_count++;
	return r;
}

static void deliver(struct workers *workers)
{
	struct list finished = LIST_INIT(finished);
	struct list *link;

	pthread_mutex_lock(&workers->lock);
	list_splice(&finished, &workers->finished);
	pthread_mutex_unlock(&workers->lock);
	while ((link = list_take_first(&finished))) {
		struct worker_task *task = container_of(link, struct worker_task, link);

		workers->pending--;
		workers->progress++;
		task->done(task);
	}
}

static void wait_event_fd(struct workers *workers)
{
	uint64_t count;

	while (read(workers->event_fd, &count, sizeof(count)) < 0 && errno == EINTR)
		;
}

static void on_finished(evutil_socket_t fd, short what, void *owner)
{
	(void)fd;
	(void)what;
	wait_event_fd(owner);
	deliver(owner);
}

int workers_new(struct event_base *base, const char *name, uint32_t threads,
		struct workers **ret_workers)
{
	struct workers *workers;
	int r;

	workers = calloc(1, sizeof(*workers) + threads * sizeof(workers->threads[0]));
	if (!workers)
		return -ENOMEM;
	(void)snprintf(workers->name, sizeof(workers->name), "%s", name);
	workers->threads_max = threads;
	list_init(&workers->queue);
	list_init(&workers->finished);
	lanes_init(&workers->lanes, threads);
	pthread_mutex_init(&workers->lock, NULL);
	pthread_cond_init(&workers->wake, NULL);
	workers->event_fd = eventfd(0, EFD_CLOEXEC);
	r = workers->event_fd < 0 ? -errno : 0;
	if (r == 0) {
		workers->event = event_new(base, workers->event_fd, EV_READ | EV_PERSIST,
					   on_finished, workers);
		r = workers->event && event_add(workers->event, NULL) == 0 ? 0 : -ENOMEM;
	}
	if (r == 0)
		r = start_thread(workers);
	if (r < 0) {
		workers_free(workers);
		return r;
	}
	*ret_workers = workers;
	return 0;
}

struct workers *workers_free(struct workers *workers)
{
	if (!workers)
		return NULL;
	/* `done` may submit more; the eventfd blocks until a worker adds to it. */
	while (workers->pending > 0) {
		wait_event_fd(workers);
		deliver(workers);
	}
	pthread_mutex_lock(&workers->lock);
	workers->ending = true;
	pthread_cond_broadcast(&workers->wake);
	pthread_mutex_unlock(&workers->lock);
	for (uint32_t i = 0; i < workers->threads_count; i++)
		(void)pthread_join(workers->threads[i], NULL);
	if (workers->event)
		event_free(workers->event);
	fd_close(workers->event_fd);
	pthread_cond_destroy(&workers->wake);
	pthread_mutex_destroy(&workers->lock);
	free(workers);
	return NULL;
}

void workers_submit(struct workers *workers, struct worker_task *task)
{
	bool more;

	workers->pending++;
	pthread_mutex_lock(&workers->lock);
	list_append(&workers->queue, &task->link);
	workers->queued++;
	more = workers->queued > workers->idle && workers->threads_count < workers->threads_max;
	pthread_cond_signal(&workers->wake);
	pthread_mutex_unlock(&workers->lock);
	/* No thread to be had just now is no reason to fail: there is at least one. */
	if (more)
		(void)start_thread(workers);
}

uint32_t workers_pending(const struct workers *workers)
{
	return workers->pending;
}

uint64_t workers_progress(const struct workers *workers)
{
	return workers->progress;
}
