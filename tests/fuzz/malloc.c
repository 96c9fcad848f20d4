// SPDX-License-Identifier: MIT
/*
 * Sequences of calls of what allocates in the process's heaps, beside a model:
 * what malloc, realloc and aligned_alloc call below them, the C run-time's
 * _recalloc, _expand and _aligned_*, and Global and Local memory. Each object
 * is looked at after a call that it was given to; all of them, and what walks
 * find, now and then and at the end. As the target heap in all else.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <windows.h>
#include <ntmem/malloc.h>

#include "blocks.h"
#include "heap/heap.h"
#include "heap/walk.h"
#include "target.h"

#define UNTOUCHED	0xdeadbeefu
#define MOST_STEPS	200
#define OBJECTS		256
#define TURNS		40		/* of other threads */
#define LOCKS_MOST	255

struct object {
	const struct family *family;	/* NULL: none */
	HANDLE handle;			/* of Global and Local memory */
	uint8_t *address;		/* NULL: discarded */
	size_t size;
	unsigned int seed;
	size_t alignment, offset;
	UINT flags;			/* GMEM_*; 0: fixed */
	unsigned int locks;
};

/*
 * make and resize return false when there is no memory, and then nothing has
 * changed. They may be asked for zeros, say whether what is new is zero, and
 * how large the object is that they made of a size that they cannot make.
 */
struct family {
	bool (*make)(struct object *object, size_t *size, bool *zero);
	bool (*resize)(struct object *object, size_t *size, bool *zero);
	void (*release)(struct object *object);
	void (*look)(const struct object *object);
	struct heap *heap;
};

static struct object objects[OBJECTS];
static unsigned int entries;		/* of objects, that have been in use */
static bool limited;			/* calls may lack memory */
static bool may_fail;			/* so may this one */

#define check(condition)						\
	fuzz_check(condition, "line %d: %s", __LINE__, #condition)

static void begin(void)
{
	SetLastError(UNTOUCHED);
	errno = 0;
}

/* A call of the C run-time. */
static bool crt_result(const void *block)
{
	check(errno == (block ? 0 : ENOMEM));
	return block;
}

/* A call of Windows'. */
static bool windows_result(const void *handle)
{
	check(GetLastError() == (handle ? UNTOUCHED :
					  ERROR_NOT_ENOUGH_MEMORY));
	return handle;
}

/* ------------------------------------------------- malloc, and what it calls */

static bool malloc_make(struct object *object, size_t *size, bool *zero)
{
	object->alignment = (size_t)1 << fuzz_take(1) % 20;
	if (*size > PTRDIFF_MAX)	/* malloc sees to that */
		return false;
	object->address = heap_alloc_aligned(&heap_malloc, *size,
					     object->alignment, *zero);
	return object->address;
}

/* realloc makes nothing of 0 bytes, and clears nothing. */
static bool malloc_resize(struct object *object, size_t *size, bool *zero)
{
	uint8_t *address;

	*zero = false;
	*size += !*size;
	if (*size > PTRDIFF_MAX)
		return false;
	address = heap_realloc(&heap_malloc, object->address, *size, false,
			       "realloc");
	if (!address)
		return false;
	object->address = address;
	object->alignment = 1;
	return true;
}

/* Either heap takes the other one's blocks. */
static void any_release(struct object *object)
{
	if (fuzz_take(1) & 1)
		check(HeapFree(GetProcessHeap(), 0, object->address));
	else
		heap_free(&heap_malloc, object->address, "free");
}

static void malloc_look(const struct object *object)
{
	size_t room = heap_size(&heap_malloc, object->address, "look");

	check(room >= object->size);
	check(HeapSize(GetProcessHeap(), 0, object->address) == room);
	check(heap_validate(&heap_malloc, object->address));
}

static const struct family malloc_family = {
	malloc_make, malloc_resize, any_release, malloc_look, &heap_malloc,
};

/* ------------------------------------------------------- the C run-time --- */

static bool crt_make(struct object *object, size_t *size, bool *zero)
{
	*zero = true;
	object->address = _recalloc(NULL, 1, *size);
	return crt_result(object->address);
}

static bool crt_resize(struct object *object, size_t *size, bool *zero)
{
	void *address;

	if (*zero && *size) {	/* 0 would free it */
		address = _recalloc(object->address, *size, 1);
	} else {
		may_fail |= *size > object->size;
		address = _expand(object->address, *size);
		*zero = false;
		check(!address || address == object->address);
	}
	if (!crt_result(address))
		return false;
	object->address = address;
	return true;
}

static void crt_look(const struct object *object)
{
	check(_msize(object->address) == object->size);
	check(GlobalSize(object->address) == object->size);
}

static const struct family crt_family = {
	crt_make, crt_resize, any_release, crt_look, &heap_process,
};

static bool aligned_make(struct object *object, size_t *size, bool *zero)
{
	size_t offset = fuzz_take(1) & 1 ? fuzz_take(2) : 0;

	object->alignment = (size_t)1 << fuzz_take(1) % 20;
	object->offset = offset < *size ? offset : 0;
	if (*zero)
		object->address =
			_aligned_offset_recalloc(NULL, *size, 1,
						 object->alignment,
						 object->offset);
	else
		object->address = _aligned_offset_malloc(*size,
							 object->alignment,
							 object->offset);
	return crt_result(object->address);
}

static bool aligned_resize(struct object *object, size_t *size, bool *zero)
{
	void *address;

	if (*size <= object->offset)	/* 0 would free it */
		*size = object->offset + 1;
	if (*zero)
		address = _aligned_offset_recalloc(object->address, 1, *size,
						   object->alignment,
						   object->offset);
	else
		address = _aligned_offset_realloc(object->address, *size,
						  object->alignment,
						  object->offset);
	if (!crt_result(address))
		return false;
	object->address = address;
	return true;
}

static void aligned_release(struct object *object)
{
	if (fuzz_take(1) & 1)
		check(!_aligned_offset_realloc(object->address, 0,
					       object->alignment,
					       object->offset));
	else
		_aligned_free(object->address);
}

static void aligned_look(const struct object *object)
{
	check(_aligned_msize(object->address, object->alignment,
			     object->offset) == object->size);
}

static const struct family aligned_family = {
	aligned_make, aligned_resize, aligned_release, aligned_look,
	&heap_process,
};

/* ----------------------------------------------------- Global and Local --- */

/* A fixed object of Global memory has a byte at least. */
static void set_fixed_size(const struct object *object, bool global,
			   size_t *size)
{
	if (global && !object->flags)
		*size += !*size;
}

static bool memory_make(struct object *object, size_t *size, bool *zero)
{
	UINT flags = fuzz_take(1) & 1 ? GMEM_MOVEABLE : GMEM_FIXED;
	bool global = fuzz_take(1) & 1;

	object->flags = flags;
	flags |= *zero ? GMEM_ZEROINIT : 0;
	object->handle = global ? GlobalAlloc(flags, *size) :
				  LocalAlloc(flags, *size);
	if (!windows_result(object->handle))
		return false;
	set_fixed_size(object, global, size);
	/* A handle can be read through. */
	object->address = object->flags ? *(uint8_t **)object->handle :
					  object->handle;
	return true;
}

/* Size 0 discards an object, if that may be. */
static bool was_discarded(const struct object *object, UINT flags,
			  const void *handle)
{
	bool may_be = (flags & GMEM_MOVEABLE) && !object->locks;

	check(!!handle == may_be);
	check(GetLastError() == (handle ? UNTOUCHED :
					  ERROR_INVALID_PARAMETER));
	may_fail = true;
	return handle;
}

static bool memory_resize(struct object *object, size_t *size, bool *zero)
{
	UINT flags = (*zero ? GMEM_ZEROINIT : 0) |
		     (fuzz_take(1) & 1 ? GMEM_MOVEABLE : 0);
	bool global = fuzz_take(1) & 1;
	HANDLE handle;

	may_fail |= !(flags & GMEM_MOVEABLE) && *size > object->size &&
		    (!object->flags || object->locks);
	handle = global ? GlobalReAlloc(object->handle, *size, flags) :
			  LocalReAlloc(object->handle, *size, flags);
	if (object->flags && !*size ? !was_discarded(object, flags, handle) :
				      !windows_result(handle))
		return false;
	check(!object->flags || handle == object->handle);
	set_fixed_size(object, global, size);
	object->handle = handle;
	object->address = object->flags ? *(uint8_t **)handle : handle;
	return true;
}

static void memory_release(struct object *object)
{
	check(!(fuzz_take(1) & 1 ? GlobalFree(object->handle) :
				   LocalFree(object->handle)));
}

static void memory_look(const struct object *object)
{
	UINT flags = GlobalFlags(object->handle);

	check(GlobalSize(object->handle) == object->size);
	check(LocalSize(object->handle) == object->size);
	check((flags & GMEM_LOCKCOUNT) == object->locks);
	check(!(flags & GMEM_DISCARDED) ==
	      (object->address || !object->flags));
	check(!object->address ||
	      GlobalHandle(object->address) == object->handle);
	check(!object->address ||
	      LocalHandle(object->address) == object->handle);
}

static const struct family memory_family = {
	memory_make, memory_resize, memory_release, memory_look,
	&heap_process,
};

/* --------------------------------------------------------------- objects --- */

static size_t alignment_of(const struct object *object)
{
	if (object->family == &aligned_family)
		return object->alignment > sizeof(void *) ?
		       object->alignment : sizeof(void *);
	return object->alignment > 16 ? object->alignment : 16;
}

static void look(const struct object *object)
{
	check(!(((uintptr_t)object->address + object->offset) %
		alignment_of(object)) || !object->address);
	check(fuzz_is_marked(object->address, object->size, object->size,
			     object->seed));
	object->family->look(object);
}

static void check_place(const struct object *object)
{
	for (unsigned int i = 0; i < entries; i++) {
		const struct object *other = &objects[i];

		if (other->family && other != object && other->address)
			check(object->address + object->size <=
			      other->address ||
			      other->address + other->size <=
			      object->address);
	}
}

static void set_object(struct object *object, size_t size)
{
	object->size = size;
	object->seed = fuzz_take(1);
	if (object->address)
		check_place(object);
	fuzz_mark(object->address, size, object->seed);
	look(object);
}

static struct object *free_entry(void)
{
	for (unsigned int i = 0; i < entries; i++)
		if (!objects[i].family)
			return &objects[i];
	return entries < OBJECTS ? &objects[entries++] : NULL;
}

static struct object *some_object(void)
{
	unsigned int first = fuzz_take(1);

	for (unsigned int i = 0; i < entries; i++)
		if (objects[(first + i) % entries].family)
			return &objects[(first + i) % entries];
	return NULL;
}

static void make(void)
{
	static const struct family *const families[] = {
		&malloc_family, &malloc_family, &crt_family, &aligned_family,
		&aligned_family, &memory_family, &memory_family,
	};
	unsigned int kind = fuzz_take(1);
	struct object *object = free_entry();
	bool zero = kind & 128, impossible;
	size_t size = fuzz_size(&impossible);

	if (!object)
		return;
	memset(object, 0, sizeof(*object));
	object->alignment = 1;
	object->family = families[kind % (sizeof(families) /
					  sizeof(families[0]))];
	begin();
	if (!object->family->make(object, &size, &zero)) {
		check(impossible || limited);
		object->family = NULL;
		return;
	}
	check(!impossible);
	check(!zero || fuzz_is_zero(object->address, 0, size));
	set_object(object, size);
}

static void resize(void)
{
	struct object *object = some_object(), old;
	bool zero = fuzz_take(1) & 1, impossible;
	size_t size = fuzz_size(&impossible), kept;

	if (!object)
		return;
	old = *object;
	if (object->family == &crt_family)
		fuzz_soil(object->address, size, object->size);
	begin();
	may_fail = limited || impossible;
	if (!object->family->resize(object, &size, &zero)) {
		check(may_fail);
		check(!memcmp(&old, object, sizeof(old)));
		look(object);
		return;
	}
	check(!impossible);
	kept = size < old.size ? size : old.size;
	check(fuzz_is_marked(object->address, old.size, kept, old.seed));
	check(!zero || fuzz_is_zero(object->address, kept, size));
	set_object(object, size);
}

static void release_object(struct object *object)
{
	look(object);
	begin();
	object->family->release(object);
	check(!errno && GetLastError() == UNTOUCHED);
	object->family = NULL;
}

static void release(void)
{
	struct object *object = some_object();

	if (object)
		release_object(object);
}

static void release_many(void)
{
	unsigned int mask = fuzz_take(1);

	for (unsigned int i = 0; i < entries; i++)
		if (objects[i].family && mask & 1u << i % 8)
			release_object(&objects[i]);
}

static void lock(void)
{
	struct object *object = some_object();
	bool global = fuzz_take(1) & 1;
	uint8_t *address;

	if (!object || object->family != &memory_family)
		return;
	address = global ? GlobalLock(object->handle) :
			   LocalLock(object->handle);
	check(address == object->address);
	if (address && object->flags && object->locks < LOCKS_MOST)
		object->locks++;
	look(object);
}

static void unlock(void)
{
	struct object *object = some_object();
	bool still;

	if (!object || object->family != &memory_family)
		return;
	still = GlobalUnlock(object->handle);
	if (object->locks)
		object->locks--;
	check(still == (object->locks || !object->flags));
	look(object);
}

/* What cannot be: refused, and nothing changes. */
static void ask_wrongly(void)
{
	struct object *object = some_object();

	begin();
	check(!_aligned_malloc(1, 24) && errno == EINVAL);
	check(!_aligned_offset_malloc(16, 16, 16) && errno == EINVAL);
	check(!_recalloc(NULL, SIZE_MAX / 2, 3) && errno == ENOMEM);
	check(_msize(NULL) == (size_t)-1 && errno == EINVAL);
	check(!GlobalHandle(NULL) &&
	      GetLastError() == ERROR_INVALID_PARAMETER);
	if (!object || object->size < 40 ||
	    (object->family != &crt_family && object->family != &memory_family))
		return;
	check(!_expand(object->address + 16, 1) && errno == EINVAL);
	check(LocalFree(object->address + 16) &&
	      GetLastError() == ERROR_NOACCESS);
	look(object);
}

/* ----------------------------------------------------------------- walks --- */

static int compare_addresses(const void *one, const void *other)
{
	const struct heap_item *left = one, *right = other;

	return (left->addr > right->addr) - (left->addr < right->addr);
}

static unsigned int walk(struct heap *heap, struct heap_item *found)
{
	struct heap_item item = { .addr = NULL };
	unsigned int nr = 0;

	heap_close(heap);
	while (heap_next(heap, &item))
		if (item.kind == ITEM_BUSY || item.kind == ITEM_LARGE) {
			check(nr < OBJECTS);
			found[nr++] = item;
		}
	heap_open(heap);
	qsort(found, nr, sizeof(*found), compare_addresses);
	return nr;
}

/* An aligned block lies in another one; malloc's may be larger. */
static bool lies_in(const struct object *object, const struct heap_item *item)
{
	const char *address = (const char *)object->address;

	if (object->family != &aligned_family && address != item->addr)
		return false;
	if (object->family == &crt_family || object->family == &memory_family)
		return object->size == item->size;
	return address >= item->addr &&
	       address + object->size <= item->addr + item->size;
}

/* Each object in an item of its own, and nothing else. */
static void check_heap(struct heap *heap)
{
	static struct heap_item found[OBJECTS];
	unsigned int nr = walk(heap, found), known = 0;

	for (unsigned int i = 0; i < entries; i++) {
		struct object *object = &objects[i];
		unsigned int low = 0, high = nr;

		if (!object->family || object->family->heap != heap ||
		    !object->address)
			continue;
		known++;
		while (high - low > 1) {
			unsigned int middle = (low + high) / 2;

			if (found[middle].addr <= (char *)object->address)
				low = middle;
			else
				high = middle;
		}
		check(low < nr && found[low].kind != ITEM_FREE);
		check(lies_in(object, &found[low]));
		found[low].kind = ITEM_FREE;
		look(object);
	}
	fuzz_check(nr == known, "a walk finds %u, not %u", nr, known);
}

static void check_all(void)
{
	check(_heapchk() == _HEAPOK);
	check_heap(&heap_process);
	check_heap(&heap_malloc);
}

/* ------------------------------------------------------------- sequences --- */

static void give_back(void)
{
	check(!_heapmin());
	heap_compact(&heap_malloc);
}

static void limit(void)
{
	limited = fuzz_limit_commit();
}

static void (*const calls[])(void) = {
	make, make, make, make, make, make, make, make, make, make, make,
	resize, resize, resize, resize, resize, resize, resize, resize,
	release, release, release, release, release, release_many,
	lock, lock, unlock, ask_wrongly, check_all, give_back, limit,
};

static unsigned int turns;

static void step(void)
{
	unsigned int thread = fuzz_take(1);
	unsigned int self = thread < 192 || turns >= TURNS ? 0 : 1 + thread % 2;

	turns += !!self;
	if (self && thread >= 254) {
		fuzz_end_thread(self);
		turns += TURNS / 4;
		return;
	}
	fuzz_run_on(self, calls[fuzz_take(1) %
				(sizeof(calls) / sizeof(calls[0]))]);
}

static void run(const uint8_t *data, size_t size)
{
	unsigned int steps = 0;

	fuzz_input(data, size);
	fuzz_begin_blocks();
	heap_init();
	turns = 0;
	for (; steps < MOST_STEPS && fuzz_input_is_left(); steps++)
		step();
	fuzz_count(steps);
	check_all();
	for (unsigned int i = 0; i < entries; i++)
		if (objects[i].family)
			release_object(&objects[i]);
	check_all();
	entries = 0;
	limited = false;
	give_back();
	fuzz_end_limit();
}

static void open_target(void)
{
	setenv("NTMEM_ENGINE", "embedded", 1);
	setenv("NTMEM_HEAP_PURGE", "eager", 1);
}

const struct fuzz_target malloc_target = {
	.name = "malloc",
	.open = open_target,
	.run = run,
};
