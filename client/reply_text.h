/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CLIENT_REPLY_TEXT_H
#define FOREBAY_CLIENT_REPLY_TEXT_H

/*
 * The parameters of a reply as the daemon wrote them. They are cut out of the text rather
 * than printed again: cJSON would turn large integers into something else. Pure.
 */

#include <stdbool.h>
#include <stddef.h>

/*
 * text is one JSON object that message_parse_reply() has passed. False: it has no parameters,
 * or null; they are {} then.
 */
bool reply_text_find_parameters(const char *text, const char **ret_parameters, size_t *ret_bytes);

#endif
