/* SPDX-License-Identifier: MIT */
/* Calls with arguments that every engine must refuse. */
#ifndef DIFFERENTIAL_BAD_H
#define DIFFERENTIAL_BAD_H

#include "world.h"

/* Makes one of these calls, @which modulo their number; false when it differs. */
bool bad_arguments(struct world *w, uint32_t which);

#endif
