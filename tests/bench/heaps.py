# SPDX-License-Identifier: MIT
"""First-class heaps: ours beside mimalloc's, and beside malloc and free.

Each is measured by a process of its own (build/tests/bench-heap), in turn.
"""

import json
import os
import statistics
import subprocess

import allocators
import report

PROGRAM = os.path.join(allocators.TOP, "build/tests/bench-heap")
MAKERS = ("ntmem", "ntmem-unlocked", "mimalloc", "malloc")
COUNTS = (1, 10, 100, 1000, 10000)
MOST_KIB = 20
LIMIT = 120
NONE = 4			# status when there are no such heaps


class Missing(Exception):
    """There are no heaps of that maker."""


def run_once(maker, scale):
    done = subprocess.run([PROGRAM, maker, str(scale)],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=LIMIT,
                          check=False)
    if done.returncode == NONE:
        raise Missing(done.stderr.strip())
    if done.returncode:
        raise RuntimeError("heaps of %s: status %d %s" %
                           (maker, done.returncode, done.stderr.strip()))
    return json.loads(done.stdout)


def run_all(args, complain, say):
    results = {maker: [] for maker in MAKERS}
    for nr in range(args.rounds):
        for maker in list(results):
            say("round %d of %d: heaps of %s" % (nr + 1, args.rounds, maker))
            try:
                results[maker].append(run_once(maker, args.scale))
            except (Missing, RuntimeError, subprocess.TimeoutExpired) as error:
                complain(str(error))
                del results[maker]
    return results


def median(runs, key):
    return statistics.median(run[key] for run in runs) if runs else None


def goals(results, prefix):
    if "ntmem" not in results or "mimalloc" not in results:
        return
    rows = [["goal", "", "", ""]]
    for count in COUNTS:
        key = prefix + str(count)
        ours, other = (median(results[maker], key)
                       for maker in ("ntmem", "mimalloc"))
        rows.append(report.verdict("a heap of %d blocks against mimalloc's" %
                                   count, ours / other,
                                   0.5 if count <= 1000 else 1.0))
    rows.append(report.verdict("KiB resident of a heap of ten blocks",
                               median(results["ntmem"], "heap_kib"),
                               MOST_KIB, "%.1f"))
    print()
    report.print_table(rows)


def run_and_report(args, complain, say):
    if not os.path.exists(PROGRAM):
        complain("build/tests/bench-heap is missing: no heaps are measured")
        return {}
    results = run_all(args, complain, say)
    prefix = "cpu_ns_" if args.cpu else "ns_"
    rows = [["blocks", *map(str, COUNTS), "KiB"]]
    for maker, runs in results.items():
        rows.append([maker] + [report.cell(median(runs, prefix + str(count)),
                                           "%.1f") for count in COUNTS] +
                    [report.cell(median(runs, "heap_kib"), "%.1f")])
    print("\nHeaps: create, take so many blocks of 16 to 256 bytes, destroy; "
          "ns a block.\nKiB: resident memory of a heap of ten blocks\n")
    report.print_table(rows)
    goals(results, prefix)
    return results
