/* SPDX-License-Identifier: MIT */
/* What sections and their views have in common. */
#ifndef NTMEM_SECTION_H
#define NTMEM_SECTION_H

#include "virtual/virtual.h"

/*
 * A handle with these rights of a section: that of a name (UTF-8), or without
 * one that of another handle's descriptor. NULL, with the last error set, when
 * that cannot be had.
 */
HANDLE section_handle(const char *name, int fd, DWORD access, bool inherit);

/* The rights that go with a protection. */
DWORD section_access_of(DWORD protect);

#endif
