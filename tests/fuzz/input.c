// SPDX-License-Identifier: MIT
/* See input.h. */
#include "input.h"

static const uint8_t *bytes;
static size_t left;

void fuzz_input(const uint8_t *data, size_t size)
{
	bytes = data;
	left = size;
}

bool fuzz_input_is_left(void)
{
	return left;
}

uint64_t fuzz_take(unsigned int n)
{
	uint64_t value = 0;

	while (n-- && left) {
		value = value << 8 | *bytes++;
		left--;
	}
	return value;
}
