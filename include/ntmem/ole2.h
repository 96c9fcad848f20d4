/* SPDX-License-Identifier: MIT */
/*
 * What of OLE this library has, under the name by which windows.h includes it.
 */
#ifndef NTMEM_OLE2_H
#define NTMEM_OLE2_H

#include "objbase.h"
#include "oleauto.h"

#endif
