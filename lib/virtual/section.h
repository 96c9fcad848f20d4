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

/* Of a section of a file: 0, or the error code for its kind (SEC_*). */
DWORD section_file_kind(DWORD kind);

/*
 * Looks whether there can be such a section of the handle's file: 0, or the error
 * code. Its size, if it is 0, becomes the file's.
 */
DWORD section_file_look(HANDLE file, struct ntmem_file_section *section);

/*
 * A file for large pages, which is to be closed, and 0; or the error code. They
 * are had for it when its section is made.
 */
DWORD section_large_file(uint64_t size, int *file);

/* The rights that go with a protection. */
DWORD section_access_of(DWORD protect);

#endif
