/* SPDX-License-Identifier: MIT */
/*
 * Two processes that take turns, each with a sequence, a model and a space of its
 * own, and sections that both have. What one does in a section the other's model
 * knows of at once; and where the engine can, the one that waits carries out some
 * of the other's operations, in that one's space.
 */
#ifndef DIFFERENTIAL_PAIR_H
#define DIFFERENTIAL_PAIR_H

#include <stdbool.h>

#include "sequence.h"
#include "world.h"

struct pair;

/*
 * Runs two sequences of one granularity, without a limit, in two processes for
 * each engine. True when both agreed with their models.
 */
bool pair_run(const struct sequence seqs[2], unsigned int engines);

/* Opens the world of one of the two, and ends what it has to do with the other. */
bool pair_open_world(struct pair *pair, struct world *w,
		     const struct sequence *seq);
void pair_leave(struct pair *pair);

/* Nothing is done but by who has the turn. It begins with the first one. */
void pair_await_turn(struct pair *pair);
void pair_pass_turn(struct pair *pair);

#endif
