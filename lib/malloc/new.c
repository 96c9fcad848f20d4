// SPDX-License-Identifier: MIT
/*
 * operator new and delete, all forms that a program may replace, by the names
 * that C++ gives them. This is C, and does without a C++ library: a C program
 * that runs with this needs none. In C++ programs that library is asked for
 * three things, by weak references, or by name if it was loaded later: the
 * new_handler, bad_alloc, and what catches exceptions.
 *
 * As the standard has it, a form calls the simpler one by its name, so that a
 * program that replaces one form gets the calls of the others too. Those that
 * do not throw call the one that does and catch; C cannot. So where there is
 * something to catch, the C++ library's own form is called, which does just
 * that. If there is no such library (it was linked statically, and not with
 * these), an exception of the new_handler passes through them.
 *
 * Windows' new handler (ntmem/new.h) is asked before C++'s.
 */
#include <dlfcn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "compat/newhandler.h"
#include "malloc/malloc.h"

#define likely(x)	__builtin_expect(!!(x), 1)

/* Every block has this alignment anyway. */
#define ALIGN_ANY	16

typedef void (*new_handler)(void);
typedef new_handler (*handler_getter)(void);

/* The C++ library's. */
__attribute__((weak)) new_handler _ZSt15get_new_handlerv(void);
__attribute__((weak)) void _ZSt17__throw_bad_allocv(void);

/* In the order of [new.delete.single] and [new.delete.array]. */
MALLOC_API void *_Znwm(size_t size);
MALLOC_API void *_ZnwmSt11align_val_t(size_t size, size_t align);
MALLOC_API void *_ZnwmRKSt9nothrow_t(size_t size, const void *tag);
MALLOC_API void *_ZnwmSt11align_val_tRKSt9nothrow_t(size_t size, size_t align,
						    const void *tag);
MALLOC_API void _ZdlPv(void *p);
MALLOC_API void _ZdlPvm(void *p, size_t size);
MALLOC_API void _ZdlPvSt11align_val_t(void *p, size_t align);
MALLOC_API void _ZdlPvmSt11align_val_t(void *p, size_t size, size_t align);
MALLOC_API void _ZdlPvRKSt9nothrow_t(void *p, const void *tag);
MALLOC_API void _ZdlPvSt11align_val_tRKSt9nothrow_t(void *p, size_t align,
						    const void *tag);
MALLOC_API void *_Znam(size_t size);
MALLOC_API void *_ZnamSt11align_val_t(size_t size, size_t align);
MALLOC_API void *_ZnamRKSt9nothrow_t(size_t size, const void *tag);
MALLOC_API void *_ZnamSt11align_val_tRKSt9nothrow_t(size_t size, size_t align,
						    const void *tag);
MALLOC_API void _ZdaPv(void *p);
MALLOC_API void _ZdaPvm(void *p, size_t size);
MALLOC_API void _ZdaPvSt11align_val_t(void *p, size_t align);
MALLOC_API void _ZdaPvmSt11align_val_t(void *p, size_t size, size_t align);
MALLOC_API void _ZdaPvRKSt9nothrow_t(void *p, const void *tag);
MALLOC_API void _ZdaPvSt11align_val_tRKSt9nothrow_t(void *p, size_t align,
						    const void *tag);

/* ------------------------------------------------------- the C++ library --- */

/*
 * What comes after us under this name. A library that came with dlopen is not
 * in that order. Slow, but only asked when there is no memory.
 */
static void *find(const char *name)
{
	static const char *const libraries[] = {
		"libstdc++.so.6", "libc++.so.1",
	};
	void *found = dlsym(RTLD_NEXT, name);

	for (size_t i = 0; !found && i < 2; i++) {
		void *library = dlopen(libraries[i], RTLD_LAZY | RTLD_NOLOAD);

		if (!library)
			continue;
		found = dlsym(library, name);
		dlclose(library);
	}
	return found;
}

static new_handler current_handler(void)
{
	handler_getter getter = _ZSt15get_new_handlerv;

	if (!getter)
		getter = (handler_getter)find("_ZSt15get_new_handlerv");
	return getter ? getter() : NULL;
}

__attribute__((noreturn)) static void throw_bad_alloc(void)
{
	static const char text[] = "ntmem: operator new has no memory, and no C++ library to throw bad_alloc\n";
	void (*throw)(void) = _ZSt17__throw_bad_allocv;

	if (!throw)
		throw = (void (*)(void))find("_ZSt17__throw_bad_allocv");
	if (throw)
		throw();
	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		abort();
	abort();
}

/* ------------------------------------------------------------------- new --- */

static bool is_power_of_two(size_t n)
{
	return n && !(n & (n - 1));
}

static void *get(size_t size, size_t align)
{
	if (align <= ALIGN_ANY)
		return ntmem_malloc(size);
	return ntmem_aligned(align, size);
}

/* A handler makes some memory, throws or ends the process. */
static void ask_handlers(size_t size)
{
	new_handler handler;

	if (ntmem_new_handler_retries(size))
		return;
	handler = current_handler();
	if (!handler)
		throw_bad_alloc();
	handler();
}

/* There was no memory. */
__attribute__((noinline)) static void *get_or_throw(size_t size, size_t align)
{
	void *p = NULL;

	while (!p) {
		ask_handlers(size);
		p = get(size, align);
	}
	return p;
}

void *_Znwm(size_t size)
{
	void *p = ntmem_malloc(size);

	return likely(p) ? p : get_or_throw(size, ALIGN_ANY);
}

void *_ZnwmSt11align_val_t(size_t size, size_t align)
{
	void *p;

	if (!is_power_of_two(align))
		throw_bad_alloc();
	p = get(size, align);
	return likely(p) ? p : get_or_throw(size, align);
}

void *_Znam(size_t size)
{
	return _Znwm(size);
}

void *_ZnamSt11align_val_t(size_t size, size_t align)
{
	return _ZnwmSt11align_val_t(size, align);
}

/* -------------------------------------------------------- new that returns --- */

/* What is above, whatever the program has under those names. */
#define OWN(name)	__attribute__((alias(#name), unused))
static void *own_new(size_t size) OWN(_Znwm);
static void *own_new_aligned(size_t size, size_t align)
	OWN(_ZnwmSt11align_val_t);
static void *own_array(size_t size) OWN(_Znam);
static void *own_array_aligned(size_t size, size_t align)
	OWN(_ZnamSt11align_val_t);

/* Do all names that the standard says are called lead here? */
static bool is_ours(bool array)
{
	return _Znwm == own_new && (!array || _Znam == own_array);
}

static bool is_ours_aligned(bool array)
{
	return _ZnwmSt11align_val_t == own_new_aligned &&
	       (!array || _ZnamSt11align_val_t == own_array_aligned);
}

/* True, with the block or NULL, unless there may be something to catch. */
static bool get_quietly(size_t size, size_t align, void **block)
{
	*block = is_power_of_two(align) ? get(size, align) : NULL;
	return *block || (!current_handler() && !ntmem_has_new_handler());
}

static void *quiet(size_t size, bool array, const char *name, const void *tag)
{
	void *(*caught)(size_t size, const void *tag);
	void *p;

	if (is_ours(array) && get_quietly(size, ALIGN_ANY, &p))
		return p;
	caught = (void *(*)(size_t, const void *))find(name);
	if (caught)
		return caught(size, tag);
	return array ? _Znam(size) : _Znwm(size);
}

static void *quiet_aligned(size_t size, size_t align, bool array,
			   const char *name, const void *tag)
{
	void *(*caught)(size_t size, size_t align, const void *tag);
	void *p;

	if (is_ours_aligned(array) && get_quietly(size, align, &p))
		return p;
	caught = (void *(*)(size_t, size_t, const void *))find(name);
	if (caught)
		return caught(size, align, tag);
	return array ? _ZnamSt11align_val_t(size, align) :
		       _ZnwmSt11align_val_t(size, align);
}

void *_ZnwmRKSt9nothrow_t(size_t size, const void *tag)
{
	return quiet(size, false, __func__, tag);
}

void *_ZnamRKSt9nothrow_t(size_t size, const void *tag)
{
	return quiet(size, true, __func__, tag);
}

void *_ZnwmSt11align_val_tRKSt9nothrow_t(size_t size, size_t align,
					 const void *tag)
{
	return quiet_aligned(size, align, false, __func__, tag);
}

void *_ZnamSt11align_val_tRKSt9nothrow_t(size_t size, size_t align,
					 const void *tag)
{
	return quiet_aligned(size, align, true, __func__, tag);
}

/* ---------------------------------------------------------------- delete --- */

void _ZdlPv(void *p)
{
	ntmem_free(p);
}

void _ZdlPvSt11align_val_t(void *p, size_t align)
{
	(void)align;
	ntmem_free(p);
}

void _ZdlPvm(void *p, size_t size)
{
	(void)size;
	_ZdlPv(p);
}

void _ZdlPvmSt11align_val_t(void *p, size_t size, size_t align)
{
	(void)size;
	_ZdlPvSt11align_val_t(p, align);
}

void _ZdlPvRKSt9nothrow_t(void *p, const void *tag)
{
	(void)tag;
	_ZdlPv(p);
}

void _ZdlPvSt11align_val_tRKSt9nothrow_t(void *p, size_t align,
					 const void *tag)
{
	(void)tag;
	_ZdlPvSt11align_val_t(p, align);
}

void _ZdaPv(void *p)
{
	_ZdlPv(p);
}

void _ZdaPvSt11align_val_t(void *p, size_t align)
{
	_ZdlPvSt11align_val_t(p, align);
}

void _ZdaPvm(void *p, size_t size)
{
	(void)size;
	_ZdaPv(p);
}

void _ZdaPvmSt11align_val_t(void *p, size_t size, size_t align)
{
	(void)size;
	_ZdaPvSt11align_val_t(p, align);
}

void _ZdaPvRKSt9nothrow_t(void *p, const void *tag)
{
	(void)tag;
	_ZdaPv(p);
}

void _ZdaPvSt11align_val_tRKSt9nothrow_t(void *p, size_t align,
					 const void *tag)
{
	(void)tag;
	_ZdaPvSt11align_val_t(p, align);
}
