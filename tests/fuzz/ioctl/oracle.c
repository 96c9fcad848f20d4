// SPDX-License-Identifier: MIT
/*
 * What must be true after each operation of a program with one thread: QUERY
 * describes the address space without gaps and agrees with the accounts of
 * INFO, a refused call changed nothing, and each page that was written shows
 * what was written last, each other page zeros.
 *
 * A page is watched by its first and last word. What it holds may be one of
 * two things, or nothing is known, after RESET and after writes that came to
 * an end half way.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "fuzz.h"

#define MOST_WATCHED	2048
#define BUCKETS		4096
#define LAST_WORD	(PAGE - 8)

#define COPIES	(NTMEM_PAGE_WRITECOPY | NTMEM_PAGE_EXECUTE_WRITECOPY)

enum certainty {
	CERTAIN,
	OR_ZERO,		/* after RESET; RESET_UNDO may make it certain */
	EITHER,			/* or zero, and that remains to be seen */
	UNKNOWN,		/* any stamp of the page */
};

struct watched {
	u64 page;		/* its address, or its home in a section */
	bool written;		/* an entry stays when its content goes */
	bool copied;		/* of a view, which it is known to be of */
	bool recorded;		/* written to, and no WATCH has reset that */
	u64 word[2];
	enum certainty certainty[2];
};

static struct watched watched[MOST_WATCHED];
static uint16_t buckets[BUCKETS];	/* index into watched, plus 1 */
static unsigned int watched_count;
static bool blind;		/* no device of its own, or too much to watch */
static bool excused;		/* this process's memory may be dead */
static u64 copying;		/* page of a view that the next write copies */

struct walk {
	u64 hash;
	u64 committed;
	u64 reserved;
	u64 viewed;		/* in views, which may be committed or not */
};

static struct walk last;
static bool last_valid;

/* ---------------------------------------------------------------- pages --- */

static struct watched *find(u64 page, bool add)
{
	u64 i = page / PAGE * 0x9e3779b97f4a7c15ULL >> 40;

	for (; buckets[i % BUCKETS]; i++)
		if (watched[buckets[i % BUCKETS] - 1].page == page)
			return &watched[buckets[i % BUCKETS] - 1];
	if (!add)
		return NULL;
	if (watched_count == MOST_WATCHED) {
		blind = true;
		return NULL;
	}
	watched[watched_count].page = page;
	buckets[i % BUCKETS] = ++watched_count;
	return &watched[watched_count - 1];
}

static struct watched *find_begun(u64 page)
{
	struct watched *w = find(page, true);

	if (w && !w->written) {
		w->written = true;
		memset(w->word, 0, sizeof(w->word));
		memset(w->certainty, 0, sizeof(w->certainty));
	}
	return w;
}

static void doubt(struct watched *w)
{
	for (unsigned int i = 0; w && i < 2; i++)
		w->certainty[i] = UNKNOWN;
}

/*
 * The view's own copy. With the section's content, where it is certain that
 * it was made just now.
 */
static struct watched *find_copied(const struct view *view, u64 page)
{
	struct watched *w = find_begun(page), *from;

	if (!w)
		return NULL;
	if (copying != page) {
		if (!w->copied)
			doubt(w);
	} else if (!view_is_certain(view)) {
		doubt(w);
	} else {
		from = find(view_home(view, page), false);
		memset(w->word, 0, sizeof(w->word));
		memset(w->certainty, 0, sizeof(w->certainty));
		if (from && from->written) {
			memcpy(w->word, from->word, sizeof(w->word));
			memcpy(w->certainty, from->certainty,
			       sizeof(w->certainty));
		}
	}
	w->copied = true;
	return w;
}

/* What a page of a view shows, after a write to it; NULL: hard to tell. */
static struct watched *find_written_in(const struct view *view, u64 page)
{
	u64 home = view_home(view, page);
	struct ntmem_query q;

	switch (oracle_query(page, &q) ? view_shows(view, &q) : SHOWS_EITHER) {
	case SHOWS_OWN:
		return find_copied(view, page);
	case SHOWS_SECTION:
		if (q.prot & COPIES || !view_is_certain(view))
			return NULL;
		return find_begun(home);
	default:
		doubt(find_begun(home));
		doubt(find_begun(page));
		return NULL;
	}
}

static struct watched *find_written(u64 addr)
{
	const struct view *view = view_at(addr);
	u64 page = addr & -PAGE;

	if (blind || !single)
		return NULL;
	return view ? find_written_in(view, page) : find_begun(page);
}

/* The content matters again, and what was lost of it stays lost. */
static void matters(struct watched *w)
{
	for (unsigned int i = 0; i < 2; i++)
		if (w->certainty[i] == OR_ZERO)
			w->certainty[i] = EITHER;
}

void oracle_wrote_word(u64 addr, u64 value)
{
	struct watched *w = find_written(addr);

	copying = 0;
	if (!w)
		return;
	matters(w);
	w->recorded = true;
	addr = (addr & (PAGE - 1)) & -8ULL;
	if (addr && addr != LAST_WORD)
		return;
	w->word[addr != 0] = value;
	w->certainty[addr != 0] = CERTAIN;
}

/*
 * Of [addr, addr + tried) the first done bytes were written from a buffer,
 * and perhaps more.
 */
void oracle_wrote(u64 addr, u64 tried, u64 done, const u64 *buffer)
{
	copying = 0;
	for (u64 page = addr & -PAGE; page < addr + tried; page += PAGE) {
		struct watched *w = find_written(page);

		if (!w)
			continue;
		matters(w);
		for (unsigned int i = 0; i < 2; i++) {
			u64 at = page + (i ? LAST_WORD : 0) - addr;

			if (at >= tried)
				continue;
			w->certainty[i] = at + 8 <= done ? CERTAIN : UNKNOWN;
			w->word[i] = buffer[at / 8];
		}
	}
}

/* Others may have written to what a view shows. */
void oracle_lost(u64 addr)
{
	const struct view *view = view_at(addr);

	if (view && !blind)
		doubt(find_begun(view_home(view, addr & -PAGE)));
}

static void drop(struct watched *w)
{
	w->written = false;
	w->copied = false;
}

/* DECOMMIT keeps the record of a page, RELEASE does not. */
void oracle_dropped(u64 addr, u64 size, bool released)
{
	for (unsigned int i = 0; i < watched_count; i++) {
		if (watched[i].page < (addr & -PAGE) ||
		    watched[i].page - (addr & -PAGE) >= size + addr % PAGE)
			continue;
		drop(&watched[i]);
		watched[i].recorded &= !released;
	}
}

static bool is_among(const u64 *pages, u64 count, u64 page)
{
	while (count--)
		if (pages[count] == page)
			return true;
	return false;
}

/*
 * WATCH has told all that there was room for. Of what this process has written
 * nothing may be missing up to the last one told, or at all if there was more
 * room; not where memory is short, which makes it tell less.
 */
void oracle_watched(const struct ntmem_watch *watch, const u64 *pages, u64 room)
{
	u64 first = watch->addr & -PAGE, size = watch->size + watch->addr % PAGE;
	u64 last = watch->count < room || !room ? -1ULL :
						  pages[watch->count - 1];
	bool reset = watch->flags & NTMEM_WATCH_RESET;

	for (unsigned int i = 0; single && i < watched_count; i++) {
		struct watched *w = &watched[i];

		if (w->page < first || w->page - first >= size ||
		    w->page > last || !w->recorded)
			continue;
		if (room && !child_may_lose &&
		    !is_among(pages, watch->count, w->page))
			report("%#llx was written to, and is not told",
			       w->page);
		w->recorded = !reset;
	}
}

static bool within(const struct watched *w, u64 addr, u64 size)
{
	return w->written && w->page >= addr &&
	       w->page + PAGE <= addr + size;
}

void oracle_reset(u64 addr, u64 size)
{
	for (unsigned int i = 0; i < watched_count; i++)
		for (unsigned int k = 0; k < 2; k++)
			if (within(&watched[i], addr, size) &&
			    watched[i].certainty[k] == CERTAIN)
				watched[i].certainty[k] = OR_ZERO;
}

/* RESET_UNDO has said whether something was lost. */
void oracle_undone(u64 addr, u64 size, bool lost)
{
	for (unsigned int i = 0; i < watched_count; i++)
		for (unsigned int k = 0; k < 2; k++)
			if (within(&watched[i], addr, size) &&
			    watched[i].certainty[k] == OR_ZERO)
				watched[i].certainty[k] = lost ? EITHER :
								 CERTAIN;
}

static bool query(u64 addr, struct ntmem_query *q)
{
	*q = (struct ntmem_query){ .addr = addr };
	return !ioctl(device, NTMEM_IOC_QUERY, q);
}

/* QUERY, which is not to count as coverage, nor to fail in an operation's place. */
bool oracle_query(u64 addr, struct ntmem_query *q)
{
	u64 paused = cover_pause();
	unsigned int left = failure_pause();
	bool known = query(addr, q);

	failure_resume(left);
	cover_resume(paused);
	return known;
}

/* Reservations may have gone in ways that only QUERY knows. */
void oracle_resync(void)
{
	struct ntmem_query q;

	last_valid = false;
	view_resync();
	for (unsigned int i = 0; single && i < watched_count; i++)
		if (watched[i].written && !view_is_home(watched[i].page) &&
		    (!oracle_query(watched[i].page, &q) ||
		     q.state != NTMEM_STATE_COMMIT)) {
			drop(&watched[i]);
			watched[i].recorded = false;
		}
}

/* ----------------------------------------------------------------- walk --- */

static void mix(struct walk *walk, u64 value)
{
	walk->hash = (walk->hash ^ value) * 0x100000001b3ULL;
}

static bool odd_run(const struct ntmem_query *q,
		    const struct ntmem_query *before)
{
	if (!q->size || q->size % PAGE || q->base != q->addr)
		return true;
	if (q->state != NTMEM_STATE_COMMIT && q->state != NTMEM_STATE_RESERVE)
		return false;
	if (q->alloc_base > q->base || (q->type != NTMEM_TYPE_PRIVATE &&
					q->type != NTMEM_TYPE_MAPPED))
		return true;
	/*
	 * It goes on with the reservation before it, or begins another. In a
	 * view somebody else may just have committed more.
	 */
	if (q->alloc_base == before->alloc_base &&
	    q->alloc_base != q->base)
		return q->state == before->state && q->prot == before->prot &&
		       !(q->type == NTMEM_TYPE_MAPPED && view_is_shared());
	return q->alloc_base != q->base;
}

/* What a page of a view must show; false where that is not known. */
static bool find_shown(const struct ntmem_query *q, u64 page,
		       struct watched **w)
{
	const struct view *view = view_at(page);

	switch (view_shows(view, q)) {
	case SHOWS_OWN:
		*w = find(page, false);
		return !view || (*w && (*w)->written);
	case SHOWS_SECTION:
		*w = find(view_home(view, page), false);
		return view_is_certain(view);
	default:
		*w = NULL;
		return false;
	}
}

static void check_page(const struct ntmem_query *q, u64 page)
{
	struct watched *w;
	bool known = find_shown(q, page, &w);

	for (unsigned int i = 0; i < 2; i++) {
		u64 addr = page + (i ? LAST_WORD : 0), value;
		int sig = memory_touch(addr, ACCESS_READ, &value);

		if (sig && excused)
			return;
		if (sig) {
			report("%#llx is committed (%#x), but reading it draws signal %d",
			       addr, q->prot, sig);
			return;
		}
		memory_judge(addr, value);
		if (!known || !memory_is_trusted())
			continue;
		if (!w || !w->written) {
			if (value)
				report("%#llx shows %#llx, should be zero",
				       addr, value);
			continue;
		}
		if (w->certainty[i] == UNKNOWN || value == w->word[i] ||
		    (w->certainty[i] != CERTAIN && !value))
			continue;
		report("%#llx shows %#llx, should be %#llx%s", addr, value,
		       w->word[i], w->certainty[i] == CERTAIN ? "" : " or 0");
	}
}

static bool readable(__u32 prot)
{
	return !(prot & (NTMEM_PAGE_NOACCESS | NTMEM_PAGE_GUARD));
}

static bool writable(__u32 prot)
{
	return prot & (NTMEM_PAGE_READWRITE | NTMEM_PAGE_EXECUTE_READWRITE |
		       COPIES) &&
	       readable(prot);
}

/* Must an access be allowed, or refused; or is that not known? */
enum expected oracle_expects(u64 addr, enum access how)
{
	struct ntmem_query q;

	copying = 0;
	if (blind || device < 0 || how == ACCESS_RUN)
		return EXPECT_ANYTHING;
	if (!oracle_query(addr & -PAGE, &q) || q.state == NTMEM_STATE_FOREIGN)
		return EXPECT_ANYTHING;
	if (how == ACCESS_WRITE && q.prot & COPIES)
		copying = addr & -PAGE;
	if (excused)
		return EXPECT_ANYTHING;
	/* Somebody else may just commit it. */
	if (q.state != NTMEM_STATE_COMMIT)
		return view_at(addr) && view_is_shared() ? EXPECT_ANYTHING :
							   EXPECT_SIGNAL;
	return (how == ACCESS_WRITE ? writable(q.prot) : readable(q.prot)) ?
	       EXPECT_SUCCESS : EXPECT_SIGNAL;
}

/* Every watched page of the run, and one more. */
static void check_run(const struct ntmem_query *q)
{
	u64 page = q->base + random_u64() % (q->size / PAGE) * PAGE;
	const struct view *view = view_at(q->base);
	u64 home = view ? view_home(view, q->base) : q->base;

	if (!readable(q->prot))
		return;
	check_page(q, page);
	for (unsigned int i = 0; i < watched_count; i++) {
		if (!watched[i].written)
			continue;
		if (watched[i].page - q->base < q->size)
			check_page(q, watched[i].page);
		else if (watched[i].page - home < q->size)
			check_page(q, q->base + watched[i].page - home);
	}
}

/* Of a view is committed what may be copied: all, or nothing. */
static u64 committed_in(const struct ntmem_query *q)
{
	const struct view *view;

	if (q->type == NTMEM_TYPE_PRIVATE)
		return q->state == NTMEM_STATE_COMMIT ? q->size : 0;
	view = view_at(q->base);
	return view && view->copies ? q->size : 0;
}

/* What threads do to views, and what a child may have lost, is not known. */
static bool is_balanced(const struct walk *walk, u64 committed)
{
	u64 most = walk->committed + walk->viewed;

	if (walk->viewed && !single)
		return committed >= walk->committed && committed <= most;
	if (walk->viewed && excused)
		return committed <= most;
	return committed == walk->committed;
}

static bool walk_all(struct walk *walk, bool contents)
{
	struct ntmem_query q = { 0 }, before = { 0 };
	struct ntmem_info info;

	if (ioctl(device, NTMEM_IOC_INFO, &info))
		return false;
	*walk = (struct walk){ 0 };
	for (u64 addr = 0; addr <= info.max_address; addr = q.base + q.size) {
		before = q;
		if (!query(addr, &q)) {
			if (errno != EINTR)
				report("QUERY of %#llx: errno %d", addr, errno);
			return false;
		}
		if (odd_run(&q, &before)) {
			report("QUERY of %#llx: base %#llx size %#llx in %#llx state %#x prot %#x, after state %#x prot %#x in %#llx",
			       addr, q.base, q.size, q.alloc_base, q.state,
			       q.prot, before.state, before.prot,
			       before.alloc_base);
			return false;
		}
		if (q.state != NTMEM_STATE_COMMIT &&
		    q.state != NTMEM_STATE_RESERVE)
			continue;
		walk->reserved += q.size;
		walk->committed += committed_in(&q);
		if (q.type == NTMEM_TYPE_MAPPED)
			walk->viewed += q.size;
		if (q.state == NTMEM_STATE_COMMIT && contents)
			check_run(&q);
		mix(walk, q.base);
		mix(walk, q.size);
		mix(walk, q.alloc_base);
		mix(walk, q.state ^ (u64)q.prot << 32);
	}
	if (!is_balanced(walk, info.space_committed))
		report("QUERY finds %#llx committed, INFO %#llx",
		       walk->committed, info.space_committed);
	if (info.space_reserved != walk->reserved)
		report("QUERY finds %#llx reserved, INFO %#llx",
		       walk->reserved, info.space_reserved);
	return true;
}

/* ------------------------------------------------------------ the checks --- */

void oracle_begin(void)
{
	random_seed(shared->nonce);
	blind = device < 0 || !single;
	excused = false;
	last_valid = false;
}

/*
 * The child begins with its parent's pages, and is watched on its own; but of
 * what a blind parent wrote it knows nothing.
 */
void oracle_child(void)
{
	bool was_blind = blind;

	oracle_begin();
	blind |= was_blind;
	excused = child_may_lose;
	if (!blind && excused)
		oracle_resync();
}

/* What is true after the next operation says nothing about that one. */
void oracle_forget(void)
{
	last_valid = false;
}

/* Refused, has it changed anything that QUERY or INFO tell? */
static bool must_change_nothing(const struct op *op, int result)
{
	const struct op_kind *kind = &op_kinds[op->code];

	if (kind->run != nt_run && kind->run != section_map &&
	    kind->run != section_unmap)
		return false;
	/* LOCK uses up a guard; a fatal signal leaves what was done. */
	return result && result != EKEYEXPIRED && result != EINTR;
}

void oracle_check(const struct op *op, int result)
{
	u64 paused = cover_pause();
	struct walk now;

	if (blind || device < 0)
		return;
	if (shared->sparing && random_u64() % 5) {
		last_valid = false;
		return;
	}
	if (!walk_all(&now, !(random_u64() & 3))) {
		last_valid = false;
	} else {
		if (last_valid && must_change_nothing(op, result) &&
		    !(now.viewed && view_is_shared()) &&
		    memcmp(&now, &last, sizeof(now)))
			report("%s failed with %d and changed something: committed %#llx, was %#llx; reserved %#llx, was %#llx",
			       op_kinds[op->code].name, result, now.committed,
			       last.committed, now.reserved, last.reserved);
		last = now;
		last_valid = true;
	}
	cover_resume(paused);
}

/*
 * When everything is over: all pages once more, where they were watched, and
 * otherwise at least the accounts, since no other thread is left.
 */
void oracle_end(void)
{
	u64 paused = cover_pause();
	struct walk now;

	if (device >= 0 && (!single || !blind))
		walk_all(&now, single);
	cover_resume(paused);
}
