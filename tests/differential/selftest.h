/* SPDX-License-Identifier: MIT */
/* The model against known cases of Windows' behaviour. */
#ifndef DIFFERENTIAL_SELFTEST_H
#define DIFFERENTIAL_SELFTEST_H

/* Prints "# " lines about what is wrong and returns how much that was. */
int selftest(void);

#endif
