// SPDX-License-Identifier: MIT
/*
 * Turns statements into steps: the table of verbs, their arguments, and the
 * blocks that batch and fork open.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "do.h"

static const struct do_verb verbs[] = {
	{ "info", "", "", DO_PLAIN, -1, do_info,
	  "what the engine is, its limits and accounts" },
	{ "granularity", "s", "SIZE", DO_PLAIN, -1, do_granularity,
	  "set the allocation granularity, before the first reserve" },
	{ "reserve", "ns*",
	  "NAME SIZE [at ADDR] [prot P] [commit] [topdown] [nofork]\n"
	  "          [watch] [placeholder] [replace] [min ADDR] [max ADDR]\n"
	  "          [align SIZE]",
	  DO_PLAIN, NTMEM_NR_RESERVE, do_engine_call, "reserve addresses" },
	{ "commit", "tos?p", "TARGET OFF SIZE [P]", DO_PLAIN, NTMEM_NR_COMMIT,
	  do_engine_call, "commit pages, rw unless P is given" },
	{ "decommit", "t?os", "TARGET [OFF SIZE]", DO_PLAIN,
	  NTMEM_NR_DECOMMIT, do_engine_call, "give pages back" },
	{ "release", "t?os", "TARGET [OFF SIZE]", DO_PLAIN, NTMEM_NR_RELEASE,
	  do_engine_call, "give addresses back, all or a part" },
	{ "preserve", "tos", "TARGET OFF SIZE", DO_PLAIN, NTMEM_NR_RELEASE,
	  do_engine_call, "split a placeholder, or make one of what replaced it" },
	{ "coalesce", "tos", "TARGET OFF SIZE", DO_PLAIN, NTMEM_NR_RELEASE,
	  do_engine_call, "join placeholders" },
	{ "protect", "tosp", "TARGET OFF SIZE P", DO_PLAIN, NTMEM_NR_PROTECT,
	  do_engine_call, "change the protection" },
	{ "query", "t?o", "TARGET [OFF]", DO_PLAIN, NTMEM_NR_QUERY,
	  do_engine_call, "show the run of equal pages at an address" },
	{ "walk", "?t", "[TARGET]", DO_PLAIN, -1, do_walk,
	  "show all runs of a reservation, or of the address space" },
	{ "lock", "tos", "TARGET OFF SIZE", DO_PLAIN, NTMEM_NR_LOCK,
	  do_engine_call, "keep pages resident" },
	{ "unlock", "tos", "TARGET OFF SIZE", DO_PLAIN, NTMEM_NR_UNLOCK,
	  do_engine_call, "undo lock" },
	{ "reset", "tos", "TARGET OFF SIZE", DO_PLAIN, NTMEM_NR_RESET,
	  do_engine_call, "say that the content no longer matters" },
	{ "undo", "tos", "TARGET OFF SIZE", DO_PLAIN, NTMEM_NR_RESET_UNDO,
	  do_engine_call, "say that it matters again" },
	{ "watch", "tos", "TARGET OFF SIZE", DO_PLAIN, -1, do_watch,
	  "show which pages were written to" },
	{ "rewatch", "tos", "TARGET OFF SIZE", DO_PLAIN, -1, do_rewatch,
	  "show them, and forget that they were" },
	{ "peek", "to?w", "TARGET OFF [1|2|4|8]", DO_PLAIN, -1, do_peek,
	  "read bytes" },
	{ "poke", "tov?w", "TARGET OFF VALUE [1|2|4|8]", DO_PLAIN, -1,
	  do_poke, "write bytes" },
	{ "fill", "tosv", "TARGET OFF SIZE VALUE", DO_PLAIN, -1, do_fill,
	  "write one byte value everywhere" },
	{ "dump", "tos", "TARGET OFF SIZE", DO_PLAIN, -1, do_dump,
	  "read and show bytes" },
	{ "exec", "to", "TARGET OFF", DO_PLAIN, -1, do_exec,
	  "call the code there" },
	{ "lastfault", "", "", DO_PLAIN, -1, do_last_fault,
	  "why the last access was refused, if not told yet" },
	{ "batch", "*", "[stop] { STEP; ... } or [stop] 'STEP' ...", DO_BATCH,
	  -1, do_batch, "run many operations in one call" },
	{ "fork", "", "; STEP; ... end", DO_FORK, -1, do_fork,
	  "run the steps up to 'end' in a child" },
	{ "end", "", "", DO_END, -1, NULL, "ends what fork began" },
	{ "}", "", "", DO_END, -1, NULL, "ends what batch { began" },
	{ "help", "", "", DO_PLAIN, -1, do_help, "show this list" },
	{ "quit", "", "", DO_PLAIN, -1, do_quit, "end here" },
};

const struct do_verb *do_verbs(size_t *count)
{
	*count = sizeof(verbs) / sizeof(verbs[0]);
	return verbs;
}

static const struct do_verb *find_verb(const char *name)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (!strcmp(verbs[i].name, name))
			return &verbs[i];
	return NULL;
}

static bool set_name(struct do_step *step, const char *word)
{
	if (!isalpha((unsigned char)*word) && *word != '_')
		return false;
	if (strlen(word) >= DO_NAME_MAX)
		return false;
	strcpy(step->name, word);
	return true;
}

static bool set_target(struct do_step *step, const char *word)
{
	step->has_target = true;
	return text_to_number(word, &step->address) || set_name(step, word);
}

static bool set_width(struct do_step *step, const char *word)
{
	step->width = (unsigned int)(*word - '0');
	return strlen(word) == 1 && strchr("1248", *word);
}

static bool set_argument(struct do_step *step, char kind, const char *word)
{
	switch (kind) {
	case 'n':
		return set_name(step, word);
	case 't':
		return set_target(step, word);
	case 'o':
		return text_to_number(word, &step->offset);
	case 's':
		return text_to_number(word, &step->size);
	case 'v':
		return text_to_number(word, &step->value);
	case 'p':
		return text_to_prot(word, &step->prot);
	case 'w':
		return set_width(step, word);
	}
	return false;
}

static int bad_word(const struct do_words *words, const char *word)
{
	fprintf(stderr, "ntmem: '%s': '%s' is not understood\n", words->text,
		word);
	return -1;
}

static int bad_step(const struct do_words *words, const char *what)
{
	fprintf(stderr, "ntmem: '%s': %s\n", words->text, what);
	return -1;
}

static int bad_usage(const struct do_words *words, const struct do_verb *verb)
{
	fprintf(stderr, "ntmem: '%s': usage: %s %s\n", words->text, verb->name,
		verb->usage);
	return -1;
}

struct wish_word {
	const char *name;
	uint32_t flag;		/* set by the word alone ... */
	size_t field;		/* ... or a number follows for this field */
};

static const struct wish_word wish_words[] = {
	{ "commit", NTMEM_RESERVE_COMMIT, 0 },
	{ "topdown", NTMEM_RESERVE_TOP_DOWN, 0 },
	{ "nofork", NTMEM_RESERVE_NOFORK, 0 },
	{ "watch", NTMEM_RESERVE_WATCH, 0 },
	{ "placeholder", NTMEM_RESERVE_PLACEHOLDER, 0 },
	{ "replace", NTMEM_RESERVE_REPLACE, 0 },
	{ "at", 0, offsetof(struct ntmem_reserve, addr) },
	{ "min", 0, offsetof(struct ntmem_reserve, min_addr) },
	{ "max", 0, offsetof(struct ntmem_reserve, max_addr) },
	{ "align", 0, offsetof(struct ntmem_reserve, align) },
};

static const struct wish_word *find_wish(const char *name)
{
	for (size_t i = 0; i < sizeof(wish_words) / sizeof(wish_words[0]); i++)
		if (!strcmp(wish_words[i].name, name))
			return &wish_words[i];
	return NULL;
}

/* The options of reserve, from words->word[at] on. */
static int parse_wish(struct do_step *step, const struct do_words *words,
		      int at)
{
	bool has_prot = false;

	for (; at < words->count; at++) {
		const char *word = words->word[at];
		const struct wish_word *wish = find_wish(word);
		uint64_t value = 0;

		if (wish && wish->flag) {
			step->wish.flags |= wish->flag;
			continue;
		}
		if (at + 1 == words->count)
			return bad_word(words, word);
		word = words->word[++at];
		if (!strcmp(words->word[at - 1], "prot")) {
			if (!text_to_prot(word, &step->prot))
				return bad_word(words, word);
			has_prot = true;
			continue;
		}
		if (!wish || !text_to_number(word, &value))
			return bad_word(words, wish ? word :
					words->word[at - 1]);
		memcpy((char *)&step->wish + wish->field, &value,
		       sizeof(value));
	}
	/* The only one that it may have. */
	if (step->wish.flags & NTMEM_RESERVE_PLACEHOLDER && !has_prot)
		step->prot = NTMEM_PAGE_NOACCESS;
	return 1;
}

static void append(struct do_step *step, const struct do_step *part)
{
	step->body = reallocarray(step->body, step->body_count + 1,
				  sizeof(*part));
	if (!step->body)
		abort();
	step->body[step->body_count++] = *part;
}

/* Steps up to the word that ends the block. */
static int parse_body(struct do_source *source, struct do_step *step,
		      const char *end)
{
	bool outer = source->continued;
	struct do_step part;
	int got;

	source->continued = true;
	while ((got = do_next_step(source, &part)) > 0) {
		if (!strcmp(part.verb->name, end)) {
			do_step_free(&part);
			break;
		}
		append(step, &part);
		if (part.verb->block == DO_END) {
			fprintf(stderr, "ntmem: '%s' has no beginning\n",
				part.verb->name);
			got = -1;
			break;
		}
	}
	source->continued = outer;
	if (!got)
		fprintf(stderr, "ntmem: '%s': no '%s' follows\n", step->text,
			end);
	return got > 0 ? 1 : -1;
}

static int check_batch(const struct do_step *step,
		       const struct do_words *words)
{
	if (!step->body_count)
		return bad_step(words, "a batch needs an operation");
	for (size_t i = 0; i < step->body_count; i++)
		if (step->body[i].verb->nr < 0)
			return bad_step(words, "a step in it is not an "
					"operation of the engine");
	return 1;
}

static int parse_batch(struct do_source *source, struct do_step *step,
		       const struct do_words *words, int at)
{
	int got = 1;

	if (at < words->count && !strcmp(words->word[at], "stop")) {
		step->stop = true;
		at++;
	}
	if (at < words->count && !strcmp(words->word[at], "{")) {
		got = parse_body(source, step, "}");
	} else {
		char *texts[DO_WORDS_MAX + 1] = { NULL };
		struct do_source inner = {
			.line = do_line_from_texts, .texts = texts,
		};
		struct do_step part;

		memcpy(texts, words->word + at,
		       (size_t)(words->count - at) * sizeof(*texts));
		while ((got = do_next_step(&inner, &part)) > 0)
			append(step, &part);
		free(inner.held);
		got = got < 0 ? -1 : 1;
	}
	return got < 0 ? -1 : check_batch(step, words);
}

/* The arguments that the verb's letters describe; 'at' ends after them. */
static int parse_arguments(struct do_step *step, const struct do_words *words,
			   int *at)
{
	const char *kinds = step->verb->args;
	bool optional = false, given = false;

	for (; *kinds && *kinds != '*'; kinds++) {
		if (*kinds == '?') {
			optional = true;
			continue;
		}
		if (*at == words->count) {
			/* With an offset, its size must come too. */
			if (optional && (*kinds != 's' || !given))
				return 1;
			return bad_usage(words, step->verb);
		}
		given = optional;
		if (!set_argument(step, *kinds, words->word[*at]))
			return bad_word(words, words->word[*at]);
		++*at;
	}
	if (!*kinds && *at != words->count)
		return bad_usage(words, step->verb);
	return 1;
}

static int parse_step(struct do_source *source, struct do_words *words,
		      struct do_step *step)
{
	int at = 0, got;

	if (!strcmp(words->word[0], "expect")) {
		if (words->count < 3)
			return bad_step(words, "usage: expect WHAT STEP");
		if (!do_expect_parse(words->word[1], &step->expect))
			return bad_word(words, words->word[1]);
		at = 2;
	}
	step->verb = find_verb(words->word[at]);
	if (!step->verb)
		return bad_word(words, words->word[at]);
	at++;
	step->prot = NTMEM_PAGE_READWRITE;
	step->width = 1;
	step->text = strdup(words->text);
	got = parse_arguments(step, words, &at);
	if (got < 0)
		return got;
	if (step->verb->nr == NTMEM_NR_RESERVE)
		return parse_wish(step, words, at);
	if (step->verb->block == DO_BATCH)
		return parse_batch(source, step, words, at);
	if (step->verb->block == DO_FORK)
		return parse_body(source, step, "end");
	return 1;
}

int do_next_step(struct do_source *source, struct do_step *step)
{
	struct do_words words;
	int got;

	memset(step, 0, sizeof(*step));
	got = do_next_words(source, &words);
	if (got <= 0)
		return got;
	got = parse_step(source, &words, step);
	do_words_free(&words);
	if (got < 0)
		do_step_free(step);
	return got;
}

void do_step_free(struct do_step *step)
{
	for (size_t i = 0; i < step->body_count; i++)
		do_step_free(&step->body[i]);
	free(step->body);
	free(step->text);
	free(step->expect.word);
	memset(step, 0, sizeof(*step));
}
