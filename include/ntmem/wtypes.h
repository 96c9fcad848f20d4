/* SPDX-License-Identifier: MIT */
/*
 * The types of OLE strings.
 */
#ifndef NTMEM_WTYPES_H
#define NTMEM_WTYPES_H

#include "minwindef.h"

typedef WCHAR OLECHAR;
typedef OLECHAR *LPOLESTR;
typedef const OLECHAR *LPCOLESTR;

/*
 * A string with its length: points to the first character. The four bytes
 * before it are the length in bytes, without the terminating zero.
 */
typedef OLECHAR *BSTR;
typedef BSTR *LPBSTR;

#endif
