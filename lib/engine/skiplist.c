// SPDX-License-Identifier: MIT
/*
 * The skip list. See skiplist.h.
 */
#include "engine/skiplist.h"

/* For every level, the link that leads to the first node at or above key. */
struct path {
	struct ntmem_skip_node **link[NTMEM_SKIP_HEIGHT];
};

uint32_t ntmem_skip_height(void)
{
	/* Only balance depends on it: a lost update between threads is fine. */
	static uint64_t seed = 0x9e3779b97f4a7c15;
	uint64_t x = __atomic_load_n(&seed, __ATOMIC_RELAXED);
	uint32_t height = 1;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	__atomic_store_n(&seed, x, __ATOMIC_RELAXED);
	x >>= 20;
	while (height < NTMEM_SKIP_HEIGHT && (x & 3) == 0) {
		height++;
		x >>= 2;
	}
	return height;
}

static void find_path(struct ntmem_skip *list, uint64_t key, struct path *path)
{
	struct ntmem_skip_node **links = list->head;
	int level;

	for (level = NTMEM_SKIP_HEIGHT - 1; level >= 0; level--) {
		while (links[level] && links[level]->key < key)
			links = links[level]->next;
		path->link[level] = &links[level];
	}
}

struct ntmem_skip_node *ntmem_skip_floor(const struct ntmem_skip *list,
					 uint64_t key)
{
	struct ntmem_skip_node *const *links = list->head;
	struct ntmem_skip_node *found = NULL;
	int level;

	for (level = NTMEM_SKIP_HEIGHT - 1; level >= 0; level--) {
		while (links[level] && links[level]->key <= key) {
			found = links[level];
			links = found->next;
		}
	}
	return found;
}

struct ntmem_skip_node *ntmem_skip_above(const struct ntmem_skip *list,
					 uint64_t key)
{
	struct ntmem_skip_node *floor = ntmem_skip_floor(list, key);

	return floor ? floor->next[0] : list->head[0];
}

void ntmem_skip_insert(struct ntmem_skip *list, struct ntmem_skip_node *node)
{
	struct path path;
	uint32_t level;

	find_path(list, node->key, &path);
	for (level = 0; level < node->height; level++) {
		node->next[level] = *path.link[level];
		*path.link[level] = node;
	}
}

void ntmem_skip_remove(struct ntmem_skip *list, struct ntmem_skip_node *node)
{
	struct path path;
	uint32_t level;

	find_path(list, node->key, &path);
	for (level = 0; level < node->height; level++)
		*path.link[level] = node->next[level];
}

void ntmem_skip_cut(struct ntmem_skip *list, uint64_t key,
		    struct ntmem_skip *tail)
{
	struct path path;
	int level;

	find_path(list, key, &path);
	for (level = 0; level < NTMEM_SKIP_HEIGHT; level++) {
		tail->head[level] = *path.link[level];
		*path.link[level] = NULL;
	}
}
