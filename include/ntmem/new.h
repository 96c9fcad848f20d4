/* SPDX-License-Identifier: MIT */
/*
 * The new handler of Windows' C run-time: what is asked when there is no
 * memory, and may make some.
 *
 * It is called by operator new, in all forms, and with _set_new_mode(1) by
 * malloc, calloc, realloc, _recalloc, and the _aligned functions, too; operator
 * new and malloc only where they are this library's (libntmem-malloc). A size
 * above _HEAP_MAXREQ, or a product that is too large, fails without a question.
 * Functions that Windows does not have, aligned_alloc for example, never ask.
 *
 * There is one handler for all threads, and it may be called by several at
 * once. It may allocate and free. Where operator new has called it, it may
 * throw an exception; elsewhere it must not.
 *
 * C++'s std::set_new_handler sets another one, of the C++ library. operator new
 * asks Windows' first, and the other one when there is none, or it gives up.
 * (On Windows there is one place for both, and the last one set is called.)
 *
 * The functions may be called from any thread, from C and from C++.
 */
#ifndef NTMEM_NEW_H
#define NTMEM_NEW_H

#include "malloc.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A new handler. size is the size in bytes that could not be had: of what is
 * called below, where that asks for more than the program did. Returns 0 to
 * give up; anything else to try again, after which it is called anew as long
 * as there is no memory.
 */
typedef int (*_PNH)(size_t size);

/*
 * _set_new_handler - choose the new handler
 * @handler: NULL for none
 *
 * Returns the one before, or NULL. Microsoft's page: "_set_new_handler".
 */
_CRTIMP _PNH _set_new_handler(_PNH handler);

/*
 * _query_new_handler - the new handler, or NULL
 *
 * Microsoft's page: "_query_new_handler".
 */
_CRTIMP _PNH _query_new_handler(void);

/*
 * _set_new_mode - choose whether malloc calls the new handler
 * @mode: 0: no, as at first; 1: yes
 *
 * Returns the mode before; -1 for another one (EINVAL), and nothing changes.
 * Microsoft's page: "_set_new_mode".
 */
_CRTIMP int _set_new_mode(int mode);

/*
 * _query_new_mode - the mode, 0 or 1
 *
 * Microsoft's page: "_query_new_mode".
 */
_CRTIMP int _query_new_mode(void);

#ifdef __cplusplus
}
#endif

#endif
