// SPDX-License-Identifier: MIT
/* Every function of the family by itself: what it returns, and its errors. */
#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <stdint.h>
#include <string.h>

#include "tap.h"

#define MARK	12345		/* no error */
#define TOO_MUCH ((size_t)PTRDIFF_MAX + 1)
#define MIB	((size_t)1 << 20)

/* C23's, which the C library does not declare yet. */
__attribute__((weak)) void free_sized(void *p, size_t size);
__attribute__((weak)) void free_aligned_sized(void *p, size_t align,
					      size_t size);

/* The compiler is not to know what these do, nor what it may leave out. */
static void *(*volatile get)(size_t) = malloc;
static void *(*volatile get_zeroed)(size_t, size_t) = calloc;
static void *(*volatile resize)(void *, size_t) = realloc;
static void *(*volatile resize_array)(void *, size_t, size_t) = reallocarray;
static void *(*volatile get_aligned)(size_t, size_t) = aligned_alloc;
static void *(*volatile get_memalign)(size_t, size_t) = memalign;
static int (*volatile get_posix)(void **, size_t, size_t) = posix_memalign;
static void *(*volatile get_pages)(size_t) = valloc;
static void *(*volatile get_whole_pages)(size_t) = pvalloc;
static void (*volatile put)(void *) = free;

/* Sizes on both sides of every class's and way's limits. */
static size_t next_size(size_t size)
{
	if (size < 2100)
		return size + 1;
	return size + size / 37 + 1;
}

static int is_aligned(const void *p, size_t align)
{
	return p && (uintptr_t)p % align == 0;
}

TEST(blocks_of_all_sizes)
{
	size_t size;
	void *p, *q;

	for (size = 0; size < 40 * MIB; size = next_size(size)) {
		p = get(size);
		q = get(size);
		EXPECT(is_aligned(p, 16) && is_aligned(q, 16) && p != q);
		EXPECT(malloc_usable_size(p) >= size);
		if (size < MIB) {
			fill(p, malloc_usable_size(p), size);
			fill(q, malloc_usable_size(q), size + 1);
			EXPECT(is_filled(p, malloc_usable_size(p), size));
		}
		put(p);
		put(q);
	}
	EXPECT(malloc_usable_size(NULL) == 0);
	put(NULL);
}

TEST(nothing_is_a_block)
{
	void *p = get(0), *q = get_zeroed(0, 5), *r = resize(NULL, 0);

	EXPECT(p && q && r && p != q && q != r && p != r);
	put(p);
	put(q);
	put(r);
}

static int is_zero(const char *p, size_t size)
{
	return !size || (!p[0] && !memcmp(p, p + 1, size - 1));
}

TEST(calloc_clears_what_was_used)
{
	char *blocks[4];
	size_t size, i;

	for (size = 1; size < 12 * MIB; size = next_size(size)) {
		for (i = 0; i < 4; i++) {
			blocks[i] = get(size);
			memset(blocks[i], 0xff, size);
		}
		for (i = 0; i < 4; i++)
			put(blocks[i]);
		for (i = 0; i < 4; i++) {
			blocks[i] = get_zeroed(i % 2 ? size : 1,
					       i % 2 ? 1 : size);
			EXPECT(blocks[i] && is_zero(blocks[i], size));
			memset(blocks[i], 0xff, size);
		}
		for (i = 0; i < 4; i++)
			put(blocks[i]);
		if (size > 3000)
			size += size / 5;
	}
}

#define EXPECT_NO_MEMORY(call) do {	\
	errno = MARK;			\
	EXPECT(!(call));		\
	EXPECT(errno == ENOMEM);	\
} while (0)

TEST(too_much_is_no_memory)
{
	void *p = get(100);

	fill(p, 100, 1);
	EXPECT_NO_MEMORY(get(TOO_MUCH));
	EXPECT_NO_MEMORY(get(TOO_MUCH - 1));
	EXPECT_NO_MEMORY(get(SIZE_MAX));
	EXPECT_NO_MEMORY(get_zeroed(1, TOO_MUCH));
	EXPECT_NO_MEMORY(get_zeroed(SIZE_MAX, 1));
	EXPECT_NO_MEMORY(get_zeroed(SIZE_MAX / 2, 3));
	EXPECT_NO_MEMORY(get_zeroed((size_t)1 << 32, (size_t)1 << 32));
	EXPECT_NO_MEMORY(resize(p, TOO_MUCH));
	EXPECT_NO_MEMORY(resize(p, SIZE_MAX));
	EXPECT_NO_MEMORY(resize(NULL, SIZE_MAX));
	EXPECT_NO_MEMORY(resize_array(p, SIZE_MAX / 2, 3));
	EXPECT_NO_MEMORY(resize_array(p, TOO_MUCH, 1));
	EXPECT_NO_MEMORY(get_aligned(64, TOO_MUCH));
	EXPECT_NO_MEMORY(get_aligned(4096, SIZE_MAX));
	EXPECT_NO_MEMORY(get_aligned(MIB, TOO_MUCH - 1));
	EXPECT_NO_MEMORY(get_aligned((size_t)1 << 62, 1));
	EXPECT_NO_MEMORY(get_memalign(64, TOO_MUCH));
	EXPECT_NO_MEMORY(get_pages(TOO_MUCH));
	EXPECT_NO_MEMORY(get_whole_pages(TOO_MUCH));
	EXPECT_NO_MEMORY(get_whole_pages(SIZE_MAX));
	EXPECT(is_filled(p, 100, 1));
	put(p);
}

TEST(posix_memalign_returns_its_errors)
{
	void *mark = &mark, *p = mark;
	size_t align;

	errno = MARK;
	for (align = 0; align < 200; align++)
		if (!align || align & (align - 1) || align % sizeof(void *))
			EXPECT(get_posix(&p, align, 1) == EINVAL);
	EXPECT(get_posix(&p, 64, TOO_MUCH) == ENOMEM);
	EXPECT(get_posix(&p, 64, TOO_MUCH - 1) == ENOMEM);
	EXPECT(get_posix(&p, (size_t)1 << 62, 1) == ENOMEM);
	EXPECT(p == mark && errno == MARK);
	EXPECT(get_posix(&p, 8, 0) == 0 && p != mark && errno == MARK);
	put(p);
}

TEST(alignments_that_are_none)
{
	static const size_t none[] = { 0, 3, 24, 48, 4095, TOO_MUCH + 8,
				       SIZE_MAX };
	unsigned int i;

	for (i = 0; i < sizeof(none) / sizeof(*none); i++) {
		errno = MARK;
		EXPECT(!get_aligned(none[i], 64) && errno == EINVAL);
	}
	errno = MARK;
	EXPECT(!get_memalign(TOO_MUCH + 8, 64) && errno == EINVAL);
}

TEST(aligned_blocks)
{
	static const size_t sizes[] = { 0, 1, 16, 24, 100, 1000, 5000, 30000,
					70000, MIB, 5 * MIB };
	size_t align, size;
	unsigned int i;
	void *p, *q;

	for (align = 1; align <= MIB; align *= 2) {
		for (i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
			size = sizes[i];
			p = get_aligned(align, size);
			q = get_memalign(align, size);
			EXPECT(is_aligned(p, align) && is_aligned(p, 16));
			EXPECT(is_aligned(q, align) && q != p);
			EXPECT(malloc_usable_size(p) >= size);
			fill(p, size, i);
			fill(q, size, i + 1);
			EXPECT(is_filled(p, size, i));
			p = resize(p, size * 2 + 1);
			EXPECT(p && is_filled(p, size, i));
			put(p);
			put(q);
		}
	}
	p = get_memalign(24, 10);
	q = get_memalign(5000, 10);
	EXPECT(is_aligned(p, 32) && is_aligned(q, 8192));
	put(p);
	put(q);
}

TEST(whole_pages)
{
	void *p = get_pages(10), *q = get_whole_pages(4097);
	void *r = get_whole_pages(0);

	EXPECT(is_aligned(p, 4096) && is_aligned(q, 4096) &&
	       is_aligned(r, 4096));
	EXPECT(malloc_usable_size(q) >= 8192);
	put(p);
	put(q);
	put(r);
}

TEST(sized_frees)
{
	void *p = get(100), *q = get_aligned(4096, 10000);

	if (!free_sized || !free_aligned_sized)
		SKIP("not the library's malloc");
	free_sized(p, 100);
	free_aligned_sized(q, 4096, 10000);
	free_sized(NULL, 0);
	free_aligned_sized(NULL, 64, 0);
}

TEST(success_leaves_errno_alone)
{
	size_t size;
	void *p, *q;

	for (size = 0; size < 40 * MIB; size = next_size(size) + size / 8) {
		errno = MARK;
		p = get(size);
		p = resize(p, size * 2 + 1);
		p = resize_array(p, size + 1, 1);
		put(p);
		put(get_zeroed(size, 1));
		put(get_aligned(64, size));
		put(get_memalign(8192, size));
		EXPECT(!get_posix(&q, MIB, size));
		put(q);
		put(get_whole_pages(size));
		EXPECT(errno == MARK);
	}
	put(NULL);
	malloc_trim(0);
	EXPECT(errno == MARK);
}

TEST(realloc_keeps_what_there_is)
{
	size_t size, next;
	char *p = get(1);

	fill(p, 1, 7);
	for (size = 1; size < 16 * MIB; size = next) {
		next = size < 300 ? size + 1 : size + size / 9;
		p = resize(p, next);
		EXPECT(is_aligned(p, 16) && malloc_usable_size(p) >= next);
		EXPECT(is_filled(p, size, 7));
		fill(p, next, 7);
	}
	for (; size > 1; size = next) {
		next = size - size / 7 - 1;
		p = resize(p, next ? next : 1);
		EXPECT(is_aligned(p, 16) && is_filled(p, next, 7));
	}
	put(p);
}

TEST(realloc_to_nothing_frees)
{
	size_t before, i;
	char *p;

	before = resident();
	for (i = 0; i < 300; i++) {
		p = get(MIB);
		memset(p, 1, MIB);
		errno = MARK;
		EXPECT(!resize(p, 0) && errno == MARK);
	}
	EXPECT(resident() < before + 50 * MIB);
}

TEST(blocks_keep_their_bytes)
{
	enum { COUNT = 3000 };
	static struct { void *p; size_t size; } blocks[COUNT];
	unsigned int turn, i, state = 1;

	for (turn = 0; turn < 60000; turn++) {
		state = state * 1103515245 + 12345;
		i = (state >> 8) % COUNT;
		EXPECT(is_filled(blocks[i].p, blocks[i].size, i));
		put(blocks[i].p);
		blocks[i].size = (state >> 4) % (1 << ((state >> 20) % 13));
		blocks[i].p = get(blocks[i].size);
		fill(blocks[i].p, blocks[i].size, i);
	}
	for (i = 0; i < COUNT; i++)
		EXPECT(is_filled(blocks[i].p, blocks[i].size, i));
}
