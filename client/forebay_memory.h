/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_FOREBAY_MEMORY_H
#define FOREBAY_FOREBAY_MEMORY_H

/*
 * libforebay, the memory: numbers, texts and bytes in mapped buffers, and small buffers out of
 * one large one, all without a call to the daemon. For use with forebay.h, whose words on results
 * and threads hold here too. The answers are those of Node.js (DataView, TypedArray, Buffer).
 *
 *	struct forebay_lease *lease;
 *	struct forebay_view record, name;
 *	uint32_t number;
 *
 *	r = forebay_lease_open(connection, pool, 1 << 20, &lease);
 *	r = forebay_lease_alloc(lease, 40, &record);
 *	r = forebay_view_set_uint32le(&record, 0, 7);
 *	r = forebay_view_set_float64be(&record, 8, 0.5);
 *	name = forebay_view_slice(&record, -24, FOREBAY_VIEW_END);
 *	r = forebay_view_set_text(&name, FOREBAY_ENCODING_UTF8, text, text_bytes, &count);
 *	...
 *	r = forebay_view_get_uint32le(&record, 0, &number);
 *	r = forebay_lease_free(lease, &record);
 *	r = forebay_lease_close(connection, lease);
 *
 * Positions, lengths and counts are in bytes unless they say otherwise. Alignment is never
 * asked for. Nothing outside of a view is read or written, and a call that gives an error has
 * written nothing.
 *
 * Other processes may write to the same memory meanwhile. Each number is read once; of longer
 * ranges the answer is that of some mixture of old and new bytes, and every call ends. What is
 * to be saved as one whole state is changed between forebay_buffer_begin_update() and
 * forebay_buffer_end_update(), and forebay_view_touch() says where.
 */

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

struct forebay_buffer;
struct forebay_connection;
struct forebay_decoder;
struct forebay_lease;
struct forebay_pool;

/*
 * Views
 */

/*
 * A range of memory: a value, copied and forgotten at will, which owns nothing. It is good for
 * as long as the memory is mapped and the buffer's handle, or the lease, is held.
 *
 * Whoever takes a range of a buffer takes a view without a copy: the buffer's id is
 * forebay_buffer_id(view.buffer), and offset and bytes are the range, in the options of a job as
 * in a call of io.forebay.stream.Write. Such a range is the caller's again when it is done.
 */
struct forebay_view {
	unsigned char *memory;	       /* its first byte; any, also NULL, if there are no bytes */
	size_t bytes;		       /* from there */
	struct forebay_buffer *buffer; /* that it is a part of; NULL: memory of the caller's own */
	uint64_t offset;	       /* of its first byte in that buffer */
	uint32_t piece;		       /* the lease's own mark; 0: not out of a lease */
	int read_only;		       /* not 0: all that would change it is -EROFS */
};

/* An end of a slice that is left out. */
#define FOREBAY_VIEW_END INT64_MAX

/* All of a buffer. A pool that is mapped for reading gives views for reading. */
struct forebay_view forebay_view_of_buffer(struct forebay_buffer *buffer);

/* Memory of the caller's own, so that it can be worked on in the same way; to be read only. */
struct forebay_view forebay_view_of_memory(void *memory, size_t bytes);
struct forebay_view forebay_view_of_constant(const void *memory, size_t bytes);

/*
 * The part from start to before end, of the same memory. Negative positions count from the end,
 * positions outside become the nearer end, and an end before the start is an empty part at the
 * start. Left out, a start is 0 and an end FOREBAY_VIEW_END. Nothing can fail.
 */
struct forebay_view forebay_view_slice(const struct forebay_view *view, int64_t start, int64_t end);

/*
 * The bytes of the view are about to change: forebay_buffer_touch(), with its results.
 * Memory of the caller's own: -EINVAL.
 */
int forebay_view_touch(const struct forebay_view *view);

/*
 * Numbers, each in its type
 *
 *	forebay_view_get_int32le(view, offset, &value)
 *	forebay_view_set_int32le(view, offset, value)
 *	forebay_view_get_int32le_array(view, offset, values, count)
 *	forebay_view_set_int32le_array(view, offset, values, count)
 *
 * and so for int8, uint8, and, with le or be behind, int16, uint16, int32, uint32, int64, uint64,
 * float32 and float64. The values are C's: int8_t to uint64_t, float, double; an array is one of
 * them, count is that of its elements, and it does not overlap the view. What is got is as it was
 * set, bit by bit, but that every NaN is set as 7fc00000 or 7ff8000000000000.
 *
 * Inline: a comparison with the view's length, and one load or store; a loop over a view that is
 * a variable of the same function is the fastest, and where a compiler makes vector instructions
 * of loops (-O3), an array at once. -ERANGE: not all of it is within the view. -EROFS: set, and
 * the view is for reading only.
 */

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define FOREBAY_IS_LITTLE_ENDIAN 1
#else
#define FOREBAY_IS_LITTLE_ENDIAN 0
#endif

/*
 * What is between here and the table of types is the header's own. The comparison is with one
 * value that does not depend on the offset, so that a compiler takes it out of a loop.
 */
static inline size_t forebay_view_get_limit(const struct forebay_view *view, size_t bytes)
{
	return (view->bytes - bytes + 1) & ((size_t)0 - (view->bytes >= bytes));
}

static inline size_t forebay_view_set_limit(const struct forebay_view *view, size_t bytes)
{
	return forebay_view_get_limit(view, bytes) & ((size_t)0 - (view->read_only == 0));
}

static inline int forebay_view_check_array(const struct forebay_view *view, size_t offset,
					   size_t count, size_t element_bytes)
{
	return offset <= view->bytes && count <= (view->bytes - offset) / element_bytes ? 0 :
											  -ERANGE;
}

/* Why a number cannot be set, where it cannot. */
static inline int forebay_view_set_error(const struct forebay_view *view, size_t offset,
					 size_t bytes)
{
	return offset < forebay_view_get_limit(view, bytes) ? -EROFS : -ERANGE;
}

#define FOREBAY_KEEP(raw) (raw)

/* Any NaN as the one that is set: of a value as of its bits, whichever a loop has at hand. */
#define FOREBAY_NAN32(value) ((value) == (value) ? (value) : __builtin_nanf(""))
#define FOREBAY_NAN64(value) ((value) == (value) ? (value) : __builtin_nan(""))
#define FOREBAY_NAN_BITS32(raw) ((raw) << 1 > UINT32_C(0xff000000) ? UINT32_C(0x7fc00000) : (raw))
#define FOREBAY_NAN_BITS64(raw)                                                                    \
	((raw) << 1 > UINT64_C(0xffe0000000000000) ? UINT64_C(0x7ff8000000000000) : (raw))

/*
 * swapped is 1 where the byte order is not that of the machine. Between memory and variable goes
 * memcpy(), whatever the alignment; compilers make one instruction of it.
 */
#define FOREBAY_VIEW_TYPE(name, type, raw_type, swapped, swap, one_nan, bits_nan)                  \
	static inline type forebay_load_##name(const unsigned char *memory)                        \
	{                                                                                          \
		raw_type raw;                                                                      \
		type value;                                                                        \
                                                                                                   \
		memcpy(&raw, memory, sizeof(raw));                                                 \
		raw = (swapped) ? (raw_type)swap(raw) : raw;                                       \
		memcpy(&value, &raw, sizeof(value));                                               \
		return value;                                                                      \
	}                                                                                          \
                                                                                                   \
	static inline void forebay_store_##name(unsigned char *memory, type value)                 \
	{                                                                                          \
		raw_type raw;                                                                      \
                                                                                                   \
		value = one_nan(value);                                                            \
		memcpy(&raw, &value, sizeof(raw));                                                 \
		raw = (swapped) ? (raw_type)swap(raw) : raw;                                       \
		memcpy(memory, &raw, sizeof(raw));                                                 \
	}                                                                                          \
                                                                                                   \
	static inline int forebay_view_get_##name(const struct forebay_view *view, size_t offset,  \
						  type *ret_value)                                 \
	{                                                                                          \
		if (offset >= forebay_view_get_limit(view, sizeof(type)))                          \
			return -ERANGE;                                                            \
		*ret_value = forebay_load_##name(view->memory + offset);                           \
		return 0;                                                                          \
	}                                                                                          \
                                                                                                   \
	static inline int forebay_view_set_##name(const struct forebay_view *view, size_t offset,  \
						  type value)                                      \
	{                                                                                          \
		if (offset >= forebay_view_set_limit(view, sizeof(type)))                          \
			return forebay_view_set_error(view, offset, sizeof(type));                 \
		forebay_store_##name(view->memory + offset, value);                                \
		return 0;                                                                          \
	}                                                                                          \
                                                                                                   \
	static inline int forebay_view_get_##name##_array(                                         \
		const struct forebay_view *view, size_t offset, type *ret_values, size_t count)    \
	{                                                                                          \
		const unsigned char *memory = view->memory;                                        \
		size_t i;                                                                          \
                                                                                                   \
		if (forebay_view_check_array(view, offset, count, sizeof(type)))                   \
			return -ERANGE;                                                            \
		for (i = 0; i < count; i++)                                                        \
			ret_values[i] = forebay_load_##name(memory + offset + i * sizeof(type));   \
		return 0;                                                                          \
	}                                                                                          \
                                                                                                   \
	static inline int forebay_view_set_##name##_array(                                         \
		const struct forebay_view *view, size_t offset, const type *values, size_t count)  \
	{                                                                                          \
		unsigned char *memory = view->memory;                                              \
		raw_type raw;                                                                      \
		size_t i;                                                                          \
                                                                                                   \
		if (forebay_view_check_array(view, offset, count, sizeof(type)))                   \
			return -ERANGE;                                                            \
		if (view->read_only)                                                               \
			return -EROFS;                                                             \
		for (i = 0; i < count; i++) {                                                      \
			memcpy(&raw, values + i, sizeof(raw));                                     \
			raw = bits_nan(raw);                                                       \
			raw = (swapped) ? (raw_type)swap(raw) : raw;                               \
			memcpy(memory + offset + i * sizeof(type), &raw, sizeof(raw));             \
		}                                                                                  \
		return 0;                                                                          \
	}

#define FOREBAY_VIEW_BOTH_ORDERS(name, type, raw_type, swap, one_nan, bits_nan)                    \
	FOREBAY_VIEW_TYPE(name##le, type, raw_type, !FOREBAY_IS_LITTLE_ENDIAN, swap, one_nan,      \
			  bits_nan)                                                                \
	FOREBAY_VIEW_TYPE(name##be, type, raw_type, FOREBAY_IS_LITTLE_ENDIAN, swap, one_nan,       \
			  bits_nan)

#define FOREBAY_VIEW_INTEGER(name, type, raw_type, swap)                                           \
	FOREBAY_VIEW_BOTH_ORDERS(name, type, raw_type, swap, FOREBAY_KEEP, FOREBAY_KEEP)

FOREBAY_VIEW_TYPE(int8, int8_t, uint8_t, 0, FOREBAY_KEEP, FOREBAY_KEEP, FOREBAY_KEEP)
FOREBAY_VIEW_TYPE(uint8, uint8_t, uint8_t, 0, FOREBAY_KEEP, FOREBAY_KEEP, FOREBAY_KEEP)
FOREBAY_VIEW_INTEGER(int16, int16_t, uint16_t, __builtin_bswap16)
FOREBAY_VIEW_INTEGER(uint16, uint16_t, uint16_t, __builtin_bswap16)
FOREBAY_VIEW_INTEGER(int32, int32_t, uint32_t, __builtin_bswap32)
FOREBAY_VIEW_INTEGER(uint32, uint32_t, uint32_t, __builtin_bswap32)
FOREBAY_VIEW_INTEGER(int64, int64_t, uint64_t, __builtin_bswap64)
FOREBAY_VIEW_INTEGER(uint64, uint64_t, uint64_t, __builtin_bswap64)
FOREBAY_VIEW_BOTH_ORDERS(float32, float, uint32_t, __builtin_bswap32, FOREBAY_NAN32,
			 FOREBAY_NAN_BITS32)
FOREBAY_VIEW_BOTH_ORDERS(float64, double, uint64_t, __builtin_bswap64, FOREBAY_NAN64,
			 FOREBAY_NAN_BITS64)

/*
 * Numbers, converted
 */

/* In the order of the interface io.forebay.buffer, type Number. */
enum forebay_number {
	FOREBAY_NUMBER_INT8 = 0,
	FOREBAY_NUMBER_UINT8 = 1,
	FOREBAY_NUMBER_UINT8CLAMPED = 2,
	FOREBAY_NUMBER_INT16LE = 3,
	FOREBAY_NUMBER_INT16BE = 4,
	FOREBAY_NUMBER_UINT16LE = 5,
	FOREBAY_NUMBER_UINT16BE = 6,
	FOREBAY_NUMBER_INT32LE = 7,
	FOREBAY_NUMBER_INT32BE = 8,
	FOREBAY_NUMBER_UINT32LE = 9,
	FOREBAY_NUMBER_UINT32BE = 10,
	FOREBAY_NUMBER_INT64LE = 11,
	FOREBAY_NUMBER_INT64BE = 12,
	FOREBAY_NUMBER_UINT64LE = 13,
	FOREBAY_NUMBER_UINT64BE = 14,
	FOREBAY_NUMBER_FLOAT32LE = 15,
	FOREBAY_NUMBER_FLOAT32BE = 16,
	FOREBAY_NUMBER_FLOAT64LE = 17,
	FOREBAY_NUMBER_FLOAT64BE = 18
};

/* The longest text of a number, its NUL counted. */
#define FOREBAY_NUMBER_TEXT_BYTES 40

/* As the interface spells it, "float64le"; another name: -EINVAL. */
int forebay_number_from_name(const char *name, enum forebay_number *ret_type);

/* Its name; its size, 1 to 8. A type that there is not: NULL, 0. */
const char *forebay_number_name(enum forebay_number type);
size_t forebay_number_bytes(enum forebay_number type);

/*
 * `count` numbers of a type, one behind the other, as doubles or integers of 64 bits and back.
 * The values do not overlap the view. What a value becomes when it is set:
 *
 *	int8 .. uint64	cut toward zero, then taken modulo 2^bits; NaN and infinities are 0
 *	uint8clamped	0 to 255, the nearest, ties to even; NaN is 0
 *	float32		rounded to the nearest, ties to even; infinity beyond the largest
 *	float64		from an integer: the nearest
 *
 * and what is got: as a double the nearest, which is exact but for 64-bit integers beyond 2^53;
 * as an integer modulo 2^64, a float cut to one. No such type: -EINVAL; not within the view:
 * -ERANGE; set, and the view is for reading only: -EROFS.
 */
int forebay_view_get_as_double(const struct forebay_view *view, enum forebay_number type,
			       size_t offset, double *ret_values, size_t count);
int forebay_view_set_as_double(const struct forebay_view *view, enum forebay_number type,
			       size_t offset, const double *values, size_t count);
int forebay_view_get_as_int64(const struct forebay_view *view, enum forebay_number type,
			      size_t offset, int64_t *ret_values, size_t count);
int forebay_view_set_as_int64(const struct forebay_view *view, enum forebay_number type,
			      size_t offset, const int64_t *values, size_t count);
int forebay_view_get_as_uint64(const struct forebay_view *view, enum forebay_number type,
			       size_t offset, uint64_t *ret_values, size_t count);
int forebay_view_set_as_uint64(const struct forebay_view *view, enum forebay_number type,
			       size_t offset, const uint64_t *values, size_t count);

/*
 * One number as text, which loses nothing: `text` has room for FOREBAY_NUMBER_TEXT_BYTES. Integers
 * are printed in full, floats as the shortest decimal that reads as the same one, and "NaN",
 * "Infinity", "-Infinity", "-0". The same is read, and any decimal with or without fraction and
 * exponent; into the 64-bit types only integers, of which every digit counts. Text that is no
 * such number: -EINVAL.
 */
int forebay_view_get_as_text(const struct forebay_view *view, enum forebay_number type,
			     size_t offset, char *text);
int forebay_view_set_as_text(const struct forebay_view *view, enum forebay_number type,
			     size_t offset, const char *text);

/*
 * Bytes
 */

/*
 * The pattern again and again, cut at the end. The two do not overlap. A pattern of no bytes for
 * a view that has some: -EINVAL.
 */
int forebay_view_fill(const struct forebay_view *view, const void *pattern, size_t pattern_bytes);

/*
 * As many bytes as both have, from the start of each; they may overlap, and the target then
 * holds what the source held. ret_bytes may be NULL.
 */
int forebay_view_copy(const struct forebay_view *target, const struct forebay_view *source,
		      size_t *ret_bytes);

/* -1, 0, 1, and no error: by the first byte that differs; else the shorter one comes first. */
int forebay_view_compare(const struct forebay_view *a, const struct forebay_view *b);

/* What to find. */
struct forebay_search {
	const void *needle;
	size_t needle_bytes;
	int64_t offset; /* from where on; negative: from the end. With `last`: up to where */
	int last;	/* not 0: the last one that starts at or before offset */
	int utf16;	/* not 0: text in UTF-16, found at even places only */
};

/*
 * The first place of the needle at or after the offset, or the last: 1, and ret_offset tells.
 * There is none: 0. An offset before the start takes all in a first search and nothing in a last
 * one, beyond the end it is the other way round. An empty needle is found at the offset, or at
 * the nearer end. The time is linear in both lengths, whatever the bytes are.
 */
int forebay_view_find(const struct forebay_view *view, const struct forebay_search *search,
		      size_t *ret_offset);

/* Reverses the bytes of each element of 2, 4 or 8; another width, or no whole elements: -EINVAL. */
int forebay_view_swap(const struct forebay_view *view, size_t width_bytes);

/*
 * Text
 */

/* In the order of the interface io.forebay.buffer, type Encoding. */
enum forebay_encoding {
	FOREBAY_ENCODING_UTF8 = 0,
	FOREBAY_ENCODING_UTF16LE = 1,
	FOREBAY_ENCODING_LATIN1 = 2,
	FOREBAY_ENCODING_ASCII = 3,
	FOREBAY_ENCODING_HEX = 4,
	FOREBAY_ENCODING_BASE64 = 5,
	FOREBAY_ENCODING_BASE64URL = 6
};

/* In any case, with Node's other names ("utf-8", "binary", "ucs2"); another name: -EINVAL. */
int forebay_encoding_from_name(const char *name, enum forebay_encoding *ret_encoding);

/* As the interface spells it. One that there is not: NULL. */
const char *forebay_encoding_name(enum forebay_encoding encoding);

/*
 * Text is UTF-8 here, without a NUL at its end, or, in the functions called `units`, UTF-16
 * units in the machine's order, where halves of pairs may stand alone. No such encoding: -EINVAL,
 * from all of them.
 *
 * Setting: the text as bytes, from the view's first one on. It never fails for what the text
 * says: hex ends at the first pair that is none, base64 skips what is not of it and ends at "=",
 * the other encodings replace or cut what they do not have. What does not fit is dropped, and no
 * character of utf8 nor unit of utf16le is written in part; ret_bytes says how many bytes were
 * written, and forebay_text_bytes() how many it would take. Text that is no well-formed UTF-8:
 * -EILSEQ. The text does not overlap the view, and nobody changes it meanwhile.
 */
int forebay_view_set_text(const struct forebay_view *view, enum forebay_encoding encoding,
			  const char *text, size_t text_bytes, size_t *ret_bytes);
int forebay_view_set_units(const struct forebay_view *view, enum forebay_encoding encoding,
			   const uint16_t *units, size_t count, size_t *ret_bytes);
int forebay_text_bytes(enum forebay_encoding encoding, const char *text, size_t text_bytes,
		       size_t *ret_bytes);
int forebay_units_bytes(enum forebay_encoding encoding, const uint16_t *units, size_t count,
			size_t *ret_bytes);

/*
 * Getting: all bytes of the view as text, of which ret_bytes or ret_count tells the size; with
 * NULL for the text its exact size, and nothing is written. Malformed bytes become U+FFFD, as do
 * in UTF-8 halves of pairs. What does not fit is dropped.
 */
int forebay_view_get_text(const struct forebay_view *view, enum forebay_encoding encoding,
			  char *text, size_t capacity_bytes, size_t *ret_bytes);
int forebay_view_get_units(const struct forebay_view *view, enum forebay_encoding encoding,
			   uint16_t *units, size_t capacity_count, size_t *ret_count);

/*
 * A decoder gets text out of bytes that come in chunks cut anywhere: what is incomplete at the
 * end of one waits for the next. All text joined is the text of all bytes joined, and none ends
 * within a character. One thread at a time; it knows nothing of views, and needs no connection.
 */
int forebay_decoder_open(enum forebay_encoding encoding, struct forebay_decoder **ret_decoder);
void forebay_decoder_close(struct forebay_decoder *decoder);

/*
 * The text that the chunk completes: its size is returned. With NULL for the text the exact
 * size, and the chunk is not taken. What does not fit is lost; 3 times the chunk and 12 more is
 * always enough, in bytes as in units.
 */
size_t forebay_decoder_write(struct forebay_decoder *decoder, const void *chunk, size_t chunk_bytes,
			     char *text, size_t capacity_bytes);
size_t forebay_decoder_write_units(struct forebay_decoder *decoder, const void *chunk,
				   size_t chunk_bytes, uint16_t *units, size_t capacity_count);

/*
 * No more bytes: the text of what waited, at most 9 bytes or 4 units; a cut character is U+FFFD.
 * The decoder is then as new. NULL as above.
 */
size_t forebay_decoder_end(struct forebay_decoder *decoder, char *text, size_t capacity_bytes);
size_t forebay_decoder_end_units(struct forebay_decoder *decoder, uint16_t *units,
				 size_t capacity_count);

/*
 * Leases: one buffer of the daemon, out of which small ones are had without a call
 */

/*
 * Takes a buffer of so many bytes (8 or more) from the pool, with whatever was left there. One
 * call, with its results (-ENOSPC: the pool is full). A pool mapped for reading only: -EROFS. The
 * pool must be mapped for as long as the lease is held.
 */
int forebay_lease_open(struct forebay_connection *connection, struct forebay_pool *pool,
		       size_t bytes, struct forebay_lease **ret_lease);

/* Frees the whole buffer, and the lease. Held by a stream or job: -EBUSY, both stay. */
int forebay_lease_close(struct forebay_connection *connection, struct forebay_lease *lease);

/* Lets go of it here only, as when the daemon is gone; all of its views end. */
void forebay_lease_release(struct forebay_lease *lease);

/* Its buffer, which stays the lease's: for its id, or a job that saves all of it. */
struct forebay_buffer *forebay_lease_buffer(const struct forebay_lease *lease);

/*
 * A piece of the lease: of this size, beginning at a multiple of 8, not zeroed. No call, no
 * system call, no lock: one thread at a time for each lease. No room: -ENOSPC.
 *
 * Pieces below 4096 bytes lie behind one another in slabs of 8192, as those of Node's
 * allocUnsafe(), and take the same time however large the lease is; larger ones take whole
 * slabs. A slab is used again when the last piece in it was freed, so that one piece that lives
 * long keeps up to 8192 bytes from others: those that live long belong in a lease of their own.
 */
int forebay_lease_alloc(struct forebay_lease *lease, size_t bytes, struct forebay_view *ret_view);

/*
 * Gives a piece back; what is left of its views is of no use any more. A range that a stream or
 * a job still reads must not be given back. Not a piece of this lease, or given back before:
 * -EINVAL. A slice stands for its piece if it begins where that does.
 */
int forebay_lease_free(struct forebay_lease *lease, const struct forebay_view *view);

struct forebay_lease_numbers {
	uint64_t bytes;	     /* of the lease */
	uint64_t held_bytes; /* of the slabs with pieces in them; 0: no piece is left */
	uint64_t pieces;
};

/* numbers_size is sizeof(*ret_numbers). */
void forebay_lease_get_numbers(const struct forebay_lease *lease,
			       struct forebay_lease_numbers *ret_numbers, size_t numbers_size);

#ifdef __cplusplus
}
#endif

#endif
