# SPDX-License-Identifier: MIT
#
# A program of our own among the whole programs that run with malloc preloaded.

PROGRAMS := $(if $(SANITIZE)$(COVERAGE),,build/tests/programs/threaded)

$(eval $(call remember,build/tests/programs/flags,$(CXX) $(CXX_FLAGS) \
	$(LDFLAGS)))

build/tests/programs/threaded: tests/programs/threaded.cc \
		build/tests/programs/flags | build/have/cxx
	$(say) CXX $@
	$(Q)$(CXX) $(CXX_FLAGS) $(LDFLAGS) -o $@ $<

tests: $(PROGRAMS)
