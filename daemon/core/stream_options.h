/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CORE_STREAM_OPTIONS_H
#define FOREBAY_CORE_STREAM_OPTIONS_H

/*
 * What one configures of a stream: io.forebay.stream.Context as plain values, its defaults
 * and its rules. Pure: no path is looked at here.
 */

#include <stdbool.h>
#include <stdint.h>

/* A number or choice that the caller did not give. */
#define OPTION_UNSET INT64_MIN

#define STREAM_OPEN_LIST(X)                                                                        \
	X(REPLACE, "replace")                                                                      \
	X(EXCLUSIVE, "exclusive")                                                                  \
	X(APPEND, "append")                                                                        \
	X(TRUNCATE, "truncate")                                                                    \
	X(UPDATE, "update")

#define STREAM_ACK_LIST(X)                                                                         \
	X(WRITTEN, "written")                                                                      \
	X(SYNCED, "synced")                                                                        \
	X(PUBLISHED, "published")

#define STREAM_DISCONNECT_LIST(X)                                                                  \
	X(FINISH, "finish")                                                                        \
	X(SALVAGE, "salvage")                                                                      \
	X(ABORT, "abort")                                                                          \
	X(DETACH, "detach")

#define STREAM_ON_ERROR_LIST(X)                                                                    \
	X(FAIL, "fail")                                                                            \
	X(PAUSE, "pause")

/* What the bytes go through before they are stored, in the order given. */
#define STREAM_STEP_LIST(X)                                                                        \
	X(GZIP, "gzip")                                                                            \
	X(GUNZIP, "gunzip")                                                                        \
	X(ZSTD, "zstd")                                                                            \
	X(UNZSTD, "unzstd")

/* The digest that is taken of what is stored. */
#define STREAM_CHECKSUM_LIST(X)                                                                    \
	X(NONE, "none")                                                                            \
	X(CRC32, "crc32")                                                                          \
	X(XXH3, "xxh3")                                                                            \
	X(SHA256, "sha256")

#define STREAM_OPEN_ENUM(name, text) STREAM_OPEN_##name,
#define STREAM_ACK_ENUM(name, text) STREAM_ACK_##name,
#define STREAM_DISCONNECT_ENUM(name, text) STREAM_DISCONNECT_##name,
#define STREAM_ON_ERROR_ENUM(name, text) STREAM_ON_ERROR_##name,
#define STREAM_STEP_ENUM(name, text) STREAM_STEP_##name,
#define STREAM_CHECKSUM_ENUM(name, text) STREAM_CHECKSUM_##name,

enum stream_open { STREAM_OPEN_LIST(STREAM_OPEN_ENUM) };
enum stream_ack { STREAM_ACK_LIST(STREAM_ACK_ENUM) };
enum stream_disconnect { STREAM_DISCONNECT_LIST(STREAM_DISCONNECT_ENUM) };
enum stream_on_error { STREAM_ON_ERROR_LIST(STREAM_ON_ERROR_ENUM) };
enum stream_step_kind { STREAM_STEP_LIST(STREAM_STEP_ENUM) };
enum stream_checksum { STREAM_CHECKSUM_LIST(STREAM_CHECKSUM_ENUM) };

#define STREAM_STEPS_MAX 4

struct stream_step {
	enum stream_step_kind kind;
	int64_t level; /* of gzip and zstd; the others have none: OPTION_UNSET */
};

/* Where the bytes go; decides which options make sense. */
enum stream_target {
	STREAM_TARGET_PATH,   /* a path beneath a store or a passed directory */
	STREAM_TARGET_FILE,   /* a passed descriptor of a regular file */
	STREAM_TARGET_OUTLET, /* a passed pipe or socket */
};

/*
 * Every number is OPTION_UNSET until given; the choices hold their enum's value. No steps and
 * no side file until given. Those of rotation have no defaults: unset, there is no such rule.
 */
struct stream_options {
	int64_t open;		 /* enum stream_open */
	int64_t ack;		 /* enum stream_ack */
	int64_t on_disconnect;	 /* enum stream_disconnect */
	int64_t on_error;	 /* enum stream_on_error */
	int64_t mode;		 /* permission bits, 0..0777 */
	int64_t start;		 /* bytes; update only: where in the file the first byte goes */
	int64_t high_water_mark; /* bytes */
	int64_t low_water_mark;	 /* bytes */
	int64_t maximum_length;	 /* bytes of inline data held at once */
	int64_t sync_interval_usec;
	int64_t attach_timeout_usec;   /* 0: for ever */
	int64_t rate_bytes_per_second; /* 0: no bound */
	int64_t size_hint;	       /* bytes */
	int64_t ring_bytes;	       /* 0: no ring */
	int64_t rotate_every_bytes;    /* as accepted, before all steps */
	int64_t rotate_every_usec;     /* from the first byte of a segment on */
	int64_t keep_last;	       /* segments; this and the next three: what stays of a rotation */
	int64_t keep_usec;
	int64_t maximum_bytes;
	int64_t minimum_free_bytes;
	int64_t checksum;	       /* enum stream_checksum */
	bool side_file;		       /* the sha256 also goes into PATH.sha256 */
	uint32_t steps_count;	       /* as given: may be too many before it was checked */
	struct stream_step steps[STREAM_STEPS_MAX];
};

#define STREAM_GZIP_LEVEL_MAX 9 /* from 0, which only wraps */
#define STREAM_GZIP_LEVEL_DEFAULT 6

/* Beyond 19 zstd wants hundreds of MiB, here and where it is read. */
#define STREAM_ZSTD_LEVEL_MAX 19 /* from 1 */
#define STREAM_ZSTD_LEVEL_DEFAULT 3

#define STREAM_RING_BYTES_MIN (64 * 1024)
#define STREAM_RING_BYTES_MAX (1024 * 1024 * 1024)
#define STREAM_RING_BYTES_DEFAULT (1024 * 1024)

/* A parameter that breaks a rule: outcome of stream_options_resolve(). */
#define STREAM_OPTIONS_E_PARAMETER 1

void stream_options_init(struct stream_options *options);

/*
 * Fills in every default and checks every range, in place. 0, or STREAM_OPTIONS_E_PARAMETER
 * with the name of the wire's parameter ("highWaterMark") in ret_parameter.
 */
int stream_options_resolve(struct stream_options *options, enum stream_target target,
			   const char **ret_parameter);

/* The same for the steps alone; false: too many, or a level that there is not. */
bool stream_options_resolve_steps(struct stream_options *options);

/* The wire's word for a value; NULL for a value outside of the enum. */
const char *stream_open_name(int64_t value);
const char *stream_ack_name(int64_t value);
const char *stream_disconnect_name(int64_t value);
const char *stream_on_error_name(int64_t value);
const char *stream_step_name(int64_t value);
const char *stream_checksum_name(int64_t value);

/* OPTION_UNSET for a text that is none of the words. */
int64_t stream_open_parse(const char *text);
int64_t stream_ack_parse(const char *text);
int64_t stream_disconnect_parse(const char *text);
int64_t stream_on_error_parse(const char *text);
int64_t stream_step_parse(const char *text);
int64_t stream_checksum_parse(const char *text);

/* "0640" and "640" to 0640; OPTION_UNSET for anything that is not an octal number up to 0777. */
int64_t stream_mode_parse(const char *text);

/* gzip and zstd, as opposed to what undoes them. */
bool stream_step_is_compressing(enum stream_step_kind kind);

/* Whether the stream is stored as one file after the other. */
bool stream_options_rotate(const struct stream_options *options);

/* replace and exclusive write a temporary file and put it in place at the end. */
bool stream_open_is_temporary(enum stream_open open);

#endif
