/* SPDX-License-Identifier: MIT */
/*
 * PAGEMAP_SCAN and what of userfaultfd(2) goes with it, as <linux/fs.h> and
 * <linux/userfaultfd.h> have it since Linux 6.7; headers may be older.
 */
#ifndef NTMEM_PAGEMAP_SCAN_H
#define NTMEM_PAGEMAP_SCAN_H

#include <linux/ioctl.h>
#include <stdint.h>

#define WP_UNPOPULATED	(1ULL << 13)	/* UFFD_FEATURE_* */
#define WP_ASYNC	(1ULL << 15)

struct pagemap_scan {
	uint64_t size;
	uint64_t flags;
	uint64_t start;
	uint64_t end;
	uint64_t walk_end;
	uint64_t vec;
	uint64_t vec_len;
	uint64_t max_pages;
	uint64_t category_inverted;
	uint64_t category_mask;
	uint64_t category_anyof_mask;
	uint64_t return_mask;
};

/* What vec has. */
struct pagemap_range {
	uint64_t start;
	uint64_t end;
	uint64_t categories;
};

#define SCAN_IOCTL	_IOWR('f', 16, struct pagemap_scan)
#define SCAN_PROTECT	0x01	/* PM_SCAN_WP_MATCHING */
#define SCAN_CHECK	0x02	/* PM_SCAN_CHECK_WPASYNC */
#define PAGE_WRITTEN	0x02
#define PAGE_PRESENT	0x08
#define PAGE_SWAPPED	0x10
#define PAGE_ZERO	0x20	/* PAGE_IS_PFNZERO */

#endif
