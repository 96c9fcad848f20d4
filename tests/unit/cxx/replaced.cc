// SPDX-License-Identifier: MIT
/*
 * A program that replaces the plain operator new and delete, as many do, and
 * runs with libntmem-malloc.so preloaded: every other form but the aligned ones
 * has to end up here, as the standard says.
 */
#include <dlfcn.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <new>

#include "tap.h"

/* Just what is tested here: that the other forms are someone else's. */
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#pragma GCC diagnostic ignored "-Wsized-deallocation"

namespace {

int gotten, given;
bool refuse;

} /* namespace */

void *operator new(std::size_t size)
{
	if (refuse)
		throw std::bad_alloc();
	gotten++;
	return std::malloc(size ? size : 1);
}

void operator delete(void *p) noexcept
{
	given++;
	std::free(p);
}

namespace {

/* Counts what this does. */
template <class Function>
void expect_counts(int wanted, Function function)
{
	gotten = given = 0;
	function();
	int got = gotten, gave = given;

	EXPECT(got == wanted);
	EXPECT(gave == wanted);
}

} /* namespace */

/* And its names, without versions, stand in for those with one. */
TEST(the_allocator_is_preloaded)
{
	void *(*array)(std::size_t) = operator new[];
	Dl_info info;

	EXPECT(dladdr(reinterpret_cast<void *>(array), &info));
	EXPECT(std::strstr(info.dli_fname, "libntmem-malloc") != nullptr);
}

TEST(other_forms_call_the_plain_one)
{
	expect_counts(1, [] { operator delete(operator new(10)); });
	expect_counts(1, [] { operator delete(operator new(10), 10); });
	expect_counts(1, [] { operator delete(operator new(10, std::nothrow),
					      std::nothrow); });
	expect_counts(1, [] { operator delete[](operator new[](10)); });
	expect_counts(1, [] { operator delete[](operator new[](10), 10); });
	expect_counts(1, [] { operator delete[](operator new[](10,
						std::nothrow),
						std::nothrow); });
}

TEST(aligned_forms_do_not)
{
	constexpr std::align_val_t align{64};

	expect_counts(0, [] { operator delete(operator new(10, align),
					      align); });
	expect_counts(0, [] { operator delete[](operator new[](10, align),
						align); });
}

TEST(what_the_plain_one_throws_is_caught)
{
	void *one, *array;

	refuse = true;
	one = operator new(10, std::nothrow);
	array = operator new[](10, std::nothrow);
	refuse = false;
	EXPECT(!one && !array);
	EXPECT(std::uncaught_exceptions() == 0);
}

TEST(what_the_plain_one_throws_arrives)
{
	bool caught = false;

	refuse = true;
	try {
		operator delete[](operator new[](10));
	} catch (const std::bad_alloc &) {
		caught = true;
	}
	refuse = false;
	EXPECT(caught);
}
