/* SPDX-License-Identifier: MIT */
/*
 * Another process for a test: a child of fork, which calls functions of this
 * program when it is told to, and dies with it.
 */
#ifndef PEER_H
#define PEER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "engine/beacon.h"

struct peer {
	pid_t pid;
	int to;
	int from;
};

typedef uintptr_t (*peer_function)(uintptr_t arg);

struct peer peer_start(void);
/* What the function returns there. */
uintptr_t peer_call(const struct peer *peer, peer_function function,
		    uintptr_t arg);
/* In two halves, for what does not return, or not soon. */
void peer_ask(const struct peer *peer, peer_function function, uintptr_t arg);
uintptr_t peer_answer(const struct peer *peer);
/*
 * In a thread there that the other side has made: it sees all that was done before
 * the last answer. The thread sanitizer cannot know that from what two processes
 * have told each other.
 */
void peer_heard(void);

/* It has stopped when this returns, and goes on by SIGCONT. */
void peer_stop(const struct peer *peer);

/* Returns its status as waitpid() has it; a peer that waits exits with 0. */
int peer_end(struct peer *peer);

/* What it tells of itself. */
struct ntmem_beacon peer_beacon(const struct peer *peer);

/* The socket by which it takes requests, where it allows any. */
int peer_service(const struct peer *peer);

/* How many descriptors this process has; the same for peer_call(). */
int count_files(void);
uintptr_t peer_files(uintptr_t unused);

/* A function for peer_call(): the page at a new address, that reads so. */
uintptr_t peer_map(uintptr_t prot);

/* The same: makes a child that the library does not hear of; ends one. */
uintptr_t peer_clone(uintptr_t unused);
uintptr_t peer_kill(uintptr_t pid);

/* A function for peer_ask(): runs this program as one that uses an engine. */
uintptr_t peer_exec(uintptr_t unused);
/* What main() does then. */
int peer_main(const char *to, const char *from);

/* Can both work on each other's reservations? */
bool peers_have_spaces(void);

#endif
