/* SPDX-License-Identifier: MIT */
/*
 * The exception codes, under the names that handlers use.
 */
#ifndef NTMEM_MINWINBASE_H
#define NTMEM_MINWINBASE_H

#include "minwindef.h"

#define EXCEPTION_ACCESS_VIOLATION	STATUS_ACCESS_VIOLATION
#define EXCEPTION_GUARD_PAGE		STATUS_GUARD_PAGE_VIOLATION

#endif
