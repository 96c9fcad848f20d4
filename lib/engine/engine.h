/* SPDX-License-Identifier: MIT */
/*
 * The engine: the one table of operations that the whole library stands on.
 *
 * There are two. The kernel engine passes each operation to the ioctl of the
 * same name on /dev/ntmem; the embedded engine does the same work inside the
 * process with mmap, mprotect and madvise. Both follow <linux/ntmem.h> to the
 * letter, results and error numbers included, and pass the same tests.
 *
 * Every operation returns 0 or a negative errno, touches neither errno nor the
 * thread's last error, may be called from any thread, and from a SIGSEGV
 * handler where marked so. Nothing here allocates through malloc: malloc will
 * stand on this layer.
 */
#ifndef NTMEM_ENGINE_H
#define NTMEM_ENGINE_H

#include <linux/ntmem.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * A section of a file, which is mapped by plain mappings on either engine. Its
 * views are as those of other sections; COMMIT and RESET in them are EALREADY.
 * @size: in bytes, not 0; a file that may be written to becomes as long, or EFBIG;
 *	what lies behind the file's end faults
 * @prot: as CREATE_SECTION has it, and the file is open for
 * @file: a descriptor of the file, which stays the caller's
 * @name, @name_len: as CREATE_SECTION has them: what has the name already is
 *	opened, be it of a file or not
 * @flags: 0, or SECTION_LARGE_PAGES for a file of large pages, of which there must be
 *	enough (ENOBUFS): size, and views'
 *	offsets, addresses and sizes are multiples of LARGE_PAGE_BYTES (EINVAL),
 *	views are as they were mapped, without WRITECOPY and GUARD, and PROTECT
 *	in them is ENOENT; out: the same, and NTMEM_SECTION_EXISTED
 * @fd: out: the handle; without a name only this process and its children can
 *	map it, EOPNOTSUPP in others; with one all of the user's own
 */
struct ntmem_file_section {
	uint64_t size;
	uint64_t name;
	uint32_t name_len;
	uint32_t prot;
	uint32_t flags;
	int file;
	int fd;
};

/* What QUERY_SECTION and QUERY say beside what the ioctls do. */
#define SECTION_LARGE_PAGES	(1U << 31)
#define MARK_LARGE_PAGE		(1U << 31)

#define LARGE_PAGE_BYTES	(2ULL << 20)

struct ntmem_engine {
	const char *name;	/* "kernel" or "embedded" */

	int (*info)(struct ntmem_info *info);
	int (*reserve)(struct ntmem_reserve *reserve);
	int (*commit)(const struct ntmem_range *range);
	int (*decommit)(const struct ntmem_range *range);
	int (*release)(const struct ntmem_range *range);
	int (*protect)(struct ntmem_protect *protect);
	int (*query)(struct ntmem_query *query);	/* signal safe */
	int (*lock)(const struct ntmem_range *range);
	int (*unlock)(const struct ntmem_range *range);
	int (*reset)(const struct ntmem_range *range);
	int (*reset_undo)(const struct ntmem_range *range);
	int (*set_granularity)(const struct ntmem_granularity *granularity);
	int (*batch)(struct ntmem_batch *batch);
	int (*last_fault)(struct ntmem_fault *fault);	/* signal safe */
	int (*watch)(struct ntmem_watch *watch);
	int (*create_section)(struct ntmem_section *section);
	int (*open_section)(struct ntmem_section *section);
	int (*query_section)(struct ntmem_section *section);
	int (*map_view)(struct ntmem_map_view *view);
	int (*unmap_view)(const struct ntmem_unmap_view *unmap);

	int (*create_file_section)(struct ntmem_file_section *section);

	/*
	 * Begins to write to its file what was changed in a view; size 0: up to
	 * the view's end. ENOENT for what is not in one view, EIO.
	 */
	int (*flush_view)(const struct ntmem_range *range);

	/*
	 * The descriptors of sections that the process takes over and gives up.
	 * What CREATE and OPEN make is taken over. To close cannot fail,
	 * whatever the descriptor is.
	 */
	void (*adopt_section)(int fd);
	void (*close_section)(int fd);

	/*
	 * One of those above in another process: @space is a handle of it (see
	 * OPEN_SPACE, which says which ones), @request the ioctl's number, @arg
	 * its argument. ESRCH when that process has ended, or has another
	 * program.
	 */
	int (*remote)(int space, unsigned long request, void *arg);

	/*
	 * The one that is no ioctl: the content of committed pages, that are
	 * all PAGE_READWRITE or all EXECUTE_READWRITE, is needed no more. They
	 * give their memory back, and read zero when they are used again; where
	 * drop_decommits is set they must be committed before. At worst
	 * they stay as they are. For a caller that will use most of them
	 * again: where DECOMMIT would split a mapping this does not.
	 */
	int (*drop)(const struct ntmem_range *ranges, unsigned int count);
	bool drop_decommits;
};

/*
 * The two engines. Each is made ready by its open function, which returns NULL
 * where it cannot work (no device, wrong version); *error then holds a
 * negative errno. Opening twice is harmless.
 */
const struct ntmem_engine *ntmem_engine_open_kernel(int *error);
const struct ntmem_engine *ntmem_engine_open_embedded(int *error);

/*
 * The engine of this process: the kernel's when /dev/ntmem opens and its
 * version fits, else the embedded one; NTMEM_ENGINE=kernel|embedded in the
 * environment forces one. Chosen once, at the first call, from any thread.
 * NULL when the forced one cannot work.
 */
const struct ntmem_engine *ntmem_engine(void);

#endif
