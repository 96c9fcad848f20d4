// SPDX-License-Identifier: MIT
/*
 * From samples to figures.
 */
#include <stdlib.h>
#include <string.h>

#include "cost.h"

static int compare(const void *left, const void *right)
{
	int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;

	return (a > b) - (a < b);
}

/* The value that a share of the sorted samples does not exceed. */
static double quantile(const int64_t *sorted, unsigned int count, double share)
{
	double place = share * (count - 1);
	unsigned int below = (unsigned int)place;
	double part = place - below;

	if (below + 1 >= count)
		return (double)sorted[count - 1];
	return (double)sorted[below] * (1 - part) +
	       (double)sorted[below + 1] * part;
}

void cost_stats(const int64_t *samples, unsigned int count, double divide,
		struct cost_stats *stats)
{
	static int64_t sorted[COST_SAMPLES_MAX];
	double sum = 0;

	memset(stats, 0, sizeof(*stats));
	if (!count)
		return;
	memcpy(sorted, samples, count * sizeof(*samples));
	qsort(sorted, count, sizeof(*sorted), compare);
	for (unsigned int i = 0; i < count; i++)
		sum += (double)sorted[i];
	stats->count = count;
	stats->mean = sum / count / divide;
	stats->median = quantile(sorted, count, 0.5) / divide;
	stats->p10 = quantile(sorted, count, 0.1) / divide;
	stats->p90 = quantile(sorted, count, 0.9) / divide;
	stats->min = (double)sorted[0] / divide;
	stats->max = (double)sorted[count - 1] / divide;
}
