/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/help.h"

#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "client/forebay.h"
#include "client/forebay_job.h"
#include "client/verbs.h"

#define HELP_COLUMN 34

/* Whoever has pressed a key waits for no daemon that hangs. */
#define COMPLETE_USEC FOREBAY_USEC_PER_SEC

static void print_row(FILE *file, const char *text, const char *help)
{
	if (strlen(text) + 2 > HELP_COLUMN)
		(void)fprintf(file, "  %s\n%*s%s\n", text, HELP_COLUMN + 2, "", help);
	else
		(void)fprintf(file, "  %-*s%s\n", HELP_COLUMN, text, help);
}

static void print_options(FILE *file, const struct option_row *row)
{
	char text[128];

	for (; row && row->name; row++) {
		(void)snprintf(text, sizeof(text), "--%s%s%s", row->name, row->argument ? " " : "",
			       row->argument ? row->argument : "");
		print_row(file, text, row->help);
	}
}

void help_overview(FILE *file, const char *noun)
{
	const struct verb *verb;
	char text[128];

	(void)fprintf(file, "Usage: forebayctl %s [OPTION...]\n\n", noun ? noun : "VERB");
	for (verb = verbs; verb->name; verb++) {
		if (noun && (!verb->noun || strcmp(noun, verb->noun) != 0))
			continue;
		(void)snprintf(text, sizeof(text), "%s%s%s %s", verb->noun ? verb->noun : "",
			       verb->noun ? " " : "", verb->name, verb->syntax);
		print_row(file, text, verb->help);
	}
	(void)fputs("\nOptions of every verb:\n", file);
	print_options(file, verb_common_options);
	if (noun)
		return;
	print_row(file, "--version", "show the version");
	(void)fputs("\nSizes take K, M, G, T; times take \"5min 20s\". Exit status: 0 done,\n"
		    "1 failed, 2 wrong usage, 3 no daemon, 4 refused, 5 timed out.\n",
		    file);
}

void help_verb(FILE *file, const struct verb *verb)
{
	(void)fprintf(file, "Usage: forebayctl %s%s%s %s%s[OPTION...]\n\n%s\n",
		      verb->noun ? verb->noun : "", verb->noun ? " " : "", verb->name, verb->syntax,
		      *verb->syntax ? " " : "", verb->help);
	if (verb->options) {
		(void)fputs("\nOptions:\n", file);
		print_options(file, verb->options);
	}
	(void)fputs("\nOptions of every verb:\n", file);
	print_options(file, verb_common_options);
}

static void offer(FILE *file, const char *begun, const char *word)
{
	if (strncmp(word, begun, strlen(begun)) == 0)
		(void)fprintf(file, "%s\n", word);
}

static void offer_options(FILE *file, const char *begun, const struct option_row *row)
{
	char text[128];

	for (; row && row->name; row++) {
		(void)snprintf(text, sizeof(text), "--%s", row->name);
		offer(file, begun, text);
	}
}

static void offer_choices(FILE *file, const char *begun, const char *choice)
{
	char text[64];

	while (choice) {
		size_t bytes = strcspn(choice, "|");

		(void)snprintf(text, sizeof(text), "%.*s", (int)bytes, choice);
		offer(file, begun, text);
		choice = choice[bytes] ? choice + bytes + 1 : NULL;
	}
}

/* The first word of a command, or the second behind a noun; each noun once. */
static void offer_verbs(FILE *file, const char *begun, const char *noun)
{
	const char *last = "";
	const struct verb *verb;

	for (verb = verbs; verb->name; verb++) {
		if (noun) {
			if (verb->noun && strcmp(noun, verb->noun) == 0)
				offer(file, begun, verb->name);
			continue;
		}
		if (!verb->noun) {
			offer(file, begun, verb->name);
		} else if (strcmp(verb->noun, last) != 0) {
			offer(file, begun, verb->noun);
			last = verb->noun;
		}
	}
}

/* Words that the shell takes as they are, and forebayctl as no option. */
static bool is_plain(const char *name)
{
	return name[0] != '-' &&
	       name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				 "_-.,+%")] == '\0';
}

/* The daemon's, as the words so far say which one is meant; NULL: the usual one. */
static const char *find_socket(char *const *words)
{
	const char *path = NULL;

	for (; words[0]; words++) {
		if (strncmp(words[0], "--socket=", 9) == 0)
			path = words[0] + 9;
		else if (strcmp(words[0], "--socket") == 0)
			path = words[1];
	}
	return path;
}

/*
 * Each by its name if it is the user's own: those of others, which root sees, are found by
 * their ids only. Without a daemon that answers at once there is nothing to offer.
 */
static void offer_jobs(FILE *file, const char *begun, char *const *words)
{
	struct forebay_connection *connection;
	struct forebay_job **jobs;
	size_t count;

	if (forebay_connect(find_socket(words), &connection))
		return;
	forebay_set_timeout(connection, COMPLETE_USEC);
	if (forebay_job_list(connection, &jobs, &count) == 0) {
		for (size_t i = 0; i < count; i++) {
			const char *name = jobs[i]->name;
			bool by_name = name && is_plain(name) && jobs[i]->owner_uid == geteuid();

			offer(file, begun, by_name ? name : jobs[i]->id);
		}
		forebay_job_list_free(jobs, count);
	}
	forebay_disconnect(connection);
}

void help_complete(FILE *file, char *const *words)
{
	const struct verb *verb;
	const struct option_row *row = NULL;
	struct option_rows rows;
	size_t count = 0, used;

	while (words[count])
		count++;
	if (count == 0)
		return;
	verb = verb_find(words, &used);
	if (count <= used || !verb) {
		if (count == 1)
			offer_verbs(file, words[0], NULL);
		else if (count == 2)
			offer_verbs(file, words[1], words[0]);
		return;
	}
	rows = verb_option_rows(verb);
	if (strncmp(words[count - 2], "--", 2) == 0)
		row = option_row_find(&rows, words[count - 2] + 2, strlen(words[count - 2]) - 2);
	if (row && row->kind == OPTION_TEXT && strcmp(row->argument, "JOB") == 0) {
		offer_jobs(file, words[count - 1], words);
	} else if (row && row->kind != OPTION_FLAG) {
		offer_choices(file, words[count - 1], row->choices);
	} else if (words[count - 1][0] == '-') {
		offer_options(file, words[count - 1], rows.rows);
		offer_options(file, words[count - 1], rows.more_rows);
	} else if (verb->completion && strcmp(verb->completion, "file") == 0) {
		(void)fputs("@file\n", file);
	} else if (verb->completion && strcmp(verb->completion, "job") == 0) {
		offer_jobs(file, words[count - 1], words);
	} else if (count - used == 2) {
		offer_choices(file, words[count - 1], verb->completion);
	}
}
