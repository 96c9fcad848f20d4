/* SPDX-License-Identifier: MIT */
/* The soak test: what its parts share. */
#ifndef SOAK_H
#define SOAK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <linux/ntmem.h>
#include <linux/types.h>

#include "../dice.h"

typedef __u64 u64;

#define PAGE		4096ULL
#define KIB		1024ULL
#define MIB		(KIB * KIB)

/* What all workers of a round count together, in shared memory. */
struct tally {
	atomic_ulong operations;
	atomic_ulong refused;		/* by a limit, or without memory */
	atomic_ulong forks;
	atomic_ulong dead;		/* children that got no memory */
	atomic_ulong lost;		/* RESET_UNDO after pages were dropped */
	atomic_ulong views;
	atomic_ulong replaced;		/* placeholders, by views and others */
	atomic_ulong remote;		/* calls on another process */
	atomic_int wrong;
	char why[256];
};

extern struct tally *tally;

void wrong(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* worker.c: never returns */
void worker_run(u64 seed, unsigned int threads) __attribute__((noreturn));

/* remote.c: never returns */
void stranger_run(int space, pid_t pid, u64 seed) __attribute__((noreturn));

/* books.c */
struct books {
	u64 committed_as;
	u64 free;
};

bool module_load(const char *parameters);
bool module_unload(void);
bool module_is_idle(char *why, unsigned int size);
void books_read(struct books *books);
unsigned long slab_objects(void);
int write_file(const char *path, const char *text);

#endif
