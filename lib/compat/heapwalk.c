// SPDX-License-Identifier: MIT
/*
 * _heapchk and its family: the process heap as a whole.
 */
#include "compat/crt.h"
#include "ntmem/errhandlingapi.h"
#include "ntmem/winerror.h"

int _heapchk(void)
{
	return HeapValidate(GetProcessHeap(), 0, NULL) ? _HEAPOK : _HEAPBADNODE;
}

int _heapmin(void)
{
	HeapCompact(GetProcessHeap(), 0);
	return 0;
}

intptr_t _get_heap_handle(void)
{
	return (intptr_t)GetProcessHeap();
}

/* ------------------------------------------------------------------------ */

/*
 * Where the thread's last walk is. HeapWalk goes on from a whole entry, of
 * which _HEAPINFO has but a part.
 */
static __thread PROCESS_HEAP_ENTRY
	last_entry __attribute__((tls_model("initial-exec")));

/* On to the next block, free or not. _HEAPOK or how the walk ended. */
static int next_block(void)
{
	do {
		if (HeapWalk(GetProcessHeap(), &last_entry))
			continue;
		last_entry.lpData = NULL;
		return GetLastError() == ERROR_NO_MORE_ITEMS ? _HEAPEND :
							       _HEAPBADNODE;
	} while (last_entry.wFlags & (PROCESS_HEAP_REGION |
				      PROCESS_HEAP_UNCOMMITTED_RANGE));
	return _HEAPOK;
}

/* Walks from the beginning to the entry with this address. */
static int find_block(const void *address)
{
	int result;

	last_entry.lpData = NULL;
	do {
		result = next_block();
	} while (result == _HEAPOK && last_entry.lpData != address);
	return result == _HEAPEND ? _HEAPBADPTR : result;
}

int _heapwalk(_HEAPINFO *entry)
{
	DWORD saved_error = GetLastError();
	int result = _HEAPOK;

	if (!entry) {
		errno = EINVAL;
		return _HEAPBADPTR;
	}
	if (!entry->_pentry)
		last_entry.lpData = NULL;
	else if (entry->_pentry != last_entry.lpData)
		result = find_block(entry->_pentry);
	if (result == _HEAPOK)
		result = next_block();
	SetLastError(saved_error);
	if (result != _HEAPOK)
		return result;
	entry->_pentry = last_entry.lpData;
	entry->_size = last_entry.cbData;
	entry->_useflag = last_entry.wFlags & PROCESS_HEAP_ENTRY_BUSY ?
			  _USEDENTRY : _FREEENTRY;
	return _HEAPOK;
}
