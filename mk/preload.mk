# SPDX-License-Identifier: MIT
#
# The tests of malloc as programs find it: one that runs with the library
# preloaded, one that is linked statically, and libraries for them to load.

PRELOAD := build/tests/preload
PRELOAD_FLAGS := -std=gnu11 -D_GNU_SOURCE $(CFLAGS) -Wall -Wextra -pthread \
	-fno-toplevel-reorder
PRELOAD_SOURCES := $(wildcard tests/preload/*.c)

PRELOAD_TESTS := $(if $(SANITIZE)$(COVERAGE),,$(addprefix $(PRELOAD)/,\
	tests static early.so plugin.so))

$(eval $(call remember,$(PRELOAD)/flags,$(CC) $(PRELOAD_FLAGS) $(LDFLAGS) \
	$(PRELOAD_SOURCES)))

PRELOAD_READY := tests/preload/tap.h tests/clock.h $(PRELOAD)/flags | build/have/cc \
	build/have/libc

$(PRELOAD)/tests: $(PRELOAD_SOURCES) $(PRELOAD_READY)
	$(say) CC $@
	$(Q)$(CC) $(PRELOAD_FLAGS) $(LDFLAGS) -o $@ $(filter %.c,$^)

# What needs no shared library, with the allocator linked to it.
$(PRELOAD)/static: $(addprefix tests/preload/,main.c family.c fork.c \
		info.c threads.c) $(call objects,$(MALLOC_SOURCES)) \
		build/lib/libntmem.a $(PRELOAD_READY)
	$(say) CC $@
	$(Q)$(CC) $(PRELOAD_FLAGS) $(LDFLAGS) -static -Wl,-w -o $@ \
		$(filter %.c %.o %.a,$^)

$(PRELOAD)/early.so: PRELOAD_LINK := -Wl,-z,initfirst
$(PRELOAD)/%.so: tests/preload/libraries/%.c $(PRELOAD_READY)
	$(say) CC $@
	$(Q)$(CC) $(PRELOAD_FLAGS) $(LDFLAGS) -fPIC -shared $(PRELOAD_LINK) \
		-o $@ $<

tests: $(PRELOAD_TESTS)
