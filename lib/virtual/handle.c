// SPDX-License-Identifier: MIT
/*
 * The table of handles. A slot is one word, so that no lock is needed: who
 * finds it free takes it, who closes a handle empties it.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/highfd.h"
#include "ntmem/handleapi.h"
#include "ntmem/ntmem.h"
#include "virtual/handle.h"
#include "virtual/process.h"
#include "virtual/section.h"

#define HANDLES		16384
/* Windows' handles are multiples of four, the first not 0. */
#define STEP		4

/*
 * Access in the upper half; in the lower one the kind, above what a descriptor
 * can be, and the descriptor plus one. 0 is free; who takes a slot fills what
 * belongs to it before there is a descriptor.
 */
#define KIND_SHIFT	30
#define FD_MASK		((1U << KIND_SHIFT) - 1)
#define TAKEN		(1ULL << 63)

static uint64_t handles[HANDLES];
static struct handle_more more[HANDLES];
static unsigned int hint;

static uint64_t slot_of(enum handle_kind kind, int fd, DWORD access)
{
	return (uint64_t)access << 32 | (uint32_t)kind << KIND_SHIFT |
	       (uint32_t)(fd + 1);
}

static int fd_of(uint64_t value)
{
	return (int)((uint32_t)value & FD_MASK) - 1;
}

static bool is_handle(uint64_t value)
{
	return value & FD_MASK;
}

static enum handle_kind kind_of(uint64_t value)
{
	return (uint32_t)value >> KIND_SHIFT;
}

static uint64_t *find(HANDLE handle)
{
	uintptr_t number = (uintptr_t)handle;

	if (!number || number % STEP || number / STEP > HANDLES)
		return NULL;
	return &handles[number / STEP - 1];
}

/* ---------------------------------------------------------------- helpers --- */

static uint64_t helper_word(uint32_t turn, int helper)
{
	return (uint64_t)turn << 32 | (uint32_t)(helper + 1);
}

static uint32_t turn_of(uint64_t word)
{
	return word >> 32;
}

static int helper_of(uint64_t word)
{
	return (int)(uint32_t)word - 1;
}

static uint64_t load_helper(const struct handle_more *look)
{
	return __atomic_load_n(&look->helper, __ATOMIC_ACQUIRE);
}

static bool change_helper(struct handle_more *changed, uint64_t from,
			  uint64_t to)
{
	return __atomic_compare_exchange_n(&changed->helper, &from, to, 0,
					   __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

/* What waits with a descriptor of its own does not notice. */
static void next_turn(struct handle_more *of, int helper)
{
	uint64_t old;

	do {
		old = load_helper(of);
	} while (!change_helper(of, old, helper_word(turn_of(old) + 1, helper)));
	if (helper_of(old) >= 0)
		close(helper_of(old));
}

int handle_helper(const struct handle_more *look)
{
	return helper_of(load_helper(look));
}

uint32_t handle_turn(HANDLE handle)
{
	uint64_t *slot = find(handle);

	return slot ? turn_of(load_helper(&more[slot - handles])) : 0;
}

int handle_helper_take(struct handle_more *from, uint32_t turn)
{
	uint64_t word = load_helper(from);

	if (turn_of(word) != turn ||
	    !change_helper(from, word, helper_word(turn, -1)))
		return -1;
	return helper_of(word);
}

bool handle_helper_give(struct handle_more *to, uint32_t turn, int helper)
{
	return change_helper(to, helper_word(turn, -1),
			     helper_word(turn, helper));
}

/* -------------------------------------------------------------- the table --- */

static void remember_file(struct handle_more *of, int fd)
{
	int saved_errno = errno;
	struct stat now = { 0 };

	fstat(fd, &now);
	of->dev = now.st_dev;
	of->ino = now.st_ino;
	errno = saved_errno;
}

bool handle_is_whole(const struct handle_more *of, int fd)
{
	int saved_errno = errno;
	struct stat now;
	bool whole = !fstat(fd, &now) && now.st_dev == of->dev &&
		     now.st_ino == of->ino;

	errno = saved_errno;
	return whole;
}

HANDLE handle_make_kind(enum handle_kind kind, int fd, DWORD access, pid_t id,
			int helper)
{
	unsigned int start = __atomic_load_n(&hint, __ATOMIC_RELAXED), i, at;
	uint64_t free;

	for (i = 0; i < HANDLES; i++) {
		at = (start + i) % HANDLES;
		free = 0;
		if (__atomic_compare_exchange_n(&handles[at], &free, TAKEN, 0,
						__ATOMIC_ACQ_REL,
						__ATOMIC_RELAXED)) {
			__atomic_store_n(&hint, at + 1, __ATOMIC_RELAXED);
			more[at].id = id;
			remember_file(&more[at], fd);
			next_turn(&more[at], helper);
			__atomic_store_n(&handles[at], slot_of(kind, fd, access),
					 __ATOMIC_RELEASE);
			return (HANDLE)(uintptr_t)((at + 1) * STEP);
		}
	}
	SetLastError(ERROR_TOO_MANY_OPEN_FILES);
	return NULL;
}

HANDLE handle_make(enum handle_kind kind, int fd, DWORD access)
{
	return handle_make_kind(kind, fd, access, 0, -1);
}

struct handle_more *handle_look_any(HANDLE handle, enum handle_kind *kind,
				    int *fd, DWORD *access)
{
	uint64_t *slot = find(handle);
	uint64_t value = slot ? __atomic_load_n(slot, __ATOMIC_ACQUIRE) : 0;

	if (!is_handle(value)) {
		SetLastError(ERROR_INVALID_HANDLE);
		return NULL;
	}
	*kind = kind_of(value);
	*fd = fd_of(value);
	*access = value >> 32;
	return &more[slot - handles];
}

struct handle_more *handle_look_kind(HANDLE handle, enum handle_kind kind,
				     int *fd, DWORD *access)
{
	enum handle_kind found;
	struct handle_more *look = handle_look_any(handle, &found, fd, access);

	if (!look || found == kind)
		return look;
	SetLastError(ERROR_INVALID_HANDLE);
	return NULL;
}

bool handle_look(enum handle_kind kind, HANDLE handle, int *fd, DWORD *access)
{
	return handle_look_kind(handle, kind, fd, access);
}

void handle_inherit(int fd, bool inherit)
{
	int saved_errno = errno;

	fcntl(fd, F_SETFD, inherit ? 0 : FD_CLOEXEC);
	errno = saved_errno;
}

static void close_fd(uint64_t value)
{
	const struct ntmem_engine *engine = ntmem_engine();

	if (kind_of(value) == HANDLE_SECTION && engine)
		engine->close_section(fd_of(value));
	else
		close(fd_of(value));
}

BOOL WINAPI CloseHandle(HANDLE hObject)
{
	int saved_errno = errno;
	uint64_t *slot = find(hObject), value;
	bool whole;

	if (hObject == GetCurrentProcess() || hObject == GetCurrentThread())
		return TRUE;
	value = slot ? __atomic_load_n(slot, __ATOMIC_ACQUIRE) : 0;
	if (!is_handle(value))
		return ntmem_refuse(ERROR_INVALID_HANDLE);
	/* Whoever gets the slot next must not find the old helper. */
	whole = handle_is_whole(&more[slot - handles], fd_of(value));
	next_turn(&more[slot - handles], -1);
	value = __atomic_exchange_n(slot, 0, __ATOMIC_ACQ_REL);
	if (!value)
		return ntmem_refuse(ERROR_INVALID_HANDLE);
	__atomic_store_n(&hint, (unsigned int)(slot - handles),
			 __ATOMIC_RELAXED);
	if (whole)
		close_fd(value);
	errno = saved_errno;
	return TRUE;
}

/* ------------------------------------------------------------ descriptors --- */

int ntmem_handle_to_fd(HANDLE handle)
{
	enum handle_kind kind;
	DWORD access;
	int fd;

	if (!handle_look_any(handle, &kind, &fd, &access))
		return -1;
	if (kind == HANDLE_SECTION || kind == HANDLE_FILE)
		return fd;
	SetLastError(ERROR_INVALID_HANDLE);
	return -1;
}

HANDLE handle_of_section(int fd, const DWORD *access)
{
	const struct ntmem_engine *engine = virtual_engine();
	struct ntmem_section section = { .fd = fd };
	HANDLE handle;

	if (!engine || !ntmem_result(engine->query_section(&section)))
		return NULL;
	handle = handle_make(HANDLE_SECTION, fd, access ? *access :
			     section_access_of(section.prot));
	if (handle)
		engine->adopt_section(fd);
	return handle;
}

HANDLE ntmem_handle_from_fd(int fd)
{
	return handle_of_section(fd, NULL);
}
