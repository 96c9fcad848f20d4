// SPDX-License-Identifier: MIT
/*
 * The machine as Windows programs see it: GetSystemInfo and what goes with it.
 */
#include <cpuid.h>
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "virtual/virtual.h"

/* The family, and model and stepping in two bytes, as cpuid has them. */
static void processor_version(LPSYSTEM_INFO info)
{
	unsigned int eax, ebx, ecx, edx, family, model;

	if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx))
		return;
	family = (eax >> 8) & 0xf;
	model = (eax >> 4) & 0xf;
	if (family == 6 || family == 15)
		model |= (eax >> 12) & 0xf0;
	if (family == 15)
		family += (eax >> 20) & 0xff;
	info->wProcessorLevel = family;
	info->wProcessorRevision = model << 8 | (eax & 0xf);
}

/* The processors that this process may run on. */
static void processors(LPSYSTEM_INFO info)
{
	cpu_set_t set;
	int cpu;

	CPU_ZERO(&set);
	if (sched_getaffinity(0, sizeof(set), &set)) {
		info->dwNumberOfProcessors = 1;
		info->dwActiveProcessorMask = 1;
		return;
	}
	info->dwNumberOfProcessors = CPU_COUNT(&set);
	for (cpu = 0; cpu < 64; cpu++)
		if (CPU_ISSET(cpu, &set))
			info->dwActiveProcessorMask |= (DWORD_PTR)1 << cpu;
}

VOID WINAPI GetSystemInfo(LPSYSTEM_INFO lpSystemInfo)
{
	const struct ntmem_engine *engine = ntmem_engine();
	struct ntmem_info info;
	int saved_errno = errno;

	memset(lpSystemInfo, 0, sizeof(*lpSystemInfo));
	lpSystemInfo->wProcessorArchitecture = PROCESSOR_ARCHITECTURE_AMD64;
	lpSystemInfo->dwProcessorType = PROCESSOR_AMD_X8664;
	lpSystemInfo->dwPageSize = VIRTUAL_PAGE;
	lpSystemInfo->dwAllocationGranularity = 64 * 1024;
	lpSystemInfo->lpMinimumApplicationAddress = (LPVOID)VIRTUAL_LOWEST;
	lpSystemInfo->lpMaximumApplicationAddress = (LPVOID)VIRTUAL_HIGHEST;
	if (engine && !engine->info(&info))
		lpSystemInfo->dwAllocationGranularity = info.granularity;
	processors(lpSystemInfo);
	processor_version(lpSystemInfo);
	errno = saved_errno;
}

VOID WINAPI GetNativeSystemInfo(LPSYSTEM_INFO lpSystemInfo)
{
	GetSystemInfo(lpSystemInfo);
}

SIZE_T WINAPI GetLargePageMinimum(VOID)
{
	static const char path[] = "/sys/kernel/mm/hugepages/hugepages-2048kB";
	int saved_errno = errno;
	bool has = !access(path, F_OK);

	errno = saved_errno;
	return has ? LARGE_PAGE_BYTES : 0;
}
