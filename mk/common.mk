# SPDX-License-Identifier: MIT
#
# What the other parts share.

ifeq ($(V),1)
Q :=
say = @:
else
Q := @
say = @printf '  %-7s %s\n'
endif

# For what a target builds before it runs it, also for who says no -j.
ON_ALL_CPUS = $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))

.PHONY: FORCE
FORCE:

# $(call remember,FILE,TEXT): FILE is rewritten only when TEXT changes, so that
# what depends on it is made again when flags or lists of files change.
define remember
$(1): FORCE
	@mkdir -p $$(@D)
	@printf '%s\n' '$$(subst ','\'',$(2))' | cmp -s - $$@ || \
		printf '%s\n' '$$(subst ','\'',$(2))' >$$@
endef

# $(call have,NAME,KIND,WHAT,PACKAGE): build/have/NAME exists when the program
# or header WHAT does; else one line says which package to install.
define have
build/have/$(1):
	@mk/have $(2) $(3) $(4)
	@mkdir -p $$(@D) && touch $$@
endef

$(eval $(call have,cc,program,$(CC),gcc))
$(eval $(call have,libc,header,stdio.h,libc6-dev))
$(eval $(call have,json-c,header,json-c/json.h,libjson-c-dev))
$(eval $(call have,readline,header,readline/readline.h,libreadline-dev))
$(eval $(call have,curses,header,curses.h,libncurses-dev))
$(eval $(call have,libnl,file,/usr/include/libnl3/netlink/genl/genl.h,\
	libnl-genl-3-dev))
$(eval $(call have,check,header,check.h,check))
$(eval $(call have,liburing,header,liburing.h,liburing-dev))
$(eval $(call have,m32,header32,stdio.h,gcc-multilib))
