/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_BASE_LIST_H
#define FOREBAY_BASE_LIST_H

/*
 * Intrusive doubly linked list. A link lives inside the element; the list is a link too, so
 * an element can leave its list without knowing which one it is on. A link that is on no
 * list points at itself: list_remove() may be called on it, and list_is_empty() on an
 * element's link says whether it is on one.
 */

#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *previous;
	struct list *next;
};

#define LIST_INIT(name)                                                                            \
	{                                                                                          \
		&(name), &(name)                                                                   \
	}

/* The element that embeds `link` as its `member`. */
#define container_of(link, type, member) ((type *)(void *)((char *)(link)-offsetof(type, member)))

static inline void list_init(struct list *list)
{
	list->previous = list;
	list->next = list;
}

static inline bool list_is_empty(const struct list *list)
{
	return list->next == list;
}

static inline void list_insert_between(struct list *link, struct list *previous, struct list *next)
{
	link->previous = previous;
	link->next = next;
	previous->next = link;
	next->previous = link;
}

static inline void list_append(struct list *list, struct list *link)
{
	list_insert_between(link, list->previous, list);
}

static inline void list_prepend(struct list *list, struct list *link)
{
	list_insert_between(link, list, list->next);
}

static inline void list_remove(struct list *link)
{
	link->previous->next = link->next;
	link->next->previous = link->previous;
	list_init(link);
}

static inline struct list *list_first(const struct list *list)
{
	return list_is_empty(list) ? NULL : list->next;
}

static inline struct list *list_last(const struct list *list)
{
	return list_is_empty(list) ? NULL : list->previous;
}

/* Takes the first link off the list; NULL if there is none. */
static inline struct list *list_take_first(struct list *list)
{
	struct list *link = list_first(list);

	if (link)
		list_remove(link);
	return link;
}

/* Moves all of `from` behind the last of `to`, in order. */
static inline void list_splice(struct list *to, struct list *from)
{
	if (list_is_empty(from))
		return;
	from->next->previous = to->previous;
	to->previous->next = from->next;
	from->previous->next = to;
	to->previous = from->previous;
	list_init(from);
}

/* The body must not take anything but the current element off the list. */
#define list_for_each(link, head)                                                                  \
	for (struct list *link = (head)->next, *link##_next = link->next; link != (head);          \
	     link = link##_next, link##_next = link->next)

#endif
