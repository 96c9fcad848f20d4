# SPDX-License-Identifier: MIT
#
# The fuzzer of the ioctls, one static program that runs in guests.

FUZZ_IOCTL := build/tests/fuzz/ioctl
FUZZ_IOCTL_FLAGS := -std=gnu11 -D_GNU_SOURCE $(CFLAGS) -Wall -Wextra -pthread \
	-Iinclude/uapi -static
FUZZ_IOCTL_SOURCES := $(sort $(wildcard tests/fuzz/ioctl/*.c))

$(eval $(call remember,build/tests/fuzz/ioctl.flags,$(CC) \
	$(FUZZ_IOCTL_FLAGS) $(FUZZ_IOCTL_SOURCES)))

.PHONY: fuzz-ioctl
fuzz-ioctl: $(FUZZ_IOCTL)

build/obj/tests/fuzz/ioctl/%.o: tests/fuzz/ioctl/%.c \
		build/tests/fuzz/ioctl.flags \
		| build/have/cc build/have/libc build/have/liburing
	$(say) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(FUZZ_IOCTL_FLAGS) -MMD -MP -c -o $@ $<

$(FUZZ_IOCTL): $(patsubst %.c,build/obj/%.o,$(FUZZ_IOCTL_SOURCES))
	$(say) LD $@
	@mkdir -p $(@D)
	$(Q)$(CC) $(FUZZ_IOCTL_FLAGS) -o $@ $^ -luring
