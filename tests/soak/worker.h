/* SPDX-License-Identifier: MIT */
/* What a worker knows of its memory. */
#ifndef SOAK_WORKER_H
#define SOAK_WORKER_H

#include "soak.h"

#define BLOCKS		12
#define MOST_PAGES	384
#define SECTIONS	4

enum page_state { RESERVED, WRITABLE, READONLY, COPYING };

struct page {
	uint8_t state;
	bool reset;		/* the content may be gone */
	bool written;		/* and not told, of a watched block */
	bool told;		/* at least once */
	bool own;		/* of a view: its copy, which nobody else sees */
	u64 stamp;
};

/* A reservation, or a view. */
struct block {
	u64 base;		/* 0: none */
	unsigned int pages;
	bool watched;
	bool view;
	bool copies;		/* a view that was made with WRITECOPY */
	unsigned int section;
	unsigned int first;	/* its first page there */
	u64 frame;		/* placeholder that it has replaced a part of */
	unsigned int frame_pages;
	struct page page[MOST_PAGES];
};

struct thread {
	struct dice dice;
	u64 stamps;
	bool is_child;		/* memory may be dead: SIGBUS */
	int handle[SECTIONS];	/* that keep names; 0: none */
	struct block blocks[BLOCKS];
};

extern int device;		/* of this process */

/* worker.c */
int call_device(unsigned long cmd, void *arg, const char *what);
int range_call(unsigned long cmd, u64 addr, u64 size, __u32 prot, __u32 flags);
u64 address(const struct block *block, unsigned int page);
unsigned int part(struct thread *thread, const struct block *block,
		  unsigned int *first);

/* view.c */
u64 view_stamp(const struct block *block, unsigned int page, u64 nr);
bool view_shows(const struct block *block, unsigned int page, u64 seen);
void view_begin(struct thread *thread, struct block *block);
void view_commit(struct thread *thread, struct block *block);
void view_protect(struct thread *thread, struct block *block);
void view_refuse(struct thread *thread, struct block *block);
bool frame_begin(struct thread *thread, struct block *block);
bool frame_end(struct block *block);
void frame_release(struct block *block);

#endif
