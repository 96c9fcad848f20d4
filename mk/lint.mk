# SPDX-License-Identifier: MIT
#
# make lint, or a part of it: make lint CHECKS="checkpatch sparse".

CHECKS ?=

.PHONY: lint
lint: build/kselftest/checkpatch.pl
	@KDIRS="$(KDIRS)" USER_FLAGS="$(TEST_FLAGS) $(LIBNL_FLAGS)" \
		KSELFTEST_FLAGS="$(KSELFTEST_FLAGS)" mk/lint $(CHECKS)
