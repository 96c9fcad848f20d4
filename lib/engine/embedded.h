/* SPDX-License-Identifier: MIT */
/*
 * The embedded engine's own declarations: its state and what its files offer
 * each other. The rest of the library sees only engine.h.
 *
 * A reservation is a private anonymous mapping without swap reservation, or a
 * part of one where the kernel merged neighbours: inaccessible where pages are
 * reserved, NOACCESS or guard pages, accessible as their protection says
 * elsewhere. Which it is stands in its runs; /proc/self/maps is never asked.
 */
#ifndef NTMEM_EMBEDDED_H
#define NTMEM_EMBEDDED_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/engine.h"
#include "engine/foreign.h"
#include "engine/lock.h"
#include "engine/page.h"
#include "engine/pool.h"
#include "engine/prot.h"
#include "engine/runs.h"
#include "engine/skiplist.h"

/* As on Windows: 47 bits less the last 64 KiB, which Linux cuts short. */
#define USER_END	FOREIGN_END
#define LOWEST_ADDRESS	0x10000ULL
#define MAX_GRANULARITY	(1ULL << 30)

/*
 * What a reservation keeps of its flags: REPLACE says that it may become a
 * placeholder again. A placeholder is one run, with nothing committed.
 */
#define RESERVATION_FLAGS	(NTMEM_RESERVE_NOFORK | NTMEM_RESERVE_WATCH | \
				 NTMEM_RESERVE_PLACEHOLDER | \
				 NTMEM_RESERVE_REPLACE)

struct segment;
struct section_handle;
struct section_name;

struct reservation {
	struct ntmem_runs pages;	/* ends where the reservation ends */
	uint32_t prot;			/* given to RESERVE or MAP_VIEW */
	uint32_t flags;			/* NTMEM_RESERVE_*, RESERVATION_FLAGS */
	struct segment *segment;	/* what it is a view of, or NULL */
	uint64_t offset;		/* in the section, of a view */
	uint64_t copies;		/* bytes charged for copies, of a view */
	struct ntmem_skip_node node;	/* its key is the base; last member */
};

/*
 * Where placeholders come from that are not this engine's own, as on the kernel
 * engine, and go back to. Both leave the addresses mapped at every moment, and
 * after an error everything as it was.
 */
struct placeholder_source {
	/* Exactly one placeholder becomes a plain mapping without access. */
	int (*take)(uint64_t addr, uint64_t size);
	/* And what is mapped there a placeholder, for children or not. */
	int (*give)(uint64_t addr, uint64_t size, uint32_t flags);
};

/* How writes are noticed, decided when they first have to be. */
enum watch_mode {
	WATCH_UNDECIDED,
	WATCH_BY_TRACKER,
	WATCH_BY_PROTECTION,
};

/* The process's space. The lock guards all of it. */
struct embedded {
	struct ntmem_lock lock;
	struct ntmem_pool pool;
	struct ntmem_skip reservations;
	uint64_t granularity;
	uint64_t hint;		/* below here the next reservation may fit */
	uint64_t hole_start;	/* or in here, unless it is empty */
	uint64_t hole_end;
	uint64_t limit;		/* of committed bytes */
	uint64_t committed;	/* bytes, with those of sections */
	uint64_t sections;	/* bytes committed of sections alone */
	uint64_t reserved;	/* bytes in reservations */
	uint64_t locked;	/* bytes */
	uint64_t watched;	/* reservations */
	uint64_t views;		/* reservations; more when give() has failed */
	uint64_t changes;	/* of protections so far */
	enum watch_mode watch_mode;
	bool used;		/* has had a reservation */
	const struct placeholder_source *source;	/* or NULL */
};

extern struct embedded embedded;

static inline uint64_t page_down(uint64_t addr)
{
	return addr & ~(PAGE_BYTES - 1);
}

static inline uint64_t page_up(uint64_t addr)
{
	return page_down(addr + PAGE_BYTES - 1);
}

static inline bool is_power_of_two(uint64_t x)
{
	return x && !(x & (x - 1));
}

/* Does [addr, addr + size) lie in user space? size 0 is the caller's affair. */
static inline bool in_user_space(uint64_t addr, uint64_t size)
{
	return addr < USER_END && size <= USER_END - addr;
}

static inline uint64_t res_base(const struct reservation *res)
{
	return res->node.key;
}

static inline uint64_t res_end(const struct reservation *res)
{
	return res->pages.end;
}

static inline bool is_placeholder(const struct reservation *res)
{
	return res->flags & NTMEM_RESERVE_PLACEHOLDER;
}

/* The protection of a page in this state; 0 = not committed. */
static inline uint32_t page_prot(const struct reservation *res, uint32_t state)
{
	uint32_t prot = state & RUN_PROT;

	if (!res->segment)
		return prot;
	if (!(state & RUN_SHOWN))
		return 0;
	/* Of a page that was copied it is READWRITE, with EXECUTE or without. */
	if (state & RUN_COPIED && prot & PROT_COPIES)
		return (prot & ~PROT_COPIES) | (prot & PROT_COPIES) >> 1;
	return prot;
}

/* The protection that is reported for a page in this state. */
static inline uint32_t res_prot(const struct reservation *res, uint32_t state)
{
	uint32_t prot = page_prot(res, state);

	if (!prot || prot == NTMEM_PAGE_NOACCESS)
		return prot;
	return prot | (res->prot & (NTMEM_PAGE_NOCACHE |
				    NTMEM_PAGE_WRITECOMBINE));
}

/* embedded.c */
int embedded_set_granularity(const struct ntmem_granularity *arg);

/* embedded_reserve.c */
struct reservation *reservation_of(struct ntmem_skip_node *node);
struct reservation *reservation_at(uint64_t addr);
struct reservation *reservation_new(uint32_t prot, uint32_t flags);
void reservation_free(struct reservation *res);
void reservation_forget(struct reservation *res);
int reservation_end(struct reservation *res);
int reserve_locked(struct ntmem_reserve *r);
void count_watched(const struct reservation *res, int n);
int embedded_reserve(struct ntmem_reserve *reserve);
int embedded_release(const struct ntmem_range *range);

/* embedded_placeholder.c */
int replace_placeholder(const struct ntmem_reserve *reserve, uint32_t state);
int release_placeholder(const struct ntmem_range *range);
void placeholder_again(struct reservation *res, uint32_t flags);
int placeholder_return(struct reservation *res);

/* embedded_section.c */
int embedded_create_section(struct ntmem_section *section);
int embedded_open_section(struct ntmem_section *section);
int embedded_query_section(struct ntmem_section *section);
int embedded_take_name(uint64_t text, uint32_t len, struct section_name *name);
int embedded_tell_section(struct ntmem_section *section, int fd);
int embedded_open_found(int dir, const struct section_name *name,
			uint32_t prot, bool file);
void embedded_adopt_section(int fd);
bool embedded_close_section(int fd);

/* embedded_file.c */
int file_section_join(int section, const struct section_handle *handle);
int file_section_create(struct ntmem_file_section *section,
			int (*find)(const struct section_name *name, int dir));
int embedded_create_file_section(struct ntmem_file_section *section);
bool embedded_is_file_section(int fd);
bool embedded_has_view(uint64_t addr);
int embedded_flush_view(const struct ntmem_range *range);

/* embedded_view.c */
int embedded_map_view(struct ntmem_map_view *view);
int embedded_unmap_view(const struct ntmem_unmap_view *unmap);
int view_look(struct reservation *res, uint64_t start, uint64_t end);
int view_run(struct reservation *res, uint64_t addr, uint64_t *end);
uint64_t view_committed(const struct reservation *res, uint64_t start,
			uint64_t end);
bool view_takes(const struct reservation *res, uint32_t prot);
int view_change(struct reservation *res, uint64_t start, uint64_t end,
		uint32_t prot, bool commit);
int view_clear_guard(struct reservation *res, uint64_t page);
void view_leave(struct reservation *res);

/* embedded_place.c: address space from Linux; *addr is 0 or the wanted one. */
int place_reservation(const struct ntmem_reserve *reserve, int linux_prot,
		      uint64_t *addr);
void note_hole(uint64_t start, uint64_t end);

/* embedded_pages.c */
int embedded_commit(const struct ntmem_range *range);
int embedded_decommit(const struct ntmem_range *range);
int embedded_drop(const struct ntmem_range *ranges, unsigned int count);
int embedded_protect(struct ntmem_protect *protect);
int reapply(const struct reservation *res, uint64_t start, uint64_t end);
int change_access(struct reservation *res, uint64_t start, uint64_t end,
		  uint32_t prot);
int decommit_pages(struct reservation *res, uint64_t start, uint64_t end);
bool commit_fits(uint64_t bytes);
int free_range(const struct ntmem_range *range, struct reservation **res,
	       uint64_t *start, uint64_t *end);
int range_in_one(uint64_t addr, uint64_t size, struct reservation **res,
		 uint64_t *start, uint64_t *end);
int clear_guard(struct reservation *res, uint64_t page);

/* embedded_resident.c */
int embedded_lock_pages(const struct ntmem_range *range);
int embedded_unlock_pages(const struct ntmem_range *range);
int embedded_reset(const struct ntmem_range *range);
int embedded_reset_undo(const struct ntmem_range *range);

/* embedded_query.c */
int embedded_query(struct ntmem_query *query);

/* embedded_fault.c */
int watch_faults(const struct reservation *res, uint32_t prot);
int embedded_last_fault(struct ntmem_fault *fault);

/* embedded_record.c */
struct ntmem_scan;
bool is_watched(const struct reservation *res);
bool is_tracked(const struct reservation *res);
bool is_write_protected(const struct reservation *res);
int linux_prot_of(const struct reservation *res, uint32_t state);
void record_written(struct reservation *res, uint64_t start, uint64_t end);
int forget_written(struct reservation *res, uint64_t start, uint64_t end);
int scan_tracked(const struct reservation *res, struct ntmem_scan *scan);
int reset_tracked(const struct reservation *res, uint64_t start, uint64_t end);
void discard_fresh(const struct reservation *res, uint64_t start,
		   uint64_t end);
void record_tracked(struct reservation *res, uint64_t start, uint64_t end);
bool record_fault(struct reservation *res, uint64_t addr, uint32_t access);
void open_for_kernel(uint64_t addr, uint64_t size);
void choose_watch(void);
int begin_watch(uint64_t start, uint64_t end);
void watch_before_fork(void);
void watch_after_fork(void);

/* embedded_watch.c */
int embedded_watch(struct ntmem_watch *watch);

/* embedded_batch.c */
int embedded_batch(struct ntmem_batch *batch);

#endif
