/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CLIENT_CONTEXT_ROWS_H
#define FOREBAY_CLIENT_CONTEXT_ROWS_H

/*
 * The options that are members of a stream's Context but for its steps, as rows of client/options.h:
 * for every verb that opens a stream to write to.
 */

/* clang-format off */
#define CONTEXT_ROWS \
	{ "store", OPTION_TEXT, "NAME", NULL, "store", \
	  "the store to write to, if not the default one" }, \
	{ "open", OPTION_CHOICE, "HOW", "replace|exclusive|append|truncate|update", "open", \
	  "replace (the default), exclusive, append, truncate or update" }, \
	{ "mode", OPTION_TEXT, "OCTAL", NULL, "mode", "of a new file" }, \
	{ "start", OPTION_SIZE, "N", NULL, "start", "where to begin, with --open update" }, \
	{ "ack", OPTION_CHOICE, "LEVEL", "written|synced|published", "ack", \
	  "when bytes count as done: written, synced or published (the default here)" }, \
	{ "high-water-mark", OPTION_SIZE, "N", NULL, "highWaterMark", \
	  "stop at so much that is not written" }, \
	{ "low-water-mark", OPTION_SIZE, "N", NULL, "lowWaterMark", "go on at so much" }, \
	{ "maximum-length", OPTION_SIZE, "N", NULL, "maximumLength", \
	  "never hold more than this (of data sent as calls)" }, \
	{ "sync-interval", OPTION_SPAN, "TIME", NULL, "syncIntervalUSec", \
	  "written bytes wait no longer for their sync" }, \
	{ "sync-interval-usec", OPTION_NUMBER, "N", NULL, "syncIntervalUSec", \
	  "the same, in microseconds" }, \
	{ "checksum", OPTION_CHOICE, "KIND", "none|crc32|xxh3|sha256", "checksum", \
	  "none, crc32, xxh3 or sha256, of what is stored" }, \
	{ "side-file", OPTION_FLAG, NULL, NULL, "sideFile", \
	  "write the checksum beside the file too" }, \
	{ "rotate-size", OPTION_SIZE, "N", NULL, "rotate.everyBytes", "a new file after so much" }, \
	{ "rotate-every", OPTION_SPAN, "TIME", NULL, "rotate.everyUSec", "a new file so often" }, \
	{ "keep", OPTION_NUMBER, "N", NULL, "retention.keepLast", "keep so many files" }, \
	{ "keep-for", OPTION_SPAN, "TIME", NULL, "retention.keepUSec", "keep them so long" }, \
	{ "keep-bytes", OPTION_SIZE, "N", NULL, "retention.maximumBytes", \
	  "keep no more than this" }, \
	{ "keep-free", OPTION_SIZE, "N", NULL, "retention.minimumFreeBytes", "leave so much free" }, \
	{ "on-disconnect", OPTION_CHOICE, "WHAT", "finish|salvage|abort|detach", "onDisconnect", \
	  "what becomes of it if this program dies: finish, salvage, abort or detach" }, \
	{ "attach-timeout", OPTION_SPAN, "TIME", NULL, "attachTimeoutUSec", \
	  "how long it waits for a producer without one" }, \
	{ "attach-timeout-usec", OPTION_NUMBER, "N", NULL, "attachTimeoutUSec", \
	  "the same, in microseconds" }, \
	{ "on-error", OPTION_CHOICE, "WHAT", "fail|pause", "onError", \
	  "fail (the default) or pause" }, \
	{ "rate", OPTION_SIZE, "N", NULL, "rateBytesPerSecond", \
	  "no more bytes a second than this" }, \
	{ "rate-bytes-per-second", OPTION_SIZE, "N", NULL, "rateBytesPerSecond", "the same" }, \
	{ "size-hint", OPTION_SIZE, "N", NULL, "sizeHint", "how much will come, about" }, \
	{ "label", OPTION_LABEL, "KEY=VALUE", NULL, "labels", "a label; as often as wanted" }
/* clang-format on */

#endif
