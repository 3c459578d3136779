/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_PROTO_NUMBER_ACCESS_H
#define FOREBAY_PROTO_NUMBER_ACCESS_H

/*
 * Numbers in memory without text: number.h says what is stored. Inline, so that with a type
 * that the compiler knows each getter and setter is one load or store, and a swap where the
 * byte order asks for it. What stands first is theirs; the six that others call come last:
 *
 *	number_get_double()	number_get_int64()	number_get_uint64()
 *	number_set_double()	number_set_int64()	number_set_uint64()
 */

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "proto/number.h"

/* For doubles beyond int64: see number_wrap(). */
int64_t number_wrap_large(double value);

static inline uint16_t number_load_16(const void *bytes, bool is_big)
{
	uint16_t raw;

	memcpy(&raw, bytes, sizeof(raw));
	return is_big ? be16toh(raw) : le16toh(raw);
}

static inline uint32_t number_load_32(const void *bytes, bool is_big)
{
	uint32_t raw;

	memcpy(&raw, bytes, sizeof(raw));
	return is_big ? be32toh(raw) : le32toh(raw);
}

static inline uint64_t number_load_64(const void *bytes, bool is_big)
{
	uint64_t raw;

	memcpy(&raw, bytes, sizeof(raw));
	return is_big ? be64toh(raw) : le64toh(raw);
}

static inline void number_store_16(void *bytes, bool is_big, uint16_t value)
{
	uint16_t raw = is_big ? htobe16(value) : htole16(value);

	memcpy(bytes, &raw, sizeof(raw));
}

static inline void number_store_32(void *bytes, bool is_big, uint32_t value)
{
	uint32_t raw = is_big ? htobe32(value) : htole32(value);

	memcpy(bytes, &raw, sizeof(raw));
}

static inline void number_store_64(void *bytes, bool is_big, uint64_t value)
{
	uint64_t raw = is_big ? htobe64(value) : htole64(value);

	memcpy(bytes, &raw, sizeof(raw));
}

static inline bool number_type_is_float(enum number_type type)
{
	return type >= NUMBER_FLOAT32LE;
}

/* Holds what no double does: every digit counts. */
static inline bool number_type_is_64bit(enum number_type type)
{
	return type >= NUMBER_INT64LE && type <= NUMBER_UINT64BE;
}

/* The integer modulo 2^64 that a double is cut to. */
static inline int64_t number_wrap(double value)
{
	if (__builtin_fabs(value) < 0x1p63)
		return (int64_t)value;
	return number_wrap_large(value);
}

/* NaN fails the first comparison. The difference is exact. */
static inline uint8_t number_clamp(double value)
{
	uint8_t whole;
	double rest;

	if (!(value > 0))
		return 0;
	if (value >= UINT8_MAX)
		return UINT8_MAX;
	whole = (uint8_t)value;
	rest = value - whole;
	return rest > 0.5 || (rest == 0.5 && whole % 2 == 1) ? (uint8_t)(whole + 1) : whole;
}

static inline double number_load_float(enum number_type type, const void *bytes)
{
	uint32_t raw_32;
	uint64_t raw;
	double value;
	float single;

	if (type == NUMBER_FLOAT32LE || type == NUMBER_FLOAT32BE) {
		raw_32 = number_load_32(bytes, type == NUMBER_FLOAT32BE);
		memcpy(&single, &raw_32, sizeof(single));
		return (double)single;
	}
	raw = number_load_64(bytes, type == NUMBER_FLOAT64BE);
	memcpy(&value, &raw, sizeof(value));
	return value;
}

/* The NaN is chosen among doubles, which a compiler does for several at once. */
static inline void number_store_float(enum number_type type, void *bytes, double value)
{
	double canonical = value == value ? value : __builtin_nan("");
	float single;
	uint32_t raw_32;
	uint64_t raw;

	if (type == NUMBER_FLOAT32LE || type == NUMBER_FLOAT32BE) {
		single = (float)canonical;
		memcpy(&raw_32, &single, sizeof(raw_32));
		number_store_32(bytes, type == NUMBER_FLOAT32BE, raw_32);
		return;
	}
	memcpy(&raw, &canonical, sizeof(raw));
	number_store_64(bytes, type == NUMBER_FLOAT64BE, raw);
}

/*
 * The value modulo 2^64: that of a uint64 may have to be read as unsigned, which is what
 * number_get_uint64() does. A float is cut to an integer.
 */
static inline int64_t number_get_int64(enum number_type type, const void *bytes)
{
	switch (type) {
	case NUMBER_INT8:
		return *(const int8_t *)bytes;
	case NUMBER_UINT8:
	case NUMBER_UINT8CLAMPED:
		return *(const uint8_t *)bytes;
	case NUMBER_INT16LE:
	case NUMBER_INT16BE:
		return (int16_t)number_load_16(bytes, type == NUMBER_INT16BE);
	case NUMBER_UINT16LE:
	case NUMBER_UINT16BE:
		return number_load_16(bytes, type == NUMBER_UINT16BE);
	case NUMBER_INT32LE:
	case NUMBER_INT32BE:
		return (int32_t)number_load_32(bytes, type == NUMBER_INT32BE);
	case NUMBER_UINT32LE:
	case NUMBER_UINT32BE:
		return number_load_32(bytes, type == NUMBER_UINT32BE);
	case NUMBER_INT64LE:
	case NUMBER_UINT64LE:
		return (int64_t)number_load_64(bytes, false);
	case NUMBER_INT64BE:
	case NUMBER_UINT64BE:
		return (int64_t)number_load_64(bytes, true);
	default:
		return number_wrap(number_load_float(type, bytes));
	}
}

static inline uint64_t number_get_uint64(enum number_type type, const void *bytes)
{
	return (uint64_t)number_get_int64(type, bytes);
}

/* Exact but for 64-bit integers beyond 2^53, which become the nearest double. */
static inline double number_get_double(enum number_type type, const void *bytes)
{
	if (number_type_is_float(type))
		return number_load_float(type, bytes);
	if (type == NUMBER_UINT64LE || type == NUMBER_UINT64BE)
		return (double)number_get_uint64(type, bytes);
	return (double)number_get_int64(type, bytes);
}

/* The low bits of the value into a type that is neither clamped nor a float. */
static inline void number_store_bits(enum number_type type, void *bytes, uint64_t value)
{
	switch (type) {
	case NUMBER_INT16LE:
	case NUMBER_UINT16LE:
		number_store_16(bytes, false, (uint16_t)value);
		break;
	case NUMBER_INT16BE:
	case NUMBER_UINT16BE:
		number_store_16(bytes, true, (uint16_t)value);
		break;
	case NUMBER_INT32LE:
	case NUMBER_UINT32LE:
		number_store_32(bytes, false, (uint32_t)value);
		break;
	case NUMBER_INT32BE:
	case NUMBER_UINT32BE:
		number_store_32(bytes, true, (uint32_t)value);
		break;
	case NUMBER_INT64LE:
	case NUMBER_UINT64LE:
		number_store_64(bytes, false, value);
		break;
	case NUMBER_INT64BE:
	case NUMBER_UINT64BE:
		number_store_64(bytes, true, value);
		break;
	default:
		*(uint8_t *)bytes = (uint8_t)value;
	}
}

static inline void number_set_double(enum number_type type, void *bytes, double value)
{
	if (number_type_is_float(type))
		number_store_float(type, bytes, value);
	else if (type == NUMBER_UINT8CLAMPED)
		*(uint8_t *)bytes = number_clamp(value);
	else
		number_store_bits(type, bytes, (uint64_t)number_wrap(value));
}

/* Into a float by way of the nearest double, as Node would. */
static inline void number_set_int64(enum number_type type, void *bytes, int64_t value)
{
	if (number_type_is_float(type) || type == NUMBER_UINT8CLAMPED)
		number_set_double(type, bytes, (double)value);
	else
		number_store_bits(type, bytes, (uint64_t)value);
}

static inline void number_set_uint64(enum number_type type, void *bytes, uint64_t value)
{
	if (number_type_is_float(type) || type == NUMBER_UINT8CLAMPED)
		number_set_double(type, bytes, (double)value);
	else
		number_store_bits(type, bytes, value);
}

#endif
