/* SPDX-License-Identifier: MIT */
/* Every workload. */
#ifndef NTMEM_BENCH_WORKLOADS_H
#define NTMEM_BENCH_WORKLOADS_H

#include "bench.h"

extern const struct workload pairs;
extern const struct workload mixed;
extern const struct workload disjoint;
extern const struct workload short_lived;
extern const struct workload batch_small;
extern const struct workload batch_medium;
extern const struct workload zeroed;
extern const struct workload growth_alone;
extern const struct workload growth_beside;
extern const struct workload large;
extern const struct workload huge;
extern const struct workload tree;
extern const struct workload strings;
extern const struct workload fragment;
extern const struct workload server;
extern const struct workload handover_one_size;
extern const struct workload handover_mixed;
extern const struct workload churn;
extern const struct workload sharing;
extern const struct workload idle_empty;
extern const struct workload idle_sparse;

/* Compares no allocators: in no table, and run where it is named. */
extern const struct workload machine;

#endif /* NTMEM_BENCH_WORKLOADS_H */
