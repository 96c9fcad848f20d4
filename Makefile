# SPDX-License-Identifier: MIT
#
# Builds everything, under build/. `make help` lists the targets; the parts are
# in mk/, and the kernel's own build system reads Kbuild.

VERSION := 0.1.0
SOVERSION := 0

PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
DESTDIR ?=

ifeq ($(origin CC),default)
CC := gcc
endif
CXX ?= g++
CFLAGS ?= -O2 -g

# A build with another compiler or with sanitizers has a folder of its own.
comma := ,
empty :=
space := $(empty) $(empty)
VARIANT := $(subst $(space),-,$(strip $(filter-out gcc,$(notdir $(CC))) \
	$(subst $(comma), ,$(SANITIZE)) $(if $(COVERAGE),coverage)))
OUT := build$(addprefix /,$(VARIANT))

MAKEFLAGS += --no-builtin-rules
.DELETE_ON_ERROR:
.SECONDARY:

.PHONY: all
all: lib tools modules

include mk/common.mk
include mk/user.mk
include mk/cxx.mk
include mk/preload.mk
include mk/programs.mk
include mk/kmod.mk
include mk/debug.mk
include mk/fuzz.mk
include mk/fuzz-ioctl.mk
include mk/soak.mk
include mk/bench.mk
include mk/planted.mk
include mk/examples.mk
include mk/tests.mk
include mk/wine.mk
include mk/lint.mk
include mk/install.mk

.PHONY: deps
deps:
	@mk/deps

.PHONY: study
study:
	+$(Q)$(MAKE) --no-print-directory $(ON_ALL_CPUS) all
	@mk/study

.PHONY: clean
clean:
	rm -rf build

.PHONY: help
help:
	@sed '/^#/d' mk/help
