/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/io/workers.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "tests/io/io_test.h"

#define MANY 500

struct task {
	struct worker_task task;
	struct workers *workers;
	struct task *next;
	int value;
	bool over;
};

static struct event_base *base;
static pthread_t loop_thread;
static unsigned int run_order[MANY];
static unsigned int run_count;
static sem_t gate;

static void set_up(void)
{
	base = event_base_new();
	loop_thread = pthread_self();
	run_count = 0;
	ck_assert_int_eq(sem_init(&gate, 0, 0), 0);
}

static void tear_down(void)
{
	event_base_free(base);
	ck_assert_int_eq(sem_destroy(&gate), 0);
}

static void task_done(struct worker_task *worker_task)
{
	struct task *task = container_of(worker_task, struct task, task);

	ck_assert(pthread_equal(pthread_self(), loop_thread));
	task->over = true;
	if (task->next)
		workers_submit(task->workers, &task->next->task);
}

static void note_order(struct worker_task *worker_task)
{
	run_order[run_count++] = (unsigned int)container_of(worker_task, struct task, task)->value;
}

START_TEST(tasks_of_one_thread_run_in_order)
{
	static struct task tasks[MANY];
	struct workers *workers;

	ck_assert_int_eq(workers_new(base, "test", 1, &workers), 0);
	for (int i = 0; i < MANY; i++) {
		tasks[i] = (struct task){ .task = { .run = note_order, .done = task_done },
					  .value = i };
		workers_submit(workers, &tasks[i].task);
	}
	ck_assert_uint_eq(workers_pending(workers), MANY);
	run_until(base, &tasks[MANY - 1].over);
	for (unsigned int i = 0; i < MANY; i++)
		ck_assert_uint_eq(run_order[i], i);
	ck_assert_uint_eq(workers_pending(workers), 0);
	ck_assert_uint_eq(workers_progress(workers), MANY);
	workers_free(workers);
}
END_TEST

static void look_at_signals(struct worker_task *worker_task)
{
	static const int blocked[] = { SIGTERM, SIGHUP, SIGINT, SIGPIPE, SIGXFSZ, SIGALRM };
	struct task *task = container_of(worker_task, struct task, task);
	sigset_t mask;

	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	task->value = !sigismember(&mask, SIGBUS) && !sigismember(&mask, SIGSEGV);
	for (size_t i = 0; i < sizeof(blocked) / sizeof(blocked[0]); i++)
		task->value = task->value && sigismember(&mask, blocked[i]);
}

START_TEST(workers_leave_signals_to_the_loop)
{
	struct task task = { .task = { .run = look_at_signals, .done = task_done } };
	struct workers *workers;
	sigset_t mask;

	ck_assert_int_eq(workers_new(base, "test", 2, &workers), 0);
	workers_submit(workers, &task.task);
	run_until(base, &task.over);
	ck_assert_int_eq(task.value, 1);
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	ck_assert(!sigismember(&mask, SIGTERM));
	workers_free(workers);
}
END_TEST

static void wait_at_gate(struct worker_task *worker_task)
{
	(void)worker_task;
	while (sem_wait(&gate) < 0)
		;
}

static void open_gate(struct worker_task *worker_task)
{
	int count = container_of(worker_task, struct task, task)->value;

	while (count-- > 0)
		sem_post(&gate);
}

START_TEST(a_task_finds_a_thread_while_others_wait)
{
	struct task waiting[3];
	struct task opener = { .task = { .run = open_gate, .done = task_done }, .value = 3 };
	struct workers *workers;

	ck_assert_int_eq(workers_new(base, "test", 4, &workers), 0);
	for (int i = 0; i < 3; i++) {
		waiting[i] = (struct task){ .task = { .run = wait_at_gate, .done = task_done } };
		workers_submit(workers, &waiting[i].task);
	}
	workers_submit(workers, &opener.task);
	for (int i = 0; i < 3; i++)
		run_until(base, &waiting[i].over);
	run_until(base, &opener.over);
	workers_free(workers);
}
END_TEST

START_TEST(a_thread_that_was_woken_for_one_task_does_not_count_for_the_next)
{
	struct task first, waiting, opener;
	struct workers *workers;

	for (int i = 0; i < 20; i++) {
		ck_assert_int_eq(workers_new(base, "test", 2, &workers), 0);
		first = (struct task){ .task = { .run = note_order, .done = task_done } };
		waiting = (struct task){ .task = { .run = wait_at_gate, .done = task_done } };
		opener = (struct task){ .task = { .run = open_gate, .done = task_done },
					.value = 1 };
		workers_submit(workers, &first.task);
		run_until(base, &first.over);
		usleep(1000);	/* the one thread goes back to sleep */
		workers_submit(workers, &waiting.task);
		workers_submit(workers, &opener.task);
		run_until(base, &waiting.over);
		workers_free(workers);
	}
}
END_TEST

START_TEST(one_device_does_not_get_all_threads)
{
	struct task waiting[8];
	struct task other = { .task = { .run = note_order, .done = task_done, .device = 6 } };
	struct workers *workers;

	ck_assert_int_eq(workers_new(base, "test", 4, &workers), 0);
	for (int i = 0; i < 8; i++) {
		waiting[i] = (struct task){
			.task = { .run = wait_at_gate, .done = task_done, .device = 5 }
		};
		workers_submit(workers, &waiting[i].task);
	}
	workers_submit(workers, &other.task);
	run_until(base, &other.over);
	for (int i = 0; i < 8; i++)
		ck_assert(!waiting[i].over);
	for (int i = 0; i < 8; i++)
		sem_post(&gate);
	for (int i = 0; i < 8; i++)
		run_until(base, &waiting[i].over);
	workers_free(workers);
}
END_TEST

START_TEST(freeing_waits_for_every_task_also_those_submitted_meanwhile)
{
	static struct task tasks[MANY];
	unsigned int before = count_fds();
	struct workers *workers;

	ck_assert_int_eq(workers_new(base, "test", 1, &workers), 0);
	for (int i = 0; i < MANY; i++)
		tasks[i] = (struct task){ .task = { .run = note_order, .done = task_done },
					  .workers = workers,
					  .next = i + 1 < MANY ? &tasks[i + 1] : NULL };
	workers_submit(workers, &tasks[0].task);
	workers_free(workers);
	ck_assert(tasks[MANY - 1].over);
	ck_assert_uint_eq(run_count, MANY);
	ck_assert_uint_eq(count_fds(), before);
}
END_TEST

int main(void)
{
	TCase *all = tcase_create("workers");

	tcase_add_checked_fixture(all, set_up, tear_down);
	tcase_add_test(all, tasks_of_one_thread_run_in_order);
	tcase_add_test(all, workers_leave_signals_to_the_loop);
	tcase_add_test(all, a_task_finds_a_thread_while_others_wait);
	tcase_add_test(all, a_thread_that_was_woken_for_one_task_does_not_count_for_the_next);
	tcase_add_test(all, one_device_does_not_get_all_threads);
	tcase_add_test(all, freeing_waits_for_every_task_also_those_submitted_meanwhile);
	return run_case(all, "workers", 60);
}
