# SPDX-License-Identifier: MIT
#
# make bench [BENCH="OPTIONS"]: the allocators beside each other.

BENCH ?=

BENCH_PROGRAM := build/tests/bench
BENCH_HEAP := build/tests/bench-heap
BENCH_PROGRAMS := $(BENCH_PROGRAM) $(BENCH_HEAP)
# The compiler would do without blocks that nobody needs.
BENCH_FLAGS := -std=gnu11 -D_GNU_SOURCE $(CFLAGS) -Wall -Wextra -pthread \
	-fno-builtin-malloc -fno-builtin-calloc -fno-builtin-realloc \
	-fno-builtin-free -Iinclude/ntmem
BENCH_SOURCES := $(sort $(wildcard tests/bench/*.c))
# What it says of our heaps, it says when the library has some.
BENCH_HEAP_SOURCES := $(sort $(wildcard tests/bench/heap/*.c)) \
	tests/bench/measure.c
BENCH_HEAP_HEADER := $(wildcard include/ntmem/heapapi.h)

$(eval $(call remember,build/tests/bench.flags,$(CC) $(BENCH_FLAGS) \
	$(BENCH_SOURCES) $(BENCH_HEAP_SOURCES) $(BENCH_HEAP_HEADER)))

build/obj/tests/bench/%.o: tests/bench/%.c build/tests/bench.flags \
		| build/have/cc build/have/libc
	$(say) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(BENCH_FLAGS) -MMD -MP -c -o $@ $<

$(BENCH_PROGRAM): $(patsubst %.c,build/obj/%.o,$(BENCH_SOURCES))
	$(say) LD $@
	$(Q)$(CC) $(BENCH_FLAGS) -o $@ $^

$(BENCH_HEAP): $(patsubst %.c,build/obj/%.o,$(BENCH_HEAP_SOURCES)) \
		build/lib/libntmem.so
	$(say) LD $@
	$(Q)$(CC) $(BENCH_FLAGS) -o $@ $(filter %.o,$^) -Lbuild/lib -lntmem \
		-Wl,-rpath,'$$ORIGIN/../lib'

.PHONY: bench bench-programs
bench-programs: $(BENCH_PROGRAMS)

bench: bench-programs lib
	@tests/bench/run $(BENCH)

# The engines beside each other, in instructions.
.PHONY: bench-engines
bench-engines: $(BENCH_PROGRAMS) lib modules
	@tests/bench/engines
