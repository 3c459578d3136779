/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * A line is put together on the stack and leaves in one write(), so that lines of different
 * threads never mix and nothing is allocated: being out of memory is itself worth a line. A
 * line that does not fit is cut, with "..." in place of its end. A stderr that cannot take
 * the line loses it; there is nobody left to tell.
 */

#define LOG_LINE_BYTES 2048

static const char *const level_names[] = {
	[LOG_LEVEL_ERROR] = "error", [LOG_LEVEL_WARNING] = "warning", [LOG_LEVEL_NOTICE] = "notice",
	[LOG_LEVEL_INFO] = "info",   [LOG_LEVEL_DEBUG] = "debug",
};

static atomic_int current_level = LOG_LEVEL_INFO;

void log_set_level(enum log_level level)
{
	atomic_store_explicit(&current_level, (int)level, memory_order_relaxed);
}

enum log_level log_get_level(void)
{
	return (enum log_level)atomic_load_explicit(&current_level, memory_order_relaxed);
}

bool log_level_parse(const char *text, enum log_level *ret_level)
{
	for (int level = LOG_LEVEL_ERROR; level <= LOG_LEVEL_DEBUG; level++) {
		if (!strcmp(text, level_names[level])) {
			*ret_level = (enum log_level)level;
			return true;
		}
	}
	return false;
}

/* Appends to `line` at `used`; what does not fit is counted all the same, as snprintf() does. */
static size_t append(char *line, size_t used, const char *format, va_list arguments)
{
	size_t room = used < LOG_LINE_BYTES ? LOG_LINE_BYTES - used : 0;
	int length = vsnprintf(room ? line + used : NULL, room, format, arguments);

	return length < 0 ? used : used + (size_t)length;
}

__attribute__((format(printf, 3, 4))) static size_t append_format(char *line, size_t used,
								  const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	used = append(line, used, format, arguments);
	va_end(arguments);
	return used;
}

/* Ends the line with a newline and says how long it is. */
static size_t finish(char *line, size_t used)
{
	if (used >= LOG_LINE_BYTES) {
		used = LOG_LINE_BYTES - 1;
		memcpy(line + used - 3, "...", 3);
	}
	/* One line stays one line, whatever a field brought along. */
	for (size_t i = 0; i < used; i++)
		if (line[i] == '\n')
			line[i] = ' ';
	line[used] = '\n';
	return used + 1;
}

void log_line(enum log_level level, const char *topic, const char *message, const char *fields, ...)
{
	char line[LOG_LINE_BYTES];
	int saved = errno;
	size_t used = 0;
	va_list arguments;

	if (level > log_get_level())
		return;
	if (getenv("JOURNAL_STREAM"))
		used = append_format(line, used, "<%d>", (int)level);
	else
		used = append_format(line, used, "%s: ", level_names[level]);
	used = append_format(line, used, "%s: %s", topic, message);
	if (fields[0]) {
		used = append_format(line, used, " ");
		va_start(arguments, fields);
		used = append(line, used, fields, arguments);
		va_end(arguments);
	}
	used = finish(line, used);
	while (write(STDERR_FILENO, line, used) < 0 && errno == EINTR)
		;
	errno = saved;
}

static size_t escape(unsigned char byte, char piece[5])
{
	if (byte == '"' || byte == '\\') {
		piece[0] = '\\';
		piece[1] = (char)byte;
		return 2;
	}
	if (byte >= 0x20 && byte < 0x7f) {
		piece[0] = (char)byte;
		return 1;
	}
	(void)snprintf(piece, 5, "\\x%02x", byte);
	return 4;
}

const char *log_quote(const char *text, char *buffer, size_t size)
{
	/* Room for what ends a text that was cut: three dots, the quote, the NUL. */
	const size_t tail = sizeof("...\"");
	size_t used = 0;
	size_t fits = 1;

	buffer[used++] = '"';
	for (; *text; text++) {
		char piece[5];
		size_t length = escape((unsigned char)*text, piece);

		/* The quote and the NUL must fit behind the piece. */
		if (used + length + 2 > size) {
			memcpy(buffer + fits, "...\"", tail);
			return buffer;
		}
		memcpy(buffer + used, piece, length);
		used += length;
		if (used + tail <= size)
			fits = used;
	}
	memcpy(buffer + used, "\"", 2);
	return buffer;
}
