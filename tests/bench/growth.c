// SPDX-License-Identifier: MIT
/*
 * Buffers that realloc makes longer, from 16 bytes to 1 MiB by a quarter each
 * time, as something is written behind what is there: one at a time, and eight
 * that grow beside each other, where none has the room behind it for itself.
 */
#include "workloads.h"

#define LAST	(1 * MIB)
#define ALONE	8000UL
#define BESIDE	40UL		/* groups of eight */
#define GROUP	8

struct buffer {
	char *bytes;
	size_t size;
};

static void lengthen(struct buffer *buffer)
{
	size_t size = buffer->size ? buffer->size + buffer->size / 4 + 4 : 16;
	char *bytes;

	if (size > LAST)
		size = LAST;
	bytes = realloc(buffer->bytes, size);
	if (!bytes)
		abort();
	touch_pages(bytes, buffer->size, size);
	*buffer = (struct buffer){ bytes, size };
}

static unsigned long grow(struct buffer *buffers, unsigned int count)
{
	unsigned long operations = 0;

	while (buffers[count - 1].size < LAST)
		for (unsigned int i = 0; i < count; i++, operations++)
			lengthen(&buffers[i]);
	for (unsigned int i = 0; i < count; i++) {
		free(buffers[i].bytes);
		buffers[i] = (struct buffer){ NULL, 0 };
	}
	return operations;
}

static void run(struct bench *bench, unsigned int count, unsigned long times)
{
	struct buffer buffers[GROUP] = { { NULL, 0 } };
	unsigned long operations = 0;

	times = bench_count(bench, times);
	bench_begin(bench);
	for (unsigned long i = 0; i < times; i++)
		operations += grow(buffers, count);
	bench_end(bench, operations);
}

static void run_alone(struct bench *bench)
{
	run(bench, 1, ALONE);
}

static void run_beside(struct bench *bench)
{
	run(bench, GROUP, BESIDE);
}

const struct workload growth_alone = {
	"realloc", "realloc from 16 bytes to 1 MiB", run_alone,
};

const struct workload growth_beside = {
	"realloc-8", "the same, eight buffers beside each other", run_beside,
};
