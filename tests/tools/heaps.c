// SPDX-License-Identifier: MIT
/*
 * A process for "ntmem heap" to look at: heaps with a known content. It prints their
 * handles, one in a line, and ends with its standard input.
 *
 * heaps [allow | lie | many]: allows reports by a call, too; or answers with reports in
 * which some words are wrong, others each time; or of more heaps than there can be.
 */
#include <fcntl.h>
#include <ntmem.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <windows.h>

#include "engine/beacon.h"
#include "heap/inventory.h"
#include "virtual/service.h"

#define KIB	1024
#define MANY	100000
#define SEALS	(F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static HANDLE grows(void)
{
	HANDLE heap = HeapCreate(0, 0, 0);
	void *blocks[1000];
	int i;

	for (i = 0; i < 1000; i++)
		blocks[i] = HeapAlloc(heap, 0, 2000);
	for (i = 0; i < 1000; i += 4)
		HeapFree(heap, 0, blocks[i]);
	for (i = 0; i < 3; i++)
		HeapAlloc(heap, 0, 100 * KIB);
	HeapAlloc(heap, 0, 8192 * KIB);
	return heap;
}

static HANDLE fixed(void)
{
	HANDLE heap = HeapCreate(HEAP_CREATE_ENABLE_EXECUTE, 0, 1024 * KIB);
	int i;

	for (i = 0; i < 10; i++)
		HeapAlloc(heap, 0, 1000);
	return heap;
}

static HANDLE without_lock(void)
{
	HANDLE heap = HeapCreate(HEAP_NO_SERIALIZE, 0, 0);

	HeapAlloc(heap, 0, 10);
	return heap;
}

static HANDLE locked(void)
{
	HANDLE heap = HeapCreate(0, 0, 0);

	HeapAlloc(heap, 0, 10);
	HeapLock(heap);
	return heap;
}

/* ---------------------------------------------------------------- lying --- */

static uint64_t draw(uint64_t below)
{
	static uint64_t state = 1;

	state = state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (state >> 20) % below;
}

/* A number of any size, half of them small or at a border. */
static uint64_t wrong_number(void)
{
	uint64_t number = (draw(1ULL << 32) << 32 | draw(1ULL << 32)) >>
			  draw(64);

	return draw(2) ? number : (1ULL << draw(64)) - draw(3);
}

static void spoil(char *bytes, size_t size)
{
	size_t count = draw(4), i, width;
	uint64_t number;

	for (i = 0; i < count; i++) {
		number = wrong_number();
		width = 1ULL << draw(4);
		memcpy(bytes + draw(size / width) * width, &number, width);
	}
}

/* A true one, with room for more. */
static char *read_report(size_t *size, size_t room)
{
	int report = inventory_make();
	struct stat stat;
	char *bytes;

	if (report < 0 || fstat(report, &stat))
		abort();
	*size = stat.st_size;
	bytes = malloc(*size + room);
	if (!bytes || pread(report, bytes, *size, 0) != stat.st_size)
		abort();
	close(report);
	return bytes;
}

static int write_report(char *bytes, size_t size)
{
	int file = memfd_create("lie", MFD_ALLOW_SEALING);

	if (file < 0 || write(file, bytes, size) != (ssize_t)size ||
	    fcntl(file, F_ADD_SEALS, SEALS))
		abort();
	free(bytes);
	return file;
}

/* At times it is cut off, too. */
static int spoilt_report(void)
{
	size_t size;
	char *bytes = read_report(&size, 0);

	spoil(bytes, size);
	if (!draw(8))
		size = draw(2) ? draw(size) : draw(size / 64) * 64;
	return write_report(bytes, size);
}

/* All but the first heap and the end is the first heap, without its areas. */
static int report_of_many(void)
{
	union inventory_record *records;
	size_t size, i;

	records = (void *)read_report(&size, MANY * sizeof(*records));
	records[MANY] = records[size / sizeof(*records) - 1];
	for (i = 2; i < MANY; i++)
		records[i] = records[1];
	return write_report((void *)records, (MANY + 1) * sizeof(*records));
}

static int (*report)(void) = spoilt_report;

static void *lie(void *arg)
{
	const struct service_answer answer = { .error = ERROR_SUCCESS };
	int service = *(int *)arg, socket, file;
	struct service_request request = { 0 };

	while (service_receive(service, &request, sizeof(request),
			       &socket) > 0) {
		file = report();
		service_send(socket, &answer, sizeof(answer), file);
		close(file);
		close(socket);
	}
	return NULL;
}

static bool begin_lying(void)
{
	static int sockets[2];
	struct stat stat;
	pthread_t thread;

	return !socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sockets) &&
	       !fstat(sockets[1], &stat) &&
	       ntmem_beacon_service(sockets[1], stat.st_ino) &&
	       !pthread_create(&thread, NULL, lie, sockets);
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "";
	char byte;

	if (!strcmp(how, "allow") && !ntmem_allow_heap_reports())
		return 1;
	if (!strcmp(how, "many"))
		report = report_of_many;
	if ((!strcmp(how, "lie") || !strcmp(how, "many")) && !begin_lying())
		return 1;
	printf("%llu\n", (unsigned long long)grows());
	printf("%llu\n", (unsigned long long)fixed());
	printf("%llu\n", (unsigned long long)without_lock());
	printf("%llu\n", (unsigned long long)locked());
	fflush(stdout);
	return read(STDIN_FILENO, &byte, 1) ? 1 : 0;
}
