/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_DAEMON_H
#define FOREBAY_DAEMON_H

/*
 * The composition root: makes every part in order, runs the loop, takes the parts down in
 * reverse. One daemon in a process.
 */

#include "daemon/base/err.h"

struct config;
struct options;

/*
 * Runs until it is told to stop. `options` are kept for reading the file again; `config` is
 * changed by that. 0: stopped as asked; negative errno: could not start, and the log says why.
 */
int must_check daemon_run(const struct options *options, struct config *config);

#endif
