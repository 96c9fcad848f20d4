# SPDX-License-Identifier: MIT
"""What the runs say together: medians, ratios, geometric means, verdicts.

A table of medians is a dictionary: workload -> allocator -> number; None where
the workload did not get to its end under the allocator.
"""

import math
import statistics

OURS = "ntmem"
BASE = "glibc"
# Of these the goals speak apart: one allocator alone is good at them.
APART = ("realloc", "realloc-8")


def medians(results, key):
    """results: workload -> allocator -> list of what single runs printed."""
    table = {}
    for workload, by_allocator in results.items():
        table[workload] = {}
        for allocator, runs in by_allocator.items():
            values = [run[key] for run in runs if run and key in run]
            whole = values and len(values) == len(runs)
            table[workload][allocator] = (statistics.median(values)
                                          if whole else None)
    return table


def ratio(table, workload, allocator, base):
    value, other = (table[workload].get(name) for name in (allocator, base))
    if value is None or not other:
        return None
    return value / other


def geometric_mean(values):
    values = [value for value in values if value]
    if not values:
        return None
    return math.exp(sum(map(math.log, values)) / len(values))


def mean_ratio(table, allocator, base, without=()):
    return geometric_mean(ratio(table, workload, allocator, base)
                          for workload in table if workload not in without)


def base_of(allocators):
    """Whose numbers the others are shown as ratios to."""
    return BASE if BASE in allocators else allocators[0]


def best_of(table, workload, allocators):
    """The best of the peers, or None."""
    known = [(table[workload][name], name) for name in allocators
             if name != OURS and table[workload].get(name) is not None]
    return min(known)[1] if known else None


# -------------------------------------------------------------------- printing

def cell(value, form="%.2f"):
    return "-" if value is None else form % value


def print_table(rows, out=print):
    """Rows of strings; the first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows:
        out("  ".join([row[0].ljust(widths[0])] +
                      [text.rjust(width)
                       for text, width in zip(row[1:], widths[1:])]).rstrip())


def print_ratios(title, table, allocators, unit, scale):
    """Each workload: the base's value, all as ratios to it, who is best."""
    print("\n%s\n" % title)
    base = base_of(allocators)
    others = [name for name in allocators if name != base]
    rows = [["", "%s %s" % (base, unit), *others, "best peer",
             *(["%s/best" % OURS] if OURS in allocators else [])]]
    for workload, values in table.items():
        best = best_of(table, workload, allocators)
        row = [workload, cell(values.get(base) and values[base] * scale,
                              "%.1f")]
        row += [cell(ratio(table, workload, name, base)) for name in others]
        row += [best or "-"]
        if OURS in allocators:
            row += [cell(best and ratio(table, workload, OURS, best))]
        rows.append(row)
    apart = [name for name in APART if name in table]
    for name, without in [("geometric mean", ())] + (
            [("without realloc", APART)] if apart else []):
        rows.append([name, ""] + [cell(mean_ratio(table, other, base, without))
                                  for other in others] + [""])
        if OURS in allocators:
            rows[-1].append(cell(geometric_mean(
                ratio(table, workload, OURS,
                      best_of(table, workload, allocators))
                for workload in table if workload not in without)))
    print_table(rows)


def print_against(title, table, allocators):
    """Ours as a ratio to every peer."""
    if OURS not in allocators:
        return
    peers = [name for name in allocators if name != OURS]
    rows = [[""] + peers]
    for workload in table:
        rows.append([workload] + [cell(ratio(table, workload, OURS, peer))
                                  for peer in peers])
    rows.append(["geometric mean"] + [cell(mean_ratio(table, OURS, peer))
                                      for peer in peers])
    print("\n%s\n" % title)
    print_table(rows)


def print_settled(results, allocators):
    """Resident memory after a second idle, beside what live pages hold."""
    settled = medians(results, "settled_kib")
    live = medians(results, "live_kib")
    rows = [["", *allocators]]
    for workload, values in settled.items():
        if any(value is not None for value in values.values()):
            rows.append([workload] + [
                "%s (%s)" % (cell(values.get(name) and
                                  values[name] / 1024, "%.1f"),
                             cell(live[workload].get(name) is not None and
                                  live[workload][name] / 1024, "%.1f"))
                for name in allocators])
    if len(rows) > 1:
        print("\nResident after a second idle, MiB (what the pages of live "
              "blocks hold)\n")
        print_table(rows)


def print_instructions(table, calls, allocators):
    """Per malloc and free; with the system calls where there are any."""
    rows = [["bytes", *allocators]]
    for size, values in table.items():
        row = [str(size)]
        for name in allocators:
            value, called = values.get(name), calls[size].get(name)
            row.append(cell(value, "%.1f") +
                       (" +%.2f" % called if called else ""))
        rows.append(row)
    print("\nInstructions of a malloc and free, 64 blocks alive (+ system "
          "calls)\n")
    print_table(rows)


# -------------------------------------------------------------------- verdicts

def verdict(what, value, goal, form="%.2f"):
    if value is None:
        return [what, "-", "at most " + form % goal, "not measured"]
    return [what, form % value, "at most " + form % goal,
            "met" if value <= goal else "missed"]


def worst_against_best(table, allocators):
    worst = (None, "")
    for workload in table:
        best = best_of(table, workload, allocators)
        value = best and ratio(table, workload, OURS, best)
        if value is not None and (worst[0] is None or value > worst[0]):
            worst = (value, "%s against %s" % (workload, best))
    return worst


def time_goals(time, allocators):
    rows = []
    for peer in allocators:
        if peer == OURS:
            continue
        # With and without what has a goal of its own: the worse one counts.
        means = [mean_ratio(time, OURS, peer),
                 mean_ratio(time, OURS, peer, APART)]
        means = [value for value in means if value is not None]
        rows.append(verdict("time, geometric mean against " + peer,
                            max(means, default=None), 0.95))
    plain = {name: values for name, values in time.items()
             if name not in APART}
    worst, where = worst_against_best(plain, allocators)
    rows.append(verdict("worst workload against the best peer" +
                        (" (%s)" % where if where else ""), worst, 1.10))
    return rows


def print_verdicts(time, peak, allocators):
    if OURS not in allocators:
        return
    rows = [["goal", "", "", ""]]
    rows += time_goals(time, allocators)
    growth = APART[0]
    rows.append(verdict("realloc from 16 bytes to 1 MiB against glibc",
                        ratio(time, growth, OURS, BASE)
                        if growth in time else None, 1.2))
    rows.append(verdict("peak memory, geometric mean against mimalloc",
                        mean_ratio(peak, OURS, "mimalloc"), 1.0))
    print()
    print_table(rows)


def print_instruction_verdicts(table, calls):
    limits = {16: 48, 64: 48, 256: 48, 1024: 58, 65536: 100, 262144: 100,
              1048576: 100, 4194304: 100}
    rows = [["goal", "", "", ""]]
    for size, limit in limits.items():
        value = table.get(size, {}).get(OURS)
        if value is not None:
            rows.append(verdict("instructions, %d bytes" % size, value, limit,
                                "%.1f"))
            if size >= 65536:
                rows.append(verdict("system calls, %d bytes" % size,
                                    calls[size].get(OURS), 0, "%.2f"))
    if len(rows) > 1:
        print()
        print_table(rows)
