/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/forebay_memory.h"

#include <stdbool.h>

#include "proto/number_access.h"

/*
 * The types are those of proto/number.h, under other names because that header is not
 * installed. What a value becomes is its matter alone.
 */
_Static_assert((int)FOREBAY_NUMBER_UINT8CLAMPED == (int)NUMBER_UINT8CLAMPED &&
		       (int)FOREBAY_NUMBER_INT64LE == (int)NUMBER_INT64LE &&
		       (int)FOREBAY_NUMBER_FLOAT64BE == (int)NUMBER_FLOAT64BE,
	       "the two lists of types have the same order");
_Static_assert(FOREBAY_NUMBER_TEXT_BYTES == NUMBER_TEXT_BYTES, "texts have the same room");

static bool is_type(enum forebay_number type)
{
	return (unsigned int)type < NUMBER_TYPES;
}

int forebay_number_from_name(const char *name, enum forebay_number *ret_type)
{
	enum number_type type;

	if (!number_type_from_name(name, &type))
		return -EINVAL;
	*ret_type = (enum forebay_number)type;
	return 0;
}

const char *forebay_number_name(enum forebay_number type)
{
	return is_type(type) ? number_type_name((enum number_type)type) : NULL;
}

size_t forebay_number_bytes(enum forebay_number type)
{
	return is_type(type) ? number_type_bytes((enum number_type)type) : 0;
}

/* `count` numbers in a view, and where the first one stands. */
struct place {
	enum number_type type;
	unsigned char *memory;
	size_t step;
};

static int find_place(const struct forebay_view *view, enum forebay_number type, size_t offset,
		      size_t count, struct place *ret_place)
{
	size_t step = forebay_number_bytes(type);

	if (step == 0)
		return -EINVAL;
	if (forebay_view_check_array(view, offset, count, step))
		return -ERANGE;
	*ret_place = (struct place){
		.type = (enum number_type)type,
		.memory = count > 0 ? view->memory + offset : NULL,
		.step = step,
	};
	return 0;
}

static int find_place_to_set(const struct forebay_view *view, enum forebay_number type,
			     size_t offset, size_t count, struct place *ret_place)
{
	int r = find_place(view, type, offset, count, ret_place);

	return r == 0 && view->read_only ? -EROFS : r;
}

int forebay_view_get_as_double(const struct forebay_view *view, enum forebay_number type,
			       size_t offset, double *ret_values, size_t count)
{
	struct place place;
	int r = find_place(view, type, offset, count, &place);

	for (size_t i = 0; r == 0 && i < count; i++)
		ret_values[i] = number_get_double(place.type, place.memory + i * place.step);
	return r;
}

int forebay_view_set_as_double(const struct forebay_view *view, enum forebay_number type,
			       size_t offset, const double *values, size_t count)
{
	struct place place;
	int r = find_place_to_set(view, type, offset, count, &place);

	for (size_t i = 0; r == 0 && i < count; i++)
		number_set_double(place.type, place.memory + i * place.step, values[i]);
	return r;
}

int forebay_view_get_as_int64(const struct forebay_view *view, enum forebay_number type,
			      size_t offset, int64_t *ret_values, size_t count)
{
	struct place place;
	int r = find_place(view, type, offset, count, &place);

	for (size_t i = 0; r == 0 && i < count; i++)
		ret_values[i] = number_get_int64(place.type, place.memory + i * place.step);
	return r;
}

int forebay_view_set_as_int64(const struct forebay_view *view, enum forebay_number type,
			      size_t offset, const int64_t *values, size_t count)
{
	struct place place;
	int r = find_place_to_set(view, type, offset, count, &place);

	for (size_t i = 0; r == 0 && i < count; i++)
		number_set_int64(place.type, place.memory + i * place.step, values[i]);
	return r;
}

int forebay_view_get_as_uint64(const struct forebay_view *view, enum forebay_number type,
			       size_t offset, uint64_t *ret_values, size_t count)
{
	struct place place;
	int r = find_place(view, type, offset, count, &place);

	for (size_t i = 0; r == 0 && i < count; i++)
		ret_values[i] = number_get_uint64(place.type, place.memory + i * place.step);
	return r;
}

int forebay_view_set_as_uint64(const struct forebay_view *view, enum forebay_number type,
			       size_t offset, const uint64_t *values, size_t count)
{
	struct place place;
	int r = find_place_to_set(view, type, offset, count, &place);

	for (size_t i = 0; r == 0 && i < count; i++)
		number_set_uint64(place.type, place.memory + i * place.step, values[i]);
	return r;
}

int forebay_view_get_as_text(const struct forebay_view *view, enum forebay_number type,
			     size_t offset, char *text)
{
	struct place place;
	int r = find_place(view, type, offset, 1, &place);

	if (r == 0)
		number_to_text(place.type, place.memory, text);
	return r;
}

int forebay_view_set_as_text(const struct forebay_view *view, enum forebay_number type,
			     size_t offset, const char *text)
{
	struct place place;
	int r = find_place_to_set(view, type, offset, 1, &place);

	return r ? r : number_from_text(place.type, text, place.memory);
}
