/* SPDX-License-Identifier: MIT */
/*
 * The basic types of Windows programs, and the macros around functions.
 */
#ifndef NTMEM_MINWINDEF_H
#define NTMEM_MINWINDEF_H

#include "winnt.h"

typedef int BOOL, *PBOOL, *LPBOOL;
typedef unsigned char BYTE, *PBYTE, *LPBYTE;
typedef uint16_t WORD, *PWORD, *LPWORD;
typedef uint32_t DWORD, *PDWORD, *LPDWORD;
typedef float FLOAT, *PFLOAT;
typedef int INT, *PINT, *LPINT;
typedef unsigned int UINT, *PUINT;
typedef int32_t *LPLONG;
typedef void *LPVOID;
typedef const void *LPCVOID;
typedef HANDLE *LPHANDLE;
typedef HANDLE HGLOBAL;
typedef HANDLE HLOCAL;

#ifndef FALSE
#define FALSE	0
#endif
#ifndef TRUE
#define TRUE	1
#endif

#define MAX_PATH	260

#define CALLBACK
#define WINAPI
#define WINAPIV
#define APIENTRY	WINAPI
#define APIPRIVATE
#define PASCAL

#ifndef CONST
#define CONST	const
#endif

#define WINBASEAPI	DECLSPEC_IMPORT

#define MAKEWORD(low, high) \
	((WORD)(((BYTE)(low)) | ((WORD)((BYTE)(high))) << 8))
#define MAKELONG(low, high) \
	((LONG)(((WORD)(low)) | ((DWORD)((WORD)(high))) << 16))
#define LOWORD(value)	((WORD)((DWORD_PTR)(value) & 0xffff))
#define HIWORD(value)	((WORD)(((DWORD_PTR)(value) >> 16) & 0xffff))
#define LOBYTE(value)	((BYTE)((DWORD_PTR)(value) & 0xff))
#define HIBYTE(value)	((BYTE)(((DWORD_PTR)(value) >> 8) & 0xff))

#endif
