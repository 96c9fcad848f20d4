/* SPDX-License-Identifier: MIT */
/*
 * What a directory has, without malloc.
 */
#ifndef NTMEM_LISTING_H
#define NTMEM_LISTING_H

typedef int (*listing_visit)(int dir, const char *name, void *arg);

/*
 * Shows every name of an open directory, until a visit returns something else
 * than 0, which is returned; 0, or a negative errno of the directory's own.
 */
int ntmem_listing(int dir, listing_visit visit, void *arg);

#endif
