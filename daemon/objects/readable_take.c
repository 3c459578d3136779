/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "daemon/objects/readable_parts.h"
#include "daemon/objects/registry.h"

/* Read: what there is, as text. Those who wait are served in order, the first one first. */

#define TIMEOUT_DEFAULT_USEC INT64_C(30000000)

/* More than this is not looked at in one call: it would keep the loop from the others. */
#define LOOK_BYTES (UINT64_C(256) * 1024)

enum take_outcome {
	TAKE_DONE,
	TAKE_MORE, /* nothing can be told from what there is */
	TAKE_E_ENCODING,
};

static void end_read(struct readable_read *read)
{
	list_remove(&read->link);
	if (read->deadline)
		event_free(read->deadline);
	read->deadline = NULL;
}

void readable_read_cancel(struct readable_read *read)
{
	end_read(read);
}

static void fail(struct readable_read *read, int result, const struct refusal *refusal)
{
	end_read(read);
	read->done(read, result, NULL, 0, false, refusal);
}

/* ---- one answer ---- */

/* How many of the bytes, the last character whole, are spelt within the limit. */
static uint64_t fitting(const struct readable_read *read, const unsigned char *bytes,
			uint64_t count)
{
	uint64_t spelt = 0;

	if (read->encoding == ENCODING_HEX)
		return count < read->limit_bytes / 2 ? count : read->limit_bytes / 2;
	if (read->encoding == ENCODING_BASE64)
		return count < read->limit_bytes / 4 * 3 ? count : read->limit_bytes / 4 * 3;
	for (uint64_t i = 0; i < count; i++) {
		spelt += bytes[i] < 0x20 ? 6 : bytes[i] == '"' || bytes[i] == '\\' ? 2 : 1;
		if (spelt > read->limit_bytes)
			return i;
	}
	return count;
}

/* Without the beginning of a character at its end. */
static uint64_t whole_characters(const unsigned char *bytes, uint64_t count)
{
	uint64_t lead = count;
	unsigned int length;

	while (lead > 0 && count - lead < READABLE_CARRY_BYTES && (bytes[lead - 1] & 0xc0) == 0x80)
		lead--;
	if (lead == 0 || bytes[lead - 1] < 0xc2)
		return count;
	lead--;
	length = bytes[lead] < 0xe0 ? 2 : bytes[lead] < 0xf0 ? 3 : 4;
	return count - lead < length ? lead : count;
}

static int encode(const struct readable_read *read, const unsigned char *bytes, uint64_t count,
		  char **ret_text)
{
	size_t size;

	if (read->encoding == ENCODING_UTF8 && !encoding_is_faithful(ENCODING_UTF8, bytes, count))
		return TAKE_E_ENCODING;
	size = encoding_encode_utf8(read->encoding, bytes, count, NULL, 0);
	*ret_text = malloc(size + 1);
	if (!*ret_text)
		return -ENOMEM;
	size = encoding_encode_utf8(read->encoding, bytes, count, *ret_text, size);
	(*ret_text)[size] = '\0';
	return TAKE_DONE;
}

/* Looks at what there is, and takes what can be told of it. */
static int take(struct readable *readable, const struct readable_read *read, char **ret_text,
		uint64_t *ret_bytes)
{
	uint64_t available = readable_available(readable);
	uint64_t count = available < read->length ? available : read->length;
	unsigned char *bytes;
	int r;

	if (count > LOOK_BYTES)
		count = LOOK_BYTES;
	bytes = malloc(count + 1);
	if (!bytes)
		return -ENOMEM;
	readable_peek(readable, bytes, count);
	count = fitting(read, bytes, count);
	if (read->encoding == ENCODING_UTF8) {
		uint64_t whole = whole_characters(bytes, count);

		/* One that is longer than what was asked for, or told badly, cannot be told. */
		if (whole == 0 && (count < available || readable->finishing)) {
			free(bytes);
			return TAKE_E_ENCODING;
		}
		count = whole;
	}
	r = count > 0 ? encode(read, bytes, count, ret_text) : TAKE_MORE;
	if (r == TAKE_DONE)
		readable_take(readable, bytes, count);
	free(bytes);
	*ret_bytes = count;
	return r;
}

static void answer_taken(struct readable *readable, struct readable_read *read, int result,
			 char *text, uint64_t bytes)
{
	struct refusal refusal;
	bool ended = readable->finishing && readable_available(readable) == 0;

	if (result == TAKE_E_ENCODING) {
		result = refuse_text(&refusal, REFUSAL_BAD_ENCODING, "encoding");
		strcpy(refusal.reason, encoding_name(read->encoding));
	}
	if (result != 0) {
		fail(read, result, &refusal);
		return;
	}
	end_read(read);
	read->done(read, 0, text, bytes, ended, NULL);
}

static void answer_end(struct readable_read *read)
{
	char *text = calloc(1, 1);

	end_read(read);
	read->done(read, text ? 0 : -ENOMEM, text, 0, true, NULL);
}

/* Serves the first of those who wait. False: there is nothing for it. */
static bool serve(struct readable *readable, struct readable_read *read)
{
	char *text = NULL;
	uint64_t bytes = 0;
	int r;

	if (readable_available(readable) == 0)
		return false;
	r = take(readable, read, &text, &bytes);
	if (r == TAKE_MORE) {
		readable_carry(readable);
		return false;
	}
	answer_taken(readable, read, r, text, bytes);
	return true;
}

bool readable_take_turn(struct readable *readable)
{
	struct list *first;

	if (readable->state == STREAM_STATE_PAUSED)
		return false;
	while ((first = list_first(&readable->reads)))
		if (!serve(readable, container_of(first, struct readable_read, link)))
			break;
	if (readable_end_write(readable))
		return true;
	if (!readable->finishing || readable_available(readable) > 0)
		return false;
	readable_finish(readable);
	return true;
}

/* ---- the end, and time ---- */

static void tell_end(struct readable *readable, struct readable_read *read)
{
	struct refusal refusal;

	if (readable->state == STREAM_STATE_FINISHED)
		answer_end(read);
	else
		fail(read, refuse_failed(&refusal, readable->id, &readable->fault), &refusal);
}

void readable_end_reads(struct readable *readable)
{
	struct list *first;

	while ((first = list_first(&readable->reads)))
		tell_end(readable, container_of(first, struct readable_read, link));
}

static void on_deadline(evutil_socket_t unused_fd, short unused_events, void *data)
{
	struct readable_read *read = data;
	struct readable *readable = read->readable;
	struct refusal refusal;

	(void)unused_fd;
	(void)unused_events;
	if (stream_state_is_terminal(readable->state))
		tell_end(readable, read);
	else
		fail(read, refuse_id(&refusal, REFUSAL_TIMED_OUT, readable->id), &refusal);
}

static int arm(struct readable *readable, struct readable_read *read, int64_t timeout_usec)
{
	bool over = stream_state_is_terminal(readable->state);
	struct timeval deadline = { timeout_usec / 1000000, timeout_usec % 1000000 };

	if (timeout_usec == 0 && !over)
		return 0;
	read->deadline =
		event_new(readable->user->registry->base, -1, EV_TIMEOUT, on_deadline, read);
	if (!read->deadline)
		return -ENOMEM;
	if (over)
		event_active(read->deadline, EV_TIMEOUT, 0);
	else if (event_add(read->deadline, &deadline) < 0)
		return -ENOMEM;
	return 0;
}

int readable_read(struct readable *readable, struct readable_read *read, int64_t timeout_usec,
		  struct refusal *refusal)
{
	int r;

	if (readable->ring.bytes > 0)
		return refuse_text(refusal, REFUSAL_PARAMETER, "id");
	if (read->length == 0)
		return refuse_text(refusal, REFUSAL_PARAMETER, "length");
	read->readable = readable;
	read->deadline = NULL;
	list_init(&read->link);
	r = arm(readable, read, timeout_usec == OPTION_UNSET ? TIMEOUT_DEFAULT_USEC : timeout_usec);
	if (r < 0) {
		end_read(read);
		return r;
	}
	list_append(&readable->reads, &read->link);
	if (!stream_state_is_terminal(readable->state))
		conduit_schedule(&readable->conduit);
	return 0;
}
