# SPDX-License-Identifier: MIT
#
# The test programs, the test run, and a guest to try things in.

GUEST ?= 6.12

.PHONY: tests
tests: $(UNIT) $(DIFFERENTIAL) $(KSELFTESTS)

.PHONY: test
test: all tests
	+$(Q)$(MAKE) --no-print-directory SANITIZE=address,undefined tests
	$(Q)tests/run

.PHONY: guest
guest: all
	@tests/guest/run -k $(GUEST) -I \
		$(addprefix -f ,$(wildcard $(TOOL) $(KSELFTESTS)))
