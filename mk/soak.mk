# SPDX-License-Identifier: MIT
#
# make soak MINUTES=n [SEED=n]: random load in guests, kernel after kernel.

MINUTES ?= 10

SOAK := build/tests/soak
SOAK_FLAGS := -std=gnu11 -D_GNU_SOURCE $(CFLAGS) -Wall -Wextra -pthread \
	-Iinclude/uapi -static
SOAK_SOURCES := $(sort $(wildcard tests/soak/*.c))

$(eval $(call remember,build/tests/soak.flags,$(CC) $(SOAK_FLAGS) \
	$(SOAK_SOURCES)))

build/obj/tests/soak/%.o: tests/soak/%.c build/tests/soak.flags \
		| build/have/cc build/have/libc
	$(say) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(SOAK_FLAGS) -MMD -MP -c -o $@ $<

$(SOAK): $(patsubst %.c,build/obj/%.o,$(SOAK_SOURCES))
	$(say) LD $@
	$(Q)$(CC) $(SOAK_FLAGS) -o $@ $^

.PHONY: soak
soak: $(SOAK) $(TOOL) modules
	@mk/soak $(MINUTES) $(SEED)

# The heap's, natively, on whatever engine there is.
SOAK_HEAP := build/tests/soak-heap
SOAK_HEAP_FLAGS := -std=gnu11 -D_GNU_SOURCE $(CFLAGS) -Wall -Wextra -pthread \
	-Iinclude -fno-builtin
SOAK_HEAP_SOURCES := $(sort $(wildcard tests/soak-heap/*.c))

$(eval $(call remember,build/tests/soak-heap.flags,$(CC) $(SOAK_HEAP_FLAGS) \
	$(SOAK_HEAP_SOURCES)))

$(SOAK_HEAP): $(SOAK_HEAP_SOURCES) $(wildcard tests/soak-heap/*.h tests/*.h) \
		build/tests/soak-heap.flags build/lib/libntmem-malloc.so \
		| build/have/cc build/have/libc
	$(say) CC $@
	$(Q)$(CC) $(SOAK_HEAP_FLAGS) -o $@ $(filter %.c,$^) \
		-Lbuild/lib -l:libntmem-malloc.so -Wl,-rpath,'$$ORIGIN/../lib'

.PHONY: soak-heap
soak-heap: $(SOAK_HEAP)
	@$(SOAK_HEAP) --seconds $$(($(MINUTES) * 60)) \
		$(addprefix --seed=,$(SEED))
