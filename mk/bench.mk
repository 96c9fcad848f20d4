# SPDX-License-Identifier: MIT
#
# make bench [BENCH="OPTIONS"]: the allocators beside each other.

BENCH ?=

BENCH_PROGRAM := build/tests/bench
BENCH_PROGRAMS := $(BENCH_PROGRAM)
# The compiler would do without blocks that nobody needs.
BENCH_FLAGS := -std=gnu11 -D_GNU_SOURCE $(CFLAGS) -Wall -Wextra -pthread \
	-fno-builtin-malloc -fno-builtin-calloc -fno-builtin-realloc \
	-fno-builtin-free
BENCH_SOURCES := $(sort $(wildcard tests/bench/*.c))

$(eval $(call remember,build/tests/bench.flags,$(CC) $(BENCH_FLAGS) \
	$(BENCH_SOURCES)))

build/obj/tests/bench/%.o: tests/bench/%.c build/tests/bench.flags \
		| build/have/cc build/have/libc
	$(say) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(BENCH_FLAGS) -MMD -MP -c -o $@ $<

$(BENCH_PROGRAM): $(patsubst %.c,build/obj/%.o,$(BENCH_SOURCES))
	$(say) LD $@
	$(Q)$(CC) $(BENCH_FLAGS) -o $@ $^

.PHONY: bench bench-programs
bench-programs: $(BENCH_PROGRAMS)

bench: bench-programs lib
	@tests/bench/run $(BENCH)
