// SPDX-License-Identifier: MIT
/*
 * Sections that the workers share by name and with their children, views of
 * them, and placeholders that views and reservations take the place of.
 *
 * Who writes to a section's page writes whose it is, so that any view can tell
 * what it must not show: another page, or what a view has copied.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "worker.h"

#define SECTION_PAGES	256
/* Above every address that is shifted by 16, as the stamps of blocks are. */
#define SECTION_MARK	0x8000ULL
#define MARK_SHIFT	48
#define PAGE_SHIFT	24

static u64 mark(const struct block *block, unsigned int page)
{
	return (SECTION_MARK | block->section) << MARK_SHIFT |
	       (u64)(block->first + page) << PAGE_SHIFT;
}

u64 view_stamp(const struct block *block, unsigned int page, u64 nr)
{
	return mark(block, page) | (nr & ((1 << PAGE_SHIFT) - 1));
}

/* May a page that is the section's show this? */
bool view_shows(const struct block *block, unsigned int page, u64 seen)
{
	return !seen || seen >> PAGE_SHIFT == mark(block, page) >> PAGE_SHIFT;
}

/* -------------------------------------------------------- placeholders --- */

/* The block's place, split off from a placeholder that is a little larger. */
bool frame_begin(struct thread *thread, struct block *block)
{
	unsigned int front = dice_below(&thread->dice, 8);
	unsigned int behind = dice_below(&thread->dice, 8);
	struct ntmem_reserve reserve = {
		.size = (front + block->pages + behind) * PAGE,
		.prot = NTMEM_PAGE_NOACCESS, .flags = NTMEM_RESERVE_PLACEHOLDER,
	};

	if (call_device(NTMEM_IOC_RESERVE, &reserve, "placeholder"))
		return false;
	block->base = reserve.addr + front * PAGE;
	if ((front || behind) &&
	    range_call(NTMEM_IOC_RELEASE, block->base, block->pages * PAGE, 0,
		       NTMEM_RELEASE_PRESERVE)) {
		range_call(NTMEM_IOC_RELEASE, reserve.addr, 0, 0, 0);
		block->base = 0;
		return false;
	}
	atomic_fetch_add(&tally->replaced, 1);
	block->frame = reserve.addr;
	block->frame_pages = reserve.size / PAGE;
	return true;
}

/* The block's place is a placeholder again: one is made of all, and goes. */
void frame_release(struct block *block)
{
	u64 end = block->frame + block->frame_pages * PAGE;
	u64 behind = block->base + block->pages * PAGE;

	if (block->frame_pages == block->pages ||
	    !range_call(NTMEM_IOC_RELEASE, block->frame, end - block->frame, 0,
			NTMEM_RELEASE_COALESCE)) {
		range_call(NTMEM_IOC_RELEASE, block->frame, 0, 0, 0);
		return;
	}
	if (block->frame < block->base)
		range_call(NTMEM_IOC_RELEASE, block->frame, 0, 0, 0);
	range_call(NTMEM_IOC_RELEASE, block->base, 0, 0, 0);
	if (behind < end)
		range_call(NTMEM_IOC_RELEASE, behind, 0, 0, 0);
}

/* The end of a block; false when it is still there. */
bool frame_end(struct block *block)
{
	__u32 flags = block->frame ? NTMEM_RELEASE_PRESERVE : 0;
	struct ntmem_unmap_view unmap = {
		.addr = block->base + block->pages / 2 * PAGE, .flags = flags,
	};
	int error;

	if (block->view)
		error = call_device(NTMEM_IOC_UNMAP_VIEW, &unmap, "unmap");
	else
		error = range_call(NTMEM_IOC_RELEASE, block->base,
				   flags ? block->pages * PAGE : 0, 0, flags);
	if (error)
		return false;
	if (block->frame)
		frame_release(block);
	return true;
}

/* ------------------------------------------------------------- sections --- */

/* Whoever comes first makes it; every other one is committed page by page. */
static int section_open(unsigned int nr)
{
	char name[16];
	struct ntmem_section section = {
		.size = SECTION_PAGES * PAGE, .prot = NTMEM_PAGE_READWRITE,
		.flags = nr & 1 ? NTMEM_SECTION_RESERVE : 0,
		.name = (uintptr_t)name,
	};

	section.name_len = snprintf(name, sizeof(name), "soak-%u", nr);
	if (call_device(NTMEM_IOC_CREATE_SECTION, &section, "section"))
		return -1;
	if (section.size != SECTION_PAGES * PAGE ||
	    !(section.flags & NTMEM_SECTION_RESERVE) != !(nr & 1))
		wrong("section %u has %#llx bytes and flags %#x", nr,
		      section.size, section.flags);
	return section.fd;
}

/* A view needs no handle; but a name does, and is kept now and then. */
static void keep_or_close(struct thread *thread, unsigned int nr, int fd)
{
	int old = fd;

	if (!dice_below(&thread->dice, 3)) {
		old = thread->handle[nr];
		thread->handle[nr] = fd;
	}
	if (old)
		close(old);
}

static void view_map(struct block *block, int fd)
{
	struct ntmem_map_view map = {
		.fd = fd, .offset = block->first * PAGE,
		.size = block->pages * PAGE, .addr = block->base,
		.prot = block->copies ? NTMEM_PAGE_WRITECOPY :
					NTMEM_PAGE_READWRITE,
		.flags = block->frame ? NTMEM_RESERVE_REPLACE : 0,
	};
	uint8_t state = block->copies ? COPYING : WRITABLE;

	if (call_device(NTMEM_IOC_MAP_VIEW, &map, "map")) {
		if (block->frame)
			frame_release(block);
		block->base = 0;
		return;
	}
	atomic_fetch_add(&tally->views, 1);
	block->base = map.addr;
	for (unsigned int i = 0; i < block->pages; i++)
		block->page[i].state = block->section & 1 ? RESERVED : state;
}

void view_begin(struct thread *thread, struct block *block)
{
	struct dice *dice = &thread->dice;
	int fd;

	memset(block, 0, sizeof(*block));
	block->view = true;
	block->section = dice_below(dice, SECTIONS);
	block->copies = dice_below(dice, 2);
	block->first = dice_below(dice, SECTION_PAGES);
	block->pages = 1 + dice_below(dice, SECTION_PAGES - block->first);
	fd = section_open(block->section);
	if (fd < 0)
		return;
	if (dice_below(dice, 3) || frame_begin(thread, block))
		view_map(block, fd);
	keep_or_close(thread, block->section, fd);
}

/* ---------------------------------------------------------------- views --- */

static void set_states(struct block *block, unsigned int first, unsigned int n,
		       __u32 prot)
{
	uint8_t state = prot == NTMEM_PAGE_READWRITE ? WRITABLE :
			prot == NTMEM_PAGE_READONLY ? READONLY : COPYING;

	for (; n--; first++)
		block->page[first].state = state;
}

void view_commit(struct thread *thread, struct block *block)
{
	unsigned int first, n = part(thread, block, &first);
	__u32 prot = block->copies ? NTMEM_PAGE_WRITECOPY :
				     NTMEM_PAGE_READWRITE;

	if (!range_call(NTMEM_IOC_COMMIT, address(block, first), n * PAGE, prot,
			0))
		set_states(block, first, n, prot);
}

/* Others may have committed what this one does not know to be. */
void view_protect(struct thread *thread, struct block *block)
{
	static const __u32 prots[] = {
		NTMEM_PAGE_READONLY, NTMEM_PAGE_WRITECOPY, NTMEM_PAGE_READWRITE,
	};
	unsigned int first, n = part(thread, block, &first), i;
	struct ntmem_protect arg = {
		.addr = address(block, first), .size = n * PAGE,
		.prot = prots[dice_below(&thread->dice, 3)],
	};
	bool all = true;
	int error;

	for (i = first; i < first + n; i++)
		all &= block->page[i].state != RESERVED;
	error = ioctl(device, NTMEM_IOC_PROTECT, &arg) ? errno : 0;
	if (block->copies && arg.prot == NTMEM_PAGE_READWRITE) {
		if (error != EINVAL)
			wrong("protect beyond WRITECOPY: errno %d", error);
		return;
	}
	if (error == ENODATA && (!all || thread->is_child))
		return;
	if (error && error != ENOMEM)
		wrong("protect of a view: errno %d", error);
	if (!error)
		set_states(block, first, n, arg.prot);
}

/* What is no business of views. */
void view_refuse(struct thread *thread, struct block *block)
{
	unsigned int first, n = part(thread, block, &first);
	struct ntmem_range range = {
		.addr = address(block, first), .size = n * PAGE,
	};
	unsigned long cmd = dice_below(&thread->dice, 2) ? NTMEM_IOC_DECOMMIT :
							   NTMEM_IOC_RELEASE;

	if (!ioctl(device, cmd, &range) || errno != EPERM)
		wrong("call %#lx in a view: errno %d", cmd, errno);
}
