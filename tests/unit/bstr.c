// SPDX-License-Identifier: MIT
/*
 * SysAllocString and its family.
 */
#include <string.h>

#include "heap.h"

/* Both compilers take these for arrays of OLECHAR. */
#define TEXT16	u"Testing"
#define LENGTH	7

/* The length, in bytes, that lies below the characters. */
static uint32_t length_before(BSTR string)
{
	return ((uint32_t *)string)[-1];
}

static void check_string(BSTR string, const OLECHAR *characters, UINT length)
{
	ck_assert_ptr_ne(string, NULL);
	ck_assert_uint_eq((uintptr_t)string % 8, 0);
	ck_assert_uint_eq(SysStringLen(string), length);
	ck_assert_uint_eq(SysStringByteLen(string), 2 * length);
	ck_assert_uint_eq(length_before(string), 2 * length);
	ck_assert_uint_eq(string[length], 0);
	if (characters)
		ck_assert_int_eq(memcmp(string, characters, 2 * length), 0);
}

START_TEST(a_string_knows_its_length)
{
	BSTR string = SysAllocString(TEXT16);

	check_string(string, TEXT16, LENGTH);
	SysFreeString(string);
	string = SysAllocString(u"");
	check_string(string, u"", 0);
	SysFreeString(string);
}
END_TEST

START_TEST(no_string_is_an_empty_one)
{
	ck_assert_ptr_eq(SysAllocString(NULL), NULL);
	ck_assert_uint_eq(SysStringLen(NULL), 0);
	ck_assert_uint_eq(SysStringByteLen(NULL), 0);
	SysFreeString(NULL);
}
END_TEST

START_TEST(a_length_counts_and_not_a_zero)
{
	static const OLECHAR inside[] = u"ab\0cd";
	BSTR string = SysAllocStringLen(inside, 5);

	check_string(string, inside, 5);
	SysFreeString(string);
	string = SysAllocStringLen(TEXT16, 3);
	check_string(string, TEXT16, 3);
	SysFreeString(string);
	string = SysAllocStringLen(TEXT16, 0);
	check_string(string, NULL, 0);
	SysFreeString(string);
}
END_TEST

START_TEST(characters_may_come_later)
{
	BSTR string;
	UINT length;

	for (length = 0; length < 70000; length += 1 + length / 3) {
		string = SysAllocStringLen(NULL, length);
		check_string(string, NULL, length);
		fill(string, 0, 2 * length, 1);
		check_string(string, NULL, length);
		SysFreeString(string);
	}
}
END_TEST

START_TEST(bytes_are_taken_as_they_are)
{
	static const char bytes[] = "sieben!";
	BSTR string;
	UINT length;

	for (length = 0; length < sizeof(bytes); length++) {
		string = SysAllocStringByteLen(bytes, length);
		ck_assert_ptr_ne(string, NULL);
		ck_assert_uint_eq(SysStringByteLen(string), length);
		ck_assert_uint_eq(SysStringLen(string), length / 2);
		ck_assert_uint_eq(length_before(string), length);
		ck_assert_int_eq(memcmp(string, bytes, length), 0);
		ck_assert_uint_eq(string[(length + 1) / 2], 0);
		SysFreeString(string);
	}
	string = SysAllocStringByteLen(NULL, 100);
	ck_assert_uint_eq(SysStringByteLen(string), 100);
	ck_assert_uint_eq(string[50], 0);
	SysFreeString(string);
}
END_TEST

START_TEST(a_string_of_4_gib_is_too_long)
{
	ck_assert_ptr_eq(SysAllocStringByteLen(NULL, 0xffffffff), NULL);
	ck_assert_ptr_eq(SysAllocStringLen(NULL, 0x80000000), NULL);
	ck_assert_ptr_eq(SysAllocStringLen(NULL, 0xffffffff), NULL);
}
END_TEST

/* ---------------------------------------------------------- replacement --- */

START_TEST(a_string_is_put_in_the_place_of_another)
{
	BSTR string = NULL;

	ck_assert_int_eq(SysReAllocString(&string, TEXT16), TRUE);
	check_string(string, TEXT16, LENGTH);
	ck_assert_int_eq(SysReAllocString(&string, u"abc"), TRUE);
	check_string(string, u"abc", 3);
	ck_assert_int_eq(SysReAllocString(&string, u"somewhat longer"), TRUE);
	check_string(string, u"somewhat longer", 15);
	ck_assert_int_eq(SysReAllocString(&string, u""), TRUE);
	check_string(string, u"", 0);
	SysFreeString(string);
}
END_TEST

START_TEST(and_one_of_a_given_length)
{
	BSTR string = NULL;

	ck_assert_int_eq(SysReAllocStringLen(&string, TEXT16, LENGTH), TRUE);
	check_string(string, TEXT16, LENGTH);
	ck_assert_int_eq(SysReAllocStringLen(&string, TEXT16, 4), TRUE);
	check_string(string, TEXT16, 4);
	ck_assert_int_eq(SysReAllocStringLen(&string, u"another\0one", 11),
			 TRUE);
	check_string(string, u"another\0one", 11);
	ck_assert_int_eq(SysReAllocStringLen(&string, u"", 0), TRUE);
	check_string(string, NULL, 0);
	SysFreeString(string);
	string = NULL;
	ck_assert_int_eq(SysReAllocStringLen(&string, NULL, 9), TRUE);
	check_string(string, NULL, 9);
	SysFreeString(string);
}
END_TEST

START_TEST(without_characters_the_old_ones_stay)
{
	static const UINT lengths[] = { 7, 4, 100, 5000, 5001, 300, 4 };
	BSTR string = SysAllocString(TEXT16);
	unsigned int i;

	for (i = 0; i < COUNT(lengths); i++) {
		ck_assert_int_eq(SysReAllocStringLen(&string, NULL,
						     lengths[i]), TRUE);
		check_string(string, NULL, lengths[i]);
		ck_assert_int_eq(memcmp(string, TEXT16, 8), 0);
	}
	SysFreeString(string);
}
END_TEST

START_TEST(a_string_may_replace_itself)
{
	BSTR string = SysAllocString(TEXT16);

	ck_assert_int_eq(SysReAllocString(&string, string), TRUE);
	check_string(string, TEXT16, LENGTH);
	ck_assert_int_eq(SysReAllocStringLen(&string, string, LENGTH), TRUE);
	check_string(string, TEXT16, LENGTH);
	ck_assert_int_eq(SysReAllocStringLen(&string, string, 3), TRUE);
	check_string(string, TEXT16, 3);
	SysFreeString(string);
}
END_TEST

START_TEST(a_part_of_a_string_may_replace_it)
{
	BSTR string = SysAllocString(u"0123456789");

	ck_assert_int_eq(SysReAllocStringLen(&string, string + 6, 4), TRUE);
	check_string(string, u"6789", 4);
	SysFreeString(string);
	string = SysAllocString(u"0123456789");
	ck_assert_int_eq(SysReAllocString(&string, string + 3), TRUE);
	check_string(string, u"3456789", 7);
	SysFreeString(string);
}
END_TEST

START_TEST(a_failure_leaves_the_string_as_it_was)
{
	BSTR string = SysAllocString(TEXT16);

	ck_assert_int_eq(SysReAllocStringLen(&string, NULL, 0xfffffff0),
			 FALSE);
	check_string(string, TEXT16, LENGTH);
	SysFreeString(string);
}
END_TEST

/* Windows frees it at once only then; here it always was so. */
START_TEST(without_a_cache_a_freed_string_is_gone)
{
	BSTR string;
	void *block;

	SetOaNoCache();
	string = SysAllocStringLen(NULL, 20000);
	block = (char *)string - 8;
	assert_ok(HeapValidate(GetProcessHeap(), 0, block));
	SysFreeString(string);
	ck_assert(!HeapValidate(GetProcessHeap(), 0, block));
	string = SysAllocString(TEXT16);
	check_string(string, TEXT16, LENGTH);
	SysFreeString(string);
	SetOaNoCache();
}
END_TEST

TCase *bstr_tests(void)
{
	TCase *tests = tcase_create("BSTR");

	tcase_add_test(tests, a_string_knows_its_length);
	tcase_add_test(tests, no_string_is_an_empty_one);
	tcase_add_test(tests, a_length_counts_and_not_a_zero);
	tcase_add_test(tests, characters_may_come_later);
	tcase_add_test(tests, bytes_are_taken_as_they_are);
	tcase_add_test(tests, a_string_of_4_gib_is_too_long);
	tcase_add_test(tests, a_string_is_put_in_the_place_of_another);
	tcase_add_test(tests, and_one_of_a_given_length);
	tcase_add_test(tests, without_characters_the_old_ones_stay);
	tcase_add_test(tests, a_string_may_replace_itself);
	tcase_add_test(tests, a_part_of_a_string_may_replace_it);
	tcase_add_test(tests, a_failure_leaves_the_string_as_it_was);
	tcase_add_test(tests, without_a_cache_a_freed_string_is_gone);
	return tests;
}
