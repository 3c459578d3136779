/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_OPTIONS_H
#define FOREBAY_OPTIONS_H

/*
 * The command line of forebayd. One table in options.c has every option; forebayd(8) says what
 * each is for.
 */

#include <stdbool.h>
#include <stddef.h>

#include "daemon/base/err.h"

struct config;
struct config_error;

/* Something that the file could say too. */
struct options_override {
	const char *key; /* of [daemon]; NULL: a store */
	const char *value;
};

/* The texts are argv's. */
struct options {
	const char *config_file; /* NULL: none */
	bool check_config;
	bool version;
	bool help;
	struct options_override *overrides;
	size_t override_count;
};

enum options_outcome {
	OPTIONS_E_USAGE = 1, /* *ret_reason says what is wrong */
};

#define OPTIONS_REASON_BYTES 256

/* 0, OPTIONS_E_USAGE, -ENOMEM. */
int must_check options_parse(struct options *options, int argc, char **argv,
			     char ret_reason[static OPTIONS_REASON_BYTES]);
void options_fini(struct options *options);

/* The text that --help prints. malloc'd; NULL: no memory. */
char *options_help(void);

/*
 * The whole configuration: built-in values, the file, the command line, the environment.
 * Waits for the disk; any thread. 0, CONFIG_E_BAD, negative errno; the caller ends `config` in
 * any case.
 */
int must_check options_load(const struct options *options, struct config *config,
			    struct config_error *ret_error);

#endif
