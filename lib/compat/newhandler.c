// SPDX-License-Identifier: MIT
/*
 * The new handler of Windows' C run-time. See new.h.
 */
#include "compat/crt.h"
#include "compat/newhandler.h"
#include "ntmem/new.h"

/* Both atomic. */
static _PNH handler;
static int mode;

_PNH _set_new_handler(_PNH wanted)
{
	return __atomic_exchange_n(&handler, wanted, __ATOMIC_ACQ_REL);
}

_PNH _query_new_handler(void)
{
	return __atomic_load_n(&handler, __ATOMIC_ACQUIRE);
}

int _set_new_mode(int wanted)
{
	if (wanted != 0 && wanted != 1) {
		errno = EINVAL;
		return -1;
	}
	return __atomic_exchange_n(&mode, wanted, __ATOMIC_RELAXED);
}

int _query_new_mode(void)
{
	return __atomic_load_n(&mode, __ATOMIC_RELAXED);
}

bool ntmem_has_new_handler(void)
{
	return _query_new_handler();
}

bool ntmem_new_handler_retries(size_t size)
{
	_PNH asked = _query_new_handler();

	return asked && asked(size);
}

bool ntmem_malloc_retries(size_t size)
{
	return _query_new_mode() && size <= _HEAP_MAXREQ &&
	       ntmem_new_handler_retries(size);
}
