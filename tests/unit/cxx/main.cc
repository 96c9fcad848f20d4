// SPDX-License-Identifier: MIT
/* Runs the tests that are linked to it. */
#include "tap.h"

int main()
{
	return tap::run();
}
