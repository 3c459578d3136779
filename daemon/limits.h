/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_LIMITS_H
#define FOREBAY_LIMITS_H

/*
 * The ceilings in force, of the configuration and within what the host gives; and the level of
 * the log. At start, and again after each reload.
 */

#include <stdint.h>

struct config;
struct registry;
struct service_limits;

void limits_apply(const struct config *config, uint64_t descriptor_limit, struct registry *registry,
		  struct service_limits *service);

#endif
