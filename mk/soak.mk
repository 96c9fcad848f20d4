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
soak: $(SOAK) modules
	@mk/soak $(MINUTES) $(SEED)
