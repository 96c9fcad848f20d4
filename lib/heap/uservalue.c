// SPDX-License-Identifier: MIT
/*
 * The user values of blocks: a table of each heap that has some, and Windows'
 * functions that read and write it. See uservalue.h.
 *
 * The table is a hash with open addresses, at most three quarters full. An
 * entry that goes lets those behind it move up, so that no search ends early.
 */
#include "heap/heap.h"
#include "heap/meta.h"
#include "heap/uservalue.h"
#include "ntmem/windows.h"
#include "ntmem/winternl.h"

#define LEAST	16		/* entries of a table */

struct user_value {
	void *block;		/* NULL: the entry is free */
	void *value;
	uint32_t flags;		/* HEAP_SETTABLE_* */
};

/* The heap's lock guards it. */
struct user_values {
	size_t size;		/* entries, a power of two */
	size_t used;
	struct user_value entries[];
};

static size_t table_bytes(size_t size)
{
	return sizeof(struct user_values) + size * sizeof(struct user_value);
}

static size_t hash(const struct user_values *values, const void *block)
{
	uint64_t key = (uintptr_t)block / GRAIN * 0x9e3779b97f4a7c15;

	return key >> 32 & (values->size - 1);
}

static size_t after(const struct user_values *values, size_t i)
{
	return (i + 1) & (values->size - 1);
}

/* The block's entry, or the free one where it belongs. */
static struct user_value *entry_of(struct user_values *values,
				   const void *block)
{
	size_t i = hash(values, block);

	while (values->entries[i].block && values->entries[i].block != block)
		i = after(values, i);
	return &values->entries[i];
}

static struct user_value *find(const struct heap *heap, const void *block)
{
	struct user_value *entry;

	if (!heap->user_values)
		return NULL;
	entry = entry_of(heap->user_values, block);
	return entry->block ? entry : NULL;
}

static void insert(struct user_values *values, const struct user_value *entry)
{
	*entry_of(values, entry->block) = *entry;
	values->used++;
}

/* Those behind it, up to the next free entry, are put where they belong now. */
static struct user_value take_out(struct user_values *values,
				  struct user_value *entry)
{
	struct user_value taken = *entry, moved;
	size_t i = entry - values->entries;

	entry->block = NULL;
	values->used--;
	for (i = after(values, i); values->entries[i].block;
	     i = after(values, i)) {
		moved = values->entries[i];
		values->entries[i].block = NULL;
		*entry_of(values, moved.block) = moved;
	}
	return taken;
}

/* ----------------------------------------------------------- heaps' tables --- */

/* From the first such block on the heap has no fast path. */
static void set_table(struct heap *heap, struct user_values *values)
{
	if (heap->user_values) {
		heap->user_values = values;
		return;
	}
	heap_close(heap);
	__atomic_store_n(&heap->user_values, values, __ATOMIC_RELEASE);
	heap_open(heap);
}

/* Room for one more. */
static bool grow(struct heap *heap)
{
	struct user_values *old = heap->user_values, *values;
	size_t size = old ? old->size : LEAST / 2, i;

	if (old && old->used + 1 <= size / 4 * 3)
		return true;
	values = meta_alloc(table_bytes(2 * size));
	if (!values)
		return false;
	values->size = 2 * size;
	for (i = 0; old && i < size; i++)
		if (old->entries[i].block)
			insert(values, &old->entries[i]);
	set_table(heap, values);
	if (old)
		meta_free(old, table_bytes(size));
	return true;
}

bool user_values_add(struct heap *heap, void *p, uint32_t flags)
{
	struct user_value entry = { p, NULL, flags };
	bool added;

	heap_take(heap);
	added = grow(heap);
	if (added)
		insert(heap->user_values, &entry);
	heap_give(heap);
	return added;
}

void user_values_remove(struct heap *heap, void *p)
{
	struct user_value *entry;

	/* Who frees a block knows of its values: no table, no values. */
	if (!__atomic_load_n(&heap->user_values, __ATOMIC_ACQUIRE))
		return;
	heap_take(heap);
	entry = find(heap, p);
	if (entry)
		take_out(heap->user_values, entry);
	heap_give(heap);
}

void user_values_move(struct heap *heap, void *from, void *to)
{
	struct user_value *entry, moved;

	if (!__atomic_load_n(&heap->user_values, __ATOMIC_ACQUIRE))
		return;
	heap_take(heap);
	entry = find(heap, from);
	if (entry) {
		moved = take_out(heap->user_values, entry);
		moved.block = to;
		insert(heap->user_values, &moved);
	}
	heap_give(heap);
}

void user_values_free(struct heap *heap)
{
	if (heap->user_values)
		meta_free(heap->user_values,
			  table_bytes(heap->user_values->size));
	heap->user_values = NULL;
}

/* -------------------------------------------------------- Windows' functions --- */

/* Is this a block of the heap? */
static bool is_block(struct heap *heap, const void *p)
{
	size_t size;

	return heap_ask_size(heap, p, &size);
}

static bool set_value(struct heap *heap, const void *p, void *value)
{
	struct user_value *entry;
	bool has;

	if (!is_block(heap, p))
		return false;
	heap_take(heap);
	entry = find(heap, p);
	has = entry && (entry->flags & HEAP_SETTABLE_USER_VALUE);
	if (has)
		entry->value = value;
	heap_give(heap);
	return has;
}

/* False for what is no block; an entry of zeros for a block that has none. */
static bool get_entry(struct heap *heap, const void *p,
		      struct user_value *answer)
{
	struct user_value *entry;

	if (!is_block(heap, p))
		return false;
	heap_take(heap);
	entry = find(heap, p);
	*answer = entry ? *entry : (struct user_value){ 0 };
	heap_give(heap);
	return true;
}

BOOLEAN NTAPI RtlSetUserValueHeap(PVOID HeapHandle, ULONG Flags,
				  PVOID BaseAddress, PVOID UserValue)
{
	struct heap *heap = HeapHandle;
	bool set;

	if (!heap_is_live(heap))
		return FALSE;
	heap_begin_call(heap, Flags);
	set = set_value(heap, BaseAddress, UserValue);
	heap_end_call(heap, Flags);
	return set;
}

BOOLEAN NTAPI RtlGetUserInfoHeap(PVOID HeapHandle, ULONG Flags,
				 PVOID BaseAddress, PVOID *UserValue,
				 PULONG UserFlags)
{
	struct heap *heap = HeapHandle;
	struct user_value entry;
	bool found;

	if (!heap_is_live(heap))
		return FALSE;
	heap_begin_call(heap, Flags);
	found = get_entry(heap, BaseAddress, &entry);
	heap_end_call(heap, Flags);
	if (!found)
		return FALSE;
	if (UserValue && (entry.flags & HEAP_SETTABLE_USER_VALUE))
		*UserValue = entry.value;
	if (UserFlags)
		*UserFlags = entry.flags & HEAP_SETTABLE_USER_FLAGS;
	return TRUE;
}
