# SPDX-License-Identifier: MIT
#
# The tests in C++: of the headers for it, and of operator new and delete.
# One program has the allocator linked to it; the other one replaces a part of
# operator new itself, and runs with the allocator preloaded.

CXX_FLAGS := -std=c++17 $(CFLAGS) -Wall -Wextra -pthread -Iinclude/ntmem

CXX_TESTS := $(if $(SANITIZE)$(COVERAGE),,build/tests/cxx \
	build/tests/cxx-replaced)

$(eval $(call have,cxx,program,$(CXX),g++))
$(eval $(call remember,build/tests/cxx.flags,$(CXX) $(CXX_FLAGS) $(LDFLAGS)))

cxx_objects = $(patsubst %,build/obj/tests/unit/cxx/%.o,$(1))

build/obj/tests/unit/cxx/%.o: tests/unit/cxx/%.cc build/tests/cxx.flags \
		| build/have/cxx
	$(say) CXX $<
	@mkdir -p $(@D)
	$(Q)$(CXX) $(CXX_FLAGS) -MMD -MP -c -o $@ $<

build/tests/cxx: $(call cxx_objects,heap main new) \
		$(call objects,$(MALLOC_SOURCES)) build/lib/libntmem.a
build/tests/cxx-replaced: $(call cxx_objects,main replaced)

build/tests/cxx build/tests/cxx-replaced:
	$(say) LD $@
	@mkdir -p $(@D)
	$(Q)$(CXX) $(CXX_FLAGS) $(LDFLAGS) -o $@ $^

tests: $(CXX_TESTS)
