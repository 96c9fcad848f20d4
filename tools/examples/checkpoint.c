// SPDX-License-Identifier: MIT
/*
 * Checkpoints that cost what has changed: a ledger lies in memory whose writes
 * are watched, and each checkpoint copies the pages that were written to since
 * the last one. The program itself does not keep book of what it changes, nor
 * does the kernel, when it reads from a file into the ledger.
 *
 * checkpoint [ROUNDS]; exit status 0 when the copy is like the ledger.
 */
#include <windows.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LEDGER		(64UL << 20)
#define PAGE		4096UL
#define ACCOUNTS	(LEDGER / sizeof(uint64_t))
#define CHANGES		500

static uint64_t *ledger;
static char *copy;
static PVOID written[LEDGER / PAGE];

/* Copies what was written to; the number of pages, or -1. */
static long checkpoint(void)
{
	ULONG_PTR count = LEDGER / PAGE, i;
	DWORD granularity;

	if (GetWriteWatch(WRITE_WATCH_FLAG_RESET, ledger, LEDGER, written,
			  &count, &granularity))
		return -1;
	for (i = 0; i < count; i++)
		memcpy(copy + ((char *)written[i] - (char *)ledger),
		       written[i], granularity);
	return (long)count;
}

static void change_some(unsigned int round)
{
	unsigned int i;

	for (i = 0; i < CHANGES; i++)
		ledger[(i * 2654435761UL + round * 40503UL) % ACCOUNTS] +=
			round + i;
}

/* Two pages that the kernel writes to. */
static void import(unsigned int round)
{
	int file = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	char *to = (char *)ledger + round % 1000 * 4 * PAGE;

	/* Where writes are noticed by SIGSEGV, that is no way to be first. */
	if (file < 0 || read(file, to, 2 * PAGE) < 0)
		perror("import");
	close(file);
}

int main(int argc, char **argv)
{
	unsigned int rounds = argc > 1 ? (unsigned int)atoi(argv[1]) : 5, i;
	long pages;

	ledger = VirtualAlloc(NULL, LEDGER, MEM_RESERVE | MEM_COMMIT |
			      MEM_WRITE_WATCH, PAGE_READWRITE);
	copy = VirtualAlloc(NULL, LEDGER, MEM_RESERVE | MEM_COMMIT,
			    PAGE_READWRITE);
	if (!ledger || !copy) {
		fprintf(stderr, "checkpoint: error %u\n", GetLastError());
		return 2;
	}
	for (i = 0; i < rounds; i++) {
		change_some(i);
		import(i);
		pages = checkpoint();
		if (pages < 0) {
			fprintf(stderr, "checkpoint: error %u\n",
				GetLastError());
			return 2;
		}
		printf("checkpoint %u: %ld of %lu pages copied\n", i, pages,
		       LEDGER / PAGE);
	}
	if (memcmp(ledger, copy, LEDGER)) {
		puts("the copy is not like the ledger");
		return 1;
	}
	puts("the copy is like the ledger");
	return 0;
}
