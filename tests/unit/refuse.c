// SPDX-License-Identifier: MIT
/*
 * A Linux that refuses a system call. See refuse.h.
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>

#include "refuse.h"
#include "unit.h"

#define LOAD(offset)	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset)
#define RETURN(value)	BPF_STMT(BPF_RET | BPF_K, value)
#define UNLESS(value, skip)						\
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, skip)

static bool install(struct sock_filter *filter, unsigned short length)
{
	const struct sock_fprog program = { length, filter };

	return !under_valgrind() &&
	       !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
	       !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

bool refuse(long call, int error)
{
	struct sock_filter filter[] = {
		LOAD(offsetof(struct seccomp_data, nr)),
		UNLESS((uint32_t)call, 1),
		RETURN(SECCOMP_RET_ERRNO | (uint32_t)error),
		RETURN(SECCOMP_RET_ALLOW),
	};

	return install(filter, sizeof(filter) / sizeof(filter[0]));
}

/* The lower half of the argument, which is all that an int has. */
bool refuse_if(long call, unsigned int arg, uint32_t value, int error)
{
	struct sock_filter filter[] = {
		LOAD(offsetof(struct seccomp_data, nr)),
		UNLESS((uint32_t)call, 3),
		LOAD(offsetof(struct seccomp_data, args) +
		     arg * sizeof(uint64_t)),
		UNLESS(value, 1),
		RETURN(SECCOMP_RET_ERRNO | (uint32_t)error),
		RETURN(SECCOMP_RET_ALLOW),
	};

	return install(filter, sizeof(filter) / sizeof(filter[0]));
}
