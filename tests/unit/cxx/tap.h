/* SPDX-License-Identifier: MIT */
/*
 * Tests in C++: a list of functions, run in order, that print TAP. A test fails
 * by an exception; EXPECT throws one that says where.
 */
#ifndef TAP_H
#define TAP_H

#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

namespace tap {

struct test {
	const char *name;
	void (*function)();
};

inline std::vector<test> &tests()
{
	static std::vector<test> all;

	return all;
}

struct entry {
	entry(const char *name, void (*function)())
	{
		tests().push_back({name, function});
	}
};

inline void expect(bool holds, const char *what, const char *file, int line)
{
	if (!holds)
		throw std::runtime_error(std::string(file) + ":" +
					 std::to_string(line) + ": " + what);
}

inline bool passes(const test &one)
{
	try {
		one.function();
		return true;
	} catch (const std::exception &error) {
		std::printf("# %s\n", error.what());
	} catch (...) {
		std::printf("# an exception of another kind\n");
	}
	return false;
}

inline int run()
{
	int number = 0, failed = 0;

	std::printf("1..%zu\n", tests().size());
	for (const test &one : tests()) {
		bool ok = passes(one);

		failed += !ok;
		std::printf("%s %d %s\n", ok ? "ok" : "not ok", ++number,
			    one.name);
		std::fflush(stdout);
	}
	return failed ? 1 : 0;
}

} /* namespace tap */

#define TEST(name)						\
	static void name();					\
	static const tap::entry entry_##name(#name, name);	\
	static void name()

#define EXPECT(condition) \
	tap::expect(condition, #condition, __FILE__, __LINE__)

/* The type must be just that one. */
#define EXPECT_THROWS(type, ...) do {				\
	bool thrown_ = false;					\
	try {							\
		__VA_ARGS__;					\
	} catch (const type &) {				\
		thrown_ = true;					\
	}							\
	tap::expect(thrown_, "throws " #type ": " #__VA_ARGS__,	\
		    __FILE__, __LINE__);			\
} while (0)

#endif
