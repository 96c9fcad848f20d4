// SPDX-License-Identifier: MIT
/*
 * Binary trees: in each thread one that stays, and many that are built, walked
 * and freed beside it.
 */
#include "workloads.h"

#define DEPTH_STAYS	16
#define DEPTH		12
#define TREES		700UL

struct node {
	struct node *left;
	struct node *right;
	unsigned long value;
};

/* Trees are shallow, so the calls within calls are, too. */
static struct node *build(unsigned int depth)
{
	struct node *node = take(sizeof(*node));

	node->value = depth;
	node->left = depth ? build(depth - 1) : NULL;
	node->right = depth ? build(depth - 1) : NULL;
	return node;
}

static unsigned long sum(const struct node *node)
{
	return node ? node->value + sum(node->left) + sum(node->right) : 0;
}

static void drop(struct node *node)
{
	if (!node)
		return;
	drop(node->left);
	drop(node->right);
	free(node);
}

static void build_trees(struct worker *worker)
{
	unsigned long n = bench_count(worker->bench, TREES);
	struct node *stays = build(DEPTH_STAYS);
	unsigned long total = 0;

	for (unsigned long i = 0; i < n; i++) {
		struct node *tree = build(DEPTH);

		total += sum(tree);
		drop(tree);
	}
	/* A node at height h counts h, and there are 2^(DEPTH - h) of them. */
	if (total != n * ((2UL << DEPTH) - DEPTH - 2) || !sum(stays))
		abort();
	drop(stays);
	worker->operations = n * ((2UL << DEPTH) - 1) + (2UL << DEPTH_STAYS) - 1;
}

static void run(struct bench *bench)
{
	bench_parallel(bench, bench->threads, build_trees, NULL);
}

const struct workload tree = {
	"tree", "binary trees, built, walked and freed", run,
};
