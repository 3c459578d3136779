/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CORE_PARTIAL_NAME_H
#define FOREBAY_CORE_PARTIAL_NAME_H

/*
 * What is kept of a file whose producer died is called like the file, with ".partial" behind
 * it. A name that would become too long for a directory entry is cut first.
 */

#define PARTIAL_NAME_BYTES 256	/* with the final NUL */

void partial_name(const char *name, char partial[static PARTIAL_NAME_BYTES]);

#endif
