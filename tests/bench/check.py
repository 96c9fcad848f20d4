# SPDX-License-Identifier: MIT
"""tests/bench/run --check: that all workloads run, with little work, in TAP.

Under glibc, and under ours when it has been built; the peers are not ours to
test.
"""

import subprocess

import allocators
import heaps
import programs

LITTLE = "0.002"
LIMIT = 120


class Tap:
    def __init__(self):
        self.count = 0
        self.failed = 0

    def check(self, good, what):
        self.count += 1
        self.failed += not good
        print("%sok %d - %s" % ("" if good else "not ", self.count, what),
              flush=True)

    def skip(self, what, why):
        self.count += 1
        print("ok %d - %s # SKIP %s" % (self.count, what, why), flush=True)


def good_run(result):
    return bool(result) and result["operations"] > 0 and \
        result["seconds"] > 0 and result["peak_kib"] > 0


def check_workloads(tap, allocator, names, run_once):
    for name in names:
        for threads in ("1", "2", "3"):
            tap.check(good_run(run_once(allocator, "--scale", LITTLE,
                                        "--threads", threads, name)),
                      "%s: %s, threads: %s" % (allocator.name, name, threads))


def check_steps(tap, allocator, run_once):
    for size in (64, 65536):
        result = run_once(allocator, "--steps", str(size))
        tap.check(result and 10 < result["instructions"] < 20000,
                  "%s: instructions of %d bytes" % (allocator.name, size))


def check_programs(tap, allocator):
    for program in programs.ALL:
        name = "%s: %s" % (allocator.name, program.name)
        missing = program.missing()
        if missing:
            tap.skip(name, missing)
            continue
        try:
            program.prepare(float(LITTLE))
            result = program.run(allocator, LIMIT)
            tap.check(result["peak_kib"] > 0, name)
        except programs.Failed as failure:
            print("# %s" % failure)
            tap.check(False, name)


def check_heaps(tap):
    for maker in heaps.MAKERS:
        try:
            result = heaps.run_once(maker, float(LITTLE))
            tap.check(result["ns_1"] > 0, "heaps of " + maker)
        except heaps.Missing as missing:
            tap.skip("heaps of " + maker, missing)
        except (RuntimeError, subprocess.TimeoutExpired) as error:
            print("# %s" % error)
            tap.check(False, "heaps of " + maker)


def run(found, names, run_once):
    tap = Tap()
    tested = [allocator for allocator in found
              if allocator.name in ("glibc", allocators.OURS)]
    print("TAP version 13")
    for allocator in tested:
        check_workloads(tap, allocator, names, run_once)
        check_steps(tap, allocator, run_once)
        check_programs(tap, allocator)
    check_heaps(tap)
    if len(tested) < 2:
        tap.skip(allocators.OURS, "there is no build/lib/libntmem-malloc.so")
    print("1..%d" % tap.count)
    return 1 if tap.failed else 0
