/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/objects/buffer_number.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/io/io_engine.h"
#include "daemon/objects/buffer_work.h"
#include "daemon/objects/pool_memory.h"
#include "daemon/objects/refusal.h"

/* Outcome of preparing to set: one of the texts is no number. */
#define SET_E_NUMBER 2

/* One number and its text take as long as about so many bytes that are copied. */
#define NUMBER_COST_BYTES 256

/* Both ways. */
struct numbering {
	struct buffer_work work;
	enum number_type type;
	uint64_t buffer;  /* its id */
	uint64_t offset;  /* in the buffer */
	uint64_t address; /* the same, in the backing */
	uint64_t count;
	unsigned char *bytes; /* the numbers as they lie in memory */
	void *data;
	struct refusal refusal;

	/* Getting. */
	buffer_texts_fn got;
	char (*texts)[NUMBER_TEXT_BYTES];

	/* Setting. */
	buffer_value_fn set;
	char *given; /* texts, each with its NUL, one behind the other */
	uint64_t wrong;
};

static struct numbering *numbering_free(struct numbering *numbering)
{
	free(numbering->bytes);
	free(numbering->texts);
	free(numbering->given);
	free(numbering);
	return NULL;
}

static uint64_t byte_count(const struct numbering *numbering)
{
	return numbering->count * number_type_bytes(numbering->type);
}

/* `count_name` is the parameter that says how many there are. */
static int check_range(const struct buffer *buffer, const struct buffer_numbers *numbers,
		       const char *count_name, struct refusal *refusal)
{
	int64_t length = (int64_t)buffer->length;
	int64_t one = (int64_t)number_type_bytes(numbers->type), most;

	if (numbers->offset < 0 || numbers->offset > length ||
	    (numbers->count != 0 && length - numbers->offset < one))
		return refuse_range(refusal, "offset", 0, length - one);
	most = (length - numbers->offset) / one;
	if (most > numbers->count_max)
		most = numbers->count_max;
	if (numbers->count < 0 || numbers->count > most)
		return refuse_range(refusal, count_name, 0, most);
	return 0;
}

/* NULL: no memory. */
static struct numbering *numbering_new(const struct buffer *buffer,
				       const struct buffer_numbers *numbers, void *data)
{
	struct numbering *numbering = calloc(1, sizeof(*numbering));

	if (!numbering)
		return NULL;
	numbering->type = numbers->type;
	numbering->buffer = buffer->id;
	numbering->offset = (uint64_t)numbers->offset;
	numbering->address = buffer->offset + numbering->offset;
	numbering->count = (uint64_t)numbers->count;
	numbering->data = data;
	numbering->bytes = malloc(byte_count(numbering) + 1);
	return numbering->bytes ? numbering : numbering_free(numbering);
}

/* Get */

static int run_get(struct buffer_work *work)
{
	struct numbering *numbering = work->owner;
	size_t one = number_type_bytes(numbering->type);

	numbering->texts = malloc((numbering->count + 1) * sizeof(*numbering->texts));
	if (!numbering->texts)
		return -ENOMEM;
	/* The client may write meanwhile: each number is read once. */
	memcpy(numbering->bytes, backing_address(work->backing) + numbering->address,
	       byte_count(numbering));
	for (uint64_t i = 0; i < numbering->count; i++)
		number_to_text(numbering->type, numbering->bytes + i * one, numbering->texts[i]);
	return 0;
}

static void on_got(struct buffer_work *work, int result)
{
	struct numbering *numbering = work->owner;
	char(*texts)[NUMBER_TEXT_BYTES] = NULL;

	if (result == 0) {
		texts = numbering->texts;
		numbering->texts = NULL;
	}
	numbering->got(numbering->data, result, texts, numbering->count, &numbering->refusal);
	numbering_free(numbering);
}

int buffer_get_numbers(struct buffer *buffer, const struct buffer_numbers *numbers,
		       buffer_texts_fn done, void *data, struct refusal *refusal)
{
	struct numbering *numbering;
	int r = check_range(buffer, numbers, "count", refusal);

	if (r != 0)
		return r;
	numbering = numbering_new(buffer, numbers, data);
	if (!numbering)
		return -ENOMEM;
	numbering->got = done;
	numbering->work = (struct buffer_work){
		.name = "get-number",
		.bytes = numbering->count * NUMBER_COST_BYTES,
		.device = IO_DEVICE_PROCESSOR,
		.run = run_get,
		.done = on_got,
		.owner = numbering,
	};
	buffer_work_submit(buffer->backing, &numbering->work);
	return 0;
}

/* Set */

static size_t texts_size(const struct buffer_numbers *numbers)
{
	size_t size = 0;

	for (int64_t i = 0; i < numbers->count; i++)
		size += strlen(numbers->texts[i]) + 1;
	return size;
}

static int copy_texts(struct numbering *numbering, const struct buffer_numbers *numbers,
		      size_t size)
{
	char *to = malloc(size + 1);

	numbering->given = to;
	if (!to)
		return -ENOMEM;
	for (int64_t i = 0; i < numbers->count; i++)
		to = stpcpy(to, numbers->texts[i]) + 1;
	return 0;
}

static int prepare_set(struct buffer_work *work)
{
	struct numbering *numbering = work->owner;
	size_t one = number_type_bytes(numbering->type);
	const char *text = numbering->given;

	for (uint64_t i = 0; i < numbering->count; i++) {
		if (number_from_text(numbering->type, text, numbering->bytes + i * one) < 0) {
			numbering->wrong = i;
			return SET_E_NUMBER;
		}
		text += strlen(text) + 1;
	}
	return 0;
}

static int run_set(struct buffer_work *work)
{
	struct numbering *numbering = work->owner;
	const struct backing *backing = work->backing;

	pool_memory_touch(backing->pool, backing->offset + numbering->address,
			  byte_count(numbering));
	memcpy(backing_address(backing) + numbering->address, numbering->bytes,
	       byte_count(numbering));
	return 0;
}

static int refuse_number(struct refusal *refusal, uint64_t which)
{
	char name[32];

	(void)snprintf(name, sizeof(name), "texts[%llu]", (unsigned long long)which);
	return refuse_text(refusal, REFUSAL_PARAMETER, name);
}

static void on_set(struct buffer_work *work, int result)
{
	struct numbering *numbering = work->owner;
	uint64_t next = numbering->offset + byte_count(numbering);

	if (result == BUFFER_WORK_E_BUSY)
		result = refuse_id(&numbering->refusal, REFUSAL_BUFFER_BUSY, numbering->buffer);
	else if (result == SET_E_NUMBER)
		result = refuse_number(&numbering->refusal, numbering->wrong);
	numbering->set(numbering->data, result, (int64_t)next, &numbering->refusal);
	numbering_free(numbering);
}

int buffer_set_numbers(struct buffer *buffer, const struct buffer_numbers *numbers,
		       buffer_value_fn done, void *data, struct refusal *refusal)
{
	struct numbering *numbering;
	size_t size;
	int r = check_range(buffer, numbers, "texts", refusal);

	if (r != 0)
		return r;
	numbering = numbering_new(buffer, numbers, data);
	if (!numbering)
		return -ENOMEM;
	size = texts_size(numbers);
	r = copy_texts(numbering, numbers, size);
	if (r != 0) {
		numbering_free(numbering);
		return r;
	}
	numbering->set = done;
	numbering->work = (struct buffer_work){
		.name = "set-number",
		/* A text can be long all by itself. */
		.bytes = numbering->count * NUMBER_COST_BYTES + size,
		.device = IO_DEVICE_PROCESSOR,
		.writes = true,
		.prepare = prepare_set,
		.run = run_set,
		.done = on_set,
		.owner = numbering,
	};
	buffer_work_submit(buffer->backing, &numbering->work);
	return 0;
}
