/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "client/forebay.h"
#include "client/help.h"
#include "client/options.h"
#include "client/report.h"
#include "client/verbs.h"

/* Finds the daemon and runs the verb. */
static enum verb_status run(struct verb_call *call)
{
	const char *socket_path = options_text(&call->options, "socket");
	enum verb_status status;
	int r;

	r = forebay_connect(socket_path, &call->connection);
	if (r)
		return report_connect(call->json, socket_path, r);
	status = call->verb->run(call);
	forebay_disconnect(call->connection);
	if (fflush(stdout) && status == VERB_DONE) {
		(void)report_errno(call, "standard output", -errno);
		return VERB_FAILED;
	}
	return status;
}

/* No verb: what was meant? */
static enum verb_status explain(char **words, size_t named)
{
	const char *noun = named ? words[0] : NULL, *next = noun ? words[1] : words[0];

	if (next && strcmp(next, "--version") == 0) {
		(void)printf("forebayctl %s\n", forebay_version());
		return VERB_DONE;
	}
	if (next && (strcmp(next, "--help") == 0 || strcmp(next, "-h") == 0)) {
		help_overview(stdout, noun);
		return VERB_DONE;
	}
	if (next)
		return report_usage("no verb \"%s%s%s\"", noun ? noun : "", noun ? " " : "", next);
	help_overview(stderr, noun);
	return VERB_USAGE;
}

static enum verb_status parse_and_run(const struct verb *verb, char **words)
{
	const struct option_rows rows = verb_option_rows(verb);
	struct verb_call call = { .verb = verb };
	char message[256];

	if (options_parse(&call.options, &rows, words, message, sizeof(message)))
		return report_usage("%s", message);
	if (options_has(&call.options, "help")) {
		help_verb(stdout, verb);
		return VERB_DONE;
	}
	if (call.options.argument_count < verb->arguments_min)
		return report_usage("wanted: %s%s%s %s", verb->noun ? verb->noun : "",
				    verb->noun ? " " : "", verb->name, verb->syntax);
	if (call.options.argument_count > verb->arguments_max)
		return report_usage("too many arguments");
	call.json = options_has(&call.options, "json");
	return run(&call);
}

static void reverse(char **words, size_t count)
{
	size_t i;

	for (i = 0; i < count / 2; i++) {
		char *word = words[i];

		words[i] = words[count - 1 - i];
		words[count - 1 - i] = word;
	}
}

/* Options of every verb may stand before it; how many words they are. */
static size_t count_leading_options(char **words)
{
	size_t count = 0;

	for (;;) {
		const char *word = words[count];

		if (word && (strcmp(word, "--json") == 0 || strncmp(word, "--socket=", 9) == 0))
			count++;
		else if (word && strcmp(word, "--socket") == 0 && words[count + 1])
			count += 2;
		else
			return count;
	}
}

int main(int argc, char **argv)
{
	char **words = argv + 1;
	const struct verb *verb;
	size_t leading, named;

	(void)argc;
	(void)setlocale(LC_TIME, "");
	if (argv[0] && words[0] && strcmp(words[0], "--complete") == 0) {
		help_complete(stdout, words + 1);
		return VERB_DONE;
	}
	leading = count_leading_options(words);
	verb = verb_find(words + leading, &named);
	if (!verb)
		return (int)explain(words + leading, named);
	/* The verb goes to the front, and what stood before it behind it. */
	reverse(words, leading);
	reverse(words + leading, named);
	reverse(words, leading + named);
	return (int)parse_and_run(verb, words + named);
}
