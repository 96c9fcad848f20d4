/* SPDX-License-Identifier: MIT */
/*
 * Which pages of this process were written to, as Linux 6.7 and later can tell:
 * userfaultfd(2) in its asynchronous mode lets a write to a protected page pass
 * and takes the protection away, whoever writes, and PAGEMAP_SCAN finds such
 * pages and protects them again in one go.
 *
 * What was never written has no page, or the page of zeroes: so nothing has to
 * be prepared before the first write, and no more page tables are there than
 * pages. Huge pages must be off for this, a part of which shows as all of it.
 *
 * What is not seen: data that a device writes, for a call that began before the
 * page was reset and ends after.
 *
 * The caller's lock guards it. Every function returns 0 or a negative errno.
 */
#ifndef NTMEM_TRACKER_H
#define NTMEM_TRACKER_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/pagemap_scan.h"

#define NTMEM_SCAN_ROOM	64

struct ntmem_scan {
	uint64_t start;		/* in; out: all before this was looked at */
	uint64_t end;
	uint64_t pages;		/* find at most so many; 0 = any number */
	bool reset;		/* what is found is written no more */
	unsigned int count;	/* out: of written[], in rising order */
	struct pagemap_range written[NTMEM_SCAN_ROOM];
};

/* -EOPNOTSUPP, or what else, where the kernel or its owner does not allow it. */
int ntmem_tracker_open(void);

/* Anonymous memory, from now on. Pages that it has count as written. */
int ntmem_tracker_add(uint64_t start, uint64_t end);

/* Not any more, as far as it was. */
void ntmem_tracker_remove(uint64_t start, uint64_t end);

/* -EPERM: some of the range is not tracked, or not any more. */
int ntmem_tracker_scan(struct ntmem_scan *scan);

/* Nothing of the range is written any more. */
int ntmem_tracker_reset(uint64_t start, uint64_t end);

/* In a child made by fork, where nothing is tracked; before the next open. */
void ntmem_tracker_leave(void);

#endif
