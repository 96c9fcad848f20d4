/* SPDX-License-Identifier: MIT */
/*
 * Strings that know their length.
 *
 * A character has 16 bits (see WCHAR in winnt.h). A BSTR is always followed by
 * a zero character that does not count, and may have others inside; NULL is an
 * empty one. It lies in a block of the process heap.
 *
 * Windows keeps some freed strings for the next allocations, since its heap is
 * behind a lock. Here each thread has free blocks of its own in the heap, so a
 * string costs no more than a block, and is freed at once. What a program
 * does with a freed string, free it again for example, may pass unnoticed with
 * Windows' cache; here it is the error that it is with HeapFree.
 *
 * The functions may be called from any thread.
 */
#ifndef NTMEM_OLEAUTO_H
#define NTMEM_OLEAUTO_H

#include "wtypes.h"

#ifdef __cplusplus
extern "C" {
#endif

#define WINOLEAUTAPI_(type)	DECLSPEC_IMPORT type STDAPICALLTYPE

/*
 * SysAllocString - a new string
 * @psz: the characters, ended by a zero; NULL gives NULL
 *
 * Returns NULL when there is no memory. Microsoft's page: "SysAllocString
 * function (oleauto.h)".
 */
WINOLEAUTAPI_(BSTR) SysAllocString(const OLECHAR *psz);

/*
 * SysAllocStringLen - a new string of a given length
 * @strIn: the characters; NULL leaves them undefined
 * @ui: how many
 *
 * Returns NULL when there is no memory, or they are 4 GiB or more. Microsoft's
 * page: "SysAllocStringLen function (oleauto.h)".
 */
WINOLEAUTAPI_(BSTR) SysAllocStringLen(const OLECHAR *strIn, UINT ui);

/*
 * SysAllocStringByteLen - a new string of bytes
 * @psz: the bytes, taken as they are; NULL leaves them undefined
 * @len: how many; the zero character behind an odd number of them is at the
 *	next even offset
 *
 * Returns NULL when there is no memory. Microsoft's page:
 * "SysAllocStringByteLen function (oleauto.h)".
 */
WINOLEAUTAPI_(BSTR) SysAllocStringByteLen(LPCSTR psz, UINT len);

/*
 * SysReAllocString - put a new string in the place of another
 * @pbstr: the string, which is freed; replaced on success
 * @psz: the characters, ended by a zero, perhaps those of the old string; NULL
 *	gives NULL
 *
 * FALSE when there is no memory, and the string is as it was. Microsoft's
 * page: "SysReAllocString function (oleauto.h)".
 */
WINOLEAUTAPI_(INT) SysReAllocString(BSTR *pbstr, const OLECHAR *psz);

/*
 * SysReAllocStringLen - put a string of a given length in the place of another
 * @pbstr: the string; replaced on success
 * @psz: the characters, perhaps of the old string; NULL keeps those there are
 * @len: how many
 *
 * FALSE when there is no memory, and the string is as it was. Microsoft's
 * page: "SysReAllocStringLen function (oleauto.h)".
 */
WINOLEAUTAPI_(INT) SysReAllocStringLen(BSTR *pbstr, const OLECHAR *psz,
				       UINT len);

/*
 * SysFreeString - free a string
 * @bstrString: the string, or NULL
 *
 * Microsoft's page: "SysFreeString function (oleauto.h)".
 */
WINOLEAUTAPI_(void) SysFreeString(BSTR bstrString);

/*
 * SysStringLen - the characters of a string
 * @pbstr: the string; 0 for NULL
 *
 * Microsoft's page: "SysStringLen function (oleauto.h)".
 */
WINOLEAUTAPI_(UINT) SysStringLen(BSTR pbstr);

/*
 * SysStringByteLen - the bytes of a string
 * @bstr: the string; 0 for NULL
 *
 * Microsoft's page: "SysStringByteLen function (oleauto.h)".
 */
WINOLEAUTAPI_(UINT) SysStringByteLen(BSTR bstr);

/*
 * SetOaNoCache - have strings freed at once
 *
 * Does nothing: they are. The environment variable OANOCACHE, which asks Windows
 * for the same, means nothing for that reason. Microsoft's page: "SetOaNoCache
 * function (oleauto.h)".
 */
WINOLEAUTAPI_(void) SetOaNoCache(void);

#ifdef __cplusplus
}
#endif

#endif
