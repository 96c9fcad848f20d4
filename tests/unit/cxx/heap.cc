// SPDX-License-Identifier: MIT
/*
 * heap_resource.hpp: containers that live in a heap, and only there.
 */
#include <windows.h>

#include <algorithm>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <memory_resource>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "heap_resource.hpp"
#include "tap.h"

using ntmem::heap_allocator;
using ntmem::heap_options;
using ntmem::heap_resource;

namespace {

/* A heap of its own for each test. */
struct heap {
	HANDLE handle = HeapCreate(0, 0, 0);

	heap() = default;
	heap(const heap &) = delete;
	heap &operator=(const heap &) = delete;

	~heap()
	{
		HeapDestroy(handle);
	}
};

std::size_t blocks_in(HANDLE heap)
{
	PROCESS_HEAP_ENTRY entry = {};
	std::size_t count = 0;

	while (HeapWalk(heap, &entry))
		count += !!(entry.wFlags & PROCESS_HEAP_ENTRY_BUSY);
	return count;
}

bool aligned(const void *p, std::size_t align)
{
	return reinterpret_cast<std::uintptr_t>(p) % align == 0;
}

struct alignas(256) wide {
	char bytes[300];
};

} /* namespace */

/* ------------------------------------------------------------- resource --- */

TEST(resource_allocates_in_its_heap)
{
	heap heap;
	heap_resource resource{heap.handle};

	EXPECT(resource.handle() == heap.handle);
	void *p = resource.allocate(1000);
	EXPECT(HeapSize(heap.handle, 0, p) == 1000);
	EXPECT(HeapValidate(heap.handle, 0, p));
	EXPECT(blocks_in(heap.handle) == 1);
	resource.deallocate(p, 1000);
	EXPECT(blocks_in(heap.handle) == 0);
}

TEST(resource_aligns)
{
	heap heap;
	heap_resource resource{heap.handle};
	std::vector<std::pair<void *, std::size_t>> kept;

	for (std::size_t align = 1; align <= 65536; align *= 2) {
		for (std::size_t size : {0, 1, 15, 100, 5000}) {
			void *p = resource.allocate(size, align);

			EXPECT(aligned(p, align));
			std::fill_n(static_cast<char *>(p), size, 1);
			kept.push_back({p, align});
		}
	}
	EXPECT(HeapValidate(heap.handle, 0, nullptr));
	EXPECT(blocks_in(heap.handle) == kept.size());
	for (auto [p, align] : kept)
		resource.deallocate(p, 0, align);
	EXPECT(blocks_in(heap.handle) == 0);
}

TEST(resource_owns_what_it_made)
{
	HANDLE handle;
	{
		heap_resource resource{heap_options{}};

		handle = resource.handle();
		EXPECT(resource.allocate(10) != nullptr);
		HANDLE heaps[64];
		DWORD count = GetProcessHeaps(64, heaps);
		EXPECT(std::count(heaps, heaps + count, handle) == 1);
	}
	HANDLE heaps[64];
	DWORD count = GetProcessHeaps(64, heaps);
	EXPECT(std::count(heaps, heaps + count, handle) == 0);
}

TEST(resource_leaves_what_it_borrowed)
{
	heap heap;
	void *p;
	{
		heap_resource resource{heap.handle};

		p = resource.allocate(10);
	}
	EXPECT(HeapValidate(heap.handle, 0, p));
}

TEST(resource_has_the_options_asked_for)
{
	heap_options options;

	options.maximum = 256 * 1024;
	heap_resource resource{options};
	EXPECT_THROWS(std::bad_alloc, (void)resource.allocate(300 * 1024));
	EXPECT_THROWS(std::bad_alloc, for (;;) (void)resource.allocate(1000));
	EXPECT_THROWS(std::bad_alloc, (void)resource.allocate(1000, 64));
	for (volatile std::size_t size : {SIZE_MAX, SIZE_MAX - 63})
		EXPECT_THROWS(std::bad_alloc, (void)resource.allocate(size, 64));
	options.maximum = SIZE_MAX;
	EXPECT_THROWS(std::bad_alloc, heap_resource{options});
}

TEST(resources_of_one_heap_are_equal)
{
	heap one, other;
	heap_resource a{one.handle}, b{one.handle}, c{other.handle};

	EXPECT(a == a);
	EXPECT(a == b);
	EXPECT(a != c);
	EXPECT(!a.is_equal(*std::pmr::new_delete_resource()));
	EXPECT(!std::pmr::new_delete_resource()->is_equal(a));
	b.deallocate(a.allocate(100), 100);
	EXPECT(blocks_in(one.handle) == 0);
}

TEST(pmr_containers_live_in_the_heap)
{
	heap heap;
	heap_resource resource{heap.handle};
	{
		std::pmr::vector<std::pmr::string> strings{&resource};
		std::pmr::unordered_map<int, std::pmr::string> map{&resource};

		for (int i = 0; i < 1000; i++) {
			strings.emplace_back(100, 'x');
			map[i] = std::to_string(i) + std::string(50, 'y');
		}
		EXPECT(blocks_in(heap.handle) > 3000);
		EXPECT(map[500].substr(0, 4) == "500y");
		for (const auto &string : strings)
			EXPECT(HeapValidate(heap.handle, 0, string.data()));
		EXPECT(HeapValidate(heap.handle, 0, nullptr));
	}
	EXPECT(blocks_in(heap.handle) == 0);
}

TEST(pools_stand_on_the_heap)
{
	heap heap;
	heap_resource resource{heap.handle};
	{
		std::pmr::unsynchronized_pool_resource pool{&resource};
		std::pmr::list<int> list{&pool};

		for (int i = 0; i < 1000; i++)
			list.push_back(i);
		EXPECT(blocks_in(heap.handle) > 0);
	}
	EXPECT(blocks_in(heap.handle) == 0);
}

TEST(threads_share_a_resource)
{
	heap_resource resource{heap_options{}};
	std::vector<std::thread> threads;

	for (int n = 0; n < 4; n++)
		threads.emplace_back([&resource, n] {
			std::pmr::vector<std::pmr::string> strings{&resource};

			for (int i = 0; i < 2000; i++)
				strings.emplace_back(20 + i % 100, 'a' + n);
			while (!strings.empty())
				strings.pop_back();
		});
	for (auto &thread : threads)
		thread.join();
	EXPECT(HeapValidate(resource.handle(), 0, nullptr));
	EXPECT(blocks_in(resource.handle()) == 0);
}

/* ------------------------------------------------------------ allocator --- */

template <class T>
using heap_vector = std::vector<T, heap_allocator<T>>;

static_assert(std::is_nothrow_copy_constructible_v<heap_allocator<int>>);
static_assert(std::is_nothrow_move_assignable_v<heap_vector<int>>);
static_assert(!std::allocator_traits<heap_allocator<int>>::
		      is_always_equal::value);
static_assert(std::is_same_v<std::allocator_traits<heap_allocator<int>>::
				     rebind_alloc<long>, heap_allocator<long>>);

TEST(containers_live_in_the_heap)
{
	using pair = std::pair<const int, heap_vector<int>>;
	heap heap;
	{
		std::map<int, heap_vector<int>, std::less<int>,
			 heap_allocator<pair>> map{heap_allocator<pair>(
				heap.handle)};
		std::list<int, heap_allocator<int>> list{heap.handle};
		std::basic_string<char, std::char_traits<char>,
				  heap_allocator<char>> string{heap.handle};

		for (int i = 0; i < 500; i++) {
			map.emplace(i, heap_vector<int>(i, i, heap.handle));
			list.push_back(i);
			string += "text";
		}
		EXPECT(map.at(100).size() == 100);
		EXPECT(map.at(100).back() == 100);
		EXPECT(list.size() == 500 && string.size() == 2000);
		EXPECT(blocks_in(heap.handle) >= 500 + 499 + 500 + 1);
		EXPECT(HeapValidate(heap.handle, 0, string.data()));
	}
	EXPECT(blocks_in(heap.handle) == 0);
}

TEST(shared_pointers_live_in_the_heap)
{
	heap heap;
	heap_allocator<wide> allocator{heap.handle};
	auto p = std::allocate_shared<wide>(allocator);

	EXPECT(blocks_in(heap.handle) == 1);
	EXPECT(aligned(p.get(), alignof(wide)));
	p.reset();
	EXPECT(blocks_in(heap.handle) == 0);
}

TEST(wide_types_are_aligned)
{
	heap heap;
	heap_vector<wide> vector{heap.handle};

	for (int i = 0; i < 100; i++) {
		vector.emplace_back();
		EXPECT(aligned(vector.data(), alignof(wide)));
	}
	EXPECT(blocks_in(heap.handle) == 1);
}

TEST(the_process_heap_is_the_default)
{
	heap_vector<int> vector(100);

	EXPECT(vector.get_allocator().handle() == GetProcessHeap());
	EXPECT(HeapSize(GetProcessHeap(), 0, vector.data()) ==
	       100 * sizeof(int));
}

TEST(allocators_of_one_heap_are_equal)
{
	heap one, other;
	heap_allocator<int> a{one.handle}, b{other.handle};
	heap_allocator<long> c{a};

	EXPECT(a == a && a == c && !(a != c));
	EXPECT(a != b && !(a == b) && c != b);
	heap_allocator<int>{c}.deallocate(a.allocate(5), 5);
	EXPECT(blocks_in(one.handle) == 0);
}

TEST(a_copy_stays_where_it_is_copied_to)
{
	heap one, other;
	heap_vector<int> a(100, 1, one.handle), b(50, 2, other.handle);
	heap_vector<int> copy{a};

	EXPECT(copy.get_allocator().handle() == one.handle);
	b = a;
	EXPECT(b.size() == 100 && b[99] == 1);
	EXPECT(b.get_allocator().handle() == other.handle);
	EXPECT(HeapValidate(other.handle, 0, b.data()));
}

TEST(what_is_moved_or_swapped_takes_its_heap_along)
{
	heap one, other;
	heap_vector<int> a(100, 1, one.handle), b(50, 2, other.handle);
	const int *of_a = a.data(), *of_b = b.data();

	swap(a, b);
	EXPECT(a.data() == of_b && b.data() == of_a);
	EXPECT(a.get_allocator().handle() == other.handle);
	EXPECT(b.get_allocator().handle() == one.handle);
	a = std::move(b);
	EXPECT(a.data() == of_a && a.size() == 100);
	EXPECT(a.get_allocator().handle() == one.handle);
	EXPECT(blocks_in(other.handle) == 0);
}

TEST(allocators_throw_what_the_standard_says)
{
	heap_options options;

	options.maximum = 256 * 1024;
	heap_resource small{options};
	heap_allocator<int> a{small.handle()};
	EXPECT_THROWS(std::bad_array_new_length, (void)a.allocate(-1));
	EXPECT_THROWS(std::bad_alloc, (void)a.allocate(256 * 1024));
	heap_vector<wide> vector{small.handle()};
	EXPECT_THROWS(std::bad_alloc, for (;;) vector.emplace_back());
	EXPECT(HeapValidate(small.handle(), 0, nullptr));
}
