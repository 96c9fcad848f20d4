// SPDX-License-Identifier: MIT
/*
 * operator new and delete, in all forms, and the new_handler. The names are
 * called, so that the compiler does not leave out a pair.
 */
#include <windows.h>

#include <new.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "tap.h"

namespace {

constexpr std::size_t too_much = SIZE_MAX / 4;
constexpr std::align_val_t narrow{8}, wide{4096};

struct form {
	const char *name;
	bool quiet;
	std::size_t align;
	std::function<void *(std::size_t)> get;
	std::function<void(void *, std::size_t)> put;
};

const std::vector<form> &forms()
{
	static const std::vector<form> all = {
		{"new", false, 16,
		 [](std::size_t n) { return operator new(n); },
		 [](void *p, std::size_t) { operator delete(p); }},
		{"new, sized delete", false, 16,
		 [](std::size_t n) { return operator new(n); },
		 [](void *p, std::size_t n) { operator delete(p, n); }},
		{"new, nothrow", true, 16,
		 [](std::size_t n) { return operator new(n, std::nothrow); },
		 [](void *p, std::size_t) {
			 operator delete(p, std::nothrow); }},
		{"new, narrow", false, 8,
		 [](std::size_t n) { return operator new(n, narrow); },
		 [](void *p, std::size_t) { operator delete(p, narrow); }},
		{"new, aligned", false, 4096,
		 [](std::size_t n) { return operator new(n, wide); },
		 [](void *p, std::size_t) { operator delete(p, wide); }},
		{"new, aligned, sized delete", false, 4096,
		 [](std::size_t n) { return operator new(n, wide); },
		 [](void *p, std::size_t n) { operator delete(p, n, wide); }},
		{"new, aligned, nothrow", true, 4096,
		 [](std::size_t n) {
			 return operator new(n, wide, std::nothrow); },
		 [](void *p, std::size_t) {
			 operator delete(p, wide, std::nothrow); }},
		{"new[]", false, 16,
		 [](std::size_t n) { return operator new[](n); },
		 [](void *p, std::size_t) { operator delete[](p); }},
		{"new[], sized delete", false, 16,
		 [](std::size_t n) { return operator new[](n); },
		 [](void *p, std::size_t n) { operator delete[](p, n); }},
		{"new[], nothrow", true, 16,
		 [](std::size_t n) { return operator new[](n, std::nothrow); },
		 [](void *p, std::size_t) {
			 operator delete[](p, std::nothrow); }},
		{"new[], aligned", false, 4096,
		 [](std::size_t n) { return operator new[](n, wide); },
		 [](void *p, std::size_t) { operator delete[](p, wide); }},
		{"new[], aligned, sized delete", false, 4096,
		 [](std::size_t n) { return operator new[](n, wide); },
		 [](void *p, std::size_t n) {
			 operator delete[](p, n, wide); }},
		{"new[], aligned, nothrow", true, 4096,
		 [](std::size_t n) {
			 return operator new[](n, wide, std::nothrow); },
		 [](void *p, std::size_t) {
			 operator delete[](p, wide, std::nothrow); }},
	};

	return all;
}

void expect(bool holds, const form &one, const char *what)
{
	tap::expect(holds, what, one.name, 0);
}

/* Puts back what was there. */
struct handler {
	std::new_handler before;

	explicit handler(std::new_handler wanted)
		: before(std::set_new_handler(wanted))
	{
	}

	~handler()
	{
		std::set_new_handler(before);
	}
};

/* Anything that is thrown; the name of what it was. */
std::string thrown_by(const form &one, std::size_t size)
{
	try {
		void *p = one.get(size);

		return p ? "a block" : "NULL";
	} catch (const std::bad_alloc &) {
		return "bad_alloc";
	} catch (int number) {
		return std::to_string(number);
	}
}

int calls;

void give_up_at_the_third_call()
{
	if (++calls == 3)
		std::set_new_handler(nullptr);
}

void throw_a_number()
{
	throw 42;
}

void throw_bad_alloc()
{
	throw std::bad_alloc();
}

} /* namespace */

TEST(blocks_are_from_our_heap)
{
	for (const form &one : forms()) {
		void *p = one.get(100);
		PROCESS_HEAP_ENTRY entry = {};
		bool found = false;

		while (!found && HeapWalk(GetProcessHeap(), &entry))
			found = entry.lpData <= p &&
				static_cast<char *>(entry.lpData) +
					entry.cbData > p;
		expect(HeapValidate(GetProcessHeap(), 0, p) || found, one,
		       "not in the process heap");
		one.put(p, 100);
	}
}

TEST(blocks_can_be_used)
{
	for (const form &one : forms()) {
		std::vector<void *> kept;

		for (std::size_t size = 0; size < 100000; size = size * 3 + 1) {
			void *p = one.get(size);

			expect(p, one, "no block");
			expect(reinterpret_cast<std::uintptr_t>(p) %
				       one.align == 0, one, "not aligned");
			std::memset(p, 1, size);
			for (void *other : kept)
				expect(p != other, one, "twice");
			kept.push_back(p);
		}
		for (std::size_t size = 0, i = 0; i < kept.size();
		     size = size * 3 + 1)
			one.put(kept[i++], size);
	}
}

TEST(nothing_can_be_deleted)
{
	for (const form &one : forms())
		one.put(nullptr, 0);
}

TEST(each_alignment_can_be_had)
{
	for (std::size_t align = 1; align <= 1 << 20; align *= 2) {
		void *p = operator new(10, std::align_val_t{align});

		EXPECT(reinterpret_cast<std::uintptr_t>(p) % align == 0);
		operator delete(p, std::align_val_t{align});
	}
}

TEST(an_alignment_that_is_none_is_refused)
{
	for (std::size_t align : {0, 3, 48}) {
		std::align_val_t wrong{align};

		EXPECT_THROWS(std::bad_alloc,
			      (void)operator new(10, wrong));
		EXPECT_THROWS(std::bad_alloc,
			      (void)operator new[](10, wrong));
		EXPECT(!operator new(10, wrong, std::nothrow));
		EXPECT(!operator new[](10, wrong, std::nothrow));
	}
}

TEST(without_memory_there_is_bad_alloc_or_null)
{
	handler none{nullptr};

	for (const form &one : forms()) {
		for (std::size_t size : {too_much, SIZE_MAX - 4096, SIZE_MAX})
			expect(thrown_by(one, size) ==
				       (one.quiet ? "NULL" : "bad_alloc"),
			       one, "something else");
	}
}

TEST(the_handler_is_called_as_long_as_there_is_one)
{
	for (const form &one : forms()) {
		handler some{give_up_at_the_third_call};

		calls = 0;
		expect(thrown_by(one, too_much) ==
			       (one.quiet ? "NULL" : "bad_alloc"), one,
		       "something else");
		expect(calls == 3, one, "not three calls");
	}
}

TEST(the_handler_is_not_called_for_nothing)
{
	handler some{throw_a_number};

	for (const form &one : forms())
		one.put(one.get(1000), 1000);
}

TEST(what_the_handler_throws_arrives_or_is_caught)
{
	for (const form &one : forms()) {
		handler some{throw_a_number};

		expect(thrown_by(one, too_much) == (one.quiet ? "NULL" : "42"),
		       one, "something else");
		expect(std::uncaught_exceptions() == 0, one,
		       "an exception is still on its way");
	}
}

TEST(a_handler_may_throw_bad_alloc)
{
	for (const form &one : forms()) {
		handler some{throw_bad_alloc};

		expect(thrown_by(one, too_much) ==
			       (one.quiet ? "NULL" : "bad_alloc"), one,
		       "something else");
	}
}

/* ---------------------------------------------------- Windows' new handler --- */

namespace {

/* Puts back what was there. */
struct windows_handler {
	_PNH before;
	int mode;

	explicit windows_handler(_PNH wanted, int malloc_too = 0)
		: before(_set_new_handler(wanted)),
		  mode(_set_new_mode(malloc_too))
	{
	}

	~windows_handler()
	{
		_set_new_handler(before);
		_set_new_mode(mode);
	}
};

/* Compilers take malloc for one that calls nobody. */
volatile int questions;
volatile std::size_t size_wanted;

int say_no_at_the_third_question(std::size_t size)
{
	size_wanted = size;
	questions = questions + 1;
	return questions < 3;
}

int throw_another_number(std::size_t)
{
	throw 43;
}

/* The compiler need not know that these must fail. */
std::size_t unknown(std::size_t size)
{
	volatile std::size_t it = size;

	return it;
}

/* True when it fails for want of memory, after so many questions. */
template <class Function>
bool fails_after(int wanted, Function function)
{
	void *volatile result;

	questions = 0;
	errno = 0;
	result = function();
	return !result && errno == ENOMEM && questions == wanted;
}

} /* namespace */

TEST(windows_handler_is_asked_until_it_says_no)
{
	windows_handler some{say_no_at_the_third_question};

	for (const form &one : forms()) {
		questions = 0;
		expect(thrown_by(one, too_much) ==
			       (one.quiet ? "NULL" : "bad_alloc"), one,
		       "something else");
		expect(questions == 3, one, "not three questions");
		expect(size_wanted == too_much, one, "another size");
		one.put(one.get(1000), 1000);
		expect(questions == 3, one, "a question for nothing");
	}
}

TEST(then_the_standard_one_is_called)
{
	windows_handler some{say_no_at_the_third_question};

	for (const form &one : forms()) {
		handler other{throw_a_number};

		questions = 0;
		expect(thrown_by(one, too_much) == (one.quiet ? "NULL" : "42"),
		       one, "something else");
		expect(questions == 3, one, "not three questions");
	}
}

TEST(what_windows_handler_throws_arrives_or_is_caught)
{
	windows_handler some{throw_another_number};

	for (const form &one : forms()) {
		expect(thrown_by(one, too_much) == (one.quiet ? "NULL" : "43"),
		       one, "something else");
		expect(std::uncaught_exceptions() == 0, one,
		       "an exception is still on its way");
	}
}

TEST(malloc_asks_it_when_it_is_told_to)
{
	std::size_t much = unknown(too_much);
	void *volatile p = std::malloc(100);

	std::memset(p, 5, 100);
	for (int mode : {0, 1}) {
		windows_handler some{say_no_at_the_third_question, mode};
		int wanted = mode ? 3 : 0;

		EXPECT(fails_after(wanted, [=] { return std::malloc(much); }));
		EXPECT(!mode || size_wanted == much);
		EXPECT(fails_after(wanted,
				   [=] { return std::calloc(much, 1); }));
		EXPECT(fails_after(wanted,
				   [&] { return std::realloc(p, much); }));
		EXPECT(fails_after(wanted, [=] {
			return std::realloc(nullptr, much); }));
	}
	for (int i = 0; i < 100; i++)
		EXPECT(static_cast<char *>(p)[i] == 5);
	std::free(p);
}

TEST(malloc_does_not_ask_for_what_cannot_be)
{
	windows_handler some{say_no_at_the_third_question, 1};

	EXPECT(fails_after(0, [] { return std::malloc(unknown(SIZE_MAX)); }));
	EXPECT(fails_after(0, [] {
		return std::calloc(unknown(SIZE_MAX / 2), 3); }));
	EXPECT(fails_after(0, [] {
		return std::aligned_alloc(64, unknown(too_much)); }));
}

TEST(expressions_work_in_threads)
{
	struct alignas(128) large { char bytes[1000]; };
	std::vector<std::thread> threads;

	for (int n = 0; n < 4; n++)
		threads.emplace_back([] {
			std::vector<large *> kept;

			for (int i = 0; i < 500; i++) {
				kept.push_back(new large);
				delete[] new large[1 + i % 3];
			}
			for (large *one : kept)
				delete one;
		});
	for (auto &thread : threads)
		thread.join();
}
