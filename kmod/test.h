/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Points where a test can stop a task: one in the window of each race that is
 * closed by thought. They exist only in builds with NTMEM_TEST; elsewhere they
 * are nothing. doc/races.md lists them, with what closes each window.
 */
#ifndef NTMEM_TEST_POINTS_H
#define NTMEM_TEST_POINTS_H

#include <linux/types.h>

#ifdef NTMEM_TEST

void ntmem_stop_task(const char *name, bool spin);
int ntmem_test_init(void);
void ntmem_test_exit(void);

#else

static inline void ntmem_stop_task(const char *name, bool spin)
{
}

static inline int ntmem_test_init(void)
{
	return 0;
}

static inline void ntmem_test_exit(void)
{
}

#endif

/* Where a task may sleep. */
static inline void ntmem_stop_point(const char *name)
{
	ntmem_stop_task(name, false);
}

/* Where it may not. */
static inline void ntmem_spin_point(const char *name)
{
	ntmem_stop_task(name, true);
}

#endif
