/* SPDX-License-Identifier: MIT */
/*
 * The size that files of this process may have (RLIMIT_FSIZE), which those in
 * memory are held to as well. Who makes one longer than that gets a signal, and
 * mostly dies of it.
 */
#ifndef NTMEM_FILELIMIT_H
#define NTMEM_FILELIMIT_H

#include <stdbool.h>
#include <stdint.h>

bool ntmem_file_fits(uint64_t size);

#endif
