/* SPDX-License-Identifier: MIT */
/*
 * One Win32 heap for the containers of C++17: a memory resource for std::pmr,
 * and an allocator for all others.
 *
 *	ntmem::heap_resource scratch{ntmem::heap_options{}};
 *	std::pmr::vector<int> numbers{&scratch};
 *
 *	HANDLE heap = HeapCreate(0, 0, 0);
 *	std::vector<int, ntmem::heap_allocator<int>> others{heap};
 *
 * Both throw std::bad_alloc when the heap has no more memory, and align as they
 * are asked to, beyond what HeapAlloc does. Blocks come from HeapAlloc, so what
 * a heap holds shows in HeapWalk. Threads may share them as they may the heap.
 */
#ifndef NTMEM_HEAP_RESOURCE_HPP
#define NTMEM_HEAP_RESOURCE_HPP

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory_resource>
#include <new>
#include <type_traits>

#include "heapapi.h"

namespace ntmem {

namespace detail {

/* What HeapAlloc aligns to. */
constexpr std::size_t heap_alignment = 16;

/*
 * A block that needs more begins further on in one of HeapAlloc's, whose
 * address stands before it: there are at least 16 bytes.
 */
inline void *heap_allocate_aligned(HANDLE heap, std::size_t bytes,
				   std::size_t align)
{
	if (bytes > std::numeric_limits<std::size_t>::max() - align)
		return nullptr;
	void *raw = HeapAlloc(heap, 0, bytes + align);
	if (!raw)
		return nullptr;
	auto address = reinterpret_cast<std::uintptr_t>(raw);
	std::size_t ahead = align - address % align;
	void *block = static_cast<char *>(raw) + ahead;
	static_cast<void **>(block)[-1] = raw;
	return block;
}

inline void *heap_allocate(HANDLE heap, std::size_t bytes, std::size_t align)
{
	void *block = align <= heap_alignment ?
			      HeapAlloc(heap, 0, bytes) :
			      heap_allocate_aligned(heap, bytes, align);

	if (!block)
		throw std::bad_alloc();
	return block;
}

inline void heap_deallocate(HANDLE heap, void *block, std::size_t align)
{
	if (align > heap_alignment && block)
		block = static_cast<void **>(block)[-1];
	HeapFree(heap, 0, block);
}

} /* namespace detail */

/* For HeapCreate. */
struct heap_options {
	DWORD flags = 0;	/* HEAP_NO_SERIALIZE ... */
	SIZE_T initial = 0;	/* bytes to commit at once */
	SIZE_T maximum = 0;	/* bytes; 0: it grows */
};

/*
 * A memory resource over a heap: one that it makes and destroys, with all that
 * was allocated, or one of the caller's, that must live longer. Two resources
 * over the same heap are equal.
 */
class heap_resource : public std::pmr::memory_resource {
public:
	/* Throws std::bad_alloc when there can be no such heap. */
	explicit heap_resource(const heap_options &options)
		: heap(HeapCreate(options.flags, options.initial,
				  options.maximum)),
		  owned(true)
	{
		if (!heap)
			throw std::bad_alloc();
	}

	explicit heap_resource(HANDLE borrowed) noexcept
		: heap(borrowed), owned(false)
	{
	}

	heap_resource(const heap_resource &) = delete;
	heap_resource &operator=(const heap_resource &) = delete;

	~heap_resource() override
	{
		if (owned)
			HeapDestroy(heap);
	}

	HANDLE handle() const noexcept
	{
		return heap;
	}

protected:
	void *do_allocate(std::size_t bytes, std::size_t align) override
	{
		return detail::heap_allocate(heap, bytes, align);
	}

	void do_deallocate(void *block, std::size_t, std::size_t align) override
	{
		detail::heap_deallocate(heap, block, align);
	}

	bool do_is_equal(const std::pmr::memory_resource &other)
		const noexcept override
	{
		if (this == &other)
			return true;
#ifdef __cpp_rtti
		auto *that = dynamic_cast<const heap_resource *>(&other);

		return that && that->heap == heap;
#else
		return false;
#endif
	}

private:
	HANDLE heap;
	bool owned;
};

/*
 * An allocator over a heap, which must live longer: the process heap unless
 * another is given. Those of the same heap are equal.
 *
 * What is copied to an existing container stays in that container's heap. What
 * is moved or swapped takes its heap along, so that this never copies.
 */
template <class T>
class heap_allocator {
public:
	using value_type = T;
	using size_type = std::size_t;
	using difference_type = std::ptrdiff_t;
	using propagate_on_container_copy_assignment = std::false_type;
	using propagate_on_container_move_assignment = std::true_type;
	using propagate_on_container_swap = std::true_type;
	using is_always_equal = std::false_type;

	heap_allocator() noexcept : heap(GetProcessHeap())
	{
	}

	/* Not explicit: so that a container is made with a handle. */
	heap_allocator(HANDLE of) noexcept : heap(of)
	{
	}

	template <class U>
	heap_allocator(const heap_allocator<U> &other) noexcept
		: heap(other.handle())
	{
	}

	[[nodiscard]] T *allocate(std::size_t count)
	{
		if (count > std::numeric_limits<std::size_t>::max() / sizeof(T))
			throw std::bad_array_new_length();
		return static_cast<T *>(detail::heap_allocate(
			heap, count * sizeof(T), alignof(T)));
	}

	void deallocate(T *block, std::size_t) noexcept
	{
		detail::heap_deallocate(heap, block, alignof(T));
	}

	HANDLE handle() const noexcept
	{
		return heap;
	}

private:
	HANDLE heap;
};

template <class T, class U>
bool operator==(const heap_allocator<T> &a, const heap_allocator<U> &b) noexcept
{
	return a.handle() == b.handle();
}

template <class T, class U>
bool operator!=(const heap_allocator<T> &a, const heap_allocator<U> &b) noexcept
{
	return !(a == b);
}

} /* namespace ntmem */

#endif
