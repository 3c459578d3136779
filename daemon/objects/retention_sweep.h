/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_OBJECTS_RETENTION_SWEEP_H
#define FOREBAY_OBJECTS_RETENTION_SWEEP_H

/*
 * Removes what the rules of a rotation (core/retention) no longer keep: files that the
 * catalogue has of the same owner, store and template, and that are still the very files that
 * were recorded. Nothing else is ever touched, whatever its name. Loop thread; the disk is
 * looked at by a worker.
 */

struct catalogue_template;
struct registry;
struct retention_rules;

/*
 * Begins, and answers to nobody: what goes wrong is logged, and the next sweep tries again. All
 * is copied.
 */
void retention_sweep(struct registry *registry, const struct catalogue_template *template,
		     const struct retention_rules *rules);

#endif
