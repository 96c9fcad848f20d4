// SPDX-License-Identifier: MIT
/*
 * The programs that reached something new, and programs from files.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

#define MOST	4096

unsigned int corpus_count;

static struct program *corpus[MOST];

/* When it is full, an old one makes room. */
void corpus_add(const struct program *program)
{
	unsigned int at = corpus_count < MOST ? corpus_count++ :
						random_below(MOST);

	if (!corpus[at])
		corpus[at] = malloc(sizeof(*program));
	if (corpus[at])
		*corpus[at] = *program;
	else
		corpus_count = at;
}

/* Newer ones are more often worth a try. */
const struct program *corpus_pick(void)
{
	unsigned int n = corpus_count;

	if (!n)
		return NULL;
	if (n > 32 && random_below(2))
		return corpus[n - 1 - random_below(n / 4)];
	return corpus[random_below(n)];
}

int corpus_read_file(const char *path, struct program *program)
{
	static char text[2 * MAX_TEXT];
	FILE *file = fopen(path, "r");
	size_t n;

	if (!file)
		return -1;
	n = fread(text, 1, sizeof(text) - 1, file);
	text[n] = '\0';
	fclose(file);
	return program_read(program, text) ? 0 : -1;
}

/* Calls use() for each program of a folder; NULL where one is unreadable. */
int corpus_each(const char *folder,
		void (*use)(const char *path, const struct program *program))
{
	struct dirent **names = NULL;
	int n = scandir(folder, &names, NULL, alphasort), used = 0;

	for (int i = 0; i < n; i++) {
		const char *end = strrchr(names[i]->d_name, '.');
		struct program program;
		char path[4096];

		snprintf(path, sizeof(path), "%s/%s", folder,
			 names[i]->d_name);
		if (end && !strcmp(end, ".txt")) {
			use(path, corpus_read_file(path, &program) ?
			    NULL : &program);
			used++;
		}
		free(names[i]);
	}
	free(names);
	return used;
}
