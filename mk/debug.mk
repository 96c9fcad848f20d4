# SPDX-License-Identifier: MIT
#
# Kernels that look for mistakes, and the module's test build for each: with
# NTMEM_TEST it has points where tests can stop it, and says which code ran.

DEBUG_KERNELS ?= 6.12-kasan 6.1-kasan 6.12-kcsan

# $(call debug_kernel,NAME)
define debug_kernel
.PHONY: debug-kernel-$(1)
debug-kernel-$(1):
	@mk/debug-kernel $(subst -, ,$(1))

build/debug/$(1)/module/ntmem.ko: $(KMOD_SOURCES) build/kmod/sources \
		| debug-kernel-$(1)
	$$(call build_test_module,$(1),NTMEM_TEST=1)

build/debug/$(1)/coverage/ntmem.ko: $(KMOD_SOURCES) build/kmod/sources \
		| debug-kernel-$(1)
	$$(call build_test_module,$(1),NTMEM_TEST=1 NTMEM_GCOV=1)
endef

# $(call build_test_module,KERNEL,SETTINGS)
define build_test_module
$(say) KMOD $@
$(Q)mk/link-sources $(@D) $(KMOD_SOURCES)
$(Q)+flock $(@D).lock $(MAKE) --no-print-directory -C build/debug/$(1)/build \
	M=$(CURDIR)/$(@D) $(if $(Q),-s) $(2) modules
@touch $@
endef

# Which lines the tests run, on the module and on the library.
COVERAGE_KERNEL ?= 6.12-gcov

$(foreach name,$(sort $(DEBUG_KERNELS) $(COVERAGE_KERNEL)),\
	$(eval $(call debug_kernel,$(name))))

.PHONY: debug-kernel debug-modules
debug-kernel: $(addprefix debug-kernel-,$(DEBUG_KERNELS))
debug-modules: $(foreach name,$(DEBUG_KERNELS),build/debug/$(name)/module/ntmem.ko)

.PHONY: coverage
coverage: tests build/debug/$(COVERAGE_KERNEL)/coverage/ntmem.ko
	+$(Q)$(MAKE) --no-print-directory COVERAGE=1 lib tools tests
	@mk/coverage $(COVERAGE_KERNEL)
