# SPDX-License-Identifier: MIT
#
# The example programs, as a user of the library compiles them.

EXAMPLES := $(if $(SANITIZE)$(COVERAGE),,$(patsubst tools/examples/%.c,\
	build/examples/%,$(sort $(wildcard tools/examples/*.c))))
EXAMPLE_FLAGS := -std=gnu11 -D_GNU_SOURCE $(CFLAGS) -Wall -Wextra -pthread \
	-Iinclude/ntmem

$(eval $(call remember,build/examples/flags,$(CC) $(EXAMPLE_FLAGS)))

build/examples/%: tools/examples/%.c build/examples/flags \
		build/lib/libntmem.a | build/have/cc build/have/libc
	$(say) CC $@
	$(Q)$(CC) $(EXAMPLE_FLAGS) -o $@ $< build/lib/libntmem.a

.PHONY: examples
examples: $(EXAMPLES)
tests: $(EXAMPLES)
