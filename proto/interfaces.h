/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_PROTO_INTERFACES_H
#define FOREBAY_PROTO_INTERFACES_H

/*
 * The texts of all interface definitions of this folder, put into the program at build time.
 * They are what GetInterfaceDescription answers and what idl_parse() reads. Constant data.
 */

#include <stddef.h>

struct interface_text {
	const char *name; /* "io.forebay.stream" */
	const char *text; /* the whole file */
};

/* In the order of their names; the entry after the last has a NULL name. */
extern const struct interface_text interface_texts[];

/* NULL if there is none of this name. */
const struct interface_text *interface_text_find(const char *name);

#endif
