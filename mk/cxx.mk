# SPDX-License-Identifier: MIT
#
# The tests in C++: of the headers for it, and of operator new and delete.
# One program has the allocator linked to it; the other one replaces a part of
# operator new itself, and runs with the allocator preloaded.

CXX_FLAGS := -std=c++17 $(CFLAGS) -Wall -Wextra -pthread -Iinclude/ntmem

CXX_TESTS := $(if $(SANITIZE),,$(OUT)/tests/cxx \
	$(if $(COVERAGE),,build/tests/cxx-replaced))

$(eval $(call have,cxx,program,$(CXX),g++))
$(eval $(call remember,$(OUT)/tests/cxx.flags,$(CXX) $(CXX_FLAGS) $(LDFLAGS)))

cxx_objects = $(patsubst %,$(OUT)/obj/tests/unit/cxx/%.o,$(1))

$(OUT)/obj/tests/unit/cxx/%.o: tests/unit/cxx/%.cc $(OUT)/tests/cxx.flags \
		| build/have/cxx
	$(say) CXX $<
	@mkdir -p $(@D)
	$(Q)$(CXX) $(CXX_FLAGS) -MMD -MP -c -o $@ $<

$(OUT)/tests/cxx: $(call cxx_objects,heap main new) \
		$(call objects,$(MALLOC_SOURCES)) $(OUT)/lib/libntmem.a
build/tests/cxx-replaced: $(call cxx_objects,main replaced)

$(OUT)/tests/cxx build/tests/cxx-replaced:
	$(say) LD $@
	@mkdir -p $(@D)
	$(Q)$(CXX) $(CXX_FLAGS) $(if $(COVERAGE),--coverage) $(LDFLAGS) -o $@ $^

tests: $(CXX_TESTS)
