/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_IO_CLOCK_H
#define FOREBAY_IO_CLOCK_H

/* The clocks, in nanoseconds. Any thread. */

#include <stdint.h>

uint64_t clock_monotonic_ns(void);	/* stands still while the machine sleeps */
uint64_t clock_boot_ns(void);		/* goes on */
uint64_t clock_real_ns(void);		/* since 1970; somebody may set it */

#endif
