# SPDX-License-Identifier: MIT
"""The allocators: ours and those of Debian that programs preload today."""

import glob
import os

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.realpath(__file__))))
OURS = "ntmem"
# Name, patterns of the library's path, package. glibc is what all have.
PEERS = (
    ("glibc", ("/lib/x86_64-linux-gnu/libc.so.6", "/lib64/libc.so.6"), "libc6"),
    ("mimalloc", ("/usr/lib/x86_64-linux-gnu/libmimalloc.so.2",
                  "/usr/lib*/libmimalloc.so.2*"), "libmimalloc2.0"),
    ("jemalloc", ("/usr/lib/x86_64-linux-gnu/libjemalloc.so.2",
                  "/usr/lib*/libjemalloc.so.2"), "libjemalloc2"),
    ("tcmalloc", ("/usr/lib/x86_64-linux-gnu/libtcmalloc_minimal.so.4",
                  "/usr/lib*/libtcmalloc_minimal.so.4"),
     "libtcmalloc-minimal4"),
)
LIBRARY = os.path.join(TOP, "build/lib/libntmem-malloc.so")


class Allocator:
    def __init__(self, name, library):
        self.name = name
        self.library = library

    def environment(self):
        """glibc is preloaded, too: a program may be linked with another."""
        env = {name: value for name, value in os.environ.items()
               if not name.startswith(("MALLOC_", "MIMALLOC_", "TCMALLOC_",
                                       "GLIBC_TUNABLES"))}
        return dict(env, LD_PRELOAD=self.library)

    def is_used(self, path):
        """Whether that is where malloc was found."""
        return os.path.realpath(path) == os.path.realpath(self.library)


def find(library=None):
    """(allocators that are there, a line for each that is missing)"""
    found, missing = [], []
    for name, patterns, package in PEERS:
        paths = [path for pattern in patterns for path in glob.glob(pattern)]
        if paths:
            found.append(Allocator(name, paths[0]))
        else:
            missing.append("%s is not installed: apt-get install %s, or run "
                           "make deps" % (name, package))
    library = os.path.abspath(library or LIBRARY)
    if os.path.exists(library):
        found.append(Allocator(OURS, library))
    else:
        missing.append("%s: there is no %s; the peers alone are compared" %
                       (OURS, os.path.relpath(library, TOP)))
    return found, missing


def choose(found, names):
    """Those of the names, in that order; all without names."""
    known = {allocator.name: allocator for allocator in found}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise SystemExit("bench: no allocator " + ", ".join(unknown) +
                         "; there are " + ", ".join(known))
    return [known[name] for name in names] or found
