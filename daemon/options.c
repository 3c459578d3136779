/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <config.h>

#include "daemon/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/base/cleanup.h"
#include "daemon/config.h"

enum action {
	ACTION_CONFIG,
	ACTION_CHECK,
	ACTION_VERSION,
	ACTION_HELP,
	ACTION_STORE,
	ACTION_SET,    /* to the argument */
	ACTION_SWITCH, /* to "yes" */
};

static const struct option_row {
	const char *name;
	const char *argument; /* NULL: takes none */
	enum action action;
	const char *key; /* of [daemon] */
	const char *help;
} rows[] = {
	{ "config", "FILE", ACTION_CONFIG, NULL, "read this configuration file" },
	{ "socket", "PATH", ACTION_SET, "socket", "listen here" },
	{ "state-directory", "DIR", ACTION_SET, "stateDirectory", "keep the catalogue here" },
	{ "store", "NAME=PATH", ACTION_STORE, NULL, "a directory to write to; may be repeated" },
	{ "engine", "auto|uring|threads", ACTION_SET, "engine", "how files are written" },
	{ "certification", NULL, ACTION_SWITCH, "certification",
	  "serve org.varlink.certification" },
	{ "log-level", "LEVEL", ACTION_SET, "logLevel", "error, warning, notice, info or debug" },
	{ "check-config", NULL, ACTION_CHECK, NULL, "look at the configuration and exit" },
	{ "version", NULL, ACTION_VERSION, NULL, "print the version and exit" },
	{ "help", NULL, ACTION_HELP, NULL, "print this and exit" },
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static const struct option_row *find_row(const char *name, size_t length)
{
	for (size_t i = 0; i < ROWS; i++)
		if (strlen(rows[i].name) == length && strncmp(rows[i].name, name, length) == 0)
			return &rows[i];
	return NULL;
}

static void add_override(struct options *options, const char *key, const char *value)
{
	options->overrides[options->override_count++] = (struct options_override){ key, value };
}

static void apply(struct options *options, const struct option_row *row, const char *value)
{
	switch (row->action) {
	case ACTION_CONFIG:
		options->config_file = value;
		break;
	case ACTION_CHECK:
		options->check_config = true;
		break;
	case ACTION_VERSION:
		options->version = true;
		break;
	case ACTION_HELP:
		options->help = true;
		break;
	case ACTION_STORE:
	case ACTION_SET:
		add_override(options, row->key, value);
		break;
	case ACTION_SWITCH:
		add_override(options, row->key, "yes");
		break;
	}
}

static int refuse_usage(char *reason, const char *text, const char *what)
{
	(void)snprintf(reason, OPTIONS_REASON_BYTES, "%s: %.200s", text, what);
	return OPTIONS_E_USAGE;
}

/* One option at argv[*io_index], with its value, which may be the next word. */
static int parse_one(struct options *options, char **argv, int *io_index, char *reason)
{
	const char *word = argv[*io_index];
	const struct option_row *row;
	const char *value = NULL;
	size_t length;

	if (strncmp(word, "--", 2) != 0)
		return refuse_usage(reason, "not an option", word);
	length = strcspn(word + 2, "=");
	row = find_row(word + 2, length);
	if (!row)
		return refuse_usage(reason, "unknown option", word);
	if (word[2 + length] == '=')
		value = word + 2 + length + 1;
	if (!row->argument && value)
		return refuse_usage(reason, "takes no value", word);
	if (row->argument && !value)
		value = argv[++*io_index];
	if (row->argument && !value)
		return refuse_usage(reason, "needs a value", word);
	if (row->action == ACTION_STORE && (!strchr(value, '=') || value[0] == '='))
		return refuse_usage(reason, "must be NAME=PATH", value);
	apply(options, row, value);
	return 0;
}

int options_parse(struct options *options, int argc, char **argv,
		  char ret_reason[static OPTIONS_REASON_BYTES])
{
	int r = 0;

	*options = (struct options){ 0 };
	options->overrides = calloc((size_t)argc + 1, sizeof(*options->overrides));
	if (!options->overrides)
		return -ENOMEM;
	for (int i = 1; r == 0 && i < argc; i++)
		r = parse_one(options, argv, &i, ret_reason);
	if (r != 0)
		options_fini(options);
	return r;
}

void options_fini(struct options *options)
{
	free(options->overrides);
	*options = (struct options){ 0 };
}

char *options_help(void)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	(void)fputs(
		"forebayd [OPTION]...\n\n"
		"Takes bytes from other processes at the speed of memory and puts them on disk\n"
		"at the speed of disks. Runs in the foreground.\n\n",
		out);
	for (size_t i = 0; i < ROWS; i++) {
		char name[64];

		(void)snprintf(name, sizeof(name), "--%s%s%s", rows[i].name,
			       rows[i].argument ? " " : "",
			       rows[i].argument ? rows[i].argument : "");
		(void)fprintf(out, "  %-30s %s\n", name, rows[i].help);
	}
	(void)fputs("\nforebayd(8) and forebayd.conf(5) say more.\n", out);
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

static int set_store(struct config *config, const char *value, struct config_error *error)
{
	size_t length = strcspn(value, "=");
	const char *path = value + length + 1;
	cleanup_free char *name = strndup(value, length);
	cleanup_free char *absolute = NULL;
	cleanup_free char *here = getcwd(NULL, 0);

	if (!name || !here)
		return -errno;
	/* A word on the command line is meant from where it was typed. */
	if (path[0] != '/' && path[0] != '\0') {
		if (asprintf(&absolute, "%s/%s", here, path) < 0) {
			absolute = NULL;
			return -ENOMEM;
		}
		path = absolute;
	}
	return config_set_store(config, name, path, error);
}

int options_load(const struct options *options, struct config *config,
		 struct config_error *ret_error)
{
	int r = 0;

	config_init(config);
	if (options->config_file)
		r = config_read_file(config, options->config_file, ret_error);
	for (size_t i = 0; r == 0 && i < options->override_count; i++) {
		const struct options_override *override = &options->overrides[i];

		if (override->key)
			r = config_set(config, "daemon", override->key, override->value, ret_error);
		else
			r = set_store(config, override->value, ret_error);
	}
	return r == 0 ? config_complete(config, ret_error) : r;
}
