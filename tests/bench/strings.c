// SPDX-License-Identifier: MIT
/*
 * A hash table of strings: entries and their keys are blocks, and the table of
 * chains doubles as it fills. Words come, are looked up, and go.
 */
#include <string.h>

#include "workloads.h"

#define WORDS	20000UL		/* that there are */
#define TURNS	6000000UL

struct word {
	const char *letters;
	size_t length;
	uint32_t hash;
};

struct entry {
	struct entry *next;
	char *letters;
	size_t length;
	uint32_t hash;
	unsigned int count;
};

struct table {
	struct entry **chains;
	unsigned long size;	/* a power of two */
	unsigned long used;
	unsigned long taken;	/* blocks, in all */
};

/* Any piece of the text, of 4 to 43 letters, is a word. */
static char text[WORDS + 64];

static void write_text(struct dice *dice)
{
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = 'a' + dice_below(dice, 26);
}

static struct word draw_word(struct dice *dice)
{
	uint32_t place = dice_below(dice, WORDS);

	return (struct word){
		.letters = text + place,
		.length = 4 + place % 40,
		.hash = place * 2654435761U >> 7,
	};
}

static void resize(struct table *table, unsigned long size)
{
	struct entry **chains = calloc(size, sizeof(void *));

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
static struct entry **find(struct table *table, const struct word *word)
{
	struct entry **link = &table->chains[word->hash & (table->size - 1)];
	struct entry *entry;

	for (; (entry = *link); link = &entry->next)
		if (entry->hash == word->hash &&
		    entry->length == word->length &&
		    !memcmp(entry->letters, word->letters, word->length))
			break;
	return link;
}

static void insert(struct table *table, struct entry **link,
		   const struct word *word)
{
	struct entry *entry = take(sizeof(*entry));

	*entry = (struct entry){
		.letters = take(word->length + 1),
		.length = word->length,
		.hash = word->hash,
	};
	memcpy(entry->letters, word->letters, word->length);
	entry->letters[word->length] = 0;
	*link = entry;
	table->taken += 2;
	if (++table->used > table->size)
		resize(table, 2 * table->size);
}

static void drop(struct table *table, struct entry **link)
{
	struct entry *entry = *link;

	*link = entry->next;
	free(entry->letters);
	free(entry);
	table->used--;
}

/* A new word stays; one that is there goes every second time. */
static void turn(struct table *table, struct dice *dice)
{
	struct word word = draw_word(dice);
	struct entry **link = find(table, &word);

	if (!*link)
		insert(table, link, &word);
	else if (++(*link)->count % 2 == 0)
		drop(table, link);
}

static void run(struct bench *bench)
{
	unsigned long n = bench_count(bench, TURNS);
	struct dice dice = dice_of(bench, 0);
	struct table table = { .chains = NULL };

	write_text(&dice);
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
