# SPDX-License-Identifier: MIT
#
# The test programs, the test run, and a guest to try things in.

GUEST ?= 6.12

# What the tests of the tool run in a guest beside it.
TOOL_HELPERS := $(if $(SANITIZE),,$(addprefix $(OUT)/tests/tools/,\
	$(if $(COVERAGE),,helper) heaps))
TOOL_HELPER_FLAGS := -std=gnu11 -D_GNU_SOURCE $(CFLAGS) -Wall -Wextra

$(eval $(call remember,$(OUT)/tests/tools/flags,$(CC) $(TOOL_HELPER_FLAGS) \
	$(LDFLAGS)))

$(OUT)/tests/tools/helper: tests/tools/helper.c $(OUT)/tests/tools/flags \
		| build/have/cc build/have/libc
	$(say) CC $@
	$(Q)$(CC) $(TOOL_HELPER_FLAGS) $(LDFLAGS) -o $@ $< -lutil

$(OUT)/tests/tools/heaps: tests/tools/heaps.c $(OUT)/lib/libntmem.a \
		$(OUT)/tests/tools/flags
	$(say) CC $@
	$(Q)$(CC) $(TOOL_HELPER_FLAGS) -Iinclude/uapi \
		-Iinclude/ntmem -Iinclude -Ilib -pthread \
		$(if $(COVERAGE),--coverage) $(LDFLAGS) \
		-o $@ $< $(OUT)/lib/libntmem.a

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
test:
	+$(Q)$(MAKE) --no-print-directory $(ON_ALL_CPUS) test-programs
	@tests/run

# Everything that runs in a guest, on kernels that look for mistakes; or of that
# what matches SUITES.
TEST_DEBUG ?= 6.12-kasan 6.1-kasan
SUITES ?=

.PHONY: test-debug test-failures test-debug-programs
test-debug-programs: tests
	+$(Q)$(MAKE) --no-print-directory DEBUG_KERNELS="$(TEST_DEBUG)" \
		debug-modules

test-debug:
	+$(Q)$(MAKE) --no-print-directory $(ON_ALL_CPUS) test-debug-programs
	@tests/run $(addprefix -d ,$(TEST_DEBUG)) $(SUITES:%='%')

# The walks through every failing allocation, which take long.
test-failures:
	+$(Q)$(MAKE) --no-print-directory $(ON_ALL_CPUS) test-debug-programs
	@tests/run -f $(addprefix -d ,$(TEST_DEBUG))

.PHONY: guest
guest: all tests
	@tests/guest/run -k $(GUEST) -I \
		$(addprefix -f ,$(wildcard $(TOOL) $(KSELFTESTS)))
