/* SPDX-License-Identifier: MIT */
/* What the model's own files share. */
#ifndef DIFFERENTIAL_MODEL_INSIDE_H
#define DIFFERENTIAL_MODEL_INSIDE_H

#include "model.h"

#define BASE_PROT	0xffU
#define CACHE_PROT	(NTMEM_PAGE_NOCACHE | NTMEM_PAGE_WRITECOMBINE)
#define COPY_PROT	(NTMEM_PAGE_WRITECOPY | NTMEM_PAGE_EXECUTE_WRITECOPY)

bool known(struct model *m, u64 addr);
uint32_t id_at(struct model *m, u64 addr);
u64 id_end(struct model *m, u64 addr);
bool is_whole(struct model *m, u64 start, u64 end);
int check_bounds(struct model *m, u64 addr, u64 size);
int check_range(struct model *m, const struct ntmem_range *r, u64 *start,
		u64 *end);
int check_free(struct model *m, u64 start, u64 end);
void take(struct model *m, u64 base, u64 size, const struct ntmem_reserve *r);
void drop_empty_areas(struct model *m);

/* The reservation at an address if it is a view, else NULL. */
struct reservation *view_at(struct model *m, u64 addr);

/*
 * The range of a COMMIT or PROTECT, which must be one that its reservation can
 * have; what only views can have is wrong everywhere else.
 */
int check_change(struct model *m, const struct ntmem_range *r, u64 *start,
		 u64 *end);

/* COMMIT and PROTECT of pages of a view. */
int change_view(struct model *m, u64 start, u64 end, uint32_t prot,
		bool commit);

#endif
