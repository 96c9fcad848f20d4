// SPDX-License-Identifier: MIT
/* The table of workloads, in the order in which they are shown. */
#include "workloads.h"

const struct workload *const workloads[] = {
	&pairs, &mixed, &short_lived, &batch_small, &batch_medium, &zeroed,
	&growth_alone, &growth_beside, &large, &huge, &strings, &fragment,
	&idle_empty, &idle_sparse,
	&disjoint, &tree, &server, &handover_one_size, &handover_mixed, &churn,
	&sharing,
	NULL,
};
