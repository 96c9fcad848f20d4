# SPDX-License-Identifier: MIT
#
# The unit tests that make only Windows calls, compiled for Windows, and a run
# of them under Wine beside what we do. Optional: see tests/wine/run.

MINGW_CC := x86_64-w64-mingw32-gcc
MINGW_CXX := x86_64-w64-mingw32-g++
MINGW_DLLTOOL := x86_64-w64-mingw32-dlltool
WINE_FLAGS := -std=gnu11 -O2 -g -Wall -Wextra -D_WIN32_WINNT=0x0A00 \
	-DNTDDI_VERSION=0x0A000005 -D__USE_MINGW_ANSI_STDIO=1 -include tests/wine/missing.h \
	-Itests/wine -Itests/unit -pthread
WINE_SOURCES := $(sort $(wildcard tests/wine/*.c)) \
	$(patsubst %,tests/unit/%.c,unit alloc alloc2 bstr crt exception free \
	global guard heap heap_alloc heap_create heap_info heap_lock heap_model \
	heap_realloc heap_walk hints lock placeholder protect query section \
	system thread watch workingset)
WINE_LIBS := build/wine/libucrtbase.a build/wine/libkernelbase.a
WINE_HEADERS := $(wildcard tests/wine/*.h tests/wine/*/*.h tests/unit/*.h)

$(eval $(call remember,build/wine/flags,$(MINGW_CC) $(WINE_FLAGS) \
	$(WINE_SOURCES)))

.PHONY: test-wine
test-wine:
	@tests/wine/run --check
	+$(Q)$(MAKE) --no-print-directory build/wine/unit.exe \
		$(if $(shell command -v $(MINGW_CXX)),build/wine/cxx.exe)
	@tests/wine/run

build/wine/lib%.a: tests/wine/%.def build/wine/flags
	$(say) MINGW $@
	$(Q)$(MINGW_DLLTOOL) -d $< -l $@

build/wine/unit.exe: $(WINE_SOURCES) $(WINE_HEADERS) build/wine/flags \
		$(WINE_LIBS)
	$(say) MINGW $@
	$(Q)$(MINGW_CC) $(WINE_FLAGS) -static -o $@ $(WINE_SOURCES) \
		$(WINE_LIBS) -lmincore -lntdll -lole32 -loleaut32

build/wine/cxx.exe: tests/unit/cxx/windows.cc build/wine/flags
	$(say) MINGW $@
	$(Q)$(MINGW_CXX) -std=gnu++17 -O2 -Wall -Wextra \
		-D_WIN32_WINNT=0x0A00 -static -o $@ $< -lmincore -lole32 \
		-loleaut32
