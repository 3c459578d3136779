/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_PROTO_MUST_CHECK_H
#define FOREBAY_PROTO_MUST_CHECK_H

/*
 * A result that must be looked at. Spelt as in the daemon's own base, which this folder may
 * not include: the client library is built from here too.
 */
#define must_check __attribute__((warn_unused_result))

#endif
