/* SPDX-License-Identifier: MIT */
/*
 * Exceptions that the library raises itself.
 */
#ifndef NTMEM_EXCEPTION_H
#define NTMEM_EXCEPTION_H

#include "ntmem/windows.h"

/*
 * Has the vectored handlers see an exception without parameters, raised by the
 * caller. Returns when one of them says EXCEPTION_CONTINUE_EXECUTION; where none
 * does, the process ends, as on Windows.
 */
void ntmem_raise(DWORD code);

#endif
