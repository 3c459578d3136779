/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "daemon/core/slab.h"
#include "proto/encoding.h"
#include "tests/vectors/replay.h"

/*
 * Kind pool: where Node puts buffers. Slabs decide, with the size of Node's pool and Node's
 * guess at the length of a text; what is here only says what each way of making a buffer asks
 * for. All buffers of a sequence live to its end, and then no memory may be left.
 */

#define NODE_POOL_BYTES 8192
#define BUFFERS_MAX 64

struct piece {
	struct slab slab; /* first, so that what slabs know is a piece */
	int number;	  /* in the order of their making, which is that of their appearance */
	uint64_t bytes;
};

struct view {
	struct piece *piece;
	uint64_t offset;
	uint64_t length;
};

/* What a buffer is made of. */
struct wish {
	bool pooled;
	uint64_t guess_bytes; /* by which its place is chosen */
	uint64_t own_bytes;   /* of its memory, if that is its own */
	uint64_t length;
};

struct run {
	struct slabs slabs;
	int pieces_made;
	int pieces_freed;
	struct view views[BUFFERS_MAX]; /* by the number of their operation */
	int operations;
};

static uint64_t number_of(const cJSON *op, const char *name, uint64_t otherwise)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(op, name);

	return cJSON_IsNumber(item) ? (uint64_t)item->valuedouble : otherwise;
}

static const char *text_of(const cJSON *op, const char *name)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(op, name));

	return text ? text : "";
}

static bool is_one_of(const char *name, const char *const *names)
{
	while (*names && strcmp(*names, name) != 0)
		names++;
	return *names;
}

/* Node's guess: what is long in units is never pooled, however short its bytes are. */
static uint64_t guess_text(uint64_t units, uint64_t most_bytes, uint64_t half)
{
	if (units >= half)
		return units;
	return 4 * units < half ? 4 * units : most_bytes;
}

static bool wish_text(const struct run *run, const cJSON *op, struct wish *ret_wish)
{
	const char *character = text_of(op, "ch");
	uint64_t count = number_of(op, "chars", 0);
	size_t bytes = strlen(character);
	char *utf8 = malloc(bytes * count + 1);
	struct encoding_text text = { .utf8 = utf8, .length = bytes * count };
	enum encoding encoding;
	uint64_t units;

	if (!utf8 || !encoding_from_name(text_of(op, "enc"), &encoding)) {
		free(utf8);
		return false;
	}
	for (uint64_t i = 0; i < count; i++)
		memcpy(utf8 + i * bytes, character, bytes);
	units = encoding_decode(ENCODING_UTF16LE, text, NULL, 0) / 2;
	ret_wish->own_bytes = encoding_guess_bytes(encoding, text);
	ret_wish->length = encoding_decode(encoding, text, NULL, 0);
	ret_wish->guess_bytes = guess_text(units, ret_wish->own_bytes, run->slabs.slab_bytes / 2);
	ret_wish->pooled = true;
	free(utf8);
	return true;
}

static struct wish wish_bytes(uint64_t bytes, bool pooled)
{
	return (struct wish){
		.pooled = pooled,
		.guess_bytes = bytes,
		.own_bytes = bytes,
		.length = bytes,
	};
}

/* Of the earlier operation that this one names. */
static const struct view *view_of(const struct run *run, const cJSON *index)
{
	if (!cJSON_IsNumber(index) || index->valueint < 0 || index->valueint >= run->operations)
		return NULL;
	return &run->views[index->valueint];
}

static bool wish_concat(const struct run *run, const cJSON *op, struct wish *ret_wish)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(op, "of");
	const cJSON *index;
	uint64_t bytes = 0;

	cJSON_ArrayForEach(index, list) {
		const struct view *view = view_of(run, index);

		if (!view)
			return false;
		bytes += view->length;
	}
	/* Of nothing comes nothing, whatever the total. */
	if (cJSON_GetArraySize(list) > 0)
		bytes = number_of(op, "total", bytes);
	*ret_wish = wish_bytes(bytes, true);
	return true;
}

/* False: not a way of making a buffer with memory of its own. */
static bool wish_read(const struct run *run, const cJSON *op, struct wish *ret_wish)
{
	static const char *const pooled[] = { "allocUnsafe", "fromArray", "copyBytesFrom", NULL };
	static const char *const own[] = { "alloc", "allocFill", "allocUnsafeSlow", "of", NULL };
	const char *name = text_of(op, "op");
	uint64_t size = number_of(op, "size", 0);

	if (strcmp(name, "fromString") == 0)
		return wish_text(run, op, ret_wish);
	if (strcmp(name, "concat") == 0)
		return wish_concat(run, op, ret_wish);
	if (strcmp(name, "fromBuffer") == 0) {
		const struct view *view = view_of(run, cJSON_GetObjectItemCaseSensitive(op, "of"));

		*ret_wish = wish_bytes(view ? view->length : 0, true);
		return view;
	}
	/* Its elements are of two bytes. */
	if (strcmp(name, "copyBytesFrom") == 0)
		size *= 2;
	*ret_wish = wish_bytes(size, is_one_of(name, pooled));
	return ret_wish->pooled || is_one_of(name, own);
}

static struct piece *piece_new(struct run *run, uint64_t bytes)
{
	struct piece *piece = calloc(1, sizeof(*piece));

	if (!piece)
		abort();
	piece->number = run->pieces_made++;
	piece->bytes = bytes;
	return piece;
}

static struct view view_make(struct run *run, const struct wish *wish)
{
	enum slab_place place =
		wish->pooled ? slabs_choose(&run->slabs, wish->guess_bytes) : SLAB_PLACE_OWN;
	struct view view = { .length = wish->length };

	if (place == SLAB_PLACE_OWN) {
		view.piece = piece_new(run, wish->own_bytes);
		return view;
	}
	if (place == SLAB_PLACE_NEW)
		slabs_begin(&run->slabs, &piece_new(run, run->slabs.slab_bytes)->slab);
	view.piece = (struct piece *)run->slabs.current;
	view.offset = slabs_take(&run->slabs, wish->length);
	return view;
}

/* Of subarray(): negative ones count from the end, what lies outside is cut. */
static uint64_t position_of(const cJSON *op, const char *name, uint64_t otherwise, uint64_t length)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(op, name);
	double position = cJSON_IsNumber(item) ? item->valuedouble : (double)otherwise;

	if (position < 0)
		position += (double)length;
	if (position < 0)
		return 0;
	return position < (double)length ? (uint64_t)position : length;
}

/* A buffer over memory that is there, or over an ArrayBuffer made for it. */
static bool view_share(struct run *run, const cJSON *op, struct view *ret_view)
{
	const struct view *of = view_of(run, cJSON_GetObjectItemCaseSensitive(op, "of"));
	const char *name = text_of(op, "op");
	uint64_t start, end;

	if (strcmp(name, "fromArrayBuffer") == 0) {
		start = number_of(op, "offset", 0);
		ret_view->piece = piece_new(run, number_of(op, "size", 0));
		ret_view->offset = start;
		ret_view->length = number_of(op, "length", ret_view->piece->bytes - start);
		return true;
	}
	if (!of || !of->piece)
		return false;
	*ret_view = *of;
	if (strcmp(name, "fromArrayBufferOf") == 0) {
		ret_view->offset = 0;
		ret_view->length = of->piece->bytes;
		return true;
	}
	start = position_of(op, "start", 0, of->length);
	end = position_of(op, "end", of->length, of->length);
	ret_view->offset += start;
	ret_view->length = end > start ? end - start : 0;
	return strcmp(name, "subarray") == 0;
}

static bool is_as_node(const struct view *view, const cJSON *got)
{
	return number_of(got, "len", UINT64_MAX) == view->length &&
	       number_of(got, "backing", UINT64_MAX) == (uint64_t)view->piece->number &&
	       number_of(got, "backingLen", UINT64_MAX) == view->piece->bytes &&
	       number_of(got, "off", UINT64_MAX) == view->offset;
}

static bool op_run(struct run *run, const cJSON *sequence, const cJSON *op, const cJSON *got)
{
	struct view *view = &run->views[run->operations];
	struct wish wish;

	if (strcmp(text_of(op, "op"), "setPoolSize") == 0) {
		run->slabs.slab_bytes = number_of(op, "size", 0);
		run->operations++;
		return true;
	}
	if (wish_read(run, op, &wish)) {
		*view = view_make(run, &wish);
	} else if (!view_share(run, op, view)) {
		replay_complain(sequence, "operation %d cannot be read", run->operations);
		return false;
	}
	slab_hold(&view->piece->slab);
	run->operations++;
	if (is_as_node(view, got))
		return true;
	replay_complain(sequence, "%s %d: backing %d of %llu, offset %llu, length %llu",
			text_of(sequence, "kind"), run->operations - 1, view->piece->number,
			(unsigned long long)view->piece->bytes, (unsigned long long)view->offset,
			(unsigned long long)view->length);
	return false;
}

/* In the order of their making, so that slabs empty one by one. */
static void run_release(struct run *run)
{
	for (int i = 0; i < run->operations; i++) {
		struct piece *piece = run->views[i].piece;

		if (piece && slabs_release(&run->slabs, &piece->slab)) {
			free(piece);
			run->pieces_freed++;
		}
	}
}

static struct replay_verdict sequence_run(const cJSON *sequence)
{
	const cJSON *got = cJSON_GetObjectItemCaseSensitive(sequence, "got");
	struct run run = { .slabs.slab_bytes = NODE_POOL_BYTES };
	const cJSON *ops = cJSON_GetObjectItemCaseSensitive(sequence, "ops");
	int count = cJSON_GetArraySize(ops);
	bool passed = count > 0 && count <= BUFFERS_MAX && count == cJSON_GetArraySize(got);
	const cJSON *op = passed ? ops->child : NULL;

	if (!passed)
		replay_complain(sequence, "%d operations", count);
	got = passed ? got->child : NULL;
	for (; passed && op; op = op->next, got = got->next)
		passed = op_run(&run, sequence, op, got);
	run_release(&run);
	if (passed && (run.pieces_freed != run.pieces_made || run.slabs.current)) {
		replay_complain(sequence, "of %d pieces %d came back", run.pieces_made,
				run.pieces_freed);
		passed = false;
	}
	return replay_verdict(passed);
}

const struct replay_kind replay_pool = { "pool", "sequences", sequence_run };
