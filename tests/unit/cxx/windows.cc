// SPDX-License-Identifier: MIT
/*
 * The headers from C++: a source file that uses every function and type of
 * <windows.h>, beside the standard library's. It links and returns 0.
 */
#include <windows.h>

#include <algorithm>
#include <cstddef>
#include <limits>
#include <type_traits>

static_assert(sizeof(DWORD) == 4 && sizeof(LONG) == 4 && sizeof(ULONG) == 4,
	      "LLP64 sizes");
static_assert(std::is_same<SIZE_T, std::size_t>::value, "one size type");

namespace {

LONG CALLBACK commit_on_demand(EXCEPTION_POINTERS *pointers)
{
	const EXCEPTION_RECORD *record = pointers->ExceptionRecord;

	if (record->ExceptionCode != EXCEPTION_ACCESS_VIOLATION ||
	    !VirtualAlloc(reinterpret_cast<void *>(
				record->ExceptionInformation[1]), 1,
			  MEM_COMMIT, PAGE_READWRITE))
		return EXCEPTION_CONTINUE_SEARCH;
	return EXCEPTION_CONTINUE_EXECUTION;
}

bool use_memory()
{
	MEMORY_BASIC_INFORMATION info;
	WIN32_MEMORY_RANGE_ENTRY entry;
	SYSTEM_INFO system;
	DWORD old;

	GetSystemInfo(&system);
	auto *p = static_cast<char *>(
		VirtualAlloc(nullptr, system.dwAllocationGranularity,
			     MEM_RESERVE, PAGE_READWRITE));
	if (!p)
		return false;
	*const_cast<volatile char *>(p) = 1;
	entry.VirtualAddress = p;
	entry.NumberOfBytes = 1;
	bool ok = VirtualQuery(p, &info, sizeof(info)) == sizeof(info) &&
		info.RegionSize == system.dwPageSize &&
		VirtualLock(p, 1) && VirtualUnlock(p, 1) &&
		PrefetchVirtualMemory(GetCurrentProcess(), 1, &entry, 0) &&
		DiscardVirtualMemory(p, system.dwPageSize) == ERROR_SUCCESS &&
		VirtualProtect(p, 1, PAGE_READONLY, &old) &&
		old == PAGE_READWRITE;
	return VirtualFree(p, 0, MEM_RELEASE) && ok;
}

bool use_heap()
{
	PROCESS_HEAP_ENTRY entry = {};
	ULONG kind = 0;
	HANDLE heap = HeapCreate(0, 0, 0);
	auto *p = static_cast<char *>(HeapAlloc(heap, HEAP_ZERO_MEMORY, 10));

	p = static_cast<char *>(HeapReAlloc(heap, 0, p, 20));
	bool ok = p && HeapSize(heap, 0, p) == 20 && HeapLock(heap) &&
		HeapWalk(heap, &entry) && HeapUnlock(heap) &&
		HeapValidate(heap, 0, p) &&
		HeapQueryInformation(heap, HeapCompatibilityInformation, &kind,
				     sizeof(kind), nullptr) &&
		HeapSetInformation(nullptr, HeapEnableTerminationOnCorruption,
				   nullptr, 0) &&
		GetProcessHeaps(0, nullptr) >= 2 && GetProcessHeap() != heap;
	HeapCompact(heap, 0);
	return HeapFree(heap, 0, p) && HeapDestroy(heap) && ok;
}

bool use_global()
{
	HGLOBAL object = GlobalAlloc(GHND, 10);
	HLOCAL other = LocalAlloc(LPTR, 10);
	bool ok = GlobalHandle(GlobalLock(object)) == object &&
		GlobalFlags(object) == 1 && !GlobalUnlock(object) &&
		GlobalReAlloc(object, 20, GMEM_MOVEABLE) == object &&
		GlobalSize(object) == 20 && GlobalDiscard(object) == object &&
		LocalHandle(LocalLock(other)) == other &&
		!LocalFlags(other) && !LocalUnlock(other) &&
		LocalReAlloc(other, 5, LMEM_MODIFY) == other &&
		LocalSize(other) == 10;

	GlobalFix(object);
	GlobalUnfix(object);
	GlobalUnWire(GlobalWire(object));
	GlobalCompact(0);
	LocalCompact(0);
	LocalShrink(other, 0);
	return !GlobalFree(object) && !LocalFree(other) && ok;
}

bool use_strings()
{
	static const OLECHAR characters[] = { 'a', 'b', 0 };
	BSTR string = SysAllocString(characters);
	BSTR bytes = SysAllocStringByteLen("abc", 3);
	bool ok = SysReAllocString(&string, characters) &&
		SysReAllocStringLen(&string, nullptr, 1) &&
		SysStringLen(string) == 1 && SysStringByteLen(bytes) == 3;
	void *task = CoTaskMemRealloc(CoTaskMemAlloc(1), 2);

	CoTaskMemFree(task);
#ifdef __linux__	/* mingw does not declare it */
	SetOaNoCache();
#endif
	SysFreeString(bytes);
	SysFreeString(string);
	string = SysAllocStringLen(characters, 2);
	SysFreeString(string);
	return ok && task;
}

} /* namespace */

int main()
{
	MEMORYSTATUSEX status = {};
	MEMORYSTATUS old_status;
	SYSTEM_INFO native;

	status.dwLength = sizeof(status);
	GlobalMemoryStatus(&old_status);
	GetNativeSystemInfo(&native);
	SetLastError(std::max<DWORD>(GetLastError(), GetLargePageMinimum()));
	PVOID handler = AddVectoredExceptionHandler(TRUE, commit_on_demand);
	bool ok = GlobalMemoryStatusEx(&status) && use_heap() && use_global() &&
		use_strings() && use_memory();
	return RemoveVectoredExceptionHandler(handler) && ok ? 0 : 1;
}
