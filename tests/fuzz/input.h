/* SPDX-License-Identifier: MIT */
/* The input of targets that read numbers from it; its end reads as zero. */
#ifndef FUZZ_INPUT_H
#define FUZZ_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void fuzz_input(const uint8_t *data, size_t size);
bool fuzz_input_is_left(void);
uint64_t fuzz_take(unsigned int bytes);

#endif
