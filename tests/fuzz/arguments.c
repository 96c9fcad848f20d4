// SPDX-License-Identifier: MIT
/*
 * Every public function of the library with whatever arguments: it fails with
 * an error code that is documented and changes nothing, or succeeds, leaves
 * the last error alone, and was asked for something that exists.
 */
#include <string.h>

#include <windows.h>

#include "../differential/model.h"
#include "engine/engine.h"
#include "input.h"
#include "target.h"

#define UNTOUCHED	0xdeadbeefu
#define CALLS		64
#define BASES		16
#define WINDOW		0x190000000000ULL
/* VirtualLock makes pages resident. */
#define COMMIT_LIMIT	(4ULL << 20)

/* Reservations that this run has made. */
static uint64_t bases[BASES];
static unsigned int nr_bases;

/* ------------------------------------------------------------- arguments */

static uint64_t some_address(void)
{
	static const uint64_t edges[] = {
		0, 1, 0xffff, 0x10000, 0x7ffffffe0000, 0x7ffffffeffff,
		0x7fffffff0000, 0x7fffffffefff, 0x7ffffffff000, 0x800000000000,
		0xffff800000000000, 0xfffffffffffff000, UINT64_MAX,
	};
	unsigned int how = fuzz_take(1);

	if (how < 120 && nr_bases)
		return bases[how % nr_bases] + fuzz_take(2) * 256;
	if (how < 200)
		return WINDOW + fuzz_take(2) * 4096 + how % 3;
	if (how < 240)
		return edges[how % (sizeof(edges) / sizeof(edges[0]))];
	if (how < 248)
		return (uintptr_t)bases;
	return fuzz_take(8);
}

static uint64_t some_size(void)
{
	unsigned int how = fuzz_take(1);

	if (how < 100)
		return how % 20 * 4096 + how / 50;
	if (how < 200)
		return fuzz_take(2);
	if (how < 230)
		return 1ULL << how % 64;
	return how < 240 ? UINT64_MAX - how + 230 : fuzz_take(8);
}

/* Some of the flags that there are, or bits. */
static DWORD some_flags(const DWORD *flags, unsigned int count)
{
	unsigned int mask = fuzz_take(2);
	DWORD value = 0;

	if (mask >= 0xff00)
		return fuzz_take(4);
	for (unsigned int i = 0; i < count; i++)
		value |= mask & 1u << i ? flags[i] : 0;
	return value;
}

static DWORD some_type(void)
{
	static const DWORD flags[] = {
		MEM_COMMIT, MEM_RESERVE, MEM_TOP_DOWN, MEM_RESET,
		MEM_RESET_UNDO, MEM_WRITE_WATCH, MEM_PHYSICAL,
		MEM_LARGE_PAGES, MEM_DECOMMIT, MEM_RELEASE,
		MEM_COALESCE_PLACEHOLDERS, MEM_PRESERVE_PLACEHOLDER,
		MEM_RESERVE_PLACEHOLDER, MEM_REPLACE_PLACEHOLDER,
	};

	return some_flags(flags, sizeof(flags) / sizeof(flags[0]));
}

static DWORD some_protection(void)
{
	static const DWORD flags[] = {
		PAGE_READWRITE, PAGE_GUARD, PAGE_READONLY, PAGE_NOACCESS,
		PAGE_EXECUTE_READ, PAGE_EXECUTE, PAGE_EXECUTE_READWRITE,
		PAGE_NOCACHE, PAGE_WRITECOMBINE, PAGE_WRITECOPY,
		PAGE_EXECUTE_WRITECOPY, 0x800,
	};

	return some_flags(flags, sizeof(flags) / sizeof(flags[0]));
}

/* ----------------------------------------------------------------- state */

struct state {
	uint64_t committed;
	uint64_t reserved;
	uint64_t runs;		/* a checksum of what VirtualQuery says */
};

static void add(uint64_t *sum, uint64_t value)
{
	*sum = (*sum ^ value) * 0x9e3779b97f4a7c15ULL;
	*sum ^= *sum >> 29;
}

static void add_runs(uint64_t *sum, uint64_t base)
{
	MEMORY_BASIC_INFORMATION info;
	uint64_t addr = base;

	do {
		fuzz_check(VirtualQuery((void *)addr, &info, sizeof(info)) &&
			   info.RegionSize, "VirtualQuery of %#llx",
			   (unsigned long long)addr);
		if (info.State == MEM_FREE ||
		    info.AllocationBase != (void *)base)
			break;
		add(sum, addr);
		add(sum, info.RegionSize);
		add(sum, (uint64_t)info.State << 32 | info.Protect);
		add(sum, (uint64_t)info.Type << 32 | info.AllocationProtect);
		addr += info.RegionSize;
	} while (addr <= 0x7ffffffeffff);
}

static struct state look(void)
{
	struct state state = { 0 };
	struct ntmem_info info;

	ntmem_engine()->info(&info);
	state.committed = info.space_committed;
	state.reserved = info.space_reserved;
	for (unsigned int i = 0; i < nr_bases; i++)
		add_runs(&state.runs, bases[i]);
	return state;
}

/*
 * A failure must have one of these codes and leave all as it was, but for the
 * guard that VirtualLock finds.
 */
static void check(const char *name, bool ok, struct state before)
{
	static const DWORD codes[] = {
		ERROR_INVALID_PARAMETER, ERROR_INVALID_ADDRESS,
		ERROR_COMMITMENT_LIMIT, ERROR_NOT_ENOUGH_MEMORY,
		ERROR_NOT_SUPPORTED, ERROR_NOACCESS, ERROR_BAD_LENGTH,
		ERROR_NOT_LOCKED, ERROR_WORKING_SET_QUOTA, ERROR_BUSY,
		ERROR_INVALID_HANDLE,
	};
	DWORD code = GetLastError();
	struct state after;
	bool known = false;

	if (ok) {
		fuzz_check(code == UNTOUCHED, "%s succeeds with error %u", name,
			   code);
		return;
	}
	if (code == (DWORD)STATUS_GUARD_PAGE_VIOLATION &&
	    !strcmp(name, "VirtualLock"))
		return;
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		known |= code == codes[i];
	fuzz_check(known, "%s fails with error %u", name, code);
	after = look();
	fuzz_check(!memcmp(&before, &after, sizeof(after)),
		   "%s fails with error %u and changes something", name, code);
}

/* ----------------------------------------------------------------- calls */

static bool alloc_makes_sense(DWORD type, DWORD protect)
{
	DWORD action = type & ~MEM_TOP_DOWN;

	if (!model_prot_valid(protect))
		return false;
	if (type == MEM_RESET || type == MEM_RESET_UNDO)
		return true;
	if (type & MEM_RESERVE)
		action &= ~MEM_WRITE_WATCH;
	return action == MEM_RESERVE || action == MEM_COMMIT ||
	       action == (MEM_RESERVE | MEM_COMMIT);
}

static void remember(void *base)
{
	MEMORY_BASIC_INFORMATION info;

	fuzz_check(VirtualQuery(base, &info, sizeof(info)) &&
		   info.AllocationBase == base && info.State != MEM_FREE,
		   "VirtualAlloc gives %p, which is not there", base);
	bases[nr_bases++] = (uintptr_t)base;
}

static bool has_base(uint64_t base)
{
	for (unsigned int i = 0; i < nr_bases; i++)
		if (bases[i] == base)
			return true;
	return false;
}

static void call_alloc(void)
{
	uint64_t addr = some_address(), size = some_size();
	DWORD type = some_type(), protect = some_protection();
	struct state before = look();
	void *got;

	if (nr_bases == BASES && (type & (MEM_RESERVE | MEM_COMMIT)))
		return;
	SetLastError(UNTOUCHED);
	got = VirtualAlloc((void *)addr, size, type, protect);
	check("VirtualAlloc", got, before);
	if (!got)
		return;
	fuzz_check(size && alloc_makes_sense(type, protect),
		   "VirtualAlloc of %llu bytes, type %#x, protection %#x",
		   (unsigned long long)size, type, protect);
	if (type & MEM_RESERVE || (!addr && type & MEM_COMMIT))
		remember(got);
}

/* ---------------------------------------------------------- VirtualAlloc2 */

#define PARAMETERS	3

static void some_requirements(MEM_ADDRESS_REQUIREMENTS *where)
{
	uint64_t lowest = some_address(), highest = some_address();
	unsigned int how = fuzz_take(1);

	where->LowestStartingAddress = (void *)(how & 1 ? lowest & ~0xffffULL :
							  lowest);
	where->HighestEndingAddress = (void *)(how & 2 ? highest | 0xfff :
							 highest);
	where->Alignment = how & 4 ? 1ULL << how / 8 : some_size();
	if (how & 64)
		memset(where, 0, sizeof(*where));
}

static ULONG some_parameters(MEM_EXTENDED_PARAMETER *parameters,
			     MEM_ADDRESS_REQUIREMENTS *where)
{
	ULONG count = fuzz_take(1) % (PARAMETERS + 1);

	some_requirements(where);
	for (ULONG i = 0; i < count; i++) {
		unsigned int type = fuzz_take(1);

		parameters[i].Type = type < 240 ? type % 8 : type;
		parameters[i].Reserved = 0;
		parameters[i].ULong64 = fuzz_take(1);
		if (parameters[i].Type ==
		    MemExtendedParameterAddressRequirements)
			parameters[i].Pointer = type < 230 ? where : NULL;
	}
	return count;
}

/* What must be so of types and protection where it succeeds. */
static bool alloc2_makes_sense(uint64_t addr, DWORD type, DWORD protect)
{
	const DWORD placeholder = MEM_RESERVE | MEM_RESERVE_PLACEHOLDER;

	if (type & MEM_RESERVE_PLACEHOLDER)
		return (type & ~MEM_TOP_DOWN) == placeholder &&
		       protect == PAGE_NOACCESS;
	if (type & MEM_REPLACE_PLACEHOLDER)
		return type & MEM_RESERVE && has_base(addr) &&
		       alloc_makes_sense(type & ~MEM_REPLACE_PLACEHOLDER,
					 protect);
	return alloc_makes_sense(type, protect);
}

static void call_alloc2(void)
{
	MEM_EXTENDED_PARAMETER parameters[PARAMETERS];
	uint64_t addr = some_address(), size = some_size();
	DWORD type = some_type(), protect = some_protection();
	MEM_ADDRESS_REQUIREMENTS where;
	ULONG count = some_parameters(parameters, &where);
	HANDLE process = (HANDLE)(fuzz_take(1) < 240 ? -1L : 0x1234L);
	struct state before = look();
	bool new = type & MEM_RESERVE || (!addr && type & MEM_COMMIT);
	void *got;

	if (fuzz_take(1) < 128)
		addr &= ~0xfffULL;
	if (fuzz_take(1) < 64)
		addr = 0;
	if (nr_bases == BASES && type & (MEM_RESERVE | MEM_COMMIT))
		return;
	SetLastError(UNTOUCHED);
	got = VirtualAlloc2(process, (void *)addr, size, type, protect,
			    count || fuzz_take(1) < 240 ? parameters : NULL,
			    count);
	check("VirtualAlloc2", got, before);
	if (!got)
		return;
	fuzz_check(size && alloc2_makes_sense(addr, type, protect),
		   "VirtualAlloc2 of %llu bytes, type %#x, protection %#x",
		   (unsigned long long)size, type, protect);
	if (new && !(type & MEM_REPLACE_PLACEHOLDER))
		remember(got);
}

/* Where the reservation ends that an address is in; the address if in none. */
static uint64_t end_at(uint64_t addr)
{
	MEMORY_BASIC_INFORMATION info;
	void *base = NULL;

	while (VirtualQuery((void *)addr, &info, sizeof(info)) &&
	       info.State != MEM_FREE &&
	       (!base || info.AllocationBase == base)) {
		base = info.AllocationBase;
		addr = (uintptr_t)info.BaseAddress + info.RegionSize;
	}
	return addr;
}

/* Placeholders were split or joined somewhere in [start, end). */
static void remember_anew(uint64_t start, uint64_t end)
{
	for (unsigned int i = 0; i < nr_bases; i++)
		while (i < nr_bases && bases[i] >= start && bases[i] < end)
			bases[i] = bases[--nr_bases];
	for (; start < end; start = end_at(start))
		remember((void *)start);
}

/* Of what is there, mostly. */
static void call_free_placeholder(void)
{
	DWORD type = MEM_RELEASE | (fuzz_take(1) & 1 ?
				    MEM_PRESERVE_PLACEHOLDER :
				    MEM_COALESCE_PLACEHOLDERS);
	uint64_t addr = some_address() & ~0xfffULL, size = some_size();
	MEMORY_BASIC_INFORMATION info = { 0 };
	uint64_t last = addr, end;
	struct state before;
	bool ok;

	if (fuzz_take(1) < 128)
		addr &= ~0xffffULL;
	for (unsigned int i = fuzz_take(1) % 4; i; i--)
		last = end_at(last);
	if (last > addr)
		size = last - addr;
	if (nr_bases + 2 > BASES)
		return;
	before = look();
	VirtualQuery((void *)addr, &info, sizeof(info));
	end = end_at(addr);
	if (end < addr + size)
		end = addr + size;
	SetLastError(UNTOUCHED);
	ok = VirtualFree((void *)addr, size, type);
	check("VirtualFree", ok, before);
	if (!ok)
		return;
	fuzz_check(size && has_base((uintptr_t)info.AllocationBase),
		   "VirtualFree of %#llx, %llu bytes, type %#x",
		   (unsigned long long)addr, (unsigned long long)size, type);
	remember_anew((uintptr_t)info.AllocationBase, (end + 4095) & ~4095ULL);
}

static void call_free(void)
{
	uint64_t addr = some_address(), size = some_size();
	DWORD type = some_type();
	struct state before = look();
	bool ok;

	/* Those are called by themselves. */
	if (type & (MEM_PRESERVE_PLACEHOLDER | MEM_COALESCE_PLACEHOLDERS))
		type &= ~MEM_RELEASE;
	if (fuzz_take(1) < 128)
		type = type & 1 ? MEM_RELEASE : MEM_DECOMMIT;
	if (fuzz_take(1) < 128)
		size = 0;
	SetLastError(UNTOUCHED);
	ok = VirtualFree((void *)addr, size, type);
	check("VirtualFree", ok, before);
	if (!ok || type == MEM_DECOMMIT)
		return;
	addr &= ~4095ULL;
	fuzz_check(type == MEM_RELEASE && !size && has_base(addr),
		   "VirtualFree of %#llx, %llu bytes, type %#x",
		   (unsigned long long)addr, (unsigned long long)size, type);
	for (unsigned int i = 0; i < nr_bases; i++)
		if (bases[i] == addr)
			bases[i] = bases[--nr_bases];
}

static void call_protect(void)
{
	uint64_t addr = some_address(), size = some_size();
	DWORD protect = some_protection(), old = UNTOUCHED;
	struct state before = look();
	bool ok;

	SetLastError(UNTOUCHED);
	ok = VirtualProtect((void *)addr, size, protect,
			    fuzz_take(1) < 240 ? &old : NULL);
	check("VirtualProtect", ok, before);
	fuzz_check(ok ? model_prot_valid(protect) && model_prot_valid(old) :
			old == UNTOUCHED,
		   "VirtualProtect %#x: %d, before it was %#x", protect, ok,
		   old);
}

static void call_query(void)
{
	MEMORY_BASIC_INFORMATION info;
	struct state before = look();
	uint64_t addr = some_address();
	SIZE_T length = fuzz_take(1) < 200 ? sizeof(info) : some_size();
	bool ok;

	SetLastError(UNTOUCHED);
	ok = VirtualQuery((void *)addr, &info, length);
	check("VirtualQuery", ok, before);
	fuzz_check(!ok || (length >= sizeof(info) && info.RegionSize &&
			   (uintptr_t)info.BaseAddress == (addr & ~4095ULL)),
		   "VirtualQuery of %#llx: base %p", (unsigned long long)addr,
		   info.BaseAddress);
}

static void call_lock(bool lock)
{
	uint64_t addr = some_address(), size = some_size();
	struct state before = look();
	bool ok;

	SetLastError(UNTOUCHED);
	ok = lock ? VirtualLock((void *)addr, size) :
		    VirtualUnlock((void *)addr, size);
	check(lock ? "VirtualLock" : "VirtualUnlock", ok, before);
}

static void call_discard(void)
{
	uint64_t addr = some_address(), size = some_size();
	struct state before = look();
	DWORD code;

	SetLastError(UNTOUCHED);
	code = DiscardVirtualMemory((void *)addr, size);
	if (code)
		SetLastError(code);
	check("DiscardVirtualMemory", !code, before);
}

static void call_prefetch(void)
{
	WIN32_MEMORY_RANGE_ENTRY entry = {
		(void *)some_address(), some_size(),
	};
	struct state before = look();
	bool ok;

	SetLastError(UNTOUCHED);
	ok = PrefetchVirtualMemory((HANDLE)(fuzz_take(1) < 240 ? -1L : 0L),
				   fuzz_take(1) < 240, &entry,
				    fuzz_take(1) >= 240);
	check("PrefetchVirtualMemory", ok, before);
}

static void call_watch(void)
{
	uint64_t addr = some_address(), size = some_size();
	ULONG_PTR count = fuzz_take(1) % 8, room = count;
	struct state before = look();
	DWORD granularity = 0;
	PVOID found[8];
	bool ok;

	SetLastError(UNTOUCHED);
	ok = !GetWriteWatch(fuzz_take(1) % 3, (void *)addr, size, found,
			    &count, &granularity);
	check("GetWriteWatch", ok, before);
	fuzz_check(ok ? count <= room && granularity == 4096 :
			count == room && !granularity,
		   "GetWriteWatch: %d, %llu pages of %llu", ok,
		   (unsigned long long)count, (unsigned long long)room);
	SetLastError(UNTOUCHED);
	ok = !ResetWriteWatch((void *)addr, size);
	check("ResetWriteWatch", ok, before);
}

static void call_status(void)
{
	MEMORYSTATUSEX status = {
		.dwLength = fuzz_take(1) < 200 ? sizeof(status) : fuzz_take(4),
	};
	struct state before = look();
	SYSTEM_INFO info;
	bool ok;

	SetLastError(UNTOUCHED);
	ok = GlobalMemoryStatusEx(fuzz_take(1) < 240 ? &status : NULL);
	check("GlobalMemoryStatusEx", ok, before);
	GetSystemInfo(&info);
	fuzz_check(info.dwPageSize == 4096, "page size %u", info.dwPageSize);
}

static LONG search_on(EXCEPTION_POINTERS *pointers)
{
	(void)pointers;
	return EXCEPTION_CONTINUE_SEARCH;
}

static void call_handlers(void)
{
	struct state before = look();
	PVOID handler;
	bool ok;

	SetLastError(UNTOUCHED);
	handler = AddVectoredExceptionHandler(fuzz_take(4), fuzz_take(1) < 240 ?
					      search_on : NULL);
	check("AddVectoredExceptionHandler", handler, before);
	ok = RemoveVectoredExceptionHandler((void *)some_address());
	fuzz_check(!ok, "a handler that nobody added was removed");
	ok = RemoveVectoredExceptionHandler(handler);
	fuzz_check(ok == !!handler, "removing a handler: %d", ok);
}

static void call(unsigned int which)
{
	if (which < 40)
		call_alloc();
	else if (which < 80)
		call_alloc2();
	else if (which < 100)
		call_free();
	else if (which < 120)
		call_free_placeholder();
	else if (which < 150)
		call_protect();
	else if (which < 180)
		call_query();
	else if (which < 210)
		call_lock(which & 1);
	else if (which < 225)
		call_discard();
	else if (which < 232)
		call_prefetch();
	else if (which < 240)
		call_watch();
	else if (which < 248)
		call_status();
	else
		call_handlers();
}

static void run(const uint8_t *data, size_t size)
{
	unsigned int calls = 0;

	fuzz_input(data, size);
	nr_bases = 0;
	fuzz_renew_engine(COMMIT_LIMIT);
	while (fuzz_input_is_left() && calls++ < CALLS)
		call(fuzz_take(1));
	fuzz_renew_engine(COMMIT_LIMIT);
	fuzz_count(calls);
}

const struct fuzz_target arguments_target = {
	.name = "arguments",
	.run = run,
};
