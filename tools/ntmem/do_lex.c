// SPDX-License-Identifier: MIT
/*
 * Reads lines from wherever a script comes from and cuts them into statements
 * and words. Statements end at a line's end, at ';', and around '{' and '}'.
 * '#' at the start of a word begins a comment. Quotes make one word of many.
 */
#include <readline/history.h>
#include <readline/readline.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "do.h"

#define BLANKS " \t\r"
#define ENDS "\n;"

char *do_line_from_texts(struct do_source *source)
{
	return *source->texts ? strdup(*source->texts++) : NULL;
}

char *do_line_from_file(struct do_source *source)
{
	char *line = NULL;
	size_t room = 0;

	if (getline(&line, &room, source->file) >= 0)
		return line;
	free(line);
	return NULL;
}

char *do_line_from_prompt(struct do_source *source)
{
	char *line = readline(source->continued ? "... " : "ntmem> ");

	if (line && *line)
		add_history(line);
	return line;
}

static void skip_comment(struct do_source *source)
{
	if (*source->next == '#')
		source->next += strcspn(source->next, "\n");
}

/* Goes to the first character of a statement; false at the very end. */
static bool find_statement(struct do_source *source)
{
	for (;;) {
		if (source->held) {
			source->next += strspn(source->next, BLANKS ENDS);
			skip_comment(source);
			if (*source->next && !strchr(ENDS, *source->next))
				return true;
			if (*source->next)
				continue;
			free(source->held);
			source->held = NULL;
		}
		source->held = source->line(source);
		source->next = source->held;
		if (!source->held)
			return false;
	}
}

/* A word at source->next, which is not blank; NULL for an open quote. */
static char *read_word(struct do_source *source)
{
	const char *from = source->next;
	size_t len;

	if (*from == '\'' || *from == '"') {
		const char *end = strchr(from + 1, *from);

		if (!end)
			return NULL;
		source->next = (char *)end + 1;
		return strndup(from + 1, (size_t)(end - from - 1));
	}
	len = strchr("{}", *from) ? 1 : strcspn(from, BLANKS ENDS "{}");
	source->next += len;
	return strndup(from, len);
}

static char *join(const struct do_words *words)
{
	size_t room = 1;
	char *text, *to;

	for (int i = 0; i < words->count; i++)
		room += strlen(words->word[i]) + 3;
	text = malloc(room);
	if (!text)
		abort();
	to = text;
	*to = '\0';
	for (int i = 0; i < words->count; i++) {
		const char *quote = strpbrk(words->word[i], BLANKS) ? "'" : "";

		to += sprintf(to, "%s%s%s%s", i ? " " : "", quote,
			      words->word[i], quote);
	}
	return text;
}

static int lex_error(struct do_words *words, const char *what)
{
	fprintf(stderr, "ntmem: %s\n", what);
	do_words_free(words);
	return -1;
}

int do_next_words(struct do_source *source, struct do_words *words)
{
	memset(words, 0, sizeof(*words));
	if (!find_statement(source))
		return 0;
	for (;;) {
		char *word;

		source->next += strspn(source->next, BLANKS);
		skip_comment(source);
		if (!*source->next || strchr(ENDS, *source->next))
			break;
		if (*source->next == '}' && words->count)
			break;
		if (words->count == DO_WORDS_MAX)
			return lex_error(words, "too many words in one step");
		word = read_word(source);
		if (!word)
			return lex_error(words, "a quote is not closed");
		words->word[words->count++] = word;
		if (!strcmp(word, "{") || !strcmp(word, "}"))
			break;
	}
	words->text = join(words);
	return 1;
}

void do_words_free(struct do_words *words)
{
	for (int i = 0; i < words->count; i++)
		free(words->word[i]);
	free(words->text);
	memset(words, 0, sizeof(*words));
}
