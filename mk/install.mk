# SPDX-License-Identifier: MIT
#
# make install: the library, its headers, the tools, the manual pages, what bash
# completes, and the schemas of netlink and of JSON.
# make modules_install: the module, for each kernel it was built for.

INCLUDEDIR := $(PREFIX)/include
MANDIR := $(PREFIX)/share/man
COMPLETIONDIR := $(PREFIX)/share/bash-completion/completions
DATADIR := $(PREFIX)/share/ntmem
INSTALL := install

.PHONY: install
install: lib tools
	$(INSTALL) -d $(DESTDIR)$(INCLUDEDIR)/ntmem/linux \
		$(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(PREFIX)/bin \
		$(DESTDIR)$(MANDIR)/man1 $(DESTDIR)$(MANDIR)/man7 \
		$(DESTDIR)$(COMPLETIONDIR) $(DESTDIR)$(DATADIR)
	cd include/ntmem && find . -name '*.h*' -exec \
		$(INSTALL) -D -m 644 {} $(abspath $(DESTDIR)$(INCLUDEDIR)/ntmem)/{} \;
	$(INSTALL) -m 644 include/uapi/linux/ntmem.h \
		include/uapi/linux/ntmem_netlink.h \
		$(DESTDIR)$(INCLUDEDIR)/ntmem/linux
	$(INSTALL) -m 644 $(OUT)/lib/libntmem.a $(DESTDIR)$(LIBDIR)
	$(INSTALL) -m 755 $(OUT)/lib/libntmem.so \
		$(DESTDIR)$(LIBDIR)/libntmem.so.$(VERSION)
	ln -sf libntmem.so.$(VERSION) \
		$(DESTDIR)$(LIBDIR)/libntmem.so.$(SOVERSION)
	ln -sf libntmem.so.$(SOVERSION) $(DESTDIR)$(LIBDIR)/libntmem.so
	$(INSTALL) -m 755 $(OUT)/lib/libntmem-malloc.so \
		$(DESTDIR)$(LIBDIR)/libntmem-malloc.so.$(VERSION)
	ln -sf libntmem-malloc.so.$(VERSION) \
		$(DESTDIR)$(LIBDIR)/libntmem-malloc.so.$(SOVERSION)
	ln -sf libntmem-malloc.so.$(SOVERSION) \
		$(DESTDIR)$(LIBDIR)/libntmem-malloc.so
	sed 's|@PREFIX@|$(PREFIX)|;s|@LIBDIR@|$(LIBDIR)|;s|@VERSION@|$(VERSION)|' \
		lib/ntmem.pc.in >$(DESTDIR)$(LIBDIR)/pkgconfig/ntmem.pc
	$(INSTALL) -m 755 $(TOOL) $(DESTDIR)$(PREFIX)/bin
	$(INSTALL) -m 644 $(wildcard tools/man/*.1) $(DESTDIR)$(MANDIR)/man1
	$(INSTALL) -m 644 $(wildcard tools/man/*.7) $(DESTDIR)$(MANDIR)/man7
	$(INSTALL) -m 644 tools/completion/ntmem $(DESTDIR)$(COMPLETIONDIR)
	$(INSTALL) -m 644 doc/netlink/ntmem.yaml doc/ntmem.schema.json \
		$(DESTDIR)$(DATADIR)

.PHONY: modules_install
modules_install: modules
	@mk/have program depmod kmod
	$(foreach module,$(MODULES),\
		$(INSTALL) -D -m 644 $(module) \
		$(DESTDIR)/lib/modules/$(notdir $(patsubst %/,%,$(dir \
		$(module))))/updates/ntmem.ko &&) true
	$(if $(DESTDIR),,$(foreach module,$(MODULES),\
		depmod $(notdir $(patsubst %/,%,$(dir $(module)))) &&) true)
