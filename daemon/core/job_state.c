/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/core/job_state.h"

#include <string.h>

#define NAME_ROW(name, text) text,
#define BIT(name) (1u << JOB_STATE_##name)

static const char *const state_names[] = { JOB_STATE_LIST(NAME_ROW) };
static const char *const result_names[] = { JOB_RESULT_LIST(NAME_ROW) };

static const unsigned int followers[JOB_STATES] = {
	[JOB_STATE_WAITING] = BIT(RUNNING) | BIT(PAUSED) | BIT(FINISHED),
	[JOB_STATE_RUNNING] = BIT(WAITING) | BIT(PAUSED) | BIT(FINISHED),
	[JOB_STATE_PAUSED] = BIT(WAITING) | BIT(RUNNING) | BIT(FINISHED),
	[JOB_STATE_FINISHED] = BIT(WAITING),
};

#define DO JOB_ANSWER_DO
#define REFUSE JOB_ANSWER_REFUSE
#define NOTHING JOB_ANSWER_NOTHING

/* Columns: waiting, running, paused, finished. */
static const enum job_answer answers[JOB_VERBS][JOB_STATES] = {
	[JOB_VERB_RUN] = { DO, REFUSE, DO, REFUSE },
	[JOB_VERB_PAUSE] = { DO, DO, NOTHING, REFUSE },
	[JOB_VERB_RESUME] = { NOTHING, NOTHING, DO, REFUSE },
	[JOB_VERB_CANCEL] = { DO, DO, DO, REFUSE },
	[JOB_VERB_CANCEL_RUN] = { REFUSE, DO, REFUSE, REFUSE },
	[JOB_VERB_DISMISS] = { REFUSE, REFUSE, REFUSE, DO },
};

enum job_answer job_state_judge(enum job_state state, enum job_verb verb)
{
	return answers[verb][state];
}

bool job_state_set(enum job_state *state, enum job_state next)
{
	if (!(followers[*state] & (1u << next)))
		return false;
	*state = next;
	return true;
}

static int find(const char *const *names, int count, const char *text)
{
	for (int i = 0; i < count; i++)
		if (strcmp(names[i], text) == 0)
			return i;
	return -1;
}

const char *job_state_name(enum job_state state)
{
	return state_names[state];
}

const char *job_result_name(enum job_result result)
{
	return result_names[result];
}

int job_state_parse(const char *text)
{
	return find(state_names, JOB_STATES, text);
}

int job_result_parse(const char *text)
{
	return find(result_names, JOB_RESULTS, text);
}

bool job_result_is_failure(enum job_result result)
{
	return result == JOB_RESULT_FAILED || result == JOB_RESULT_TIMEOUT;
}
