# SPDX-License-Identifier: MIT
#
# The test programs, the test run, and a guest to try things in.

GUEST ?= 6.12

# What the tests of the tool run in a guest beside it.
TOOL_HELPERS := $(if $(SANITIZE)$(COVERAGE),,\
	$(addprefix build/tests/tools/,helper heaps))
TOOL_HELPER_FLAGS := -std=gnu11 -D_GNU_SOURCE $(CFLAGS) -Wall -Wextra

$(eval $(call remember,build/tests/tools/flags,$(CC) $(TOOL_HELPER_FLAGS) \
	$(LDFLAGS)))

build/tests/tools/helper: tests/tools/helper.c build/tests/tools/flags \
		| build/have/cc build/have/libc
	$(say) CC $@
	$(Q)$(CC) $(TOOL_HELPER_FLAGS) $(LDFLAGS) -o $@ $< -lutil

build/tests/tools/heaps: tests/tools/heaps.c build/lib/libntmem.a \
		build/tests/tools/flags
	$(say) CC $@
	$(Q)$(CC) $(TOOL_HELPER_FLAGS) -Iinclude/uapi \
		-Iinclude/ntmem -Iinclude -Ilib -pthread $(LDFLAGS) \
		-o $@ $< build/lib/libntmem.a

.PHONY: tests
tests: $(TOOL_HELPERS)
tests: $(UNIT) $(DIFFERENTIAL) $(KSELFTESTS) $(FUZZ_IOCTL) $(SOAK) \
	$(if $(VARIANT),,$(BENCH_PROGRAMS) $(PLANTED))

# All that make test runs, the sanitized programs included.
.PHONY: test-programs
test-programs: all tests
	+$(Q)$(MAKE) --no-print-directory SANITIZE=address,undefined tests
	+$(Q)$(MAKE) --no-print-directory SANITIZE=thread tests

.PHONY: test
test: test-programs
	@tests/run

# Everything that runs in a guest, on kernels that look for mistakes.
TEST_DEBUG ?= 6.12-kasan 6.1-kasan

.PHONY: test-debug test-failures test-debug-programs
test-debug-programs: tests
	+$(Q)$(MAKE) --no-print-directory DEBUG_KERNELS="$(TEST_DEBUG)" \
		debug-modules

test-debug: test-debug-programs
	@tests/run $(addprefix -d ,$(TEST_DEBUG))

# The walks through every failing allocation, which take long.
test-failures: test-debug-programs
	@tests/run -f $(addprefix -d ,$(TEST_DEBUG))

.PHONY: guest
guest: all tests
	@tests/guest/run -k $(GUEST) -I \
		$(addprefix -f ,$(wildcard $(TOOL) $(KSELFTESTS)))
