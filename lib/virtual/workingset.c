// SPDX-License-Identifier: MIT
/*
 * QueryWorkingSetEx: what a page is the engine knows, whether it is there the
 * kernel, by its list of the process's pages.
 */
/* Both names are declared, and so exported. */
#define PSAPI_VERSION	1

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine/pagemap.h"
#include "ntmem/psapi.h"
#include "virtual/target.h"

/* So many entries at a time. */
#define LOOK_ENTRIES	128
#define MAX_NODE	63

typedef PSAPI_WORKING_SET_EX_INFORMATION entry_type;

/* A call, and what it has in hand. */
struct look {
	struct target *target;
	int pagemap;
	struct ntmem_query query;	/* the last answer; size 0: none yet */
};

static uint64_t page_of(const entry_type *entry)
{
	return virtual_page((uintptr_t)entry->VirtualAddress);
}

/* --------------------------------------------------------------- the list --- */

static int open_own(void)
{
	int fd = ntmem_pagemap_open();

	return fd >= 0 || fd == -EMFILE || fd == -ENFILE ? fd : -EOPNOTSUPP;
}

/* The kernel's refusals and the end of the process are one to Windows. */
static int open_pagemap(const struct process *process)
{
	int proc, fd;

	if (process->own)
		return open_own();
	proc = process_open_proc(process->pidfd);
	if (proc < 0)
		return proc;
	fd = ntmem_pagemap_open_of(proc);
	close(proc);
	return fd >= 0 || fd == -EMFILE || fd == -ENFILE ? fd : -ESRCH;
}

/* How many entries from the first on are of pages in a row. */
static unsigned int row_length(const entry_type *entries, unsigned int count)
{
	unsigned int i = 1;

	while (i < count &&
	       page_of(&entries[i]) == page_of(&entries[0]) + i * VIRTUAL_PAGE)
		i++;
	return i;
}

static int read_pagemap(int fd, const entry_type *entries, unsigned int count,
			uint64_t *pages)
{
	unsigned int i, row;
	int error = 0;

	for (i = 0; i < count && !error; i += row) {
		row = row_length(&entries[i], count - i);
		if (page_of(&entries[i]) <= VIRTUAL_HIGHEST)
			error = ntmem_pagemap_read(fd, page_of(&entries[i]),
						   &pages[i], row);
	}
	return error;
}

/*
 * The nodes of the pages that are there; a negative number where there is none to
 * be told.
 */
static void find_nodes(const struct process *process,
		       const entry_type *entries, unsigned int count,
		       int *nodes)
{
	const void *pages[LOOK_ENTRIES];
	unsigned int i;

	for (i = 0; i < count; i++) {
		pages[i] = (const void *)(uintptr_t)page_of(&entries[i]);
		nodes[i] = -ENOENT;
	}
	syscall(SYS_move_pages, process->own ? 0 : process->pid,
		(unsigned long)count, pages, NULL, nodes, 0);
}

/* -------------------------------------------------------------- the answer --- */

/* What lies at a page; in what is not ntmem's one answer is for many. */
static int find_page(struct look *look, uint64_t page)
{
	if (page - look->query.base < look->query.size)
		return 0;
	look->query = (struct ntmem_query){
		.addr = page, .flags = NTMEM_QUERY_PAGE,
	};
	return target_query(look->target, &look->query);
}

static bool is_accessible(const struct ntmem_query *query)
{
	return (query->state == NTMEM_STATE_COMMIT ||
		query->state == NTMEM_STATE_FOREIGN) &&
	       !(query->prot & (NTMEM_PAGE_NOACCESS | NTMEM_PAGE_GUARD));
}

static bool is_shared(const struct ntmem_query *query, uint64_t page)
{
	return query->state == NTMEM_STATE_FOREIGN ?
	       page & PAGEMAP_FILE : query->marks & NTMEM_MARK_SHARED;
}

static PSAPI_WORKING_SET_EX_BLOCK block_of(const struct ntmem_query *query,
					   uint64_t page, int node)
{
	PSAPI_WORKING_SET_EX_BLOCK block = { 0 };

	block.Shared = is_shared(query, page);
	if (!(page & PAGEMAP_PRESENT) || !is_accessible(query))
		return block;
	block.Valid = 1;
	block.Win32Protection = query->prot;
	block.LargePage = !!(query->marks & MARK_LARGE_PAGE);
	if (block.Shared)
		block.ShareCount = page & PAGEMAP_ALONE ? 1 : 2;
	if (node > 0 && node <= MAX_NODE)
		block.Node = (unsigned int)node;
	block.Locked = !!(query->marks & NTMEM_MARK_LOCKED);
	return block;
}

static int fill(struct look *look, entry_type *entry, uint64_t page, int node)
{
	int error;

	entry->VirtualAttributes.Flags = 0;
	if (page_of(entry) > VIRTUAL_HIGHEST)
		return 0;
	error = find_page(look, page_of(entry));
	if (!error)
		entry->VirtualAttributes = block_of(&look->query, page, node);
	return error;
}

static int look_at_some(struct look *look, entry_type *entries,
			unsigned int count)
{
	int error, nodes[LOOK_ENTRIES];
	uint64_t pages[LOOK_ENTRIES] = { 0 };
	unsigned int i;

	error = read_pagemap(look->pagemap, entries, count, pages);
	if (error)
		return error;
	find_nodes(&look->target->process, entries, count, nodes);
	for (i = 0; i < count && !error; i++)
		error = fill(look, &entries[i], pages[i], nodes[i]);
	return error;
}

static int look_at_all(struct look *look, entry_type *entries, size_t count)
{
	unsigned int some;
	int error = 0;

	for (; count && !error; entries += some, count -= some) {
		some = count < LOOK_ENTRIES ? count : LOOK_ENTRIES;
		error = look_at_some(look, entries, some);
	}
	return error;
}

BOOL WINAPI K32QueryWorkingSetEx(HANDLE hProcess, PVOID pv, DWORD cb)
{
	int saved_errno = errno, error;
	struct target target;
	struct look look = { .target = &target };

	if (cb < sizeof(entry_type))
		return ntmem_refuse(ERROR_BAD_LENGTH);
	if (!pv)
		return ntmem_refuse(ERROR_NOACCESS);
	if (!target_take(&target, hProcess, PROCESS_QUERY_INFORMATION))
		return FALSE;
	look.pagemap = open_pagemap(&target.process);
	error = look.pagemap;
	if (look.pagemap >= 0) {
		error = look_at_all(&look, pv, cb / sizeof(entry_type));
		close(look.pagemap);
	}
	target_give(&target);
	errno = saved_errno;
	return ntmem_result(error);
}

BOOL WINAPI QueryWorkingSetEx(HANDLE hProcess, PVOID pv, DWORD cb)
{
	return K32QueryWorkingSetEx(hProcess, pv, cb);
}
