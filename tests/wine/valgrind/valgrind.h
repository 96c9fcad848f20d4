/* SPDX-License-Identifier: MIT */
/*
 * Windows has no valgrind; the unit tests ask it for silence here and there.
 */
#ifndef WINE_VALGRIND_H
#define WINE_VALGRIND_H

#define VALGRIND_DISABLE_ERROR_REPORTING	((void)0)
#define VALGRIND_ENABLE_ERROR_REPORTING		((void)0)

#endif
