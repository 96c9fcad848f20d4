/* SPDX-License-Identifier: MIT */
/*
 * As much of the Check framework as the unit tests use, for Windows. A test is
 * a process; after a failed check it goes on, so that all are reported.
 */
#ifndef WINE_CHECK_H
#define WINE_CHECK_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define CK_ENV	0

typedef struct {
	const char *name;
	void (*run)(int _i);
} TTest;

typedef struct TCase TCase;
typedef struct Suite Suite;
typedef struct SRunner SRunner;

#define START_TEST(test)						\
	static void test##_run(int _i);					\
	static const TTest test[] = { { #test, test##_run } };		\
	static void test##_run(__attribute__((unused)) int _i)
#define END_TEST

TCase *tcase_create(const char *name);
void tcase_add_test(TCase *tcase, const TTest *test);
void tcase_add_loop_test(TCase *tcase, const TTest *test, int start, int end);
void tcase_set_timeout(TCase *tcase, double seconds);
void tcase_set_tags(TCase *tcase, const char *tags);
Suite *suite_create(const char *name);
void suite_add_tcase(Suite *suite, TCase *tcase);
SRunner *srunner_create(Suite *suite);
void srunner_run_all(SRunner *runner, int mode);
int srunner_ntests_failed(SRunner *runner);
void srunner_free(SRunner *runner);

/* What srunner_run_all() starts a process for: one test, by its number. */
void check_run_one(SRunner *runner, int number);

/* One line about what was not as expected. */
__attribute__((format(__MINGW_PRINTF_FORMAT, 3, 4)))
void check_differs(const char *file, int line, const char *format, ...);

#define ck_assert_msg(condition, ...) do {				\
	if (!(condition))						\
		check_differs(__FILE__, __LINE__, __VA_ARGS__);		\
} while (0)

#define ck_assert(condition)	ck_assert_msg(condition, "%s", #condition)

#define CK_COMPARE_(type, format, left, op, right) do {			\
	type left_ = (type)(left);					\
	type right_ = (type)(right);					\
	if (!(left_ op right_))						\
		check_differs(__FILE__, __LINE__,			\
			      "%s %s %s: " format ", " format, #left,	\
			      #op, #right, left_, right_);		\
} while (0)

#define CK_INT_(left, op, right)	\
	CK_COMPARE_(intmax_t, "%jd", left, op, right)
#define CK_UINT_(left, op, right)	\
	CK_COMPARE_(uintmax_t, "%#jx", left, op, right)
#define CK_PTR_(left, op, right)	\
	CK_COMPARE_(const void *, "%p", left, op, right)

#define ck_assert_str_eq(left, right) do {				\
	const char *left_ = (left);					\
	const char *right_ = (right);					\
									\
	ck_assert_msg(!strcmp(left_, right_),				\
		      "%s == %s: \"%s\", \"%s\"", #left, #right,		\
		      left_, right_);					\
} while (0)

#define ck_assert_int_eq(left, right)	CK_INT_(left, ==, right)
#define ck_assert_int_ne(left, right)	CK_INT_(left, !=, right)
#define ck_assert_int_ge(left, right)	CK_INT_(left, >=, right)
#define ck_assert_uint_eq(left, right)	CK_UINT_(left, ==, right)
#define ck_assert_uint_ne(left, right)	CK_UINT_(left, !=, right)
#define ck_assert_uint_ge(left, right)	CK_UINT_(left, >=, right)
#define ck_assert_uint_le(left, right)	CK_UINT_(left, <=, right)
#define ck_assert_uint_lt(left, right)	CK_UINT_(left, <, right)
#define ck_assert_ptr_eq(left, right)	CK_PTR_(left, ==, right)
#define ck_assert_ptr_ne(left, right)	CK_PTR_(left, !=, right)

#endif
