// SPDX-License-Identifier: GPL-2.0
/*
 * Reservations that come, go and are cut while other threads look them up,
 * touch them, unmap what they lie in, or fork.
 */
#include "race.h"

#define PAGES	16

FIXTURE(place)
{
	int fd;
	__u64 base;		/* PAGES committed pages, in an arena */
	struct racer first, other;
};

FIXTURE_SETUP(place)
{
	self->base = race_block(_metadata, &self->fd, PAGES, RW);
	if (!self->base)
		return;
	self->first = (struct racer) {
		.fd = self->fd, .addr = self->base, .size = PAGES * PAGE,
		.prot = RW,
	};
	self->other = self->first;
}

FIXTURE_TEARDOWN(place)
{
	close(self->fd);
}

static __u64 reserved(int fd)
{
	struct ntmem_info info;

	return nt_info(fd, &info) ? NONE : info.space_reserved;
}

/* ------------------------------------------------------------------------
 * Looked up, and released before it is locked.
 */
static const char * const lookups[] = {
	"recent_found", "region_found", "recent_enter",
};

/* The first look at a place goes through the tree, a later one does not. */
static __u64 looked_up(int fd, unsigned int i)
{
	__u64 base = nt_any(fd, GRAN, 0);
	struct ntmem_query query;

	if (!i)
		nt_query(fd, base, &query);
	return base;
}

TEST_F(place, query_against_release)
{
	unsigned int i;

	if (!race_may_spin())
		SKIP(return, "needs two CPUs");
	for (i = 0; i < ARRAY_SIZE(lookups); i++) {
		__u64 base = looked_up(self->fd, i);

		self->first.run = race_query;
		self->other.run = race_release;
		self->first.addr = base;
		self->other.addr = base;
		self->other.size = 0;
		ASSERT_TRUE(race(&self->first, lookups[i], &self->other)) {
			TH_LOG("%s", lookups[i]);
		}
		ASSERT_EQ(0, self->other.result);
		ASSERT_EQ(0, self->first.result);
		if (i < 2)
			ASSERT_EQ(FREE, self->first.query.state);
		ASSERT_LE(PAGE, self->first.query.size);
		ASSERT_TRUE(nt_is_free(self->fd, base));
	}
}

TEST_F(place, commit_against_release)
{
	unsigned int i;

	if (!race_may_spin())
		SKIP(return, "needs two CPUs");
	for (i = 0; i < 2; i++) {
		__u64 base = looked_up(self->fd, i);

		self->first.run = race_commit;
		self->other.run = race_release;
		self->first.addr = base;
		self->first.size = GRAN;
		self->other.addr = base;
		self->other.size = 0;
		ASSERT_TRUE(race(&self->first, lookups[i], &self->other));
		ASSERT_EQ(0, self->other.result);
		ASSERT_EQ(ENOENT, self->first.result);
	}
}

/* What is looked up is cut, and lies in the part behind now. */
TEST_F(place, query_against_cut)
{
	unsigned int i;

	if (!race_may_spin())
		SKIP(return, "needs two CPUs");
	for (i = 0; i < ARRAY_SIZE(lookups); i++) {
		__u64 base = looked_up(self->fd, i);

		self->first.run = race_query;
		self->other.run = race_release;
		self->first.addr = base + 8 * PAGE;
		self->other.addr = base + 4 * PAGE;
		self->other.size = PAGE;
		ASSERT_TRUE(race(&self->first, lookups[i], &self->other));
		ASSERT_EQ(0, self->other.result);
		ASSERT_EQ(0, self->first.result);
		ASSERT_EQ(RESERVED, self->first.query.state);
		ASSERT_EQ(base + GRAN, self->first.query.base +
				       self->first.query.size);
		if (i < 2)
			ASSERT_EQ(base + 5 * PAGE,
				  self->first.query.alloc_base);
		ASSERT_TRUE(nt_in(self->fd, base + 8 * PAGE, base + 5 * PAGE,
				  RW));
	}
}

/* A fault finds the reservation, which is gone, or another, when it locks. */
TEST_F(place, fault_against_release)
{
	if (!race_may_spin())
		SKIP(return, "needs two CPUs");
	self->first.run = race_write;
	self->first.value = 7;
	self->other.run = race_release;
	self->other.size = 0;
	ASSERT_TRUE(race(&self->first, "recent_found", &self->other));
	ASSERT_EQ(0, self->other.result);
	ASSERT_EQ(-SIGSEGV, self->first.result);
}

/* ------------------------------------------------------------------------
 * QUERY against what changes the state beside it.
 */

/* In one block, from its middle on: the run that it began with is cut. */
TEST_F(place, query_against_commit)
{
	__u64 base = nt_any(self->fd, GRAN, 0);

	self->first.run = race_query;
	self->first.addr = base + 5 * PAGE;
	self->other.run = race_commit;
	self->other.addr = base + 3 * PAGE;
	self->other.size = 4 * PAGE;
	ASSERT_TRUE(race(&self->first, "query_run", &self->other));
	ASSERT_EQ(0, self->first.result);
	ASSERT_EQ(0, self->other.result);
	ASSERT_EQ(self->first.addr, self->first.query.base);
	ASSERT_LE(PAGE, self->first.query.size);
	ASSERT_LE(self->first.query.size, 11 * PAGE);
}

TEST_F(place, query_against_commit_of_a_block)
{
	__u64 base = nt_any(self->fd, 4 * GRAN, 0);

	/* A table, so that the block has a state of its own. */
	ASSERT_EQ(0, nt_commit(self->fd, base, PAGE, RW));
	self->first.run = race_query;
	self->first.addr = base + GRAN;
	self->other.run = race_commit;
	self->other.addr = base + GRAN;
	self->other.size = GRAN;
	ASSERT_TRUE(race(&self->first, "query_run", &self->other));
	ASSERT_EQ(0, self->first.result);
	ASSERT_EQ(0, self->other.result);
	ASSERT_LE(PAGE, self->first.query.size);
	ASSERT_LE(self->first.query.size, 3 * GRAN);
}

/* Free, and reserved before QUERY has looked how much is free. */
static void query_and_reserve(struct __test_metadata *_metadata,
			      struct racer *query, struct racer *reserve,
			      __u64 addr)
{
	query->run = race_query;
	query->addr = addr;
	reserve->run = race_reserve;
	reserve->addr = addr;
	reserve->size = GRAN;
	ASSERT_TRUE(race(query, "query_outside", reserve));
	ASSERT_EQ(0, query->result);
	ASSERT_EQ(0, reserve->result);
	ASSERT_EQ(addr, query->query.base);
	ASSERT_LE(PAGE, query->query.size);
	ASSERT_NE(NTMEM_STATE_FOREIGN, query->query.state);
}

TEST_F(place, query_against_reserve)
{
	query_and_reserve(_metadata, &self->first, &self->other, WANTED);
}

/* The same where the mapping is there before. */
TEST_F(place, query_against_reserve_in_an_arena)
{
	query_and_reserve(_metadata, &self->first, &self->other,
			  self->base + PAGES * PAGE);
}

/* ------------------------------------------------------------------------
 * RELEASE, on its way, against others.
 */
TEST_F(place, release_against_munmap)
{
	__u64 before = reserved(self->fd), base = WANTED;

	ASSERT_EQ(0, nt_reserve_at(self->fd, base, GRAN));
	self->first.run = race_release;
	self->first.addr = base;
	self->first.size = 0;
	self->other.run = race_munmap;
	self->other.addr = base;
	self->other.size = GRAN;
	ASSERT_TRUE(race(&self->first, "release_kill", &self->other));
	ASSERT_EQ(0, self->first.result);
	ASSERT_EQ(0, self->other.result);
	ASSERT_TRUE(nt_is_free(self->fd, base));
	ASSERT_EQ(before, reserved(self->fd));
}

/* The place is not given away again before its mapping is gone. */
TEST_F(place, release_against_reserve)
{
	ASSERT_EQ(0, nt_reserve_at(self->fd, WANTED, GRAN));
	self->first.run = race_release;
	self->first.addr = WANTED;
	self->first.size = 0;
	self->other.run = race_reserve;
	self->other.addr = WANTED;
	self->other.size = GRAN;
	ASSERT_TRUE(race(&self->first, "unplace", &self->other));
	ASSERT_EQ(0, self->first.result);
	ASSERT_EQ(0, self->other.result);
	ASSERT_TRUE(nt_in(self->fd, WANTED, WANTED, RW));
	ASSERT_EQ(0, nt_commit(self->fd, WANTED, GRAN, RW));
	ASSERT_EQ(0, nt_poke(WANTED, 1));
}

/* A part is being released; the rest is unmapped. */
static const char * const cuts[] = { "release_cut", "cut_zap" };

TEST_F(place, cut_against_munmap)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cuts); i++) {
		__u64 before = reserved(self->fd), base = WANTED;

		ASSERT_EQ(0, nt_reserve(self->fd, &base, GRAN, RW,
					NTMEM_RESERVE_COMMIT));
		memset(nt_ptr(base), 1, GRAN);
		self->first.run = race_release;
		self->first.addr = base + 4 * PAGE;
		self->first.size = 4 * PAGE;
		self->other.run = race_munmap;
		self->other.addr = base;
		self->other.size = GRAN;
		ASSERT_TRUE(race(&self->first, cuts[i], &self->other));
		ASSERT_EQ(0, self->first.result);
		ASSERT_EQ(0, self->other.result);
		ASSERT_TRUE(nt_is_free(self->fd, base)) {
			TH_LOG("%s", cuts[i]);
		}
		ASSERT_TRUE(nt_is_free(self->fd, base + 8 * PAGE));
		ASSERT_EQ(before, reserved(self->fd));
	}
}

/* What lies behind the cut is touched while it moves. */
TEST_F(place, cut_against_writes_behind)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cuts); i++) {
		__u64 base = nt_block(self->fd, 2 * GRAN, RW);

		self->first.run = race_release;
		self->first.addr = base + 4 * PAGE;
		self->first.size = 4 * PAGE;
		self->other.run = race_write;
		self->other.addr = base + 9 * PAGE;
		self->other.value = 9;
		ASSERT_TRUE(race(&self->first, cuts[i], &self->other));
		ASSERT_EQ(0, self->first.result);
		ASSERT_EQ(0, self->other.result);
		ASSERT_EQ(9, nt_peek(base + 9 * PAGE));
		ASSERT_EQ(0, nt_protect(self->fd, base + 8 * PAGE, PAGES *
					PAGE, RO, NULL));
		ASSERT_EQ(-SIGSEGV, nt_poke(base + 9 * PAGE, 1));
	}
}

/* It is charged to the part that it is in. */
TEST_F(place, cut_against_commit_behind)
{
	struct ntmem_info info;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cuts); i++) {
		__u64 base = nt_any(self->fd, 2 * GRAN, 0);

		ASSERT_EQ(0, nt_commit(self->fd, base, 4 * PAGE, RW));
		self->first.run = race_release;
		self->first.addr = base + 4 * PAGE;
		self->first.size = 4 * PAGE;
		self->other.run = race_commit;
		self->other.addr = base + 9 * PAGE;
		self->other.size = PAGE;
		ASSERT_TRUE(race(&self->first, cuts[i], &self->other));
		ASSERT_EQ(0, self->first.result);
		ASSERT_EQ(0, self->other.result);
		ASSERT_EQ(0, nt_release(self->fd, base, 0));
		ASSERT_EQ(0, nt_info(self->fd, &info));
		ASSERT_EQ((PAGES + 1) * PAGE, info.space_committed);
		ASSERT_EQ(0, nt_release(self->fd, base + 8 * PAGE, 0));
		ASSERT_EQ(0, nt_info(self->fd, &info));
		ASSERT_EQ(PAGES * PAGE, info.space_committed);
	}
}

/* ------------------------------------------------------------------------
 * User space unmaps what RESERVE has just chosen or mapped: what RESERVE gives
 * is mapped, and nothing is left of what was unmapped.
 */

/* Where the stopped thread's mapping is: the new one beside those before. */
struct maps {
	__u64 start[64];
	unsigned int nr;
};

static void read_maps(struct maps *maps)
{
	FILE *file = fopen("/proc/self/maps", "r");
	char line[512];

	maps->nr = 0;
	while (file && maps->nr < ARRAY_SIZE(maps->start) &&
	       fgets(line, sizeof(line), file))
		if (strstr(line, "ntmem"))
			maps->start[maps->nr++] = strtoull(line, NULL, 16);
	if (file)
		fclose(file);
}

static __u64 new_map(const struct maps *before)
{
	struct maps now;
	unsigned int i, k;

	read_maps(&now);
	for (i = 0; i < now.nr; i++) {
		for (k = 0; k < before->nr; k++)
			if (before->start[k] == now.start[i])
				break;
		if (k == before->nr)
			return now.start[i];
	}
	return 0;
}

/* Runs RESERVE up to the point, unmaps the mapping of addr, or a new one. */
static bool unmap_at(struct racer *first, const char *name, __u64 addr)
{
	struct maps before;
	__u64 start, end;
	int stop;

	read_maps(&before);
	stop = race_begin(first, name);
	if (stop < 0)
		return false;
	if (!addr)
		addr = new_map(&before);
	if (!addr || !nt_mapping(addr, &start, &end) ||
	    munmap(nt_ptr(start), end - start))
		fprintf(stderr, "# nothing was unmapped\n");
	stop_go(stop);
	racer_join(first);
	return true;
}

/* What RESERVE says was reserved can be used, and nothing else is. */
static bool is_usable(const struct racer *r, __u64 before)
{
	if (r->result)
		return reserved(r->fd) == before;
	return reserved(r->fd) == before + r->size &&
	       !nt_commit(r->fd, r->addr, GRAN, RW) &&
	       !nt_poke(r->addr, 1) && !nt_release(r->fd, r->addr, 0);
}

TEST_F(place, reserve_in_an_unmapped_arena)
{
	self->first.run = race_reserve;
	self->first.addr = 0;
	ASSERT_TRUE(unmap_at(&self->first, "carved", self->base));
	ASSERT_TRUE(is_usable(&self->first, 0));
}

TEST_F(place, reserve_in_a_new_unmapped_arena)
{
	/* The one there is cannot serve any more. */
	__u64 start, end;

	ASSERT_TRUE(nt_mapping(self->base, &start, &end));
	ASSERT_EQ(0, munmap(nt_ptr(start), end - start));
	self->first.run = race_reserve;
	self->first.addr = 0;
	ASSERT_TRUE(unmap_at(&self->first, "arena_mapped", 0));
	ASSERT_TRUE(is_usable(&self->first, 0));
	/* The next ones, too. */
	self->first.addr = nt_any(self->fd, GRAN, 0);
	self->first.result = 0;
	self->first.size = GRAN;
	ASSERT_TRUE(is_usable(&self->first, 0));
}

/* Too large for an arena. */
TEST_F(place, reserve_in_an_own_unmapped_mapping)
{
	self->first.run = race_reserve;
	self->first.addr = 0;
	self->first.size = GIB;
	ASSERT_TRUE(unmap_at(&self->first, "own_mapped", 0));
	ASSERT_TRUE(is_usable(&self->first, GRAN));
}

/* ------------------------------------------------------------------------
 * The first page of a reservation that may be executed.
 */
TEST_F(place, data_beside_new_code)
{
	__u64 data = self->base + PAGE;

	nt_write_code(data, 77);
	nt_write_code(self->base, 78);
	self->first.run = race_protect;
	self->first.size = PAGE;
	self->first.prot = RX;
	self->other.run = race_read;
	self->other.addr = data;
	ASSERT_TRUE(race(&self->first, "exec_mapped", &self->other));
	ASSERT_EQ(0, self->first.result);
	ASSERT_EQ(0xb8, self->other.result);
	ASSERT_EQ(78, nt_exec(self->base));
	ASSERT_EQ(-SIGSEGV, nt_exec(data));
}

static int run_data(void *data)
{
	const struct racer *r = data;

	CHECK(nt_peek(r->addr) == 0xb8);
	CHECK(nt_exec(r->addr) == -SIGSEGV);
	return 0;
}

/* A child is made before the reservation is known to be executable. */
static int fork_and_run(struct racer *r)
{
	return nt_in_child(run_data, r);
}

TEST_F(place, data_beside_new_code_in_a_child)
{
	__u64 data = self->base + PAGE;

	nt_write_code(data, 77);
	self->first.run = race_protect;
	self->first.size = PAGE;
	self->first.prot = RX;
	self->other.run = fork_and_run;
	self->other.addr = data;
	ASSERT_TRUE(race(&self->first, "exec_mapped", &self->other));
	ASSERT_EQ(0, self->first.result);
	ASSERT_EQ(0, self->other.result);
}

TEST_HARNESS_MAIN
