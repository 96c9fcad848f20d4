/* SPDX-License-Identifier: MIT */
/*
 * The plain model: what <linux/ntmem.h> promises, written down page by page.
 *
 * It favours being obviously right over being fast: one struct per page, no
 * runs, no trees, every rule a loop over the pages it speaks of. The engines
 * are measured against it.
 *
 * The model lives in addresses of its own ("canonical"), so that one sequence
 * serves any number of engines, each in its own part of the address space:
 * a window, which holds reservations at chosen addresses, and areas, one for
 * each reservation whose address the system chose.
 */
#ifndef DIFFERENTIAL_MODEL_H
#define DIFFERENTIAL_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/ntmem.h>

#include "types.h"

#define PAGE		4096ULL
#define FENCE_PAGES	16
#define WINDOW_BASE	0x100000000000ULL
#define AREA_STRIDE	0x10000000000ULL
#define AREA_BASE(n)	(0x200000000000ULL + (n) * AREA_STRIDE)
#define AREAS		24
#define AREA_MAX_PAGES	65536ULL
#define LOCKED_MAX	192

/*
 * The sections that there are, of so many pages each, from the beginning. Their
 * pages are in memory that a child's model shares with its parent's.
 */
#define SECTIONS	3
#define SECTION_PAGES	48ULL

struct section_kind {
	uint32_t prot;
	uint32_t flags;
};

extern const struct section_kind section_kinds[SECTIONS];

struct section_page {
	bool committed;
	u64 stamp;
};

struct section {
	struct section_page page[SECTION_PAGES];
};

/* What the header leaves open; a sequence must not depend on it. */
#define UNSPECIFIED	1

enum page_state {
	PAGE_FREE,
	PAGE_FOREIGN,
	PAGE_RESERVED,
	PAGE_COMMITTED,
};

/*
 * @stamp: what the page holds: 0 = zeroes, else the seed of its pattern.
 * @reset: its content may turn to zeroes at any time.
 * @doubt: its content is @stamp or zeroes, settled but not yet looked at.
 * @lost: zeroes were seen although @stamp said otherwise, while reset.
 * @lock_doubt: inherited by fork, where nothing says whether locks are.
 * @written: WATCH tells of it; a reserved page may be so, too.
 * @index: of a view: the section's page that it shows, unless it was @copied.
 */
struct page {
	enum page_state state;
	uint32_t reservation;
	uint32_t prot;
	bool locked;
	bool lock_doubt;
	bool reset;
	bool doubt;
	bool lost;
	bool written;
	bool copied;
	uint32_t index;
	u64 stamp;
};

/*
 * @placeholder: nothing of it can be committed.
 * @replaced: it has taken the place of one.
 * @section: number of the section it is a view of, plus one; 0 = none.
 * @charged: all of the view, since its pages may be copied.
 */
struct reservation {
	u64 base;
	uint32_t prot;
	bool nofork;
	bool watched;
	bool placeholder;
	bool replaced;
	unsigned int section;
	bool charged;
};

/* pages[0] is at @base; NULL while the area is not in use. */
struct area {
	u64 base;
	u64 count;
	struct page *pages;
};

#define RESERVATIONS	65536

/* areas[0] is the window with a fence of foreign pages on either side. */
struct model {
	u64 granularity;
	u64 max_address;
	u64 commit_limit;
	u64 window_size;
	struct area areas[AREAS];
	struct reservation *reservations;	/* [RESERVATIONS], 0 unused */
	uint32_t next_reservation;
	struct section *sections;	/* [SECTIONS], or NULL */
	bool has_views;			/* or has had some */
	bool borrowed;			/* sections are another's to free */
};

/* The outcome of one access. */
struct access {
	bool allowed;
	bool ours;			/* a refusal that LAST_FAULT knows */
	struct ntmem_fault fault;
};

struct model *model_new(u64 granularity, u64 window_size,
			u64 max_address, u64 commit_limit);
struct model *model_copy(const struct model *model);
void model_free(struct model *model);

/* What a child made by fork sees. */
void model_fork(struct model *model);

void model_add_foreign(struct model *model, u64 addr, u64 size);

/*
 * Runs one operation (not BATCH) and fills its outputs. @area is where a
 * reservation at no particular address goes. Returns 0, a negative errno, or
 * UNSPECIFIED, having changed nothing then.
 */
int model_apply(struct model *model, struct ntmem_op *op, int area);

/* WATCH, with its array in the model's memory. Returns as model_apply() does. */
int model_watch(struct model *model, struct ntmem_watch *watch);

/* Sections come to be; without them all that follows is UNSPECIFIED. */
void model_add_sections(struct model *model);

/* The same, of which others know too: what they are in, and how they begin. */
void model_share_sections(struct model *model, struct section *sections);
void model_fill_sections(struct section *sections);

/* MAP_VIEW of a section, at an address. UNMAP_VIEW. */
int model_map(struct model *model, unsigned int section,
	      struct ntmem_map_view *view);
int model_unmap(struct model *model, const struct ntmem_unmap_view *unmap);

/* The page was written to, all of it, by an access that was allowed. */
void model_wrote(struct model *model, u64 addr, u64 stamp);

/* What others have done to sections since, the pages of views have, too. */
void model_sync(struct model *model);

/*
 * The system put the reservation of @area at @addr in the window. False when
 * it could not be there.
 */
bool model_move_area(struct model *model, int area, u64 addr);

/* RESET_UNDO of @range said EBUSY: may it, and what may be gone then. */
bool model_may_be_lost(struct model *model, const struct ntmem_range *range);
bool model_must_be_lost(struct model *model, const struct ntmem_range *range);
void model_lose(struct model *model, const struct ntmem_range *range);

int model_access(struct model *model, u64 addr, uint32_t kind,
		 struct access *access);

struct page *model_page(struct model *model, u64 addr);
uint32_t model_reported_prot(struct model *model, const struct page *page);
bool model_readable(const struct page *page);
bool model_writable(const struct page *page);
bool model_executable(const struct page *page);
bool model_prot_valid(uint32_t prot);

u64 model_committed(const struct model *model);
u64 model_reserved(const struct model *model);

static inline u64 page_down(u64 x)
{
	return x & ~(PAGE - 1);
}

static inline u64 page_up(u64 x)
{
	return page_down(x + PAGE - 1);
}

#endif
