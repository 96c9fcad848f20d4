/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The layout of every structure of <linux/ntmem.h>, as compiled programs know
 * it. Included by the 64-bit and the 32-bit test, so that both agree.
 */
#ifndef ABI_LAYOUT_H
#define ABI_LAYOUT_H

#include <assert.h>
#include <stddef.h>

#include <linux/ntmem.h>

#define FIELD(type, field, offset) \
	static_assert(offsetof(struct type, field) == (offset), #type "." #field)
#define SIZE(type, size) \
	static_assert(sizeof(struct type) == (size), #type)

SIZE(ntmem_info, 120);
FIELD(ntmem_info, version, 0);
FIELD(ntmem_info, pad, 4);
FIELD(ntmem_info, features, 8);
FIELD(ntmem_info, page_size, 16);
FIELD(ntmem_info, granularity, 24);
FIELD(ntmem_info, min_address, 32);
FIELD(ntmem_info, max_address, 40);
FIELD(ntmem_info, commit_limit, 48);
FIELD(ntmem_info, user_limit, 56);
FIELD(ntmem_info, space_limit, 64);
FIELD(ntmem_info, committed, 72);
FIELD(ntmem_info, user_committed, 80);
FIELD(ntmem_info, space_committed, 88);
FIELD(ntmem_info, space_reserved, 96);
FIELD(ntmem_info, resident, 104);
FIELD(ntmem_info, spaces, 112);

SIZE(ntmem_reserve, 48);
FIELD(ntmem_reserve, addr, 0);
FIELD(ntmem_reserve, size, 8);
FIELD(ntmem_reserve, prot, 16);
FIELD(ntmem_reserve, flags, 20);
FIELD(ntmem_reserve, min_addr, 24);
FIELD(ntmem_reserve, max_addr, 32);
FIELD(ntmem_reserve, align, 40);

SIZE(ntmem_range, 24);
FIELD(ntmem_range, addr, 0);
FIELD(ntmem_range, size, 8);
FIELD(ntmem_range, prot, 16);
FIELD(ntmem_range, flags, 20);

SIZE(ntmem_protect, 24);
FIELD(ntmem_protect, prot, 16);
FIELD(ntmem_protect, old_prot, 20);

SIZE(ntmem_query, 56);
FIELD(ntmem_query, addr, 0);
FIELD(ntmem_query, flags, 8);
FIELD(ntmem_query, marks, 12);
FIELD(ntmem_query, base, 16);
FIELD(ntmem_query, alloc_base, 24);
FIELD(ntmem_query, size, 32);
FIELD(ntmem_query, alloc_prot, 40);
FIELD(ntmem_query, state, 44);
FIELD(ntmem_query, prot, 48);
FIELD(ntmem_query, type, 52);

SIZE(ntmem_granularity, 16);
FIELD(ntmem_granularity, pad, 8);

SIZE(ntmem_op, 72);
FIELD(ntmem_op, op, 0);
FIELD(ntmem_op, status, 4);
FIELD(ntmem_op, reserve, 8);
FIELD(ntmem_op, range, 8);
FIELD(ntmem_op, protect, 8);
FIELD(ntmem_op, query, 8);

SIZE(ntmem_batch, 24);
FIELD(ntmem_batch, ops, 0);
FIELD(ntmem_batch, count, 8);
FIELD(ntmem_batch, flags, 12);
FIELD(ntmem_batch, done, 16);
FIELD(ntmem_batch, pad, 20);

SIZE(ntmem_fault, 24);
FIELD(ntmem_fault, addr, 0);
FIELD(ntmem_fault, access, 8);
FIELD(ntmem_fault, reason, 12);
FIELD(ntmem_fault, prot, 16);
FIELD(ntmem_fault, pad, 20);

SIZE(ntmem_watch, 40);
FIELD(ntmem_watch, size, 8);
FIELD(ntmem_watch, pages, 16);
FIELD(ntmem_watch, count, 24);
FIELD(ntmem_watch, flags, 32);
FIELD(ntmem_watch, pad, 36);

SIZE(ntmem_section, 32);
FIELD(ntmem_section, size, 0);
FIELD(ntmem_section, name, 8);
FIELD(ntmem_section, name_len, 16);
FIELD(ntmem_section, prot, 20);
FIELD(ntmem_section, flags, 24);
FIELD(ntmem_section, fd, 28);

SIZE(ntmem_map_view, 56);
FIELD(ntmem_map_view, fd, 0);
FIELD(ntmem_map_view, prot, 4);
FIELD(ntmem_map_view, offset, 8);
FIELD(ntmem_map_view, addr, 16);
FIELD(ntmem_map_view, size, 24);
FIELD(ntmem_map_view, min_addr, 32);
FIELD(ntmem_map_view, max_addr, 40);
FIELD(ntmem_map_view, flags, 48);
FIELD(ntmem_map_view, pad, 52);

SIZE(ntmem_unmap_view, 16);
FIELD(ntmem_unmap_view, addr, 0);
FIELD(ntmem_unmap_view, flags, 8);
FIELD(ntmem_unmap_view, pad, 12);

SIZE(ntmem_limit, 16);
FIELD(ntmem_limit, limit, 0);
FIELD(ntmem_limit, pad, 8);

SIZE(ntmem_open_space, 8);
FIELD(ntmem_open_space, fd, 0);
FIELD(ntmem_open_space, flags, 4);

static_assert(NTMEM_IOC_INFO == 0x8078c400, "INFO");
static_assert(NTMEM_IOC_RESERVE == 0xc030c401, "RESERVE");
static_assert(NTMEM_IOC_COMMIT == 0x4018c402, "COMMIT");
static_assert(NTMEM_IOC_DECOMMIT == 0x4018c403, "DECOMMIT");
static_assert(NTMEM_IOC_RELEASE == 0x4018c404, "RELEASE");
static_assert(NTMEM_IOC_PROTECT == 0xc018c405, "PROTECT");
static_assert(NTMEM_IOC_QUERY == 0xc038c406, "QUERY");
static_assert(NTMEM_IOC_LOCK == 0x4018c407, "LOCK");
static_assert(NTMEM_IOC_UNLOCK == 0x4018c408, "UNLOCK");
static_assert(NTMEM_IOC_RESET == 0x4018c409, "RESET");
static_assert(NTMEM_IOC_RESET_UNDO == 0x4018c40a, "RESET_UNDO");
static_assert(NTMEM_IOC_SET_GRANULARITY == 0x4010c40b, "SET_GRANULARITY");
static_assert(NTMEM_IOC_BATCH == 0xc018c40c, "BATCH");
static_assert(NTMEM_IOC_LAST_FAULT == 0x8018c40d, "LAST_FAULT");
static_assert(NTMEM_IOC_WATCH == 0xc028c40e, "WATCH");
static_assert(NTMEM_IOC_CREATE_SECTION == 0xc020c40f, "CREATE_SECTION");
static_assert(NTMEM_IOC_OPEN_SECTION == 0xc020c410, "OPEN_SECTION");
static_assert(NTMEM_IOC_QUERY_SECTION == 0xc020c411, "QUERY_SECTION");
static_assert(NTMEM_IOC_MAP_VIEW == 0xc038c412, "MAP_VIEW");
static_assert(NTMEM_IOC_UNMAP_VIEW == 0x4010c413, "UNMAP_VIEW");
static_assert(NTMEM_IOC_OPEN_SPACE == 0xc008c414, "OPEN_SPACE");
static_assert(NTMEM_IOC_SET_LIMIT == 0x4010c415, "SET_LIMIT");

#endif /* ABI_LAYOUT_H */
