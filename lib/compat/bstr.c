// SPDX-License-Identifier: MIT
/*
 * SysAllocString and its family: strings that know their length.
 */
#include <stdint.h>
#include <string.h>

#include "ntmem/heapapi.h"
#include "ntmem/oleauto.h"

/* What comes before the characters, on Windows as here. */
struct head {
	uint32_t unused;
	uint32_t length;	/* bytes, without the terminating character */
};

/* So many bytes fit in 32 bits with everything around them. */
#define MAX_LENGTH	(UINT32_MAX - sizeof(struct head) - 2 * sizeof(OLECHAR))

static struct head *head_of(BSTR string)
{
	return (struct head *)string - 1;
}

static SIZE_T block_size(uint64_t length)
{
	return sizeof(struct head) + (length + 1) / 2 * 2 + sizeof(OLECHAR);
}

/* A block for a string of this length, ended, its characters undefined. */
static BSTR make_string(struct head *head, uint64_t length)
{
	BSTR string = (BSTR)(head + 1);

	head->length = length;
	if (length % 2)
		((char *)string)[length] = 0;
	string[(length + 1) / 2] = 0;
	return string;
}

static BSTR new_string(const void *content, uint64_t length)
{
	struct head *head;
	BSTR string;

	if (length > MAX_LENGTH)
		return NULL;
	head = HeapAlloc(GetProcessHeap(), 0, block_size(length));
	if (!head)
		return NULL;
	head->unused = 0;
	string = make_string(head, length);
	if (content)
		memcpy(string, content, length);
	return string;
}

static SIZE_T characters(const OLECHAR *string)
{
	SIZE_T nr = 0;

	while (string[nr])
		nr++;
	return nr;
}

BSTR STDAPICALLTYPE SysAllocString(const OLECHAR *psz)
{
	if (!psz)
		return NULL;
	return new_string(psz, characters(psz) * sizeof(OLECHAR));
}

BSTR STDAPICALLTYPE SysAllocStringLen(const OLECHAR *strIn, UINT ui)
{
	return new_string(strIn, (uint64_t)ui * sizeof(OLECHAR));
}

BSTR STDAPICALLTYPE SysAllocStringByteLen(LPCSTR psz, UINT len)
{
	return new_string(psz, len);
}

/* ------------------------------------------------------------------------ */

/* Puts another string in the place of one. */
static INT replace(BSTR *place, BSTR string)
{
	SysFreeString(*place);
	*place = string;
	return TRUE;
}

/* The content may lie in the string itself, so it moves before the block. */
static INT shrink(BSTR *place, const void *content, uint64_t length)
{
	struct head *head = head_of(*place);

	if (content)
		memmove(*place, content, length);
	make_string(head, length);
	head = HeapReAlloc(GetProcessHeap(), 0, head, block_size(length));
	if (head)
		*place = (BSTR)(head + 1);
	return TRUE;
}

static INT grow(BSTR *place, const void *content, uint64_t length)
{
	struct head *head;
	BSTR string;

	/* It may lie in the string, whose block would be gone. */
	if (content) {
		string = new_string(content, length);
		return string ? replace(place, string) : FALSE;
	}
	if (length > MAX_LENGTH)
		return FALSE;
	head = HeapReAlloc(GetProcessHeap(), 0, head_of(*place),
			   block_size(length));
	if (!head)
		return FALSE;
	*place = make_string(head, length);
	return TRUE;
}

INT STDAPICALLTYPE SysReAllocString(BSTR *pbstr, const OLECHAR *psz)
{
	BSTR string = SysAllocString(psz);

	if (psz && !string)
		return FALSE;
	return replace(pbstr, string);
}

INT STDAPICALLTYPE SysReAllocStringLen(BSTR *pbstr, const OLECHAR *psz,
				       UINT len)
{
	uint64_t length = (uint64_t)len * sizeof(OLECHAR);

	if (!*pbstr) {
		*pbstr = new_string(psz, length);
		return *pbstr != NULL;
	}
	if (length <= head_of(*pbstr)->length)
		return shrink(pbstr, psz, length);
	return grow(pbstr, psz, length);
}

void STDAPICALLTYPE SysFreeString(BSTR bstrString)
{
	if (bstrString)
		HeapFree(GetProcessHeap(), 0, head_of(bstrString));
}

UINT STDAPICALLTYPE SysStringLen(BSTR pbstr)
{
	return SysStringByteLen(pbstr) / sizeof(OLECHAR);
}

UINT STDAPICALLTYPE SysStringByteLen(BSTR bstr)
{
	return bstr ? head_of(bstr)->length : 0;
}

void STDAPICALLTYPE SetOaNoCache(void)
{
	/* SysFreeString keeps nothing. */
}
