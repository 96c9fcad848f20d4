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
