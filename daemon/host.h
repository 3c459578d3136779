/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_HOST_H
#define FOREBAY_HOST_H

/* What the machine and its administrator give us. At start. */

#include <stdint.h>

/* Raises the limit of descriptors to the hard one and returns it. */
uint64_t host_raise_descriptor_limit(void);

/*
 * How much memory there is for us: the machine's, or less where a control group says so. Past
 * that, the kernel does not refuse memory, it ends the process.
 */
uint64_t host_memory_bytes(void);

#endif
