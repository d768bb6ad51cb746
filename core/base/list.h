/* SPDX-License-Identifier: MIT */
/*
 * Circular doubly linked lists and hash chains, with Linux's names.
 *
 * The idea: the link lives inside the object, and the head is a link like any
 * other, so adding and removing never ask whether the list is empty.  A hash
 * chain (hlist) has a head of one pointer, for tables of many buckets: each
 * node keeps the address of the pointer that points at it.
 *
 * Invariants: for each link p on a list, p->next->prev == p and
 * p->prev->next == p; for each node n on a chain, *n->pprev == n.
 * list_validate() and hlist_validate() check them.  list_del() leaves poison,
 * so that a second deletion or a stale walk faults at once.
 *
 * Locks: the caller's.  Unlike Linux's, the iterators never form a member of
 * the object that a head would be part of if it were one: they add an offset
 * instead, so lists of over-aligned objects are clean under UBSan.
 */
#ifndef QUIRE_BASE_LIST_H
#define QUIRE_BASE_LIST_H

#include "base/types.h"

struct list_head {
	struct list_head *next, *prev;
};

struct hlist_node {
	struct hlist_node *next, **pprev;
};

struct hlist_head {
	struct hlist_node *first;
};

/* Non-canonical on x86-64: whoever follows one faults. */
#define LIST_POISON1 ((void *)0xdead000000000100UL)
#define LIST_POISON2 ((void *)0xdead000000000122UL)

/* clang-format off */
#define LIST_HEAD_INIT(name) { &(name), &(name) }
/* clang-format on */
#define LIST_HEAD(name) struct list_head name = LIST_HEAD_INIT(name)

static inline void INIT_LIST_HEAD(struct list_head *head)
{
	head->prev = head;
	head->next = head;
}

/* Makes a and b neighbours; the step that all others are made of. */
static inline void __list_link(struct list_head *a, struct list_head *b)
{
	a->next = b;
	b->prev = a;
}

static inline void __list_insert(struct list_head *entry, struct list_head *prev,
				 struct list_head *next)
{
	__list_link(prev, entry);
	__list_link(entry, next);
}

/* Adds entry just after head: a stack. */
static inline void list_add(struct list_head *entry, struct list_head *head)
{
	__list_insert(entry, head, head->next);
}

/* Adds entry just before head: a queue. */
static inline void list_add_tail(struct list_head *entry, struct list_head *head)
{
	__list_insert(entry, head->prev, head);
}

static inline void __list_del_entry(struct list_head *entry)
{
	__list_link(entry->prev, entry->next);
}

/* Removes entry and poisons it: list_empty(entry) is not true afterwards. */
static inline void list_del(struct list_head *entry)
{
	__list_del_entry(entry);
	entry->next = (struct list_head *)LIST_POISON1;
	entry->prev = (struct list_head *)LIST_POISON2;
}

static inline void list_del_init(struct list_head *entry)
{
	__list_del_entry(entry);
	INIT_LIST_HEAD(entry);
}

/* Puts entry where old is; old is left as it was.  old must not be empty. */
static inline void list_replace(struct list_head *old, struct list_head *entry)
{
	__list_insert(entry, old->prev, old->next);
}

/* As list_replace(), but old may be an empty head, and ends up empty. */
static inline void list_replace_init(struct list_head *old, struct list_head *entry)
{
	if (old->next == old) {
		INIT_LIST_HEAD(entry);
		return;
	}
	list_replace(old, entry);
	INIT_LIST_HEAD(old);
}

static inline void list_move(struct list_head *entry, struct list_head *head)
{
	__list_del_entry(entry);
	list_add(entry, head);
}

static inline void list_move_tail(struct list_head *entry, struct list_head *head)
{
	__list_del_entry(entry);
	list_add_tail(entry, head);
}

/* Moves first..last, neighbours on one list, to the end of head's list. */
static inline void list_bulk_move_tail(struct list_head *head, struct list_head *first,
				       struct list_head *last)
{
	__list_link(first->prev, last->next);
	__list_link(head->prev, first);
	__list_link(last, head);
}

static inline bool list_empty(const struct list_head *head)
{
	return head->next == head;
}

static inline bool list_is_head(const struct list_head *entry, const struct list_head *head)
{
	return entry == head;
}

static inline bool list_is_first(const struct list_head *entry, const struct list_head *head)
{
	return head->next == entry;
}

static inline bool list_is_last(const struct list_head *entry, const struct list_head *head)
{
	return head->prev == entry;
}

static inline bool list_is_singular(const struct list_head *head)
{
	return head->next != head && head->next == head->prev;
}

/* The first entry goes to the end. */
static inline void list_rotate_left(struct list_head *head)
{
	if (!list_empty(head))
		list_move_tail(head->next, head);
}

/* Swings head round so that entry becomes the first. */
static inline void list_rotate_to_front(struct list_head *entry, struct list_head *head)
{
	list_move_tail(head, entry);
}

static inline void __list_splice_between(struct list_head *list, struct list_head *prev,
					 struct list_head *next)
{
	struct list_head *first = list->next, *last = list->prev;

	__list_link(prev, first);
	__list_link(last, next);
}

/* Puts list's entries at the start of head's list; list itself is then stale. */
static inline void list_splice(struct list_head *list, struct list_head *head)
{
	if (!list_empty(list))
		__list_splice_between(list, head, head->next);
}

static inline void list_splice_tail(struct list_head *list, struct list_head *head)
{
	if (!list_empty(list))
		__list_splice_between(list, head->prev, head);
}

static inline void list_splice_init(struct list_head *list, struct list_head *head)
{
	list_splice(list, head);
	INIT_LIST_HEAD(list);
}

static inline void list_splice_tail_init(struct list_head *list, struct list_head *head)
{
	list_splice_tail(list, head);
	INIT_LIST_HEAD(list);
}

/*
 * Moves head's entries from the first up to and including entry onto list,
 * whose former content is forgotten.  entry == head moves nothing.
 */
static inline void list_cut_position(struct list_head *list, struct list_head *head,
				     struct list_head *entry)
{
	struct list_head *first = head->next;

	INIT_LIST_HEAD(list);
	if (entry == head || first == head)
		return;
	__list_link(head, entry->next);
	__list_link(list, first);
	__list_link(entry, list);
}

/* How many entries; walks them all. */
static inline size_t list_count_nodes(const struct list_head *head)
{
	const struct list_head *p;
	size_t n = 0;

	for (p = head->next; p != head; p = p->next)
		n++;
	return n;
}

/*
 * True if every link is answered by its neighbour.  Terminates on any list
 * whose pointers can be followed: a walk that never comes back to head has to
 * enter a loop, and where it enters, one link has two predecessors.
 */
static inline bool __must_check list_validate(const struct list_head *head)
{
	const struct list_head *p = head;

	do {
		if (!p->next || p->next->prev != p)
			return false;
		p = p->next;
	} while (p != head);
	return true;
}

/* From a link to the object around it. */
#define list_entry(ptr, type, member) container_of(ptr, type, member)

#define list_first_entry(head, type, member) list_entry((head)->next, type, member)
#define list_last_entry(head, type, member)  list_entry((head)->prev, type, member)

#define list_first_entry_or_null(head, type, member)                                              \
	({                                                                                        \
		struct list_head *__lfe_head = (head);                                            \
		struct list_head *__lfe_first = __lfe_head->next;                                 \
		__lfe_first == __lfe_head ? (type *)NULL : list_entry(__lfe_first, type, member); \
	})

#define list_last_entry_or_null(head, type, member)                                             \
	({                                                                                      \
		struct list_head *__lle_head = (head);                                          \
		struct list_head *__lle_last = __lle_head->prev;                                \
		__lle_last == __lle_head ? (type *)NULL : list_entry(__lle_last, type, member); \
	})

/* The link of an object, also for the "object" that a head would be part of. */
#define __list_link_of(pos, member) \
	((struct list_head *)((char *)(pos) + offsetof(__typeof__(*(pos)), member)))

#define list_next_entry(pos, member) \
	list_entry(__list_link_of(pos, member)->next, __typeof__(*(pos)), member)
#define list_prev_entry(pos, member) \
	list_entry(__list_link_of(pos, member)->prev, __typeof__(*(pos)), member)
#define list_entry_is_head(pos, head, member) (__list_link_of(pos, member) == (head))

/*
 * The walks.  In the _safe ones n is scratch, and the body may remove pos (but
 * not the entry after it).  After a full walk over entries pos is no object.
 */
#define list_for_each(pos, head) for (pos = (head)->next; pos != (head); pos = pos->next)

#define list_for_each_prev(pos, head) for (pos = (head)->prev; pos != (head); pos = pos->prev)

#define list_for_each_safe(pos, n, head) \
	for (pos = (head)->next, n = pos->next; pos != (head); pos = n, n = pos->next)

#define list_for_each_entry(pos, head, member)                       \
	for (pos = list_first_entry(head, __typeof__(*pos), member); \
	     !list_entry_is_head(pos, head, member); pos = list_next_entry(pos, member))

#define list_for_each_entry_reverse(pos, head, member)              \
	for (pos = list_last_entry(head, __typeof__(*pos), member); \
	     !list_entry_is_head(pos, head, member); pos = list_prev_entry(pos, member))

/* From the entry after pos (pos may be the head's) to the end. */
#define list_for_each_entry_continue(pos, head, member)                                  \
	for (pos = list_next_entry(pos, member); !list_entry_is_head(pos, head, member); \
	     pos = list_next_entry(pos, member))

/* From pos itself to the end. */
#define list_for_each_entry_from(pos, head, member) \
	for (; !list_entry_is_head(pos, head, member); pos = list_next_entry(pos, member))

#define list_for_each_entry_safe(pos, n, head, member)               \
	for (pos = list_first_entry(head, __typeof__(*pos), member), \
	    n = list_next_entry(pos, member);                        \
	     !list_entry_is_head(pos, head, member); pos = n, n = list_next_entry(n, member))

#define list_for_each_entry_safe_reverse(pos, n, head, member)      \
	for (pos = list_last_entry(head, __typeof__(*pos), member), \
	    n = list_prev_entry(pos, member);                       \
	     !list_entry_is_head(pos, head, member); pos = n, n = list_prev_entry(n, member))

/* Hash chains. */

/* clang-format off */
#define HLIST_HEAD_INIT { NULL }
/* clang-format on */
#define HLIST_HEAD(name) struct hlist_head name = HLIST_HEAD_INIT

static inline void INIT_HLIST_HEAD(struct hlist_head *head)
{
	head->first = NULL;
}

static inline void INIT_HLIST_NODE(struct hlist_node *node)
{
	node->next = NULL;
	node->pprev = NULL;
}

/* Not on any chain: initialised, or removed by hlist_del_init(). */
static inline bool hlist_unhashed(const struct hlist_node *node)
{
	return node->pprev == NULL;
}

static inline bool hlist_empty(const struct hlist_head *head)
{
	return head->first == NULL;
}

/* Puts node where *link points; what was there follows it. */
static inline void __hlist_insert(struct hlist_node *node, struct hlist_node **link)
{
	node->next = *link;
	node->pprev = link;
	if (node->next)
		node->next->pprev = &node->next;
	*link = node;
}

static inline void hlist_add_head(struct hlist_node *node, struct hlist_head *head)
{
	__hlist_insert(node, &head->first);
}

static inline void hlist_add_before(struct hlist_node *node, struct hlist_node *next)
{
	__hlist_insert(node, next->pprev);
}

static inline void hlist_add_behind(struct hlist_node *node, struct hlist_node *prev)
{
	__hlist_insert(node, &prev->next);
}

static inline void __hlist_del(struct hlist_node *node)
{
	*node->pprev = node->next;
	if (node->next)
		node->next->pprev = node->pprev;
}

static inline void hlist_del(struct hlist_node *node)
{
	__hlist_del(node);
	node->next = (struct hlist_node *)LIST_POISON1;
	node->pprev = (struct hlist_node **)LIST_POISON2;
}

/* Harmless on a node that is on no chain. */
static inline void hlist_del_init(struct hlist_node *node)
{
	if (hlist_unhashed(node))
		return;
	__hlist_del(node);
	INIT_HLIST_NODE(node);
}

/* Moves a whole chain to another head, whose former content is forgotten. */
static inline void hlist_move_list(struct hlist_head *old, struct hlist_head *head)
{
	head->first = old->first;
	if (head->first)
		head->first->pprev = &head->first;
	old->first = NULL;
}

/* True if every node knows what points at it; a loop breaks that somewhere. */
static inline bool __must_check hlist_validate(const struct hlist_head *head)
{
	struct hlist_node *const *link = &head->first;

	for (; *link; link = &(*link)->next)
		if ((*link)->pprev != link)
			return false;
	return true;
}

#define hlist_entry(ptr, type, member) container_of(ptr, type, member)

#define hlist_entry_safe(ptr, type, member)                                      \
	({                                                                       \
		__typeof__(ptr) __hes_ptr = (ptr);                               \
		__hes_ptr ? hlist_entry(__hes_ptr, type, member) : (type *)NULL; \
	})

#define hlist_for_each(pos, head) for (pos = (head)->first; pos; pos = pos->next)

#define hlist_for_each_safe(pos, n, head) \
	for (pos = (head)->first; pos && ((n = pos->next), 1); pos = n)

#define hlist_for_each_entry(pos, head, member)                                      \
	for (pos = hlist_entry_safe((head)->first, __typeof__(*(pos)), member); pos; \
	     pos = hlist_entry_safe((pos)->member.next, __typeof__(*(pos)), member))

/* n is a struct hlist_node *; the body may remove pos. */
#define hlist_for_each_entry_safe(pos, n, head, member)                         \
	for (pos = hlist_entry_safe((head)->first, __typeof__(*(pos)), member); \
	     pos && ((n = pos->member.next), 1);                                \
	     pos = hlist_entry_safe(n, __typeof__(*(pos)), member))

#endif
