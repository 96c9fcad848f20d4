// SPDX-License-Identifier: MIT
/*
 * A hash table of strings: entries and their keys are blocks, and the table of
 * chains doubles as it fills. Words come, are looked up, and go.
 */
#include <string.h>

#include "workloads.h"

#define WORDS	200000UL	/* that there are */
#define TURNS	1000000UL

struct entry {
	struct entry *next;
	char *word;
	uint32_t hash;
	unsigned int count;
};

struct table {
	struct entry **chains;
	unsigned long size;	/* a power of two */
	unsigned long used;
	unsigned long taken;	/* blocks, in all */
};

static uint32_t hash_of(const char *word)
{
	uint32_t hash = 2166136261U;

	while (*word)
		hash = (hash ^ (unsigned char)*word++) * 16777619U;
	return hash ^ hash >> 15;
}

/* The word of that number: 4 to 43 letters. */
static void spell(char *word, uint32_t nr)
{
	struct dice dice = { nr };
	unsigned int n;

	dice_next(&dice);
	n = 4 + dice_below(&dice, 40);
	for (unsigned int i = 0; i < n; i++)
		word[i] = 'a' + (dice.state >> i) % 26;
	word[n] = 0;
}

static void resize(struct table *table, unsigned long size)
{
	struct entry **chains = calloc(size, sizeof(*chains));

	if (!chains)
		abort();
	for (unsigned long i = 0; i < table->size; i++)
		for (struct entry *entry = table->chains[i], *next; entry;
		     entry = next) {
			struct entry **chain = &chains[entry->hash & (size - 1)];

			next = entry->next;
			entry->next = *chain;
			*chain = entry;
		}
	free(table->chains);
	table->chains = chains;
	table->size = size;
	table->taken++;
}

/* Where the word is linked, or would be. */
static struct entry **find(struct table *table, const char *word, uint32_t hash)
{
	struct entry **link = &table->chains[hash & (table->size - 1)];

	while (*link && ((*link)->hash != hash || strcmp((*link)->word, word)))
		link = &(*link)->next;
	return link;
}

static void insert(struct table *table, struct entry **link, const char *word,
		   uint32_t hash)
{
	size_t size = strlen(word) + 1;
	struct entry *entry = take(sizeof(*entry));

	*entry = (struct entry){ .word = take(size), .hash = hash };
	memcpy(entry->word, word, size);
	*link = entry;
	table->taken += 2;
	if (++table->used > table->size)
		resize(table, 2 * table->size);
}

static void drop(struct table *table, struct entry **link)
{
	struct entry *entry = *link;

	*link = entry->next;
	free(entry->word);
	free(entry);
	table->used--;
}

/* A new word stays; one that is there goes every fourth time. */
static void turn(struct table *table, struct dice *dice)
{
	struct entry **link;
	uint32_t hash;
	char word[48];

	spell(word, dice_below(dice, WORDS));
	hash = hash_of(word);
	link = find(table, word, hash);
	if (!*link)
		insert(table, link, word, hash);
	else if (++(*link)->count % 4 == 0)
		drop(table, link);
}

static void run(struct bench *bench)
{
	unsigned long n = bench_count(bench, TURNS);
	struct dice dice = dice_of(bench, 0);
	struct table table = { .chains = NULL };

	bench_begin(bench);
	resize(&table, 16);
	for (unsigned long i = 0; i < n; i++)
		turn(&table, &dice);
	for (unsigned long i = 0; i < table.size; i++)
		while (table.chains[i])
			drop(&table, &table.chains[i]);
	free(table.chains);
	bench_end(bench, table.taken);
}

const struct workload strings = {
	"strings", "a hash table of strings", run,
};
