// SPDX-License-Identifier: MIT
/*
 * What happens when something below fails: each public function is called with
 * the 1st, 2nd ... n-th engine operation, allocation or system call that it
 * makes failing, until it succeeds. A call that fails says so with the error
 * code that is promised, has changed nothing and lost nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine/engine.h"
#include "engine/maps.h"
#include "engine/pool.h"
#include "inject.h"
#include "unit.h"

#define PAGES	48

/*
 * A reservation with some of everything, the same each time. Pages 4 to 23 are
 * committed and hold their number.
 */
#define READ_ONLY	8	/* and 9 */
#define GUARDED		12	/* and one on either side */
#define LOCKED		16	/* and 17 */
#define EXECUTABLE	20
#define COMMITTED_END	24

static char *scene;
static DWORD watch;	/* MEM_WRITE_WATCH, or 0 */
static char *hole;

/*
 * What was one placeholder: a row of four pages each. The second one is not for
 * a child, the third was replaced and has some of everything, too. NULL where
 * no subject is about them.
 */
#define PLACES		16
#define PLACE		(4 * PAGE)
#define ROOM		(PAGES + PLACES)

static char *places;

static int place_call(char *place, DWORD more, uint32_t flags)
{
	struct ntmem_reserve reserve = {
		.addr = (uintptr_t)place, .size = PLACE, .prot = PAGE_READWRITE,
		.flags = NTMEM_RESERVE_REPLACE | flags,
	};

	if (more & MEM_COMMIT)
		reserve.flags |= NTMEM_RESERVE_COMMIT;
	if (more & MEM_WRITE_WATCH)
		reserve.flags |= NTMEM_RESERVE_WATCH;
	return ntmem_engine()->reserve(&reserve);
}

static bool split_place(char *place)
{
	return VirtualFree(place, PLACE,
			   MEM_RELEASE | MEM_PRESERVE_PLACEHOLDER);
}

static void make_places(void)
{
	char *content;
	DWORD old;

	assert_ok(places = VirtualAlloc2(NULL, NULL, PLACES * PAGE,
					 MEM_RESERVE | MEM_RESERVE_PLACEHOLDER,
					 PAGE_NOACCESS, NULL, 0));
	for (int i = 0; i < 3; i++)
		assert_ok(split_place(places + i * PLACE));
	ck_assert_int_eq(place_call(places + PLACE, 0, NTMEM_RESERVE_NOFORK),
			 0);
	assert_ok(split_place(places + PLACE));
	content = places + 2 * PLACE;
	ck_assert_int_eq(place_call(content, MEM_COMMIT | watch, 0), 0);
	memset(content, 7, PLACE);
	assert_ok(VirtualProtect(content, PAGE, PAGE_READWRITE | PAGE_GUARD,
				 &old));
	assert_ok(VirtualLock(content + PAGE, PAGE));
	assert_ok(VirtualFree(content + 2 * PAGE, PAGE, MEM_DECOMMIT));
}

/* Whatever has become of them. */
static void drop_places(void)
{
	MEMORY_BASIC_INFORMATION run;
	char *p = places;

	while (p < places + PLACES * PAGE) {
		query(p, &run);
		if (run.State != MEM_FREE && run.AllocationBase == p)
			drop(p);
		p = (char *)run.BaseAddress + PAGE;
	}
}

static void make_scene(void)
{
	DWORD old;

	if (places)
		make_places();
	assert_ok(scene = VirtualAlloc(NULL, PAGES * PAGE, MEM_RESERVE | watch,
				       PAGE_READWRITE));
	assert_ok(VirtualAlloc(scene + 4 * PAGE, (COMMITTED_END - 4) * PAGE,
			       MEM_COMMIT, PAGE_READWRITE));
	for (int i = 4; i < COMMITTED_END; i++)
		scene[i * PAGE] = (char)i;
	assert_ok(VirtualProtect(scene + READ_ONLY * PAGE, 2 * PAGE,
				 PAGE_READONLY, &old));
	assert_ok(VirtualProtect(scene + (GUARDED - 1) * PAGE, 3 * PAGE,
				 PAGE_READWRITE | PAGE_GUARD, &old));
	assert_ok(VirtualProtect(scene + EXECUTABLE * PAGE, PAGE,
				 PAGE_EXECUTE_READ, &old));
	assert_ok(VirtualLock(scene + LOCKED * PAGE, 2 * PAGE));
}

/* ----------------------------------------------------------- the state --- */

struct state {
	int runs;
	MEMORY_BASIC_INFORMATION run[ROOM];
	int pages;
	char content[ROOM];
	uint64_t reserved;
	uint64_t committed;
	int64_t pool;
	int64_t mapped;
};

static bool readable(const MEMORY_BASIC_INFORMATION *run)
{
	return run->State == MEM_COMMIT && !(run->Protect & PAGE_GUARD) &&
	       run->Protect != PAGE_NOACCESS;
}

static void look_at(struct state *state, char *p, const char *end)
{
	while (p < end) {
		MEMORY_BASIC_INFORMATION *run = &state->run[state->runs++];

		query(p, run);
		for (; p < (char *)run->BaseAddress + run->RegionSize &&
		       p < end; p += PAGE, state->pages++)
			if (readable(run))
				state->content[state->pages] = *p;
	}
}

static void look(struct state *state)
{
	struct ntmem_info info;

	memset(state, 0, sizeof(*state));
	look_at(state, scene, scene + PAGES * PAGE);
	if (places)
		look_at(state, places, places + PLACES * PAGE);
	ck_assert_int_eq(ntmem_engine()->info(&info), 0);
	state->reserved = info.space_reserved;
	state->committed = info.space_committed;
	state->pool = inject_pool_bytes();
	state->mapped = inject_mapped_bytes();
}

static void assert_same(const struct state *a, const struct state *b,
			const char *name, unsigned int n)
{
	ck_assert_msg(a->runs == b->runs &&
		      !memcmp(a->run, b->run, sizeof(a->run)),
		      "%s, %u: the pages have changed", name, n);
	ck_assert_msg(!memcmp(a->content, b->content, sizeof(a->content)),
		      "%s, %u: content has changed", name, n);
	ck_assert_msg(a->reserved == b->reserved &&
		      a->committed == b->committed,
		      "%s, %u: the accounts have changed", name, n);
	/* A record that moves into the pool stays there. */
	ck_assert_msg(a->pool == b->pool || watch,
		      "%s, %u: %lld bytes of the pool lost",
		      name, n, (long long)(b->pool - a->pool));
	ck_assert_msg(a->mapped == b->mapped || inject_hit_unmap(),
		      "%s, %u: %lld bytes stay mapped", name, n,
		      (long long)(b->mapped - a->mapped));
}

/* ----------------------------------------------------------- the calls --- */

/*
 * @call: true for success. @undo makes up for what it did, @verify says what
 * must be so after a success, even if something failed on the way: both may
 * be missing. @extra: an error code of its own.
 */
struct subject {
	const char *name;
	bool (*call)(void);
	void (*verify)(void);
	void (*undo)(void);
	DWORD extra;
};

static void *made;

static void drop_made(void)
{
	drop(made);
	made = NULL;
}

static bool reserve_anywhere(void)
{
	made = VirtualAlloc(NULL, 3 * PAGE, MEM_RESERVE, PAGE_READWRITE);
	return made;
}

static bool reserve_there(void)
{
	made = VirtualAlloc(hole, 3 * PAGE, MEM_RESERVE, PAGE_READWRITE);
	return made;
}

static bool reserve_top_down(void)
{
	made = VirtualAlloc(NULL, 3 * PAGE, MEM_RESERVE | MEM_TOP_DOWN,
			    PAGE_READWRITE);
	return made;
}

static bool reserve_committed(void)
{
	made = VirtualAlloc(NULL, 3 * PAGE, MEM_RESERVE | MEM_COMMIT,
			    PAGE_READWRITE | PAGE_GUARD);
	return made;
}

static bool reserve_by_engine(struct ntmem_reserve *request)
{
	int error = ntmem_engine()->reserve(request);

	made = (void *)(uintptr_t)request->addr;
	if (error)
		SetLastError(error == -ENOSPC ? ERROR_NOT_ENOUGH_MEMORY :
						ERROR_COMMITMENT_LIMIT);
	return !error;
}

static bool reserve_nofork(void)
{
	struct ntmem_reserve request = {
		.addr = (uintptr_t)hole, .size = 3 * PAGE,
		.prot = PAGE_READWRITE, .flags = NTMEM_RESERVE_NOFORK,
	};

	return reserve_by_engine(&request);
}

static bool reserve_aligned(void)
{
	struct ntmem_reserve request = {
		.size = 3 * PAGE, .prot = PAGE_READWRITE, .align = 4 * GRANULE,
	};

	return reserve_by_engine(&request);
}

static bool commit(void)
{
	return VirtualAlloc(scene + 2 * PAGE, 30 * PAGE, MEM_COMMIT,
			    PAGE_READWRITE);
}

static void verify_commit(void)
{
	assert_run(scene + 2 * PAGE, 30 * PAGE, MEM_COMMIT, PAGE_READWRITE);
	ck_assert_int_eq(scene[2 * PAGE], 0);
	ck_assert_int_eq(scene[GUARDED * PAGE], GUARDED);
	ck_assert(can_write(scene + READ_ONLY * PAGE));
}

static bool commit_guards(void)
{
	return VirtualAlloc(scene + 6 * PAGE, 4 * PAGE, MEM_COMMIT,
			    PAGE_READONLY | PAGE_GUARD);
}

static bool decommit(void)
{
	return VirtualFree(scene + 6 * PAGE, 13 * PAGE, MEM_DECOMMIT);
}

/* What was decommitted comes back as zeroes. */
static void verify_decommit(void)
{
	assert_run(scene + 6 * PAGE, 13 * PAGE, MEM_RESERVE, 0);
	assert_ok(VirtualAlloc(scene + 6 * PAGE, 13 * PAGE, MEM_COMMIT,
			       PAGE_READWRITE));
	for (int i = 6; i < 19; i++)
		ck_assert_int_eq(scene[i * PAGE], 0);
}

static bool decommit_all(void)
{
	return VirtualFree(scene, 0, MEM_DECOMMIT);
}

static bool release(void)
{
	return VirtualFree(scene, 0, MEM_RELEASE);
}

static void verify_release(void)
{
	MEMORY_BASIC_INFORMATION run;

	query(scene, &run);
	ck_assert_uint_eq(run.State, MEM_FREE);
	scene = reserve_pages(PAGES);
}

static bool protect(void)
{
	DWORD old = UNTOUCHED;
	bool ok = VirtualProtect(scene + 5 * PAGE, 14 * PAGE, PAGE_READONLY,
				 &old);

	ck_assert_uint_eq(old, ok ? PAGE_READWRITE : UNTOUCHED);
	return ok;
}

static void verify_protect(void)
{
	assert_run(scene + 5 * PAGE, 14 * PAGE, MEM_COMMIT, PAGE_READONLY);
	ck_assert_int_eq(scene[GUARDED * PAGE], GUARDED);
	ck_assert(!can_write(scene + 5 * PAGE));
	ck_assert(!can_write(scene + 18 * PAGE));
}

static bool protect_guard(void)
{
	DWORD old;

	return VirtualProtect(scene + 5 * PAGE, PAGE,
			      PAGE_READWRITE | PAGE_GUARD, &old);
}

static bool ask(void)
{
	MEMORY_BASIC_INFORMATION run;

	return VirtualQuery(scene + 5 * PAGE, &run, sizeof(run));
}

static bool ask_free(void)
{
	MEMORY_BASIC_INFORMATION run;

	return VirtualQuery(hole, &run, sizeof(run));
}

static const struct subject subjects[];

static bool ask_program(void)
{
	MEMORY_BASIC_INFORMATION run;

	return VirtualQuery(subjects, &run, sizeof(run)) &&
	       run.State == MEM_COMMIT;
}

static bool lock(void)
{
	return VirtualLock(scene + 14 * PAGE, 5 * PAGE);
}

static bool unlock(void)
{
	return VirtualUnlock(scene + LOCKED * PAGE, PAGE);
}

static bool reset(void)
{
	return VirtualAlloc(scene + 4 * PAGE, 2 * PAGE, MEM_RESET,
			    PAGE_READWRITE);
}

static bool reset_undo(void)
{
	return VirtualAlloc(scene + 4 * PAGE, 2 * PAGE, MEM_RESET_UNDO,
			    PAGE_READWRITE);
}

/* Of several runs, each of which is asked about. */
static bool discard(void)
{
	DWORD code = DiscardVirtualMemory(scene + 4 * PAGE, 4 * PAGE);

	if (code)
		SetLastError(code);
	return !code;
}

static bool prefetch(void)
{
	WIN32_MEMORY_RANGE_ENTRY entry = { scene + 4 * PAGE, 2 * PAGE };

	return PrefetchVirtualMemory(GetCurrentProcess(), 1, &entry, 0);
}

static bool memory_status(void)
{
	MEMORYSTATUSEX status = { .dwLength = sizeof(status) };

	return GlobalMemoryStatusEx(&status);
}

static bool system_info(void)
{
	SYSTEM_INFO info;

	GetSystemInfo(&info);
	return info.dwPageSize == PAGE &&
	       info.dwAllocationGranularity == GRANULE;
}

static LONG search_on(EXCEPTION_POINTERS *pointers)
{
	(void)pointers;
	return EXCEPTION_CONTINUE_SEARCH;
}

static bool add_handler(void)
{
	made = AddVectoredExceptionHandler(0, search_on);
	return made;
}

static void remove_handler(void)
{
	ck_assert(RemoveVectoredExceptionHandler(made));
}

/* The middle of a reservation, which leaves two; Win32 has no call for it. */
static bool release_middle(void)
{
	struct ntmem_range range = {
		.addr = (uintptr_t)scene + 6 * PAGE, .size = 13 * PAGE,
	};
	int error = ntmem_engine()->release(&range);

	if (error)
		SetLastError(ERROR_COMMITMENT_LIMIT);
	return !error;
}

static void drop_tail(void)
{
	assert_run(scene + 6 * PAGE, 13 * PAGE, MEM_FREE, PAGE_NOACCESS);
	drop(scene + 19 * PAGE);
}

static const struct subject subjects[] = {
	{ "reserve", reserve_anywhere, NULL, drop_made, 0 },
	{ "reserve there", reserve_there, NULL, drop_made, 0 },
	{ "reserve top down", reserve_top_down, NULL, drop_made, 0 },
	{ "reserve and commit", reserve_committed, NULL, drop_made, 0 },
	{ "reserve, not for children", reserve_nofork, NULL, drop_made, 0 },
	{ "reserve, aligned", reserve_aligned, NULL, drop_made, 0 },
	{ "commit", commit, verify_commit, NULL, 0 },
	{ "commit guards", commit_guards, NULL, NULL, 0 },
	{ "decommit", decommit, verify_decommit, NULL, 0 },
	{ "decommit all", decommit_all, NULL, NULL, 0 },
	{ "release", release, verify_release, NULL, 0 },
	{ "release middle", release_middle, NULL, drop_tail, 0 },
	{ "protect", protect, verify_protect, NULL, 0 },
	{ "protect guard", protect_guard, NULL, NULL, 0 },
	{ "query", ask, NULL, NULL, 0 },
	{ "query free", ask_free, NULL, NULL, 0 },
	{ "query the program", ask_program, NULL, NULL, 0 },
	{ "lock", lock, NULL, NULL, ERROR_WORKING_SET_QUOTA },
	{ "unlock", unlock, NULL, NULL, 0 },
	{ "reset", reset, NULL, NULL, 0 },
	{ "undo", reset_undo, NULL, NULL, 0 },
	{ "discard", discard, NULL, NULL, 0 },
	{ "prefetch", prefetch, NULL, NULL, 0 },
	{ "memory status", memory_status, NULL, NULL, ERROR_GEN_FAILURE },
	{ "system info", system_info, NULL, NULL, 0 },
	{ "add handler", add_handler, NULL, remove_handler, 0 },
};

#define SUBJECTS	(int)(sizeof(subjects) / sizeof(subjects[0]))

/* ---------------------------------------------- where it is watched --- */

static PVOID told[PAGES];
static ULONG_PTR told_count;

static bool is_told(int page)
{
	ULONG_PTR i;

	for (i = 0; i < told_count; i++)
		if (told[i] == scene + page * PAGE)
			return true;
	return false;
}

/* What the scene has written is recorded, unless it has just been told. */
static void assert_recorded(void)
{
	PVOID now[PAGES];
	ULONG_PTR count = PAGES, i;
	DWORD granularity;
	bool recorded[PAGES] = { false };

	assert_ok(!GetWriteWatch(0, scene, PAGES * PAGE, now, &count,
				 &granularity));
	for (i = 0; i < count; i++)
		recorded[((char *)now[i] - scene) / PAGE] = true;
	for (i = 4; i < COMMITTED_END; i++)
		ck_assert_msg(recorded[i] || is_told(i),
			      "the record of page %d is lost", (int)i);
	told_count = 0;
}

static bool get_written(void)
{
	DWORD granularity;
	ULONG_PTR count = PAGES;
	bool ok;

	memset(told, 0, sizeof(told));
	ok = !GetWriteWatch(WRITE_WATCH_FLAG_RESET, scene, PAGES * PAGE, told,
			    &count, &granularity);
	/* A call that fails may have told some. */
	told_count = count;
	return ok;
}

static bool reset_written(void)
{
	told_count = 0;
	return !ResetWriteWatch(scene, PAGES * PAGE);
}

/* In the middle of what was written. */
static bool reset_one(void)
{
	return !ResetWriteWatch(scene + 5 * PAGE, PAGE);
}

static void verify_reset_one(void)
{
	PVOID now[PAGES];
	ULONG_PTR count = PAGES;
	DWORD granularity;

	assert_ok(!GetWriteWatch(0, scene + 4 * PAGE, 3 * PAGE, now, &count,
				 &granularity));
	ck_assert_uint_eq(count, 2);
	ck_assert_ptr_eq(now[0], scene + 4 * PAGE);
	ck_assert_ptr_eq(now[1], scene + 6 * PAGE);
}

static bool reserve_watched(void)
{
	made = VirtualAlloc(NULL, 3 * PAGE, MEM_RESERVE | MEM_COMMIT |
			    MEM_WRITE_WATCH, PAGE_READWRITE);
	return made;
}

static void verify_watched(void)
{
	ULONG_PTR count = PAGES;
	DWORD granularity;

	((char *)made)[PAGE] = 1;
	assert_ok(!GetWriteWatch(0, made, 3 * PAGE, told, &count,
				 &granularity));
	ck_assert_uint_eq(count, 1);
	ck_assert_ptr_eq(told[0], (char *)made + PAGE);
	told_count = 0;
}

/* Of what stays after its middle is gone, a part. */
static void drop_watched_tail(void)
{
	assert_ok(!ResetWriteWatch(scene + 19 * PAGE, 29 * PAGE));
	drop_tail();
}

static const struct subject watched_subjects[] = {
	{ "reserve", reserve_watched, verify_watched, drop_made, 0 },
	{ "commit", commit, assert_recorded, NULL, 0 },
	{ "commit guards", commit_guards, assert_recorded, NULL, 0 },
	{ "decommit", decommit, assert_recorded, NULL, 0 },
	{ "decommit all", decommit_all, assert_recorded, NULL, 0 },
	{ "release", release, verify_release, NULL, 0 },
	{ "release middle", release_middle, NULL, drop_watched_tail, 0 },
	{ "protect", protect, assert_recorded, NULL, 0 },
	{ "lock", lock, assert_recorded, NULL, ERROR_WORKING_SET_QUOTA },
	{ "unlock", unlock, assert_recorded, NULL, 0 },
	{ "get and reset", get_written, assert_recorded, NULL, 0 },
	{ "reset", reset_written, NULL, NULL, 0 },
	{ "reset one", reset_one, verify_reset_one, NULL, 0 },
};

#define WATCHED_SUBJECTS \
	(int)(sizeof(watched_subjects) / sizeof(watched_subjects[0]))

/* -------------------------------------------------------- placeholders --- */

static bool make_placeholder(void)
{
	made = VirtualAlloc2(NULL, hole, 3 * PAGE,
			     MEM_RESERVE | MEM_RESERVE_PLACEHOLDER,
			     PAGE_NOACCESS, NULL, 0);
	return made;
}

static bool split_middle(void)
{
	return VirtualFree(places + PAGE, 2 * PAGE,
			   MEM_RELEASE | MEM_PRESERVE_PLACEHOLDER);
}

static void verify_split(void)
{
	assert_run(places, PAGE, MEM_RESERVE, 0);
	assert_run(places + PAGE, 2 * PAGE, MEM_RESERVE, 0);
	assert_run(places + 3 * PAGE, PAGE, MEM_RESERVE, 0);
}

static bool split_head(void)
{
	return VirtualFree(places, PAGE,
			   MEM_RELEASE | MEM_PRESERVE_PLACEHOLDER);
}

static bool join_two(void)
{
	return VirtualFree(places, 2 * PLACE,
			   MEM_RELEASE | MEM_COALESCE_PLACEHOLDERS);
}

static void verify_joined(void)
{
	assert_run(places, 2 * PLACE, MEM_RESERVE, 0);
}

static bool replace_place(void)
{
	return VirtualAlloc2(NULL, places, PLACE,
			     MEM_RESERVE | MEM_REPLACE_PLACEHOLDER,
			     PAGE_READWRITE, NULL, 0);
}

static bool replace_committed(void)
{
	return VirtualAlloc2(NULL, places, PLACE, MEM_RESERVE | MEM_COMMIT |
			     MEM_REPLACE_PLACEHOLDER | watch, PAGE_READWRITE,
			     NULL, 0);
}

static void verify_replaced(void)
{
	assert_run(places, PLACE, MEM_COMMIT, PAGE_READWRITE);
	for (size_t i = 0; i < PLACE; i += PAGE)
		ck_assert_int_eq(places[i], 0);
	memset(places, 1, PLACE);
}

static bool replace_guarded(void)
{
	return VirtualAlloc2(NULL, places, PLACE, MEM_RESERVE | MEM_COMMIT |
			     MEM_REPLACE_PLACEHOLDER,
			     PAGE_READWRITE | PAGE_GUARD, NULL, 0);
}

static bool replace_nofork(void)
{
	if (!place_call(places, MEM_COMMIT | watch, NTMEM_RESERVE_NOFORK))
		return true;
	SetLastError(ERROR_COMMITMENT_LIMIT);
	return false;
}

static bool give_back(void)
{
	return split_place(places + 2 * PLACE);
}

/* Nothing of what was there is there again. */
static void verify_given_back(void)
{
	char *p = places + 2 * PLACE;

	assert_run(p, PLACE, MEM_RESERVE, 0);
	ck_assert(!can_read(p + PAGE));
	assert_ok(VirtualAlloc2(NULL, p, PLACE, MEM_RESERVE | MEM_COMMIT |
				MEM_REPLACE_PLACEHOLDER, PAGE_READWRITE, NULL,
				0));
	assert_run(p, PLACE, MEM_COMMIT, PAGE_READWRITE);
	for (size_t i = 0; i < PLACE; i += PAGE)
		ck_assert_int_eq(p[i], 0);
	ck_assert(!VirtualUnlock(p + PAGE, PAGE));
}

static const struct subject place_subjects[] = {
	{ "make", make_placeholder, NULL, drop_made, 0 },
	{ "split in three", split_middle, verify_split, NULL, 0 },
	{ "split in two", split_head, NULL, NULL, 0 },
	{ "join", join_two, verify_joined, NULL, 0 },
	{ "replace", replace_place, NULL, NULL, 0 },
	{ "replace and commit", replace_committed, verify_replaced, NULL, 0 },
	{ "replace by guards", replace_guarded, NULL, NULL, 0 },
	{ "replace, not for children", replace_nofork, verify_replaced, NULL,
	  0 },
	{ "give back", give_back, verify_given_back, NULL, 0 },
};

#define PLACE_SUBJECTS \
	(int)(sizeof(place_subjects) / sizeof(place_subjects[0]))

/* Are the first four pages mapped in a child, and the next four not? */
static void expect_inherited(void *arg)
{
	unsigned char there;

	(void)arg;
	if (mincore(places, PAGE, &there))
		_exit(1);
	if (!mincore(places + PLACE, PAGE, &there) || errno != ENOMEM)
		_exit(2);
}

/* After a failure. What was written there stays recorded. */
static void check_places(const struct subject *subject)
{
	char *content = places + 2 * PLACE;
	PVOID now[4];
	ULONG_PTR count = 4;
	DWORD granularity;

	ck_assert(!can_read(places));
	assert_fails(ERROR_INVALID_ADDRESS,
		     VirtualAlloc(places, PAGE, MEM_COMMIT, PAGE_READWRITE));
	if (watch) {
		assert_ok(!GetWriteWatch(0, content, PLACE, now, &count,
					 &granularity));
		ck_assert_uint_eq(count, 4);
	}
	if (on_kernel_engine() ||
	    (subject->call != join_two && subject->call != replace_nofork))
		return;
	ck_assert_int_eq(in_child(expect_inherited, NULL), 0);
}

/* ------------------------------------------------------------ the walk --- */

static bool out_of_something(const struct subject *subject, DWORD code)
{
	return code == ERROR_COMMITMENT_LIMIT ||
	       code == ERROR_NOT_ENOUGH_MEMORY ||
	       (subject->extra && code == subject->extra);
}

/* What fails: by inject() or inject_from(). */
struct failing {
	inject_order order;
	enum inject_kind kind;
	int error;
	DWORD want;	/* the promised code, 0 for any of having too little */
};

/* One call with the n-th failing. True when there was no n-th. */
static bool step(const struct subject *subject, const struct failing *failing,
		 unsigned int n)
{
	struct state before, after;
	bool ok, hit;
	DWORD code;

	make_scene();
	look(&before);
	SetLastError(UNTOUCHED);
	failing->order(failing->kind, n, failing->error);
	ok = subject->call();
	hit = inject_end();
	code = GetLastError();
	ck_assert_msg(ok || hit, "%s, %u: error %u", subject->name, n, code);
	if (ok) {
		ck_assert_msg(code == UNTOUCHED, "%s, %u: error %u set",
			      subject->name, n, code);
		if (subject->verify)
			subject->verify();
		if (subject->undo)
			subject->undo();
	} else {
		ck_assert_msg(failing->want ? code == failing->want :
			      out_of_something(subject, code),
			      "%s, %u: error %u, not %u", subject->name, n,
			      code, failing->want);
		look(&after);
		assert_same(&before, &after, subject->name, n);
		if (watch)
			assert_recorded();
		if (places)
			check_places(subject);
	}
	drop(scene);
	if (places)
		drop_places();
	return !hit;
}

static void walk(const struct subject *subject, struct failing failing)
{
	int64_t pool = inject_pool_bytes();
	unsigned int n = 1;

	while (!step(subject, &failing, n))
		ck_assert_msg(++n < 1000, "%s: no end", subject->name);
	ck_assert_msg(inject_pool_bytes() == pool, "%s: %lld bytes lost",
		      subject->name,
		      (long long)(inject_pool_bytes() - pool));
}

/* What <linux/ntmem.h> and the functions' own headers say. */
static const struct {
	int error;
	DWORD code;
} promises[] = {
	{ EINVAL, ERROR_INVALID_PARAMETER },
	{ EEXIST, ERROR_INVALID_ADDRESS },
	{ ENOSPC, ERROR_NOT_ENOUGH_MEMORY },
	{ ENOENT, ERROR_INVALID_ADDRESS },
	{ EADDRNOTAVAIL, ERROR_INVALID_ADDRESS },
	{ ERANGE, ERROR_INVALID_PARAMETER },
	{ ENODATA, ERROR_INVALID_ADDRESS },
	{ ENOMEM, ERROR_COMMITMENT_LIMIT },
	{ EACCES, ERROR_NOACCESS },
	{ EKEYEXPIRED, (DWORD)STATUS_GUARD_PAGE_VIOLATION },
	{ EDQUOT, ERROR_WORKING_SET_QUOTA },
	{ ENOLCK, ERROR_NOT_LOCKED },
	{ EBUSY, ERROR_BUSY },
	{ EOPNOTSUPP, ERROR_NOT_SUPPORTED },
	{ EFAULT, ERROR_GEN_FAILURE },
	{ EINTR, ERROR_GEN_FAILURE },
};

static DWORD promise(const struct subject *subject, size_t i)
{
	int error = promises[i].error;

	if (error != ENOENT && error != ENODATA)
		return promises[i].code;
	if (subject->call == lock)
		return ERROR_NOACCESS;
	if (subject->call == unlock)
		return ERROR_NOT_LOCKED;
	return promises[i].code;
}

/* Those that call the engine by its table are their own. */
static bool is_public(const struct subject *subject)
{
	return subject->call != reserve_nofork &&
	       subject->call != replace_nofork &&
	       subject->call != reserve_aligned &&
	       subject->call != release_middle;
}

static void walk_errors(const struct subject *subject)
{
	size_t i;

	/* With faults deep in a walk, valgrind cannot extend the stack. */
	if (!is_public(subject) || under_valgrind())
		return;
	hole = find_hole(1);
	for (i = 0; i < sizeof(promises) / sizeof(promises[0]); i++)
		walk(subject, (struct failing){
			inject, INJECT_OPERATION, promises[i].error,
			promise(subject, i) });
}

START_TEST(each_failing_operation_has_its_error_code)
{
	walk_errors(&subjects[_i]);
}
END_TEST

/* Any address will do until they are made. */
START_TEST(each_failing_operation_on_a_placeholder_has_its_error_code)
{
	places = find_hole(1);
	walk_errors(&place_subjects[_i]);
	places = NULL;
}
END_TEST

/* One is missing; then all that follow. */
static void walk_short_of(const struct subject *subject, enum inject_kind kind)
{
	walk(subject, (struct failing){ inject, kind, ENOMEM, 0 });
	walk(subject, (struct failing){ inject_from, kind, ENOMEM, 0 });
}

START_TEST(each_failing_allocation_changes_nothing)
{
	if (under_valgrind())
		return;
	hole = find_hole(1);
	walk_short_of(&subjects[_i], INJECT_ALLOCATION);
}
END_TEST

START_TEST(each_failing_system_call_changes_nothing)
{
	if (under_valgrind())
		return;
	hole = find_hole(1);
	walk_short_of(&subjects[_i], INJECT_SYSTEM_CALL);
}
END_TEST

START_TEST(no_failure_loses_a_record)
{
	if (under_valgrind())
		return;
	watch = MEM_WRITE_WATCH;
	walk_short_of(&watched_subjects[_i], INJECT_ALLOCATION);
	walk_short_of(&watched_subjects[_i], INJECT_SYSTEM_CALL);
	watch = 0;
}
END_TEST

static void walk_places(const struct subject *subject)
{
	if (under_valgrind())
		return;
	hole = find_hole(1);
	places = hole;
	walk_short_of(subject, INJECT_ALLOCATION);
	walk_short_of(subject, INJECT_SYSTEM_CALL);
	places = NULL;
}

START_TEST(no_failure_changes_a_placeholder)
{
	walk_places(&place_subjects[_i]);
}
END_TEST

START_TEST(no_failure_changes_one_that_is_watched)
{
	watch = MEM_WRITE_WATCH;
	walk_places(&place_subjects[_i]);
	watch = 0;
}
END_TEST

static const enum inject_kind kinds[] = {
	INJECT_ALLOCATION, INJECT_SYSTEM_CALL,
};

/* Then others may be told with it; or, when nothing works, it is a fault. */
static bool write_watched(inject_order order, enum inject_kind kind,
			  unsigned int n)
{
	char *p;
	bool ok, hit;

	make_scene();
	p = scene + 6 * PAGE;
	ck_assert(get_written());
	order(kind, n, ENOMEM);
	ok = can_write(p);
	hit = inject_end();
	ck_assert(ok || (order == inject_from && kind == INJECT_SYSTEM_CALL));
	ck_assert(can_write(p));
	ck_assert(get_written());
	ck_assert(is_told(6));
	ck_assert(hit || told_count == 1);
	drop(scene);
	return hit;
}

START_TEST(a_write_without_memory_for_its_record)
{
	unsigned int n = 1;

	if (under_valgrind())
		return;
	watch = MEM_WRITE_WATCH;
	while (write_watched(inject, kinds[_i], n))
		n++;
	for (n = 1; write_watched(inject_from, kinds[_i], n); n++)
		;
	watch = 0;
	told_count = 0;
}
END_TEST

/* ------------------------------------------------------- what is special --- */

START_TEST(a_pool_without_memory_says_so)
{
	struct ntmem_pool pool = { 0 };

	inject(INJECT_SYSTEM_CALL, 1, ENOMEM);
	ck_assert_ptr_null(ntmem_pool_alloc(&pool, 64));
	ck_assert(inject_end());
	ck_assert_ptr_nonnull(ntmem_pool_alloc(&pool, 64));
}
END_TEST

/* The page stays guarded: the next access finds the guard. */
static bool touch_guard(enum inject_kind kind, unsigned int n)
{
	char *guarded;
	bool hit;

	make_scene();
	guarded = scene + GUARDED * PAGE;
	inject(kind, n, ENOMEM);
	ck_assert(!can_read(guarded));
	hit = inject_end();
	if (hit)
		assert_run(guarded, 2 * PAGE, MEM_COMMIT,
			   PAGE_READWRITE | PAGE_GUARD);
	ck_assert(can_read(guarded) == !hit);
	ck_assert(can_read(guarded));
	drop(scene);
	return hit;
}

START_TEST(a_guard_that_cannot_go_stays)
{
	unsigned int n = 1;

	while (touch_guard(kinds[_i], n))
		n++;
	/* Unless the kernel sees to guards, something could fail. */
	ck_assert(n > 1 || on_kernel_engine());
}
END_TEST

/* Else all memory would look free. */
START_TEST(mappings_that_cannot_be_read_are_an_error)
{
	struct ntmem_mapping mapping;
	struct ntmem_maps maps;

	ck_assert_int_eq(ntmem_maps_open(&maps), 0);
	maps.by_ioctl = false;
	ck_assert_int_eq(ntmem_maps_next(&maps, 0, &mapping), 1);
	maps.pos = maps.len;
	inject(INJECT_SYSTEM_CALL, 1, ENOMEM);
	ck_assert_int_eq(ntmem_maps_next(&maps, 0, &mapping), -ENOMEM);
	ck_assert(inject_end());
	ntmem_maps_close(&maps);
}
END_TEST

/* It fails until the device can be opened again, and then is as it was. */
static void lose_the_device(void *arg)
{
	unsigned int n = 0;
	bool ok, hit;

	do {
		closefrom(3);
		inject_from(INJECT_SYSTEM_CALL, ++n, ENOMEM);
		ok = VirtualAlloc(arg, PAGE, MEM_COMMIT, PAGE_READWRITE);
		hit = inject_end();
		if (ok == hit)
			_exit(1);
		if (!VirtualAlloc(arg, PAGE, MEM_COMMIT, PAGE_READWRITE) ||
		    open("/dev/null", O_RDONLY | O_CLOEXEC) != 3)
			_exit(2);
	} while (hit);
	_exit(n > 3 ? 0 : 3);
}

START_TEST(a_device_that_cannot_be_opened_again)
{
	char *p;

	if (!on_kernel_engine())
		return;
	p = reserve_pages(1);
	ck_assert_int_eq(in_child(lose_the_device, p), 0);
	drop(p);
}
END_TEST

/*
 * Linux before 5.18 cannot drop the content of locked pages: EINVAL. The walk
 * has shown that one of the calls is that one.
 */
START_TEST(decommit_of_locked_pages_on_an_old_kernel)
{
	struct state before, after;

	if (on_kernel_engine() || under_valgrind())
		return;
	make_scene();
	look(&before);
	inject_from(INJECT_SYSTEM_CALL, 2, EINVAL);
	ck_assert(!decommit());
	ck_assert(inject_end());
	look(&after);
	assert_same(&before, &after, "decommit", 2);
	inject(INJECT_SYSTEM_CALL, 2, EINVAL);
	ck_assert(decommit());
	ck_assert(inject_end());
	verify_decommit();
	drop(scene);
}
END_TEST

/* Sanitizers replace libc's mlockall by one that does nothing. */
static void decommit_what_is_locked(void *arg)
{
	char *p;

	(void)arg;
	if (syscall(SYS_mlockall, MCL_FUTURE | MCL_ONFAULT))
		_exit(0);
	p = commit_pages(4, PAGE_READWRITE);
	p[PAGE] = 1;
	ck_assert(VirtualFree(p + PAGE, PAGE, MEM_DECOMMIT));
	ck_assert(VirtualAlloc(p + PAGE, PAGE, MEM_COMMIT, PAGE_READWRITE));
	ck_assert_int_eq(p[PAGE], 0);
}

START_TEST(decommit_forgets_what_a_program_has_locked)
{
	ck_assert_int_eq(in_child(decommit_what_is_locked, NULL), 0);
}
END_TEST

TCase *placeholder_failure_tests(void)
{
	TCase *tests = tcase_create("placeholder");

	tcase_set_tags(tests, "watch");
	tcase_set_timeout(tests, 120);
	tcase_add_loop_test(
		tests, each_failing_operation_on_a_placeholder_has_its_error_code,
		0, PLACE_SUBJECTS);
	tcase_add_loop_test(tests, no_failure_changes_a_placeholder, 0,
			    PLACE_SUBJECTS);
	tcase_add_loop_test(tests, no_failure_changes_one_that_is_watched, 0,
			    PLACE_SUBJECTS);
	return tests;
}

TCase *watch_failure_tests(void)
{
	TCase *tests = tcase_create("write watch");

	tcase_set_tags(tests, "watch");
	tcase_set_timeout(tests, 120);
	tcase_add_loop_test(tests, no_failure_loses_a_record, 0,
			    WATCHED_SUBJECTS);
	tcase_add_loop_test(tests, a_write_without_memory_for_its_record, 0,
			    2);
	return tests;
}

TCase *failure_tests(void)
{
	TCase *tests = tcase_create("failure");

	tcase_set_timeout(tests, 120);
	tcase_add_loop_test(tests, each_failing_operation_has_its_error_code,
			    0, SUBJECTS);
	tcase_add_loop_test(tests, each_failing_allocation_changes_nothing,
			    0, SUBJECTS);
	tcase_add_loop_test(tests, each_failing_system_call_changes_nothing,
			    0, SUBJECTS);
	tcase_add_test(tests, a_pool_without_memory_says_so);
	tcase_add_loop_test(tests, a_guard_that_cannot_go_stays, 0, 2);
	tcase_add_test(tests, mappings_that_cannot_be_read_are_an_error);
	tcase_add_test(tests, a_device_that_cannot_be_opened_again);
	tcase_add_test(tests, decommit_of_locked_pages_on_an_old_kernel);
	tcase_add_test(tests, decommit_forgets_what_a_program_has_locked);
	return tests;
}
