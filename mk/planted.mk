# SPDX-License-Identifier: MIT
#
# make planted: planted bugs, and which allocators notice them.

PLANTED := build/tests/planted
# The compiler would see the bugs, and do without them.
PLANTED_FLAGS := -std=gnu11 -D_GNU_SOURCE -O1 -g -Wall -Wextra -pthread \
	-fno-builtin
PLANTED_SOURCES := $(sort $(wildcard tests/planted/*.c))

$(eval $(call remember,build/tests/planted.flags,$(CC) $(PLANTED_FLAGS) \
	$(PLANTED_SOURCES)))

build/obj/tests/planted/%.o: tests/planted/%.c build/tests/planted.flags \
		| build/have/cc build/have/libc
	$(say) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(PLANTED_FLAGS) -MMD -MP -c -o $@ $<

$(PLANTED): $(patsubst %.c,build/obj/%.o,$(PLANTED_SOURCES))
	$(say) LD $@
	$(Q)$(CC) $(PLANTED_FLAGS) -o $@ $^

.PHONY: planted
planted: $(PLANTED) lib
	@$(PLANTED)
