// SPDX-License-Identifier: GPL-2.0
/*
 * Placeholders that change while others use, unmap or fork what they are part
 * of: whoever comes second finds all of the one or all of the other.
 */
#include "race.h"

#define SIZE	(16 * PAGE)
#define HALF	(SIZE / 2)

FIXTURE(race_placeholder)
{
	int fd;
	__u64 base;		/* two placeholders of HALF */
	struct nt_gate gate;
	struct racer first, other;
};

FIXTURE_SETUP(race_placeholder)
{
	if (!race_open(_metadata, &self->fd))
		return;
	ASSERT_EQ(0, nt_reserve(self->fd, &self->base, SIZE, NOACCESS,
				NTMEM_RESERVE_PLACEHOLDER));
	ASSERT_EQ(0, nt_release_as(self->fd, self->base, HALF,
				   NTMEM_RELEASE_PRESERVE));
	ASSERT_EQ(0, nt_gate_init(&self->gate));
	self->first = (struct racer) {
		.fd = self->fd, .addr = self->base, .size = SIZE, .prot = RW,
		.other = self->gate.pipe[0],
	};
	self->other = self->first;
}

FIXTURE_TEARDOWN(race_placeholder)
{
	close(self->fd);
}

static int coalesce(struct racer *r)
{
	return nt_release_as(r->fd, r->addr, r->size, NTMEM_RELEASE_COALESCE);
}

static int preserve(struct racer *r)
{
	return nt_release_as(r->fd, r->addr, r->size, NTMEM_RELEASE_PRESERVE);
}

static int replace(struct racer *r)
{
	__u64 addr = r->addr;

	return nt_reserve(r->fd, &addr, r->size, r->prot,
			  NTMEM_RESERVE_REPLACE | NTMEM_RESERVE_COMMIT);
}

static int unmap(struct racer *r)
{
	return ERRNO_OF(munmap(nt_ptr(r->addr), r->size));
}

static const char * const faults[] = {
	"fault_look", "fault_install", "fault_map", "fault_upgrade",
};

/* The page of a fault on its way goes with all others. */
TEST_F(race_placeholder, fault_before_preserve)
{
	unsigned int i;

	self->other.size = HALF;
	self->first.run = race_write;
	self->first.value = 7;
	for (i = 0; i < ARRAY_SIZE(faults); i++) {
		ASSERT_EQ(0, replace(&self->other));
		self->other.run = preserve;
		ASSERT_TRUE(race(&self->first, faults[i], &self->other));
		ASSERT_TRUE(self->other.waited);
		ASSERT_EQ(0, self->other.result);
		ASSERT_EQ(-SIGSEGV, nt_peek(self->base));
		ASSERT_EQ(0, replace(&self->other));
		ASSERT_EQ(0, nt_peek(self->base));
		ASSERT_EQ(0, preserve(&self->other));
	}
}

/* A placeholder is in the tree, what it has replaced still mapped. */
TEST_F(race_placeholder, replaced_before_all_is_gone)
{
	self->first.size = HALF;
	self->other.size = HALF;
	ASSERT_EQ(0, replace(&self->first));
	ASSERT_EQ(0, nt_poke(self->base, 7));
	self->first.run = preserve;
	self->other.run = replace;
	ASSERT_TRUE(race(&self->first, "superseded", &self->other));
	ASSERT_TRUE(self->other.waited);
	ASSERT_EQ(0, self->first.result);
	ASSERT_EQ(0, self->other.result);
	ASSERT_EQ(0, nt_peek(self->base));
	ASSERT_EQ(0, nt_poke(self->base, 1));
}

/* A part cannot be unmapped of what has become one. */
TEST_F(race_placeholder, munmap_after_coalesce)
{
	self->first.run = coalesce;
	self->other.run = unmap;
	self->other.size = HALF;
	ASSERT_TRUE(race(&self->first, "coalesced", &self->other));
	ASSERT_EQ(0, self->first.result);
	ASSERT_EQ(EINVAL, self->other.result);
	ASSERT_TRUE(nt_is_placeholder(self->fd, self->base, SIZE));
}

/* The mapping is gone, the placeholder not yet: it must not come back. */
TEST_F(race_placeholder, munmap_before_coalesce)
{
	self->first.run = unmap;
	self->first.size = HALF;
	self->other.run = coalesce;
	ASSERT_TRUE(race(&self->first, "unmap_found", &self->other));
	ASSERT_EQ(0, self->first.result);
	ASSERT_TRUE(nt_is_free(self->fd, self->base));
	ASSERT_TRUE(self->other.result ?
		    nt_is_placeholder(self->fd, self->base + HALF, HALF) :
		    nt_is_free(self->fd, self->base + HALF));
}

/* And so between the new one's coming and the old ones' going. */
TEST_F(race_placeholder, munmap_inside_coalesce)
{
	struct ntmem_info info;
	int found, joined;

	self->first.run = unmap;
	self->first.size = HALF;
	self->other.run = coalesce;
	race_prepare(&self->first, 0);
	race_prepare(&self->other, 1);
	ASSERT_TRUE(racer_start(&self->first));
	ASSERT_TRUE(racer_start(&self->other));
	found = stop_arm("unmap_found", self->first.tid);
	ASSERT_LE(0, found);
	racer_go(&self->first);
	ASSERT_TRUE(racer_caught(&self->first, found));
	joined = stop_arm("coalesced", self->other.tid);
	ASSERT_LE(0, joined);
	racer_go(&self->other);
	ASSERT_TRUE(racer_caught(&self->other, joined));
	stop_go(found);
	ASSERT_EQ(0, racer_join(&self->first));
	stop_go(joined);
	ASSERT_EQ(ENOENT, racer_join(&self->other));
	ASSERT_TRUE(nt_is_free(self->fd, self->base));
	ASSERT_TRUE(nt_is_free(self->fd, self->base + HALF));
	ASSERT_EQ(0, nt_info(self->fd, &info));
	ASSERT_EQ(0ULL, info.space_reserved);
}

/* The child waits, then says whether it has both placeholders. */
static int look(void *data)
{
	const struct racer *r = data;
	int fd = open("/dev/ntmem", O_RDWR);
	char c;

	CHECK(read(r->other, &c, 1) == 1);
	return nt_commit(fd, r->addr, PAGE, RW) == EEXIST &&
	       nt_commit(fd, r->addr + HALF, PAGE, RW) == EEXIST;
}

static int fork_a_child(struct racer *r)
{
	return nt_spawn(look, r);
}

TEST_F(race_placeholder, coalesce_between_two_mappings_of_fork)
{
	/* One mapping for each. */
	ASSERT_EQ(0, madvise(nt_ptr(self->base), HALF, MADV_RANDOM));
	ASSERT_EQ(2, nt_count_vmas(self->base, self->base + SIZE));
	self->first.run = fork_a_child;
	self->other.run = coalesce;
	ASSERT_TRUE(race(&self->first, "fork_vma", &self->other));
	ASSERT_EQ(0, self->other.result);
	ASSERT_TRUE(nt_is_placeholder(self->fd, self->base, SIZE));
	ASSERT_EQ(0, nt_gate_open(&self->gate));
	ASSERT_EQ(1, nt_reap(self->first.result));
}

/* What a failed REPLACE would undo has been cut by who guessed its address. */
static int release_a_part(struct racer *r)
{
	return nt_release(r->fd, r->addr + r->size / 2, PAGE);
}

TEST_F(race_placeholder, released_before_it_is_undone)
{
	__u64 base = 0, size = 8 * TIB;

	ASSERT_EQ(0, nt_reserve(self->fd, &base, size, NOACCESS,
				NTMEM_RESERVE_PLACEHOLDER));
	self->first.run = replace;
	self->first.addr = base;
	self->first.size = size;
	self->other = self->first;
	self->other.run = release_a_part;
	ASSERT_TRUE(race(&self->first, "replaced", &self->other));
	ASSERT_EQ(0, self->other.result);
	ASSERT_NE(0, self->first.result);
	ASSERT_TRUE(nt_is_free(self->fd, base + size / 2));
	ASSERT_EQ(0, nt_commit(self->fd, base, PAGE, RW));
	ASSERT_EQ(0, nt_release(self->fd, base, 0));
	ASSERT_EQ(0, nt_release(self->fd, base + size / 2 + PAGE, 0));
}

/* ----------------------------------------------------------------- plain --- */

static int become_plain(struct racer *r)
{
	return nt_release_as(r->fd, r->addr, r->size, NTMEM_RELEASE_PLAIN);
}

static int take_over(struct racer *r)
{
	__u64 addr = r->addr;

	return nt_reserve(r->fd, &addr, r->size, NOACCESS,
			  NTMEM_RESERVE_PLACEHOLDER | NTMEM_RESERVE_PLAIN);
}

/* What was unmapped first is not there again, plain. */
TEST_F(race_placeholder, munmap_before_plain)
{
	self->first.run = become_plain;
	self->first.size = HALF;
	self->other.run = unmap;
	self->other.size = HALF;
	ASSERT_TRUE(race(&self->first, "plain", &self->other));
	ASSERT_EQ(0, self->other.result);
	ASSERT_EQ(ENOENT, self->first.result);
	ASSERT_TRUE(nt_is_free(self->fd, self->base));
	ASSERT_EQ(0, nt_count_vmas(self->base, self->base + HALF));
	ASSERT_TRUE(nt_is_placeholder(self->fd, self->base + HALF, HALF));
}

static int reserve_there(struct racer *r)
{
	__u64 addr = r->addr;

	return nt_reserve(r->fd, &addr, r->size, RW, NTMEM_RESERVE_COMMIT);
}

/* Nobody's it is at no time; then it is no reservation's. */
TEST_F(race_placeholder, reserve_against_plain)
{
	self->first.run = become_plain;
	self->first.size = HALF;
	self->other.run = reserve_there;
	self->other.size = HALF;
	ASSERT_TRUE(race(&self->first, "plain", &self->other));
	ASSERT_TRUE(self->other.waited);
	ASSERT_EQ(0, self->first.result);
	ASSERT_EQ(EEXIST, self->other.result);
}

/* Known, and not yet mapped: the child has what is mapped. */
static int look_at_plain(void *data)
{
	const struct racer *r = data;
	int fd = open("/dev/ntmem", O_RDWR);
	struct ntmem_query q;

	CHECK(!nt_query(fd, r->addr, &q));
	CHECK(q.state == NTMEM_STATE_FOREIGN);
	return 0;
}

static int fork_and_look(struct racer *r)
{
	return nt_in_child(look_at_plain, r);
}

TEST_F(race_placeholder, fork_before_it_is_taken_over)
{
	self->first.size = HALF;
	ASSERT_EQ(0, become_plain(&self->first));
	self->first.run = take_over;
	self->other.run = fork_and_look;
	ASSERT_TRUE(race(&self->first, "over", &self->other));
	ASSERT_EQ(0, self->first.result);
	ASSERT_EQ(0, self->other.result);
	ASSERT_TRUE(nt_is_placeholder(self->fd, self->base, HALF));
}

/* Nothing can be there between the look at it and its end. */
TEST_F(race_placeholder, replace_before_it_is_taken_over)
{
	self->first.size = HALF;
	ASSERT_EQ(0, become_plain(&self->first));
	self->first.run = take_over;
	self->other.run = replace;
	self->other.size = HALF;
	ASSERT_TRUE(race(&self->first, "over", &self->other));
	ASSERT_TRUE(self->other.waited);
	ASSERT_EQ(0, self->first.result);
	ASSERT_EQ(0, self->other.result);
	ASSERT_EQ(0, nt_poke(self->base, 1));
}

/* Unmapped meanwhile it is mapped again, ours. */
TEST_F(race_placeholder, munmap_before_it_is_taken_over)
{
	self->first.size = HALF;
	ASSERT_EQ(0, become_plain(&self->first));
	self->first.run = take_over;
	self->other.run = unmap;
	self->other.size = PAGE;
	ASSERT_TRUE(race(&self->first, "over", &self->other));
	ASSERT_EQ(0, self->first.result);
	ASSERT_EQ(0, self->other.result);
	ASSERT_TRUE(nt_is_placeholder(self->fd, self->base, HALF));
	ASSERT_EQ(1, nt_count_vmas(self->base, self->base + HALF));
	ASSERT_EQ(0, munmap(nt_ptr(self->base), HALF));
	ASSERT_TRUE(nt_is_free(self->fd, self->base));
}

TEST_HARNESS_MAIN
