# SPDX-License-Identifier: MIT
#
# make fuzz MINUTES=n [SEED=n]: all fuzzers (mk/fuzz). The library's targets are
# one program: build/tests/fuzz/replay runs the corpus that is kept, and the
# same sources with libFuzzer's main make the one that hunts.

MINUTES ?= 10
FUZZ_FLAGS := CC=clang SANITIZE=fuzzer-no-link,address,undefined
FUZZ_OUT := build/clang-fuzzer-no-link-address-undefined

HUNTING := $(findstring fuzzer,$(SANITIZE))
FUZZ := $(OUT)/tests/fuzz/$(if $(HUNTING),hunt,replay)
# What is under test beside the library, but for main().
FUZZ_SOURCES := $(filter-out tests/fuzz/ioctl% \
	tests/fuzz/$(if $(HUNTING),replay,libfuzzer).c, \
	$(sort $(wildcard tests/fuzz/*.c))) \
	$(filter-out %/main.c %/selftest.c %/shrink.c,$(DIFFERENTIAL_SOURCES)) \
	$(sort $(wildcard tools/ntmem/do*.c)) tools/ntmem/info_print.c \
	tools/ntmem/text.c

# Whether the model is right others ask: here it shall be fast, and not guide.
ifneq ($(HUNTING),)
$(OUT)/obj/tests/differential/%.o: FLAGS = $(TEST_FLAGS) -fno-sanitize=all
$(OUT)/obj/tests/differential/sequence.o: FLAGS = $(TEST_FLAGS)
$(OUT)/obj/tests/fuzz/blocks.o $(OUT)/obj/tests/fuzz/input.o: \
	FLAGS = $(TEST_FLAGS) -fno-sanitize=all
endif

$(eval $(call have,libfuzzer,program,clang,clang libclang-rt-14-dev))
$(eval $(call remember,$(OUT)/tests/fuzz/objects,$(FUZZ_SOURCES)))

$(FUZZ): $(call objects,$(FUZZ_SOURCES)) $(OUT)/tests/fuzz/objects \
		$(OUT)/lib/libntmem.a
	$(say) LD $@
	@mkdir -p $(@D)
	$(Q)$(CC) $(BASE_FLAGS) $(if $(HUNTING),-fsanitize=fuzzer) $(LDFLAGS) \
		-Wl,--wrap=open -o $@ $(filter %.o,$^) $(OUT)/lib/libntmem.a \
		-ljson-c -lreadline

tests: $(FUZZ)

.PHONY: fuzz-programs fuzz
fuzz-programs: | build/have/libfuzzer
	+$(Q)$(MAKE) --no-print-directory $(FUZZ_FLAGS) \
		$(FUZZ_OUT)/tests/fuzz/hunt

fuzz: all tests fuzz-programs
	@mk/fuzz $(MINUTES) $(SEED)

# What the unit tests make fail; see tests/unit/inject.h.
INJECTED := ntmem_engine_open_kernel ntmem_engine_open_embedded \
	ntmem_pool_alloc ntmem_pool_free meta_alloc meta_free \
	meta_alloc_kept meta_free_kept mmap munmap mprotect madvise \
	sigaction open read ioctl syscall fallocate
$(OUT)/tests/unit: LIBS += $(addprefix -Wl$(comma)--wrap=,$(INJECTED))
