// SPDX-License-Identifier: MIT
/*
 * Sequences of calls of the Virtual* family, beside the model of the
 * differential test. It is the engine target with the public functions in
 * between: an engine whose operations are VirtualAlloc and its like, wherever
 * Win32 has a way to say what an operation asks for.
 */
#include <errno.h>

#include <windows.h>

#include "calls.h"
#include "target.h"
#include "virtual/status.h"

#define UNTOUCHED	0xdeadbeefu

static const struct ntmem_engine *below;

/* An errno whose error code is the last error; a success sets none. */
static int result(bool ok)
{
	static const int errors[] = {
		EINVAL, EEXIST, ENOSPC, ENOMEM, EACCES, EKEYEXPIRED, EDQUOT,
		ENOLCK, EBUSY, EOPNOTSUPP,
	};
	DWORD code = GetLastError();

	if (ok) {
		fuzz_check(code == UNTOUCHED, "success sets error %u", code);
		return 0;
	}
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (ntmem_win32_of(ntmem_status_of(-errors[i])) == code)
			return -errors[i];
	fuzz_check(false, "no operation fails with error %u", code);
	return -EINVAL;
}

static bool same_status(uint32_t op, int want, int got)
{
	bool missing = want == -ENOENT || want == -ENODATA;

	/* In a batch it is the engine that answers. */
	if (want == got)
		return true;
	if (missing && op == NTMEM_NR_LOCK)
		want = -EACCES;
	if (missing && op == NTMEM_NR_UNLOCK)
		want = -ENOLCK;
	return ntmem_win32_of(ntmem_status_of(want)) ==
	       ntmem_win32_of(ntmem_status_of(got));
}

static void *pointer(uint64_t addr)
{
	return (void *)(uintptr_t)addr;
}

/* NULL means something else to VirtualAlloc, and the first 64 KiB nothing. */
static bool has_address(uint64_t addr)
{
	return addr >= 0x10000;
}

static const struct {
	uint32_t flag;
	DWORD type;
} types[] = {
	{ NTMEM_RESERVE_COMMIT, MEM_COMMIT },
	{ NTMEM_RESERVE_TOP_DOWN, MEM_TOP_DOWN },
	{ NTMEM_RESERVE_WATCH, MEM_WRITE_WATCH },
	{ NTMEM_RESERVE_PLACEHOLDER, MEM_RESERVE_PLACEHOLDER },
	{ NTMEM_RESERVE_REPLACE, MEM_REPLACE_PLACEHOLDER },
};

/* 0 where a flag is not Win32's. */
static DWORD type_of(uint32_t flags)
{
	DWORD type = MEM_RESERVE;

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (flags & types[i].flag) {
			type |= types[i].type;
			flags &= ~types[i].flag;
		}
	return flags ? 0 : type;
}

/* VirtualAlloc rounds addresses, VirtualAlloc2 has more to say. */
static bool is_plain(const struct ntmem_reserve *r)
{
	return !r->min_addr && !r->max_addr && !r->align &&
	       !(r->flags & (NTMEM_RESERVE_PLACEHOLDER |
			     NTMEM_RESERVE_REPLACE));
}

static bool is_rounded(const struct ntmem_reserve *r)
{
	struct ntmem_info info;
	uint64_t align = 4096;

	below->info(&info);
	if (!(r->flags & NTMEM_RESERVE_REPLACE))
		align = info.granularity;
	return !r->addr || (r->addr % align == 0 && r->size % 4096 == 0);
}

/* Nothing is chosen there, so that it has no effect in Win32. */
static bool is_placed_from_top(const struct ntmem_reserve *r)
{
	return r->flags & NTMEM_RESERVE_REPLACE &&
	       r->flags & NTMEM_RESERVE_TOP_DOWN;
}

static void *alloc2(const struct ntmem_reserve *r, DWORD type)
{
	MEM_ADDRESS_REQUIREMENTS where = {
		pointer(r->min_addr), pointer(r->max_addr), r->align,
	};
	MEM_EXTENDED_PARAMETER one = {
		.Type = MemExtendedParameterAddressRequirements,
		.Pointer = &where,
	};

	return VirtualAlloc2(NULL, pointer(r->addr), r->size, type, r->prot,
			     &one, 1);
}

static int reserve(struct ntmem_reserve *r)
{
	DWORD type = type_of(r->flags);
	bool plain = is_plain(r);
	void *base;

	if (!type || (r->addr && !has_address(r->addr)) ||
	    (!plain && (!is_rounded(r) || is_placed_from_top(r))))
		return below->reserve(r);
	SetLastError(UNTOUCHED);
	base = plain ? VirtualAlloc(pointer(r->addr), r->size, type, r->prot) :
		       alloc2(r, type);
	if (base) {
		/* The size that Win32 does not tell. */
		uint64_t end = r->addr + r->size + 4095;

		r->size = r->addr ? (end & ~4095ULL) - (uintptr_t)base :
				    (r->size + 4095) & ~4095ULL;
		r->addr = (uintptr_t)base;
	}
	return result(base);
}

static int alloc(const struct ntmem_range *range, DWORD type, DWORD protect)
{
	void *base;

	SetLastError(UNTOUCHED);
	base = VirtualAlloc(pointer(range->addr), range->size, type, protect);
	fuzz_check(!base || base == pointer(range->addr & ~4095ULL),
		   "VirtualAlloc of %#llx returns %p",
		   (unsigned long long)range->addr, base);
	return result(base);
}

static int commit(const struct ntmem_range *range)
{
	if (range->flags || !has_address(range->addr))
		return below->commit(range);
	return alloc(range, MEM_COMMIT, range->prot);
}

/* Views are not freed: an error of its own, where the engine knows nothing. */
static bool is_view(uint64_t addr)
{
	struct ntmem_query query = { .addr = addr };

	return !below->query(&query) && query.state == NTMEM_STATE_FOREIGN &&
	       query.type != NTMEM_TYPE_PRIVATE;
}

static int give_back(const struct ntmem_range *range, DWORD type)
{
	bool view = is_view(range->addr);
	int error;

	SetLastError(UNTOUCHED);
	error = result(VirtualFree(pointer(range->addr), range->size, type));
	fuzz_check(!view || error == -EINVAL, "freeing a view: error %d",
		   error);
	return view && type != MEM_DECOMMIT ? below->release(range) :
	       view ? below->decommit(range) : error;
}

static int decommit(const struct ntmem_range *range)
{
	if (range->flags || range->prot)
		return below->decommit(range);
	return give_back(range, MEM_DECOMMIT);
}

static int release(const struct ntmem_range *range)
{
	if (range->prot || (!range->flags && range->size))
		return below->release(range);
	switch (range->flags) {
	case 0:
		return give_back(range, MEM_RELEASE);
	case NTMEM_RELEASE_PRESERVE:
		return give_back(range, MEM_RELEASE | MEM_PRESERVE_PLACEHOLDER);
	case NTMEM_RELEASE_COALESCE:
		return give_back(range,
				 MEM_RELEASE | MEM_COALESCE_PLACEHOLDERS);
	default:
		return below->release(range);
	}
}

static int protect(struct ntmem_protect *p)
{
	DWORD old = UNTOUCHED;
	bool ok;

	SetLastError(UNTOUCHED);
	ok = VirtualProtect(pointer(p->addr), p->size, p->prot, &old);
	fuzz_check(ok || old == UNTOUCHED, "a failed VirtualProtect stores %#x",
		   old);
	if (ok)
		p->old_prot = old;
	return result(ok);
}

static int query(struct ntmem_query *q)
{
	MEMORY_BASIC_INFORMATION info = { 0 };
	struct ntmem_query plain = *q;
	int error = below->query(&plain);
	bool ok;

	if (q->flags || q->marks) {
		if (!error)
			*q = plain;
		return error;
	}
	SetLastError(UNTOUCHED);
	ok = VirtualQuery(pointer(q->addr), &info, sizeof(info)) ==
	     sizeof(info);
	if (!ok)
		return result(ok);
	fuzz_check(!error && info.State == (plain.state == NTMEM_STATE_FOREIGN ?
					    MEM_COMMIT : plain.state),
		   "VirtualQuery of %#llx: state %#x",
		   (unsigned long long)q->addr, info.State);
	q->state = plain.state;
	q->base = (uintptr_t)info.BaseAddress;
	q->alloc_base = (uintptr_t)info.AllocationBase;
	q->alloc_prot = info.AllocationProtect;
	q->size = info.RegionSize;
	q->prot = info.Protect;
	q->type = info.Type;
	return result(ok);
}

static int lock(const struct ntmem_range *range)
{
	if (range->flags || range->prot)
		return below->lock(range);
	SetLastError(UNTOUCHED);
	return result(VirtualLock(pointer(range->addr), range->size));
}

static int unlock(const struct ntmem_range *range)
{
	if (range->flags || range->prot)
		return below->unlock(range);
	SetLastError(UNTOUCHED);
	return result(VirtualUnlock(pointer(range->addr), range->size));
}

/* What DiscardVirtualMemory takes, it does as MEM_RESET does. */
static int reset(const struct ntmem_range *range)
{
	if (range->flags || range->prot || !has_address(range->addr))
		return below->reset(range);
	if (!DiscardVirtualMemory(pointer(range->addr), range->size))
		return 0;
	return alloc(range, MEM_RESET, PAGE_NOACCESS);
}

/* A hint changes nothing. */
static int reset_undo(const struct ntmem_range *range)
{
	WIN32_MEMORY_RANGE_ENTRY entry = {
		pointer(range->addr), range->size,
	};

	PrefetchVirtualMemory(GetCurrentProcess(), 1, &entry, 0);
	if (range->flags || range->prot || !has_address(range->addr))
		return below->reset_undo(range);
	return alloc(range, MEM_RESET_UNDO, PAGE_READWRITE);
}

static const struct ntmem_engine *wrap(const struct ntmem_engine *engine)
{
	static struct ntmem_engine wrapped;

	below = engine;
	wrapped = *engine;
	wrapped.reserve = reserve;
	wrapped.commit = commit;
	wrapped.decommit = decommit;
	wrapped.release = release;
	wrapped.protect = protect;
	wrapped.query = query;
	wrapped.lock = lock;
	wrapped.unlock = unlock;
	wrapped.reset = reset;
	wrapped.reset_undo = reset_undo;
	return &wrapped;
}

static void run(const uint8_t *data, size_t size)
{
	fuzz_calls(data, size, wrap, same_status);
}

const struct fuzz_target virtual_target = { .name = "virtual", .run = run };
