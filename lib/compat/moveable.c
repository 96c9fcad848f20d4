// SPDX-License-Identifier: MIT
/*
 * Moveable objects: the table of their handles. See memory.h.
 */
#include <pthread.h>
#include <stddef.h>

#include "compat/memory.h"

#define NR_ENTRIES	65536
#define NR_CHAINS	32768	/* a power of two */

/* An entry of the table. One that is free holds the next free one in flags. */
struct entry {
	uintptr_t flags;	/* MEMORY_* */
	void *block;		/* NULL: discarded */
};

/*
 * The lock guards all of this. It is held over calls of the heap, so that no
 * thread sees an object between its two addresses; the heap's own locks come
 * after it, over fork too.
 *
 * An entry with a block is in the chain that the block's address says, so that
 * GlobalHandle finds it. Windows writes the handle into the block instead.
 * Chains count entries from 1.
 */
static struct {
	pthread_mutex_t lock;
	pthread_once_t once;
	struct entry *free;
	unsigned int nr_fresh;	/* entries that were in use at some time */
	struct entry entries[NR_ENTRIES] __attribute__((aligned(16)));
	uint32_t first[NR_CHAINS];
	uint32_t next[NR_ENTRIES];
} table = { .lock = PTHREAD_MUTEX_INITIALIZER, .once = PTHREAD_ONCE_INIT };

static void lock_table(void)
{
	pthread_mutex_lock(&table.lock);
}

static void unlock_table(void)
{
	pthread_mutex_unlock(&table.lock);
}

/*
 * What is registered last is called first before a fork: so not before there
 * is a heap.
 */
static void register_fork_handlers(void)
{
	GetProcessHeap();
	pthread_atfork(lock_table, unlock_table, unlock_table);
}

/* --------------------------------------------------------- the entries --- */

static HANDLE handle_of(struct entry *entry)
{
	return &entry->block;
}

/* The entry in use that a handle is of, or NULL. */
static struct entry *find(HANDLE handle)
{
	uintptr_t offset = (uintptr_t)handle - (uintptr_t)table.entries;
	struct entry *entry = &table.entries[offset / sizeof(*entry)];

	if (offset >= sizeof(table.entries) || !moveable_looks_so(handle) ||
	    !(entry->flags & MEMORY_USED))
		return NULL;
	return entry;
}

static struct entry *take_entry(void)
{
	struct entry *entry = table.free;

	if (entry)
		table.free = (struct entry *)entry->flags;
	else if (table.nr_fresh < NR_ENTRIES)
		entry = &table.entries[table.nr_fresh++];
	return entry;
}

static void give_entry(struct entry *entry)
{
	entry->flags = (uintptr_t)table.free;
	entry->block = NULL;
	table.free = entry;
}

static bool is_locked(const struct entry *entry)
{
	return entry->flags >> MEMORY_LOCK_SHIFT;
}

static uint32_t *chain_of(const void *block)
{
	return &table.first[((uintptr_t)block * 0x9e3779b97f4a7c15) >> 32 &
			    (NR_CHAINS - 1)];
}

/* Gives an entry its block, another one, or none. */
static void set_block(struct entry *entry, void *block)
{
	uint32_t number = entry - table.entries + 1;
	uint32_t *link;

	if (entry->block) {
		link = chain_of(entry->block);
		while (*link != number)
			link = &table.next[*link - 1];
		*link = table.next[number - 1];
	}
	entry->block = block;
	if (block) {
		link = chain_of(block);
		table.next[number - 1] = *link;
		*link = number;
		entry->flags &= ~(uintptr_t)MEMORY_DISCARDED;
	} else {
		entry->flags |= MEMORY_DISCARDED;
	}
}

static struct entry *find_block(const void *block)
{
	uint32_t number = *chain_of(block);

	while (number && table.entries[number - 1].block != block)
		number = table.next[number - 1];
	return number ? &table.entries[number - 1] : NULL;
}

static DWORD get_block(struct entry *entry, SIZE_T size, DWORD heap_flags)
{
	void *block = HeapAlloc(GetProcessHeap(), heap_flags, size);

	if (!block)
		return ERROR_NOT_ENOUGH_MEMORY;
	set_block(entry, block);
	return ERROR_SUCCESS;
}

static void drop_block(struct entry *entry)
{
	void *block = entry->block;

	set_block(entry, NULL);
	HeapFree(GetProcessHeap(), 0, block);
}

/* ------------------------------------------------------ the operations --- */

DWORD ntmem_moveable_alloc(uintptr_t flags, SIZE_T size, DWORD heap_flags,
			   HANDLE *handle)
{
	DWORD error = ERROR_NOT_ENOUGH_MEMORY;
	struct entry *entry;

	pthread_once(&table.once, register_fork_handlers);
	lock_table();
	entry = take_entry();
	if (entry) {
		entry->flags = flags | MEMORY_USED | MEMORY_MOVEABLE |
			       MEMORY_DISCARDED;
		error = size ? get_block(entry, size, heap_flags) :
			       ERROR_SUCCESS;
		if (error)
			give_entry(entry);
		else
			*handle = handle_of(entry);
	}
	unlock_table();
	return error;
}

DWORD ntmem_moveable_free(HANDLE handle)
{
	struct entry *entry;

	lock_table();
	entry = find(handle);
	if (entry) {
		drop_block(entry);
		give_entry(entry);
	}
	unlock_table();
	return entry ? ERROR_SUCCESS : ERROR_INVALID_HANDLE;
}

static DWORD resize(struct entry *entry, SIZE_T size, DWORD heap_flags)
{
	void *block;

	if (!entry->block)
		return get_block(entry, size, heap_flags);
	block = HeapReAlloc(GetProcessHeap(), heap_flags, entry->block, size);
	if (!block)
		return ERROR_NOT_ENOUGH_MEMORY;
	if (block != entry->block)
		set_block(entry, block);
	return ERROR_SUCCESS;
}

DWORD ntmem_moveable_resize(HANDLE handle, SIZE_T size, DWORD heap_flags,
			    bool at_once)
{
	DWORD error = ERROR_INVALID_HANDLE;
	struct entry *entry;

	lock_table();
	entry = find(handle);
	if (entry) {
		if (is_locked(entry) && !at_once)
			heap_flags |= HEAP_REALLOC_IN_PLACE_ONLY;
		error = resize(entry, size, heap_flags);
	}
	unlock_table();
	return error;
}

DWORD ntmem_moveable_discard(HANDLE handle)
{
	DWORD error = ERROR_INVALID_HANDLE;
	struct entry *entry;

	lock_table();
	entry = find(handle);
	if (entry) {
		error = is_locked(entry) ? ERROR_INVALID_PARAMETER :
					   ERROR_SUCCESS;
		if (!error)
			drop_block(entry);
	}
	unlock_table();
	return error;
}

DWORD ntmem_moveable_modify(HANDLE handle, uintptr_t flags)
{
	struct entry *entry;

	lock_table();
	entry = find(handle);
	if (entry)
		entry->flags |= flags;
	unlock_table();
	return entry ? ERROR_SUCCESS : ERROR_INVALID_HANDLE;
}

DWORD ntmem_moveable_lock(HANDLE handle, void **address)
{
	DWORD error = ERROR_INVALID_HANDLE;
	struct entry *entry;

	lock_table();
	entry = find(handle);
	if (entry) {
		*address = entry->block;
		error = entry->block ? ERROR_SUCCESS : ERROR_DISCARDED;
		if (!error &&
		    entry->flags >> MEMORY_LOCK_SHIFT < MEMORY_LOCK_MAX)
			entry->flags += 1 << MEMORY_LOCK_SHIFT;
	}
	unlock_table();
	return error;
}

DWORD ntmem_moveable_unlock(HANDLE handle, bool *still)
{
	DWORD error = ERROR_INVALID_HANDLE;
	struct entry *entry;

	lock_table();
	entry = find(handle);
	if (entry) {
		error = is_locked(entry) ? ERROR_SUCCESS : ERROR_NOT_LOCKED;
		if (!error)
			entry->flags -= 1 << MEMORY_LOCK_SHIFT;
		*still = is_locked(entry);
	}
	unlock_table();
	return error;
}

DWORD ntmem_moveable_query(HANDLE handle, uintptr_t *flags, SIZE_T *size)
{
	struct entry *entry;

	lock_table();
	entry = find(handle);
	if (entry) {
		*flags = entry->flags;
		*size = entry->block ? HeapSize(GetProcessHeap(), 0,
						entry->block) : 0;
	}
	unlock_table();
	return entry ? ERROR_SUCCESS : ERROR_INVALID_HANDLE;
}

HANDLE ntmem_moveable_of(const void *block)
{
	struct entry *entry;

	lock_table();
	entry = find_block(block);
	unlock_table();
	return entry ? handle_of(entry) : NULL;
}
