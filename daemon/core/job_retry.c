/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/core/job_retry.h"

#include "daemon/core/job_options.h"

void job_retry_clear(struct job_retry *retry)
{
	*retry = (struct job_retry){ .due_usec = OPTION_UNSET, .scheduled_usec = OPTION_UNSET };
}

bool job_retry_is_pending(const struct job_retry *retry)
{
	return retry->due_usec != OPTION_UNSET;
}

bool job_retry_follow(struct job_retry *retry, const struct job_options *options,
		      const struct job_retry_run *run)
{
	if (run->scheduled_usec == OPTION_UNSET)
		return false;
	if (!job_result_is_failure(run->result) || run->last ||
	    retry->attempts >= options->retries) {
		job_retry_clear(retry);
		return true;
	}
	retry->attempts++;
	retry->due_usec = run->end_usec + options->retry_delay_usec;
	retry->scheduled_usec = run->scheduled_usec;
	return true;
}

bool job_retry_is_allowed(const struct job_retry *retry, const struct job_options *options)
{
	return job_retry_is_pending(retry) && retry->attempts <= options->retries;
}

int64_t job_retry_wait_usec(const struct job_retry *retry, int64_t ended_usec, int64_t now_usec)
{
	int64_t since_usec = ended_usec > now_usec ? ended_usec : now_usec;
	int64_t wait_usec;

	if (retry->due_usec <= since_usec)
		return 0;
	wait_usec = retry->due_usec - since_usec;
	return wait_usec < JOB_SPAN_USEC_MAX ? wait_usec : JOB_SPAN_USEC_MAX;
}

void job_retry_make(struct job_retry *retry)
{
	retry->due_usec = OPTION_UNSET;
	retry->scheduled_usec = OPTION_UNSET;
}
