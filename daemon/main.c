/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>

#include "daemon/base/err.h"
#include "daemon/config.h"
#include "daemon/daemon.h"
#include "daemon/options.h"

#define EXIT_USAGE 2

static int print_help(void)
{
	char *text = options_help();
	int printed = text ? fputs(text, stdout) : EOF;

	free(text);
	return printed == EOF ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int run(const struct options *options)
{
	struct config_error error = { 0 };
	struct config config;
	int r = options_load(options, &config, &error);

	if (r == CONFIG_E_BAD)
		(void)fprintf(stderr, "forebayd: %s:%lld: %s\n",
			      error.line > 0 ? options->config_file : "configuration",
			      (long long)error.line, error.reason);
	else if (r < 0)
		(void)fprintf(stderr, "forebayd: configuration: %s\n", err_name(r));
	else if (!options->check_config)
		r = daemon_run(options, &config);
	config_fini(&config);
	return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	char reason[OPTIONS_REASON_BYTES];
	struct options options;
	int status;
	int r = options_parse(&options, argc, argv, reason);

	if (r == OPTIONS_E_USAGE) {
		(void)fprintf(stderr, "forebayd: %s\nforebayd --help tells the options.\n", reason);
		return EXIT_USAGE;
	}
	if (r < 0)
		return EXIT_FAILURE;
	if (options.help) {
		status = print_help();
	} else if (options.version) {
		(void)printf("forebayd %s\n", PACKAGE_VERSION);
		status = EXIT_SUCCESS;
	} else {
		status = run(&options);
	}
	options_fini(&options);
	return status;
}
