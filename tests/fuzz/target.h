/* SPDX-License-Identifier: MIT */
/*
 * The fuzz targets of the library and its tools. Each is a file of this
 * folder with a struct fuzz_target, listed in targets.c, and has its inputs in
 * corpus/NAME/. A part of the library that is new (heaps, sections) joins with
 * a file of its own.
 *
 * One program holds all of them: with libFuzzer it hunts, as the target that
 * FUZZ_TARGET in the environment names; without it replays the corpus.
 */
#ifndef FUZZ_TARGET_H
#define FUZZ_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* @open, if any, is called once, before the first run. */
struct fuzz_target {
	const char *name;
	void (*open)(void);
	void (*run)(const uint8_t *data, size_t size);
};

extern const struct fuzz_target arguments_target;
extern const struct fuzz_target engine_target;
extern const struct fuzz_target heap_target;
extern const struct fuzz_target malloc_target;
extern const struct fuzz_target maps_target;
extern const struct fuzz_target script_target;
extern const struct fuzz_target sequence_target;
extern const struct fuzz_target settings_target;
extern const struct fuzz_target status_target;
extern const struct fuzz_target text_target;
extern const struct fuzz_target virtual_target;

/* All of them; NULL ends the list. */
extern const struct fuzz_target *const fuzz_targets[];

const struct fuzz_target *fuzz_find(const char *name);

/* Ends the process as a finding, with a line on stderr, unless ok. */
void fuzz_check(bool ok, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The input as a string; ends at its first zero byte. To be freed. */
char *fuzz_string(const uint8_t *data, size_t size);

/* A file in memory with this content, at its beginning. To be closed. */
int fuzz_file(const uint8_t *data, size_t size);

/* Sends what the parsers and tools print to /dev/null. */
void fuzz_be_quiet(void);

/* An extended regular expression: does all of the text match? */
bool fuzz_matches(const char *expression, const char *text);

/*
 * The number that digits of a base, which are there, and an optional suffix
 * K, M, G or T stand for; false when it does not fit.
 */
bool fuzz_number(const char *text, unsigned int base, uint64_t *number);

/*
 * Makes the embedded engine as new, with this commit limit, 0 for none: what
 * is reserved is released, which must balance its accounts.
 */
void fuzz_renew_engine(uint64_t commit_limit);

/* Counts operations, where runs are sequences of them; printed at the end. */
void fuzz_count(unsigned long operations);

#endif
