/* SPDX-License-Identifier: MIT */
/*
 * An ordered list with logarithmic search: a skip list keyed by address. It
 * holds the embedded engine's reservations, and the runs of pages of each.
 *
 * A list does not own its nodes: it only links them. A node is made with a
 * height drawn from ntmem_skip_height() and carries that many links at its
 * end, so that it must be the last member of what it is part of.
 */
#ifndef NTMEM_SKIPLIST_H
#define NTMEM_SKIPLIST_H

#include <stddef.h>
#include <stdint.h>

#define NTMEM_SKIP_HEIGHT	12	/* 4^12 nodes before search slows */

struct ntmem_skip_node {
	uint64_t key;
	uint32_t value;		/* of the owner's choice */
	uint32_t height;
	struct ntmem_skip_node *next[];
};

struct ntmem_skip {
	struct ntmem_skip_node *head[NTMEM_SKIP_HEIGHT];
};

static inline size_t ntmem_skip_links(uint32_t height)
{
	return height * sizeof(struct ntmem_skip_node *);
}

/* A height of 1 or more, each further one a quarter as likely. */
uint32_t ntmem_skip_height(void);

/* The first node, in rising order of keys; the next one is next[0]. */
static inline struct ntmem_skip_node *
ntmem_skip_first(const struct ntmem_skip *list)
{
	return list->head[0];
}

/* The last node with a key of at most key; NULL where there is none. */
struct ntmem_skip_node *ntmem_skip_floor(const struct ntmem_skip *list,
					 uint64_t key);

/* The first node with a key above key; NULL where there is none. */
struct ntmem_skip_node *ntmem_skip_above(const struct ntmem_skip *list,
					 uint64_t key);

/* Links a node; its key must not be in the list. */
void ntmem_skip_insert(struct ntmem_skip *list, struct ntmem_skip_node *node);

/* Unlinks a node that is in the list. */
void ntmem_skip_remove(struct ntmem_skip *list, struct ntmem_skip_node *node);

/* Moves all nodes with a key of at least key to tail, which is overwritten. */
void ntmem_skip_cut(struct ntmem_skip *list, uint64_t key,
		    struct ntmem_skip *tail);

#endif
