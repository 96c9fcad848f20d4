# SPDX-License-Identifier: MIT
#
# The library, the tools and the test programs.

SANITIZE_FLAGS := $(if $(SANITIZE),-fsanitize=$(SANITIZE) \
	-fno-omit-frame-pointer -fno-sanitize-recover=all)
COVERAGE_FLAGS := $(if $(COVERAGE),--coverage -fprofile-update=atomic -O0 \
	-fno-builtin-fork -include tests/coverage/counts.h)
BASE_FLAGS := -std=gnu11 -D_GNU_SOURCE $(CFLAGS) -Wall -Wextra -pthread \
	$(SANITIZE_FLAGS) $(COVERAGE_FLAGS)
USER_FLAGS := $(BASE_FLAGS) -fPIC -fvisibility=hidden \
	-Iinclude/uapi -Iinclude -Ilib
TEST_FLAGS := $(BASE_FLAGS) -Iinclude/uapi -Iinclude/ntmem -Iinclude -Ilib
LIBNL_FLAGS := -isystem /usr/include/libnl3
KSELFTEST_FLAGS := -std=gnu11 -D_GNU_SOURCE $(CFLAGS) -Wall -Wextra -pthread \
	-Iinclude/uapi -isystem build/kselftest -static

LIB_SOURCES := $(filter-out lib/malloc/%,\
	$(shell find lib -name '*.c' | LC_ALL=C sort))
MALLOC_SOURCES := $(sort $(wildcard lib/malloc/*.c))
TOOL_SOURCES := $(sort $(wildcard tools/ntmem/*.c))
UNIT_SOURCES := $(sort $(wildcard tests/unit/*.c))
DIFFERENTIAL_SOURCES := $(sort $(wildcard tests/differential/*.c))
KSELFTEST_SOURCES := $(sort $(wildcard tests/kselftest/*.c))

objects = $(patsubst %.c,$(OUT)/obj/%.o,$(1))

LIB := $(OUT)/lib/libntmem.a $(OUT)/lib/libntmem.so \
	$(OUT)/lib/libntmem-malloc.so
TOOL := $(if $(TOOL_SOURCES),$(OUT)/bin/ntmem)
UNIT := $(if $(UNIT_SOURCES),$(OUT)/tests/unit)
DIFFERENTIAL := $(if $(DIFFERENTIAL_SOURCES),$(OUT)/tests/differential)
KSELFTESTS := $(patsubst tests/kselftest/%.c,build/tests/kselftest/%,\
	$(KSELFTEST_SOURCES))

.PHONY: lib tools
lib: $(LIB)
tools: $(TOOL)

$(eval $(call remember,$(OUT)/flags,$(CC) $(USER_FLAGS) $(TEST_FLAGS) \
	$(VERSION) $(LDFLAGS)))
$(eval $(call remember,$(OUT)/lib/objects,$(LIB_SOURCES)))
$(eval $(call remember,$(OUT)/lib/malloc-objects,$(MALLOC_SOURCES)))
$(eval $(call remember,$(OUT)/bin/objects,$(TOOL_SOURCES)))
$(eval $(call remember,$(OUT)/tests/objects,$(UNIT_SOURCES) \
	$(DIFFERENTIAL_SOURCES)))

COMPILE_READY := $(OUT)/flags | build/have/cc build/have/libc

$(OUT)/obj/lib/%.o: FLAGS = $(USER_FLAGS)
# What is malloc must not be taken for a call of it.
$(OUT)/obj/lib/malloc/%.o: FLAGS = $(USER_FLAGS) -fno-builtin
# The new_handler may throw, and names that a program replaces are the program's.
$(OUT)/obj/lib/malloc/new.o: FLAGS = $(USER_FLAGS) -fno-builtin -fexceptions \
	-fsemantic-interposition
$(OUT)/obj/tests/%.o: FLAGS = $(TEST_FLAGS)
$(OUT)/obj/tools/%.o: FLAGS = $(USER_FLAGS) $(LIBNL_FLAGS)
$(OUT)/obj/tools/%.o: | build/have/json-c build/have/readline \
		build/have/libnl build/have/curses
$(OUT)/obj/tests/unit/%.o: | build/have/check

$(OUT)/obj/%.o: %.c $(COMPILE_READY)
	$(say) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(FLAGS) -DNTMEM_VERSION='"$(VERSION)"' -MMD -MP -c -o $@ $<

$(OUT)/lib/libntmem.a: $(call objects,$(LIB_SOURCES)) $(OUT)/lib/objects
	$(say) AR $@
	$(Q)rm -f $@ && ar rcs $@ $(filter %.o,$^)

$(OUT)/lib/libntmem.so: $(call objects,$(LIB_SOURCES)) lib/libntmem.map \
		$(OUT)/lib/objects
	$(say) LD $@
	$(Q)$(CC) -shared $(SANITIZE_FLAGS) $(COVERAGE_FLAGS) $(LDFLAGS) -pthread -o $@ \
		-Wl,-soname,libntmem.so.$(SOVERSION) -Wl,-z,nodelete \
		-Wl,--version-script,lib/libntmem.map $(filter %.o,$^)
	$(Q)ln -sf libntmem.so $@.$(SOVERSION)

# Names without a version stand in for those with one, the C library's and
# libntmem's: so there is one heap in a process that has both.
$(OUT)/lib/libntmem-malloc.map: lib/libntmem.map lib/libntmem-malloc.map
	@mkdir -p $(@D)
	$(Q){ echo '{ global:'; sed -n '/global:/,/local:/{/[a-z]:/d;p}' $^; \
		echo 'local: *; };'; } >$@

# The handlers of fork are to be the first that are registered.
$(OUT)/lib/libntmem-malloc.so: $(call objects,$(LIB_SOURCES) \
		$(MALLOC_SOURCES)) $(OUT)/lib/libntmem-malloc.map \
		$(OUT)/lib/objects $(OUT)/lib/malloc-objects
	$(say) LD $@
	$(Q)$(CC) -shared $(SANITIZE_FLAGS) $(COVERAGE_FLAGS) $(LDFLAGS) -pthread -o $@ \
		-Wl,-soname,libntmem-malloc.so.$(SOVERSION) \
		-Wl,-z,initfirst -Wl,-z,nodelete \
		-Wl,--version-script,$(OUT)/lib/libntmem-malloc.map \
		$(filter %.o,$^)
	$(Q)ln -sf libntmem-malloc.so $@.$(SOVERSION)

$(OUT)/bin/ntmem: LIBS := -ljson-c -lreadline -lncurses -lnl-genl-3 -lnl-3
# The last one is loaded by pthread_exit(3): so it comes along into guests.
$(OUT)/tests/unit: LIBS := -Wl,--wrap=_mark_point -lcheck -lsubunit -lrt \
	-Wl,--no-as-needed -lgcc_s
$(OUT)/bin/ntmem: $(call objects,$(TOOL_SOURCES)) $(OUT)/bin/objects
$(OUT)/tests/unit: $(call objects,$(UNIT_SOURCES)) $(OUT)/tests/objects
$(OUT)/tests/differential: $(call objects,$(DIFFERENTIAL_SOURCES)) \
	$(OUT)/tests/objects

$(OUT)/bin/ntmem $(OUT)/tests/unit $(OUT)/tests/differential: \
		$(OUT)/lib/libntmem.a
	$(say) LD $@
	@mkdir -p $(@D)
	$(Q)$(CC) $(BASE_FLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) \
		$(OUT)/lib/libntmem.a $(LIBS) -lm

# The harness of the kernel selftests comes with the kernel, not with us.
build/kselftest/kselftest_harness.h build/kselftest/checkpatch.pl &: \
		mk/linux-source
	$(say) UNPACK build/kselftest
	$(Q)mk/linux-source build/kselftest

$(eval $(call remember,build/tests/kselftest.flags,$(CC) $(KSELFTEST_FLAGS)))

KSELFTEST_READY := build/tests/kselftest.flags \
	build/kselftest/kselftest_harness.h \
	| build/have/cc build/have/libc build/have/liburing

build/tests/kselftest/%_32: tests/kselftest/%_32.c $(KSELFTEST_READY) \
		build/have/m32
	$(say) CC32 $@
	@mkdir -p $(@D)
	$(Q)$(CC) -m32 $(KSELFTEST_FLAGS) -MMD -MP -MF $@.d -o $@ $<

build/tests/kselftest/%: tests/kselftest/%.c $(KSELFTEST_READY)
	$(say) CC $@
	@mkdir -p $(@D)
	$(Q)$(CC) $(KSELFTEST_FLAGS) -MMD -MP -MF $@.d -o $@ $< -luring

-include $(shell find $(OUT)/obj build/tests/kselftest -name '*.d' 2>/dev/null)
