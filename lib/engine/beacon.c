// SPDX-License-Identifier: MIT
/*
 * The beacon. See beacon.h.
 */
#include <errno.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "engine/beacon.h"
#include "engine/filelimit.h"
#include "engine/maps.h"
#include "engine/page.h"

#define NAME		"ntmem-process"
#define NAME_IN_MAPS	"/memfd:" NAME " (deleted)"
/* Headers of older systems lack it; so do older kernels. */
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL	0x0008U
#endif

/*
 * In memory that reads zero in any child, however it was made: for one of clone(2)
 * no handler is called, and it may have its parent's number in a namespace of its
 * own. The number is for that of vfork(2), which has its parent's memory.
 */
static struct owned {
	struct ntmem_beacon *page;
	pid_t owner;			/* 0: not said yet */
} *owned;

static const struct ntmem_beacon nothing = {
	.magic = NTMEM_BEACON_MAGIC, .space = -1, .service = -1,
};

static int name_memory(void)
{
	int fd = memfd_create(NAME, MFD_CLOEXEC | MFD_NOEXEC_SEAL);

	return fd < 0 ? memfd_create(NAME, MFD_CLOEXEC) : fd;
}

static struct ntmem_beacon *map(int fd)
{
	struct ntmem_beacon *made;

	if (!ntmem_file_fits(PAGE_BYTES) || ftruncate(fd, PAGE_BYTES))
		return NULL;
	made = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		    0);
	if (made == MAP_FAILED)
		return NULL;
	if (madvise(made, PAGE_BYTES, MADV_DONTFORK)) {
		munmap(made, PAGE_BYTES);
		return NULL;
	}
	*made = nothing;
	return made;
}

static struct ntmem_beacon *make(void)
{
	struct ntmem_beacon *made;
	int fd = name_memory();

	if (fd < 0)
		return NULL;
	made = map(fd);
	close(fd);
	return made;
}

/* Never given back; NULL without memory. */
static struct owned *get_owned(void)
{
	struct owned *found = __atomic_load_n(&owned, __ATOMIC_ACQUIRE), *made;

	if (found)
		return found;
	made = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (made == MAP_FAILED)
		return NULL;
	if (!madvise(made, PAGE_BYTES, MADV_WIPEONFORK) &&
	    __atomic_compare_exchange_n(&owned, &found, made, 0,
					__ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return made;
	munmap(made, PAGE_BYTES);
	return found;
}

static bool is_own(const struct owned *of)
{
	pid_t owner = __atomic_load_n(&of->owner, __ATOMIC_RELAXED);

	return !owner || owner == getpid();
}

/* The page of this process, made by whoever comes first; NULL without memory. */
static struct ntmem_beacon *own(void)
{
	struct owned *of = get_owned();
	struct ntmem_beacon *found, *made;

	if (!of)
		return NULL;
	found = __atomic_load_n(&of->page, __ATOMIC_ACQUIRE);
	if (found && is_own(of))
		return found;
	made = make();
	if (!made)
		return NULL;
	if (__atomic_compare_exchange_n(&of->page, &found, made, 0,
					__ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
		__atomic_store_n(&of->owner, getpid(), __ATOMIC_RELAXED);
		return made;
	}
	munmap(made, PAGE_BYTES);
	return found;
}

/* A page is made only when there is something to tell. */
static struct ntmem_beacon *own_for(int fd)
{
	struct owned *of = __atomic_load_n(&owned, __ATOMIC_ACQUIRE);

	if (fd >= 0)
		return own();
	return of && is_own(of) ?
	       __atomic_load_n(&of->page, __ATOMIC_ACQUIRE) : NULL;
}

void ntmem_beacon_space(int fd)
{
	struct ntmem_beacon *beacon = own_for(fd);

	if (beacon)
		__atomic_store_n(&beacon->space, fd, __ATOMIC_RELEASE);
}

bool ntmem_beacon_service(int fd, uint64_t inode)
{
	struct ntmem_beacon *beacon = own_for(fd);

	if (!beacon)
		return false;
	__atomic_store_n(&beacon->service_inode, inode, __ATOMIC_RELAXED);
	__atomic_store_n(&beacon->service, fd, __ATOMIC_RELEASE);
	return true;
}

/* ------------------------------------------------------------------------ */

static int read_page(pid_t pid, uint64_t addr, struct ntmem_beacon *beacon)
{
	struct iovec to = { beacon, sizeof(*beacon) };
	struct iovec from = { (void *)(uintptr_t)addr, sizeof(*beacon) };
	ssize_t got = process_vm_readv(pid, &to, 1, &from, 1, 0);

	if (got < 0)
		return -errno;
	return got == sizeof(*beacon) &&
	       beacon->magic == NTMEM_BEACON_MAGIC ? 0 : -ENOENT;
}

/* What no page before has told. */
static void add(struct ntmem_beacon *beacon, const struct ntmem_beacon *page)
{
	if (beacon->space < 0)
		beacon->space = page->space;
	if (beacon->service < 0) {
		beacon->service = page->service;
		beacon->service_inode = page->service_inode;
	}
}

/*
 * There may be several: each copy of the library in the process has one, and of two
 * threads that make one at once one gives it up again, perhaps just now.
 */
static int read_pages(struct ntmem_maps *maps, pid_t pid,
		      struct ntmem_beacon *beacon)
{
	struct ntmem_mapping mapping;
	struct ntmem_beacon page;
	int error = -ENOENT, found;

	while ((found = ntmem_maps_find(maps, NAME_IN_MAPS, &mapping)) > 0) {
		int unread = read_page(pid, mapping.start, &page);

		if (!unread)
			add(beacon, &page);
		if (error)
			error = unread;
	}
	return found ? found : error;
}

int ntmem_beacon_read(int proc, pid_t pid, struct ntmem_beacon *beacon)
{
	struct ntmem_maps maps;
	int error = ntmem_maps_open_of(&maps, proc);

	if (error)
		return error;
	*beacon = nothing;
	error = read_pages(&maps, pid, beacon);
	ntmem_maps_close(&maps);
	return error;
}
