/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CLIENT_HELP_H
#define FOREBAY_CLIENT_HELP_H

/* Help and completion, made from the rows of verbs.h. */

#include <stdio.h>

struct verb;

/* All verbs; or those of one noun. */
void help_overview(FILE *file, const char *noun);

/* One verb with its options. */
void help_verb(FILE *file, const struct verb *verb);

/*
 * What may stand in place of the last of these words, which may be empty or begun; one a line.
 * "@file" means names of files. Those of jobs are asked of the daemon.
 */
void help_complete(FILE *file, char *const *words);

#endif
