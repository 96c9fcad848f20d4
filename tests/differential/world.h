/* SPDX-License-Identifier: MIT */
/*
 * A world: one engine, the model of what it should be like, and where in the
 * real address space the model's canonical addresses lie.
 */
#ifndef DIFFERENTIAL_WORLD_H
#define DIFFERENTIAL_WORLD_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "engine/engine.h"
#include "model.h"
#include "sequence.h"

/*
 * @area: where each area lies; 0 = not known.
 * @shared: others use the engine too, and have set the granularity.
 * @shown: what sections show to this world and others; NULL = to it alone.
 * @has_sections: somebody else has made them.
 * @result: what the last call gave, for those who read along.
 * @same_status: are these the model's and the engine's word for the same?
 */
struct world {
	const struct ntmem_engine *engine;
	struct model *model;
	bool child;
	bool shared;
	u64 window;
	u64 area[AREAS];
	int section[SECTIONS];
	struct section *shown;
	bool has_sections;
	const char *result;
	bool (*same_status)(uint32_t op, int want, int got);
};

/* Makes the window at @window, its fences and the foreign mapping. */
bool world_open(struct world *w, const struct ntmem_engine *engine,
		u64 window, const struct sequence *seq);

/*
 * Gives all of it back, as the model knows it; false when the engine does not
 * take it or still has something then.
 */
bool world_close(struct world *w, const struct sequence *seq);

/* The real address; 0 for an area whose place is not known. */
u64 world_addr(const struct world *w, u64 canonical);

/* All of QUERY, INFO and content; @full: untouched pages are read, too. */
bool world_check(struct world *w, bool full);
bool world_check_info(struct world *w);
bool world_check_page(struct world *w, u64 addr);
bool world_compare_query(struct world *w, const struct ntmem_query *want,
			 const struct ntmem_query *got);

/*
 * Equal protections; whether NOACCESS pages report the cache modifiers of
 * their reservation, too, is left open.
 */
bool world_same_prot(uint32_t a, uint32_t b);

/* Says what is wrong; always false. */
__attribute__((format(printf, 2, 3)))
bool world_fail(struct world *w, const char *format, ...);

/* "0", "EINVAL" ... of 0 or a negative errno. */
const char *world_errno(int status);

#endif
