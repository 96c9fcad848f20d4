// SPDX-License-Identifier: MIT
/*
 * GlobalAlloc and LocalAlloc with their families. What both do is tested for
 * each in turn, and with the handles of one given to the other.
 */
#include <pthread.h>

#include "heap.h"

#define NR_HANDLES	65536

struct family {
	HANDLE (WINAPI *alloc)(UINT flags, SIZE_T size);
	HANDLE (WINAPI *realloc)(HANDLE handle, SIZE_T size, UINT flags);
	HANDLE (WINAPI *free)(HANDLE handle);
	LPVOID (WINAPI *lock)(HANDLE handle);
	BOOL (WINAPI *unlock)(HANDLE handle);
	SIZE_T (WINAPI *size)(HANDLE handle);
	UINT (WINAPI *flags)(HANDLE handle);
	HANDLE (WINAPI *handle)(LPCVOID address);
	UINT discardable;
};

static const struct family families[] = {
	{ GlobalAlloc, GlobalReAlloc, GlobalFree, GlobalLock, GlobalUnlock,
	  GlobalSize, GlobalFlags, GlobalHandle, GMEM_DISCARDABLE },
	{ LocalAlloc, LocalReAlloc, LocalFree, LocalLock, LocalUnlock,
	  LocalSize, LocalFlags, LocalHandle, LMEM_DISCARDABLE },
	/* What one has made, the other uses. */
	{ GlobalAlloc, LocalReAlloc, LocalFree, LocalLock, LocalUnlock,
	  LocalSize, LocalFlags, LocalHandle, LMEM_DISCARDABLE },
};

#define NR_FAMILIES	(COUNT(families))

static const SIZE_T sizes[] = { 1, 10, 32, 1024, 32768, 100000, 3 * MIB };

/* An object that is NULL when it is freed, as it is then. */
static void free_object(const struct family *family, HANDLE object)
{
	SetLastError(UNTOUCHED);
	ck_assert_ptr_eq(family->free(object), NULL);
	ck_assert_uint_eq(GetLastError(), UNTOUCHED);
}

/* The last unlock says that there is no lock left. */
static void unlock_last(const struct family *family, HANDLE object)
{
	assert_fails(NO_ERROR, family->unlock(object));
	ck_assert_uint_eq(GetLastError(), NO_ERROR);
}

/* --------------------------------------------------------------- fixed --- */

START_TEST(a_fixed_object_is_a_block_of_the_process_heap)
{
	const struct family *family = &families[_i];
	unsigned char *object;
	unsigned int i;

	for (i = 0; i < COUNT(sizes); i++) {
		assert_ok(object = family->alloc(GMEM_FIXED, sizes[i]));
		ck_assert_uint_eq((uintptr_t)object % 16, 0);
		fill(object, 0, sizes[i], 1);
		assert_ok(HeapValidate(GetProcessHeap(), 0, object));
		ck_assert_uint_eq(HeapSize(GetProcessHeap(), 0, object),
				  sizes[i]);
		assert_ok(family->size(object) == sizes[i]);
		assert_ok(family->lock(object) == object);
		assert_ok(family->flags(object) == 0);
		assert_ok(family->handle(object) == object);
		ck_assert(is_filled(object, 0, sizes[i], 1));
		free_object(family, object);
		ck_assert(!HeapValidate(GetProcessHeap(), 0, object));
	}
}
END_TEST

START_TEST(a_block_of_the_process_heap_is_a_fixed_object)
{
	const struct family *family = &families[_i];
	unsigned char *block = make_block(GetProcessHeap(), 100, 1);

	assert_ok(family->size(block) == 100);
	assert_ok(family->lock(block) == block);
	assert_ok(family->handle(block) == block);
	free_object(family, block);
}
END_TEST

START_TEST(zeroinit_clears)
{
	const struct family *family = &families[_i];
	unsigned char *block;
	unsigned int i, round;
	HANDLE object;

	for (i = 0; i < COUNT(sizes); i++)
		for (round = 0; round < 4; round++) {
			assert_ok(object = family->alloc(round % 2 ? GPTR :
							 GHND, sizes[i]));
			assert_ok(block = family->lock(object));
			ck_assert(is_zero(block, 0, sizes[i]));
			fill(block, 0, sizes[i], 1);
			if (!(round % 2))
				unlock_last(family, object);
			free_object(family, object);
		}
}
END_TEST

START_TEST(unlocking_a_fixed_object)
{
	unsigned char *block = make_block(GetProcessHeap(), 100, 1);

	assert_ok(GlobalUnlock(block));
	assert_ok(GlobalUnlock(block));
	assert_fails(ERROR_NOT_LOCKED, LocalUnlock(block));
	free_block(GetProcessHeap(), block);
}
END_TEST

START_TEST(a_fixed_object_of_size_zero)
{
	HANDLE object;

	assert_ok(object = GlobalAlloc(GMEM_FIXED, 0));
	assert_ok(GlobalSize(object) == 1);
	ck_assert_ptr_eq(GlobalFree(object), NULL);
	assert_ok(object = LocalAlloc(LMEM_FIXED, 0));
	ck_assert_uint_eq(LocalSize(object), 0);
	ck_assert_ptr_eq(LocalFree(object), NULL);
}
END_TEST

START_TEST(a_fixed_object_moves_only_if_it_may)
{
	const struct family *family = &families[_i];
	unsigned char *object, *moved;

	assert_ok(object = family->alloc(GMEM_FIXED, 1000));
	fill(object, 0, 1000, 1);
	/* It would have to. */
	assert_fails(ERROR_NOT_ENOUGH_MEMORY,
		     family->realloc(object, 4 * MIB, 0));
	ck_assert_uint_eq(family->size(object), 1000);
	assert_ok(moved = family->realloc(object, 4 * MIB, GMEM_MOVEABLE |
					  GMEM_ZEROINIT));
	ck_assert(is_filled(moved, 0, 1000, 1));
	ck_assert(is_zero(moved, 1000, 4 * MIB));
	assert_ok(family->lock(moved) == moved);
	assert_ok(family->size(moved) == 4 * MIB);
	assert_ok(moved = family->realloc(moved, 10, GMEM_MOVEABLE));
	ck_assert(is_filled(moved, 0, 10, 1));
	assert_ok(family->size(moved) == 10);
	free_object(family, moved);
}
END_TEST

START_TEST(modify_leaves_the_size_alone)
{
	const struct family *family = &families[_i];
	HANDLE object;

	assert_ok(object = family->alloc(GMEM_FIXED, 10));
	assert_ok(family->realloc(object, 9, GMEM_MODIFY) == object);
	assert_ok(family->realloc(object, MIB, GMEM_MODIFY) == object);
	assert_ok(family->size(object) == 10);
	free_object(family, object);
	assert_ok(object = family->alloc(GMEM_MOVEABLE, 10));
	assert_ok(family->realloc(object, MIB, GMEM_MODIFY) == object);
	assert_ok(family->realloc(object, 0, GMEM_MODIFY) == object);
	assert_ok(family->size(object) == 10);
	free_object(family, object);
}
END_TEST

/* ------------------------------------------------------------ moveable --- */

START_TEST(a_moveable_object_has_a_handle_and_a_block)
{
	const struct family *family = &families[_i];
	unsigned char *block;
	unsigned int i;
	HANDLE object;

	for (i = 0; i < COUNT(sizes); i++) {
		assert_ok(object = family->alloc(GMEM_MOVEABLE, sizes[i]));
		ck_assert_uint_eq((uintptr_t)object % 16, 8);
		assert_ok(family->size(object) == sizes[i]);
		assert_ok(family->flags(object) == 0);
		assert_ok(block = family->lock(object));
		ck_assert_ptr_ne(block, object);
		/* Programs know that a handle points to the address. */
		ck_assert_ptr_eq(*(void **)object, block);
		ck_assert_uint_eq((uintptr_t)block % 16, 0);
		fill(block, 0, sizes[i], 1);
		assert_ok(family->handle(block) == object);
		unlock_last(family, object);
		assert_ok(family->lock(object) == block);
		ck_assert(is_filled(block, 0, sizes[i], 1));
		free_object(family, object);
	}
}
END_TEST

START_TEST(its_block_is_one_of_the_process_heap)
{
	const struct family *family = &families[_i];
	unsigned int i;
	HANDLE object;
	void *block;

	for (i = 0; i < COUNT(sizes); i++) {
		assert_ok(object = family->alloc(GMEM_MOVEABLE, sizes[i]));
		assert_ok(block = family->lock(object));
		assert_ok(HeapValidate(GetProcessHeap(), 0, block));
		ck_assert_uint_eq(HeapSize(GetProcessHeap(), 0, block),
				  sizes[i]);
		free_object(family, object);
	}
}
END_TEST

START_TEST(locks_count)
{
	const struct family *family = &families[_i];
	HANDLE object;
	void *block;
	UINT i;

	assert_ok(object = family->alloc(GMEM_MOVEABLE, 256));
	assert_ok(block = family->lock(object));
	for (i = 1; i < 255; i++) {
		ck_assert_uint_eq(family->flags(object), i);
		assert_ok(family->lock(object) == block);
	}
	/* But not further. */
	assert_ok(family->lock(object) == block);
	ck_assert_uint_eq(family->flags(object), 255);
	for (i = 254; i > 0; i--) {
		assert_ok(family->unlock(object));
		ck_assert_uint_eq(family->flags(object), i);
	}
	unlock_last(family, object);
	ck_assert_uint_eq(family->flags(object), 0);
	assert_fails(ERROR_NOT_LOCKED, family->unlock(object));
	assert_fails(ERROR_NOT_LOCKED, family->unlock(object));
	ck_assert_uint_eq(family->flags(object), 0);
	free_object(family, object);
}
END_TEST

START_TEST(a_locked_object_can_be_freed)
{
	const struct family *family = &families[_i];
	HANDLE object;

	assert_ok(object = family->alloc(GMEM_MOVEABLE, 100));
	assert_ok(family->lock(object));
	free_object(family, object);
}
END_TEST

START_TEST(a_moveable_object_of_size_zero_is_discarded)
{
	const struct family *family = &families[_i];
	HANDLE object;

	assert_ok(object = family->alloc(GMEM_MOVEABLE | GMEM_ZEROINIT, 0));
	ck_assert_uint_eq(family->size(object), 0);
	ck_assert_uint_eq(family->flags(object), GMEM_DISCARDED);
	assert_fails(ERROR_DISCARDED, family->lock(object));
	ck_assert_ptr_eq(*(void **)object, NULL);
	assert_ok(family->realloc(object, 10, GMEM_MOVEABLE) == object);
	assert_ok(family->size(object) == 10);
	assert_ok(family->flags(object) == 0);
	assert_ok(family->lock(object));
	free_object(family, object);
}
END_TEST

START_TEST(an_object_is_discarded_and_comes_back)
{
	const struct family *family = &families[_i];
	unsigned char *block;
	HANDLE object;

	assert_ok(object = family->alloc(GMEM_MOVEABLE | GMEM_DISCARDABLE,
					 1000));
	ck_assert_uint_eq(family->flags(object), family->discardable);
	assert_ok(family->realloc(object, 0, GMEM_MOVEABLE) == object);
	ck_assert_uint_eq(family->flags(object), family->discardable |
			  GMEM_DISCARDED);
	ck_assert_uint_eq(family->size(object), 0);
	assert_fails(ERROR_DISCARDED, family->lock(object));
	assert_ok(family->realloc(object, 2000, GMEM_MOVEABLE |
				  GMEM_ZEROINIT) == object);
	ck_assert_uint_eq(family->flags(object), family->discardable);
	assert_ok(block = family->lock(object));
	ck_assert(is_zero(block, 0, 2000));
	free_object(family, object);
}
END_TEST

START_TEST(a_locked_object_is_not_discarded)
{
	const struct family *family = &families[_i];
	unsigned char *block;
	HANDLE object;

	assert_ok(object = family->alloc(GMEM_MOVEABLE, 1000));
	assert_ok(block = family->lock(object));
	fill(block, 0, 1000, 1);
	ck_assert_ptr_eq(family->realloc(object, 0, GMEM_MOVEABLE), NULL);
	ck_assert_uint_eq(family->size(object), 1000);
	ck_assert(is_filled(block, 0, 1000, 1));
	unlock_last(family, object);
	assert_ok(family->realloc(object, 0, GMEM_MOVEABLE) == object);
	free_object(family, object);
}
END_TEST

START_TEST(the_handle_stays_when_the_size_changes)
{
	const struct family *family = &families[_i];
	SIZE_T old = 1, size, small;
	unsigned char *block;
	unsigned int i;
	HANDLE object;

	assert_ok(object = family->alloc(GHND, 1));
	assert_ok(block = family->lock(object));
	fill(block, 0, 1, 1);
	unlock_last(family, object);
	for (i = 0; i < 2 * COUNT(sizes); i++) {
		size = sizes[i * 3 % COUNT(sizes)];
		small = size < old ? size : old;
		assert_ok(family->realloc(object, size, i % 2 ?
					  GMEM_ZEROINIT : GMEM_ZEROINIT |
					  GMEM_MOVEABLE) == object);
		assert_ok(family->size(object) == size);
		assert_ok(block = family->lock(object));
		assert_ok(family->handle(block) == object);
		ck_assert(is_filled(block, 0, small, 1));
		ck_assert(is_zero(block, small, size));
		fill(block, 0, size, 1);
		unlock_last(family, object);
		old = size;
	}
	free_object(family, object);
}
END_TEST

START_TEST(a_locked_object_moves_only_if_it_may)
{
	const struct family *family = &families[_i];
	unsigned char *block;
	HANDLE object;

	assert_ok(object = family->alloc(GMEM_MOVEABLE, 1000));
	assert_ok(block = family->lock(object));
	fill(block, 0, 1000, 1);
	assert_fails(ERROR_NOT_ENOUGH_MEMORY,
		     family->realloc(object, 4 * MIB, 0));
	ck_assert_uint_eq(family->size(object), 1000);
	ck_assert(is_filled(block, 0, 1000, 1));
	assert_ok(family->realloc(object, 4 * MIB, GMEM_MOVEABLE) == object);
	ck_assert_uint_eq(family->flags(object), 1);
	assert_ok(block = family->lock(object));
	ck_assert(is_filled(block, 0, 1000, 1));
	fill(block, 0, 4 * MIB, 2);
	free_object(family, object);
}
END_TEST

START_TEST(a_failure_leaves_the_object_as_it_was)
{
	const struct family *family = &families[_i];
	unsigned char *block;
	HANDLE object;

	assert_fails(ERROR_NOT_ENOUGH_MEMORY,
		     family->alloc(GMEM_FIXED, unknown(SIZE_MAX / 2)));
	assert_fails(ERROR_NOT_ENOUGH_MEMORY,
		     family->alloc(GMEM_MOVEABLE, unknown(SIZE_MAX / 2)));
	assert_ok(object = family->alloc(GMEM_MOVEABLE, 1000));
	assert_ok(block = family->lock(object));
	fill(block, 0, 1000, 1);
	unlock_last(family, object);
	assert_fails(ERROR_NOT_ENOUGH_MEMORY,
		     family->realloc(object, SIZE_MAX / 2, GMEM_MOVEABLE));
	ck_assert_uint_eq(family->size(object), 1000);
	assert_ok(block = family->lock(object));
	ck_assert(is_filled(block, 0, 1000, 1));
	free_object(family, object);
}
END_TEST

START_TEST(a_discardable_object_is_made_so)
{
	const struct family *family = &families[_i];
	HANDLE object;

	assert_ok(object = family->alloc(GMEM_MOVEABLE, 10));
	assert_ok(family->realloc(object, 0, GMEM_MODIFY | GMEM_MOVEABLE |
				  GMEM_DISCARDABLE) == object);
	ck_assert_uint_eq(family->flags(object), family->discardable);
	assert_ok(family->size(object) == 10);
	free_object(family, object);
}
END_TEST

START_TEST(global_makes_a_fixed_object_moveable)
{
	unsigned char *object, *block;
	HANDLE handle;

	assert_ok(object = GlobalAlloc(GMEM_FIXED, 1000));
	fill(object, 0, 1000, 1);
	assert_ok(handle = GlobalReAlloc(object, 0, GMEM_MODIFY |
					 GMEM_MOVEABLE));
	ck_assert_ptr_ne(handle, object);
	assert_ok(GlobalSize(handle) == 1000);
	assert_ok(block = GlobalLock(handle));
	ck_assert_ptr_ne(block, handle);
	ck_assert(is_filled(block, 0, 1000, 1));
	assert_ok(GlobalHandle(block) == handle);
	unlock_last(&families[0], handle);
	free_object(&families[0], handle);
}
END_TEST

START_TEST(local_leaves_it_fixed)
{
	unsigned char *object;

	assert_ok(object = LocalAlloc(LMEM_FIXED, 1000));
	assert_ok(LocalReAlloc(object, 0, LMEM_MODIFY | LMEM_MOVEABLE) ==
		  object);
	assert_ok(LocalSize(object) == 1000);
	free_object(&families[1], object);
}
END_TEST

START_TEST(flags_tell_what_was_asked_for)
{
	static const UINT accepted[] = {
		GMEM_FIXED | GMEM_NOTIFY, GMEM_FIXED | GMEM_DISCARDABLE,
		GMEM_MOVEABLE | GMEM_NOTIFY, GMEM_MOVEABLE | GMEM_NOT_BANKED,
		GMEM_MOVEABLE | GMEM_NODISCARD, GMEM_MOVEABLE | GMEM_NOCOMPACT,
	};
	HANDLE object;
	unsigned int i;

	assert_ok(object = GlobalAlloc(GMEM_MOVEABLE | GMEM_DISCARDABLE |
				       GMEM_DDESHARE, 1));
	assert_ok(GlobalFlags(object) == (GMEM_DISCARDABLE | GMEM_DDESHARE));
	assert_ok(GlobalLock(object));
	assert_ok(GlobalFlags(object) == (GMEM_DISCARDABLE | GMEM_DDESHARE |
					  1));
	free_object(&families[0], object);
	for (i = 0; i < COUNT(accepted); i++) {
		assert_ok(object = GlobalAlloc(accepted[i], 4));
		ck_assert_uint_eq(GlobalFlags(object) & ~GMEM_DISCARDABLE, 0);
		free_object(&families[0], object);
	}
}
END_TEST

/* ------------------------------------------------------ obsolete names --- */

START_TEST(to_wire_is_to_lock)
{
	unsigned char *block;
	HANDLE object;

	assert_ok(object = GlobalAlloc(GMEM_MOVEABLE, 1000));
	assert_ok(block = GlobalLock(object));
	assert_ok(GlobalWire(object) == block);
	ck_assert_uint_eq(GlobalFlags(object), 2);
	assert_ok(GlobalUnWire(object));
	ck_assert_uint_eq(GlobalFlags(object), 1);
	assert_fails(NO_ERROR, GlobalUnWire(object));
	assert_fails(ERROR_NOT_LOCKED, GlobalUnWire(object));
	free_object(&families[0], object);
	assert_fails(ERROR_INVALID_HANDLE, GlobalWire(object));
}
END_TEST

START_TEST(to_fix_is_to_lock)
{
	HANDLE object;

	assert_ok(object = GlobalAlloc(GMEM_MOVEABLE, 1000));
	GlobalFix(object);
	GlobalFix(object);
	ck_assert_uint_eq(GlobalFlags(object), 2);
	GlobalUnfix(object);
	ck_assert_uint_eq(GlobalFlags(object), 1);
	ck_assert_ptr_eq(GlobalReAlloc(object, 0, GMEM_MOVEABLE), NULL);
	GlobalUnfix(object);
	ck_assert_uint_eq(GlobalFlags(object), 0);
	free_object(&families[0], object);
}
END_TEST

START_TEST(the_data_segment_is_fixed_already)
{
	SetLastError(UNTOUCHED);
	GlobalFix(INVALID_HANDLE_VALUE);
	GlobalUnfix(INVALID_HANDLE_VALUE);
	LockSegment(-1);
	UnlockSegment(-1);
	ck_assert_uint_eq(GetLastError(), UNTOUCHED);
}
END_TEST

static SIZE_T compact(int how)
{
	switch (how) {
	case 0:
		return GlobalCompact(0);
	case 1:
		return GlobalCompact(unknown(MIB));
	case 2:
		return LocalCompact(0);
	default:
		return LocalShrink((HLOCAL)0xdeadbee8, 1);
	}
}

/* What HeapCompact says, and objects keep what they hold. */
START_TEST(compacting_compacts_the_process_heap)
{
	unsigned char *objects[100];
	unsigned int i;
	SIZE_T largest;

	for (i = 0; i < 100; i++) {
		assert_ok(objects[i] = GlobalAlloc(GMEM_FIXED, i * 500 + 1));
		fill(objects[i], 0, i * 500 + 1, i);
	}
	for (i = 0; i < 100; i += 2)
		free_object(&families[0], objects[i]);
	SetLastError(UNTOUCHED);
	largest = compact(_i);
	ck_assert_uint_eq(GetLastError(), largest ? UNTOUCHED : NO_ERROR);
	ck_assert(largest);
	ck_assert_uint_eq(HeapCompact(GetProcessHeap(), 0), largest);
	for (i = 1; i < 100; i += 2) {
		ck_assert(is_filled(objects[i], 0, i * 500 + 1, i));
		free_object(&families[0], objects[i]);
	}
}
END_TEST

/* ---------------------------------------------------------- no objects --- */

START_TEST(null_is_no_object)
{
	const struct family *family = &families[_i];

	free_object(family, NULL);
	ck_assert_ptr_eq(family->realloc(NULL, 10, GMEM_MOVEABLE), NULL);
	ck_assert_ptr_eq(family->lock(NULL), NULL);
	ck_assert_uint_eq(family->size(NULL), 0);
	ck_assert_ptr_eq(family->handle(NULL), NULL);
}
END_TEST

static void check_no_handle(const struct family *family, HANDLE handle)
{
	SetLastError(UNTOUCHED);
	ck_assert_ptr_eq(family->free(handle), handle);
	ck_assert_uint_eq(GetLastError(), ERROR_INVALID_HANDLE);
	SetLastError(UNTOUCHED);
	ck_assert_uint_eq(family->flags(handle), GMEM_INVALID_HANDLE);
	ck_assert_uint_eq(GetLastError(), ERROR_INVALID_HANDLE);
	assert_fails(ERROR_INVALID_HANDLE, family->size(handle));
	assert_fails(ERROR_INVALID_HANDLE, family->lock(handle));
}

START_TEST(a_freed_handle_is_none)
{
	const struct family *family = &families[_i];
	HANDLE object;

	assert_ok(object = family->alloc(GMEM_MOVEABLE, 256));
	free_object(family, object);
	check_no_handle(family, object);
	assert_ok(object = family->alloc(GMEM_MOVEABLE, 0));
	free_object(family, object);
	check_no_handle(family, object);
}
END_TEST

START_TEST(a_handle_that_never_was_is_none)
{
	const struct family *family = &families[_i];
	HANDLE wrong = (HANDLE)0xdeadbee8;

	check_no_handle(family, wrong);
	assert_fails(ERROR_INVALID_HANDLE,
		     family->realloc(wrong, 0, GMEM_MOVEABLE));
	assert_fails(ERROR_INVALID_HANDLE,
		     family->realloc(wrong, 10, GMEM_MOVEABLE));
}
END_TEST

START_TEST(unlocking_what_is_no_handle)
{
	HANDLE wrong = (HANDLE)0xdeadbee8;

	SetLastError(UNTOUCHED);
	ck_assert(GlobalUnlock(wrong));
	ck_assert_uint_eq(GetLastError(), ERROR_INVALID_HANDLE);
	assert_fails(ERROR_INVALID_HANDLE, LocalUnlock(wrong));
}
END_TEST

START_TEST(an_address_that_is_no_block)
{
	void *wrong = (void *)0xdeadbee0;

	SetLastError(UNTOUCHED);
	ck_assert_ptr_eq(GlobalFree(wrong), wrong);
	ck_assert_uint_eq(GetLastError(), ERROR_NOACCESS);
	SetLastError(UNTOUCHED);
	ck_assert_ptr_eq(LocalFree(wrong), wrong);
	ck_assert_uint_eq(GetLastError(), ERROR_NOACCESS);
	assert_fails(ERROR_NOACCESS, GlobalReAlloc(wrong, 0, GMEM_MOVEABLE));
	assert_fails(ERROR_NOACCESS, LocalReAlloc(wrong, 0, LMEM_MOVEABLE));
	SetLastError(UNTOUCHED);
	ck_assert_uint_eq(GlobalFlags(wrong), GMEM_INVALID_HANDLE);
	ck_assert_uint_eq(GetLastError(), ERROR_INVALID_HANDLE);
	SetLastError(UNTOUCHED);
	ck_assert_uint_eq(LocalFlags(wrong), LMEM_INVALID_HANDLE);
	ck_assert_uint_eq(GetLastError(), ERROR_NOACCESS);
	assert_fails(ERROR_INVALID_HANDLE, GlobalHandle(wrong));
	assert_fails(ERROR_INVALID_HANDLE, LocalHandle(wrong));
	assert_fails(ERROR_INVALID_HANDLE, GlobalSize(wrong));
	assert_fails(ERROR_INVALID_HANDLE, LocalSize(wrong));
	assert_fails(ERROR_INVALID_HANDLE, GlobalLock(wrong));
	assert_fails(UNTOUCHED, LocalLock(wrong));
	assert_ok(GlobalUnlock(wrong));
	assert_fails(ERROR_NOT_LOCKED, LocalUnlock(wrong));
}
END_TEST

/* ------------------------------------------------------------- handles --- */

/* Both families share the table; fixed objects need none of it. */
START_TEST(there_are_65536_handles)
{
	static HANDLE handles[NR_HANDLES];
	HANDLE object;
	int i;

	if (under_valgrind())
		return;
	for (i = 0; i < NR_HANDLES; i++)
		assert_ok(handles[i] = families[i % 2].alloc(GMEM_MOVEABLE,
							     i % 512 ? 0 : 8));
	assert_fails(ERROR_NOT_ENOUGH_MEMORY, GlobalAlloc(GMEM_MOVEABLE, 0));
	assert_fails(ERROR_NOT_ENOUGH_MEMORY, LocalAlloc(LMEM_MOVEABLE, 10));
	assert_ok(object = GlobalAlloc(GMEM_FIXED, 10));
	free_object(&families[0], object);
	free_object(&families[0], handles[4711]);
	assert_ok(handles[4711] = LocalAlloc(LMEM_MOVEABLE, 10));
	assert_fails(ERROR_NOT_ENOUGH_MEMORY, GlobalAlloc(GMEM_MOVEABLE, 0));
	for (i = 0; i < NR_HANDLES; i++)
		free_object(&families[(i + 1) % 2], handles[i]);
}
END_TEST

#define ROUNDS	2000

/* Threads that lock one object while it moves. */
static HANDLE moving;
static bool stop;

static void *lock_and_look(void *arg)
{
	unsigned char *block;

	(void)arg;
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		block = GlobalLock(moving);
		if (!block || !is_filled(block, 0, 16, 1) ||
		    GlobalSize(moving) < 16)
			return NULL;
		GlobalUnlock(moving);
	}
	return &moving;
}

/* Without GMEM_MOVEABLE it moves between their locks only. */
START_TEST(an_object_does_not_move_under_a_lock)
{
	pthread_t thread;
	void *result;
	int i;

	stop = false;
	assert_ok(moving = GlobalAlloc(GMEM_MOVEABLE, 16));
	fill(GlobalLock(moving), 0, 16, 1);
	GlobalUnlock(moving);
	ck_assert_int_eq(pthread_create(&thread, NULL, lock_and_look, NULL),
			 0);
	for (i = 0; i < ROUNDS; i++)
		GlobalReAlloc(moving, 16 + i * 4999 % 100000, 0);
	__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
	ck_assert_int_eq(pthread_join(thread, &result), 0);
	ck_assert_ptr_eq(result, &moving);
	free_object(&families[0], moving);
}
END_TEST

static void *live_through_objects(void *arg)
{
	unsigned int seed = (unsigned int)(uintptr_t)arg, i;
	unsigned char *block;
	HANDLE object;

	for (i = 0; i < ROUNDS; i++) {
		object = GlobalAlloc(GMEM_MOVEABLE, i % 500 + 1);
		block = GlobalLock(object);
		if (!block)
			return NULL;
		fill(block, 0, i % 500 + 1, seed);
		GlobalUnlock(object);
		if (GlobalReAlloc(object, 700, GMEM_MOVEABLE) != object)
			return NULL;
		block = GlobalLock(object);
		if (!is_filled(block, 0, i % 500 + 1, seed) ||
		    GlobalFree(object))
			return NULL;
	}
	return &moving;
}

START_TEST(threads_have_objects_of_their_own)
{
	pthread_t threads[3];
	void *result;
	uintptr_t i;

	for (i = 0; i < 3; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL,
						live_through_objects,
						(void *)i), 0);
	for (i = 0; i < 3; i++) {
		ck_assert_int_eq(pthread_join(threads[i], &result), 0);
		ck_assert_ptr_eq(result, &moving);
	}
}
END_TEST

static void add_common_tests(TCase *tests)
{
	tcase_add_loop_test(tests,
			    a_fixed_object_is_a_block_of_the_process_heap, 0,
			    NR_FAMILIES);
	tcase_add_loop_test(tests,
			    a_block_of_the_process_heap_is_a_fixed_object, 0,
			    NR_FAMILIES);
	tcase_add_loop_test(tests, zeroinit_clears, 0, NR_FAMILIES);
	tcase_add_loop_test(tests, a_fixed_object_moves_only_if_it_may, 0,
			    NR_FAMILIES);
	tcase_add_loop_test(tests, modify_leaves_the_size_alone, 0,
			    NR_FAMILIES);
	tcase_add_loop_test(tests, a_moveable_object_has_a_handle_and_a_block,
			    0, NR_FAMILIES);
	tcase_add_loop_test(tests, its_block_is_one_of_the_process_heap, 0,
			    NR_FAMILIES);
	tcase_add_loop_test(tests, locks_count, 0, NR_FAMILIES);
	tcase_add_loop_test(tests, a_locked_object_can_be_freed, 0,
			    NR_FAMILIES);
	tcase_add_loop_test(tests, a_moveable_object_of_size_zero_is_discarded,
			    0, NR_FAMILIES);
	tcase_add_loop_test(tests, an_object_is_discarded_and_comes_back, 0,
			    NR_FAMILIES);
	tcase_add_loop_test(tests, a_locked_object_is_not_discarded, 0,
			    NR_FAMILIES);
	tcase_add_loop_test(tests, the_handle_stays_when_the_size_changes, 0,
			    NR_FAMILIES);
	tcase_add_loop_test(tests, a_locked_object_moves_only_if_it_may, 0,
			    NR_FAMILIES);
	tcase_add_loop_test(tests, a_failure_leaves_the_object_as_it_was, 0,
			    NR_FAMILIES);
	tcase_add_loop_test(tests, a_discardable_object_is_made_so, 0,
			    NR_FAMILIES);
	tcase_add_loop_test(tests, null_is_no_object, 0, NR_FAMILIES);
	tcase_add_loop_test(tests, a_freed_handle_is_none, 0, NR_FAMILIES);
	tcase_add_loop_test(tests, a_handle_that_never_was_is_none, 0,
			    NR_FAMILIES);
}

TCase *global_tests(void)
{
	TCase *tests = tcase_create("GlobalAlloc, LocalAlloc");

	tcase_set_timeout(tests, 60);
	add_common_tests(tests);
	tcase_add_test(tests, unlocking_a_fixed_object);
	tcase_add_test(tests, a_fixed_object_of_size_zero);
	tcase_add_test(tests, global_makes_a_fixed_object_moveable);
	tcase_add_test(tests, local_leaves_it_fixed);
	tcase_add_test(tests, flags_tell_what_was_asked_for);
	tcase_add_test(tests, to_wire_is_to_lock);
	tcase_add_test(tests, to_fix_is_to_lock);
	tcase_add_test(tests, the_data_segment_is_fixed_already);
	tcase_add_loop_test(tests, compacting_compacts_the_process_heap, 0, 4);
	tcase_add_test(tests, unlocking_what_is_no_handle);
	tcase_add_test(tests, an_address_that_is_no_block);
	tcase_add_test(tests, there_are_65536_handles);
	tcase_add_test(tests, an_object_does_not_move_under_a_lock);
	tcase_add_test(tests, threads_have_objects_of_their_own);
	return tests;
}
