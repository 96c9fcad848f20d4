// SPDX-License-Identifier: MIT
/*
 * A ring buffer whose end is followed by its beginning: one section, mapped
 * twice in a row, so that a record that goes over the end lies in one piece
 * nevertheless. The place for both views is a placeholder that is split in two,
 * and each view takes the place of one half: at no moment could another
 * thread's allocation get in between.
 *
 * One thread writes records of changing length, another one reads them.
 *
 * ring [RECORDS]; exit status 0 when all records came over; 77 where the engine
 * has no sections.
 */
#include <windows.h>

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RING		(64UL << 10)	/* the allocation granularity */
#define LONGEST		3000

struct record {
	uint32_t length;	/* of text */
	uint32_t number;
	char text[];
};

static char *ring;		/* RING bytes, and the same once more */
static size_t head, tail;	/* bytes written and read so far */
static unsigned int records = 100000;

/* Two views of a section side by side, or NULL. */
static char *map_twice(HANDLE section)
{
	char *place = VirtualAlloc2(NULL, NULL, 2 * RING, MEM_RESERVE |
				    MEM_RESERVE_PLACEHOLDER, PAGE_NOACCESS,
				    NULL, 0);
	int i;

	if (!place || !VirtualFree(place, RING, MEM_RELEASE |
				   MEM_PRESERVE_PLACEHOLDER))
		return NULL;
	for (i = 0; i < 2; i++)
		if (!MapViewOfFile3(section, NULL, place + i * RING, 0, RING,
				    MEM_REPLACE_PLACEHOLDER, PAGE_READWRITE,
				    NULL, 0))
			return NULL;
	return place;
}

static size_t size_of(uint32_t length)
{
	return (sizeof(struct record) + length + 7) / 8 * 8;
}

static struct record *at(size_t position)
{
	return (struct record *)(ring + position % RING);
}

static void *write_records(void *unused)
{
	struct record *record;
	unsigned int i;
	uint32_t length;

	for (i = 0; i < records; i++) {
		length = i * 2654435761U % LONGEST;
		while (head + size_of(length) -
		       __atomic_load_n(&tail, __ATOMIC_ACQUIRE) > RING)
			sched_yield();
		record = at(head);
		record->length = length;
		record->number = i;
		memset(record->text, 'a' + i % 26, length);
		__atomic_store_n(&head, head + size_of(length),
				 __ATOMIC_RELEASE);
	}
	return unused;
}

static bool is_record(const struct record *record, unsigned int i)
{
	uint32_t k;

	if (record->number != i || record->length != i * 2654435761U % LONGEST)
		return false;
	for (k = 0; k < record->length; k++)
		if (record->text[k] != (char)('a' + i % 26))
			return false;
	return true;
}

/* How many came over as they were sent. */
static unsigned int read_records(unsigned int *over_the_end)
{
	const struct record *record;
	unsigned int i;

	for (i = 0; i < records; i++) {
		while (__atomic_load_n(&head, __ATOMIC_ACQUIRE) == tail)
			sched_yield();
		record = at(tail);
		if (!is_record(record, i))
			break;
		*over_the_end += tail % RING + size_of(record->length) > RING;
		__atomic_store_n(&tail, tail + size_of(record->length),
				 __ATOMIC_RELEASE);
	}
	return i;
}

int main(int argc, char **argv)
{
	unsigned int came, over = 0;
	pthread_t writer;
	HANDLE section;

	if (argc > 1)
		records = (unsigned int)atoi(argv[1]);
	section = CreateFileMapping(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE,
				    0, RING, NULL);
	if (!section && GetLastError() == ERROR_NOT_SUPPORTED) {
		puts("this engine has no sections");
		return 77;
	}
	ring = section ? map_twice(section) : NULL;
	if (!ring) {
		fprintf(stderr, "error %u\n", (unsigned int)GetLastError());
		return 1;
	}
	CloseHandle(section);
	if (pthread_create(&writer, NULL, write_records, NULL))
		return 1;
	came = read_records(&over);
	if (came != records) {
		fprintf(stderr, "record %u is damaged\n", came);
		return 1;
	}
	pthread_join(writer, NULL);
	UnmapViewOfFile(ring);
	UnmapViewOfFile(ring + RING);
	printf("%u records, %u of them over the end\n", came, over);
	return over ? 0 : 1;
}
