/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The file of a run, named by the job's template at the time for which the run is due. */

#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/core/path_template.h"
#include "daemon/objects/job.h"

#define USEC_PER_SEC 1000000

struct local_time {
	struct path_template_time time;
	struct tm when;
};

static size_t write_time(const struct path_template_time *time, char letter, char *room,
			 size_t room_bytes)
{
	const struct local_time *local = container_of(time, struct local_time, time);
	const char format[] = { '%', letter, '\0' };

	return strftime(room, room_bytes, format, &local->when);
}

bool job_expand_path(const char *text, int64_t usec, const struct path_template_words *words,
		     char *path)
{
	struct local_time local = { .time = { write_time } };
	time_t seconds = (time_t)(usec / USEC_PER_SEC);

	return localtime_r(&seconds, &local.when) &&
	       path_template_expand_job(text, &local.time, words, path);
}

int job_make_path(struct job_run *run)
{
	const struct job *job = run->job;
	const struct path_template_words words = {
		.job = job->setup.name ? job->setup.name : job->id_text,
		.host = job->jobs->host,
		.run = run->number,
	};
	int64_t usec = run->scheduled_usec == OPTION_UNSET ? run->start_usec : run->scheduled_usec;
	char path[PATH_TEMPLATE_BYTES];

	if (!job_expand_path(job->setup.path, usec, &words, path))
		return -ENAMETOOLONG;
	run->path = strdup(path);
	return run->path ? 0 : -ENOMEM;
}
