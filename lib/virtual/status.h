/* SPDX-License-Identifier: MIT */
/*
 * From the engine's error numbers to Win32 error codes, by way of NTSTATUS as
 * on Windows; and the failing ends of the public functions.
 */
#ifndef NTMEM_STATUS_H
#define NTMEM_STATUS_H

#include "ntmem/ntstatus.h"
#include "ntmem/windows.h"

/* The NTSTATUS that a negative errno of the engine stands for. */
NTSTATUS ntmem_status_of(int error);

/* The Win32 error code of an NTSTATUS. */
DWORD ntmem_win32_of(NTSTATUS status);

/* Sets the last error from an engine's result: TRUE for 0, else FALSE. */
BOOL ntmem_result(int error);

/* Sets the last error; returns FALSE, which is also NULL and 0. */
BOOL ntmem_refuse(DWORD code);

#endif
