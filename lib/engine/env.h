/* SPDX-License-Identifier: MIT */
/*
 * What the environment says of engines.
 */
#ifndef NTMEM_ENGINE_ENV_H
#define NTMEM_ENGINE_ENV_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Reads a variable: bytes, or with a suffix K, M, G or T. Leaves *size as it is
 * where the variable is empty or not there. False if it is anything else.
 */
bool ntmem_env_size(const char *name, uint64_t *size);

#endif
