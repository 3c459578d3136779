/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_BASE_ERR_H
#define FOREBAY_BASE_ERR_H

/*
 * Results are ints: 0 done; negative errno, unexpected, passed up untouched; positive, an
 * outcome that the function's header names and that its caller must handle.
 */

#define must_check __attribute__((warn_unused_result))

/* "ENOSPC" for ENOSPC (also for -ENOSPC); "E0" .. for numbers without a name: never NULL. */
const char *err_name(int error);

#endif
