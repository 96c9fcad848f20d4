// SPDX-License-Identifier: MIT
/*
 * The size that files may have. See filelimit.h.
 */
#include <sys/resource.h>

#include "engine/filelimit.h"

bool ntmem_file_fits(uint64_t size)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_FSIZE, &limit) || size <= limit.rlim_cur;
}
