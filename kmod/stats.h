/* SPDX-License-Identifier: GPL-2.0 */
/* What netlink tells of spaces. */
#ifndef NTMEM_STATS_H
#define NTMEM_STATS_H

#include "ntmem.h"

/**
 * struct ntmem_stats - sums over spaces
 * @spaces: of how many
 * @reserved: pages, like the next three
 * @committed: charged
 * @locked: cannot be dropped
 * @resident: there are; ntmem_stats_of() does not count them
 * @nr: what has happened, by enum ntmem_count
 */
struct ntmem_stats {
	unsigned long spaces;
	unsigned long reserved;
	unsigned long committed;
	unsigned long locked;
	unsigned long resident;
	unsigned long nr[NTMEM_NR_COUNTS];
};

/**
 * struct ntmem_asker - who asks, as far as it decides what he may see
 * @uid: effective user; none where who opened the socket may not see that
 * @user_ns: where he is that; who keeps this for longer holds it
 * @all: he may see everything
 */
struct ntmem_asker {
	kuid_t uid;
	struct user_namespace *user_ns;
	bool all;
};

struct ntmem_space *ntmem_space_after(u32 id);
unsigned long ntmem_counted(const struct ntmem_space *space,
			    enum ntmem_count what);
unsigned long ntmem_resident(struct ntmem_space *space, unsigned long addr,
			     unsigned long end);
void ntmem_stats_of(struct ntmem_space *space, struct ntmem_stats *stats);
void ntmem_stats_happened(struct ntmem_stats *stats);
bool ntmem_mm_visible(const struct mm_struct *mm, kuid_t uid,
		      const struct ntmem_asker *asker);
bool ntmem_space_visible(struct ntmem_space *space,
			 const struct ntmem_asker *asker);

#endif
