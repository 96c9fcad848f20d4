// SPDX-License-Identifier: MIT
/*
 * Telling what is wrong, without a heap. See report.h.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "heap/heap.h"
#include "heap/report.h"

struct message {
	char text[256];
	size_t length;
};

static void add(struct message *message, const char *text)
{
	while (*text && message->length < sizeof(message->text) - 1)
		message->text[message->length++] = *text++;
}

static void add_number(struct message *message, uintptr_t number,
		       unsigned int base)
{
	char digits[24], *p = digits + sizeof(digits);

	*--p = '\0';
	do {
		*--p = "0123456789abcdef"[number % base];
		number /= base;
	} while (number);
	add(message, p);
}

static void add_heap(struct message *message, const struct heap *heap)
{
	if (heap == &heap_malloc) {
		add(message, " heap malloc");
	} else if (heap == &heap_process) {
		add(message, " heap process");
	} else if (heap) {
		add(message, " heap 0x");
		add_number(message, (uintptr_t)heap, 16);
	}
}

void heap_report(const struct heap *heap, const void *block, size_t size,
		 const char *call, const char *what)
{
	struct message message = { .length = 0 };

	add(&message, "ntmem: ");
	add(&message, call);
	add(&message, ": ");
	add(&message, what);
	add(&message, ":");
	add_heap(&message, heap);
	add(&message, " block 0x");
	add_number(&message, (uintptr_t)block, 16);
	if (size) {
		add(&message, " size ");
		add_number(&message, size, 10);
	}
	add(&message, "\n");
	if (write(STDERR_FILENO, message.text, message.length) < 0)
		abort();
	abort();
}
