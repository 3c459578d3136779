/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_BASE_LOG_H
#define FOREBAY_BASE_LOG_H

/*
 * One line per change of state, on stderr: "<3>stream: write failed id=s0123 errno=ENOSPC".
 * The topic and the message are constants; what varies comes behind as key=value. A text
 * that a client chose goes through log_quote() first. Under systemd (JOURNAL_STREAM) each
 * line starts with its priority in angle brackets, at a terminal with its level's name.
 * errno is kept. Any thread; a line is one write.
 */

#include <stdbool.h>
#include <stddef.h>

/* The numbers are syslog's. */
enum log_level {
	LOG_LEVEL_ERROR = 3,   /* we lost something */
	LOG_LEVEL_WARNING = 4, /* we go on, but somebody should look */
	LOG_LEVEL_NOTICE = 5,  /* the state of the service */
	LOG_LEVEL_INFO = 6,    /* objects made and gone */
	LOG_LEVEL_DEBUG = 7,   /* each transition */
};

/* Lines above `level` are dropped. The start value is LOG_LEVEL_INFO. */
void log_set_level(enum log_level level);
enum log_level log_get_level(void);

/* "error", "warning", "notice", "info", "debug"; false for any other text. */
bool log_level_parse(const char *text, enum log_level *ret_level);

/* `fields` is a printf format, "" for none. */
void log_line(enum log_level level, const char *topic, const char *message, const char *fields, ...)
	__attribute__((format(printf, 4, 5)));

#define log_error(topic, message, ...) log_line(LOG_LEVEL_ERROR, topic, message, __VA_ARGS__)
#define log_warning(topic, message, ...) log_line(LOG_LEVEL_WARNING, topic, message, __VA_ARGS__)
#define log_notice(topic, message, ...) log_line(LOG_LEVEL_NOTICE, topic, message, __VA_ARGS__)
#define log_info(topic, message, ...) log_line(LOG_LEVEL_INFO, topic, message, __VA_ARGS__)
#define log_debug(topic, message, ...) log_line(LOG_LEVEL_DEBUG, topic, message, __VA_ARGS__)

/*
 * Writes `text` in double quotes with anything outside printable ASCII escaped, cut to fit
 * `size` (at least 8), and returns `buffer`, so that it can stand in a field list.
 */
const char *log_quote(const char *text, char *buffer, size_t size);

#endif
