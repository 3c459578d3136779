/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What may be told of a job. A kill undoes a result whose row is not written; so until it is,
 * who asks sees the job as it was before the run ended, just as who listens has not heard of
 * it. Several such runs may wait for their rows, which are written in order: what is shown is
 * what was before the first of them.
 */

#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/objects/job.h"

void job_run_hold_back(struct job_run *run)
{
	struct job_runtime *shown = &run->shown;

	job_get_runtime(run->job, shown);
	/* Both change with the result. Without memory they are left out. */
	run->shown_path = shown->last_path ? strdup(shown->last_path) : NULL;
	run->shown_fault = shown->fault ? job_copy_fault(shown->fault) : NULL;
	shown->last_path = run->shown_path;
	shown->fault = run->shown_fault;
	list_append(&run->job->unsaved_runs, &run->unsaved_link);
}

void job_run_show(struct job_run *run)
{
	list_remove(&run->unsaved_link);
	free(run->shown_path);
	free(run->shown_fault);
	run->shown_path = NULL;
	run->shown_fault = NULL;
}

void job_get_shown(const struct job *job, struct job_runtime *ret_runtime)
{
	const struct list *first = list_first(&job->unsaved_runs);

	if (first)
		*ret_runtime = container_of(first, struct job_run, unsaved_link)->shown;
	else
		job_get_runtime(job, ret_runtime);
}

uint64_t job_unsaved_run(const struct job *job)
{
	const struct list *last = list_last(&job->unsaved_runs);

	return last ? container_of(last, struct job_run, unsaved_link)->number : 0;
}
