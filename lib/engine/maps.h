/* SPDX-License-Identifier: MIT */
/*
 * What Linux itself has mapped in a process: reading the kernel's list of
 * mappings, without malloc or stdio, also from a signal handler.
 */
#ifndef NTMEM_MAPS_H
#define NTMEM_MAPS_H

#include <stdbool.h>
#include <stdint.h>

struct ntmem_mapping {
	uint64_t start;
	uint64_t end;
	int prot;		/* PROT_* */
	bool shared;
	bool file;
};

/* One pass over the mappings, in rising order of addresses. */
struct ntmem_maps {
	int fd;
	bool by_ioctl;		/* PROCMAP_QUERY, else the text */
	int error;		/* of reading the text: 0 or -errno */
	unsigned int pos;	/* of the text not yet looked at */
	unsigned int len;
	char text[1024];
	char name[64];		/* of the last line of text, cut off */
};

/* Those of this process. Returns 0 or a negative errno. */
int ntmem_maps_open(struct ntmem_maps *maps);
/* Those of the process whose directory of /proc is open as proc. */
int ntmem_maps_open_of(struct ntmem_maps *maps, int proc);
void ntmem_maps_close(struct ntmem_maps *maps);

/*
 * The first mapping that ends above addr. Addresses must not fall during one
 * pass. Returns 1 when found, 0 at the end, or a negative errno.
 */
int ntmem_maps_next(struct ntmem_maps *maps, uint64_t addr,
		    struct ntmem_mapping *mapping);

/*
 * The first mapping of a file of this name, and in further calls each next one;
 * returns the same.
 */
int ntmem_maps_find(struct ntmem_maps *maps, const char *name,
		    struct ntmem_mapping *mapping);

#endif
