/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CORE_ID_TEXT_H
#define FOREBAY_CORE_ID_TEXT_H

/*
 * Ids as users see them: a letter for the kind and 16 hexadecimal digits, "s00f1...". The
 * number is random and never 0, so 0 can stand for none.
 */

#include <stdbool.h>
#include <stdint.h>

enum id_kind {
	ID_POOL = 'p',
	ID_BUFFER = 'b',
	ID_STREAM = 's',
	ID_JOB = 'j',
};

#define ID_TEXT_BYTES 18 /* with the final NUL */

void id_format(enum id_kind kind, uint64_t id, char text[static ID_TEXT_BYTES]);

/* False for anything that id_format() does not write for this kind. */
bool id_parse(enum id_kind kind, const char *text, uint64_t *ret_id);

#endif
