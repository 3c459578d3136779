/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_PROTO_NUMBER_DECIMAL_H
#define FOREBAY_PROTO_NUMBER_DECIMAL_H

/*
 * Doubles as JavaScript prints and reads them. The C library does the arithmetic; what it is
 * given and gives has its decimal point moved or left out, so that no locale matters. Any
 * thread.
 */

#include <stdbool.h>

#include "proto/number.h"

/* The shortest decimal that reads as the same double, and of those the nearest. */
void number_decimal_print(double value, char text[static NUMBER_TEXT_BYTES]);

/* The nearest double. False: not all of the text is a decimal number, NaN or Infinity. */
bool number_decimal_read(const char *text, double *ret_value);

#endif
