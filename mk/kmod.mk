# SPDX-License-Identifier: MIT
#
# The module, for every set of kernel headers found, or for KDIR. The kernel's
# build system writes its output beside the sources, so each kernel gets a
# folder of its own under build/kmod/ with links to the sources.

ifdef KDIR
KDIRS := $(realpath $(KDIR))
$(if $(wildcard $(KDIRS)/Makefile),,$(error KDIR=$(KDIR) holds no kernel headers))
else
KDIRS := $(sort $(realpath $(wildcard /usr/src/linux-headers-*-cloud-amd64) \
	$(wildcard /lib/modules/*/build)))
endif

KMOD_SOURCES := $(sort $(wildcard kmod/*.c kmod/*.h include/uapi/linux/*.h)) \
	Kbuild

$(eval $(call remember,build/kmod/sources,$(KMOD_SOURCES) $(KCFLAGS)))

# $(call module,KDIR,RELEASE)
define module
MODULES += build/kmod/$(2)/ntmem.ko

build/kmod/$(2)/ntmem.ko: $(KMOD_SOURCES) build/kmod/sources
	$$(say) KMOD $$@
	$$(Q)mk/link-sources build/kmod/$(2) $(KMOD_SOURCES)
	$$(Q)+flock build/kmod/$(2).lock $$(MAKE) --no-print-directory -C $(1) \
		M=$(CURDIR)/build/kmod/$(2) $(if $(Q),-s) \
		$(if $(wildcard $(1)/vmlinux),,CONFIG_DEBUG_INFO_BTF_MODULES=) \
		modules
	@touch $$@
endef

# What uname -r says there; Debian's include/config/kernel.release is another.
release = $(shell sed -n 's/.*UTS_RELEASE "\(.*\)".*/\1/p' \
	$(1)/include/generated/utsrelease.h)

$(foreach dir,$(KDIRS),\
	$(if $(wildcard $(dir)/include/generated/utsrelease.h),\
		$(eval $(call module,$(dir),$(call release,$(dir))))))

.PHONY: modules
modules: $(MODULES)
ifeq ($(MODULES),)
	@echo "no kernel headers found: apt-get install" \
		"linux-headers-cloud-amd64, or run make deps" >&2; false
endif
