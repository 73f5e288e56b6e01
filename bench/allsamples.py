# SPDX-License-Identifier: MIT
"""Recording every allocation: --sample=all and heaptrack, against glibc without either.

Two figures for each: the CPU time of the program itself, and that of all processes that belong to the
profiler's run, which is where heaptrack's interpreter and compressor and the tool of memtrace appear.
"""

import os
import shutil
import sys
import tempfile

from figures import geometric_mean, spread, table
from peers import GLIBC, chosen, library
from runs import Variant, agent, run_round
from workloads import cfrac, java, larson, whole_programs

KINDS = ("cfrac", "larson", "python3", "sqlite3", "redis", "z3", "gs", "java")
OURS, OTHER = "memtrace", "heaptrack"


def variants_of(build, directory):
    variants = [Variant(GLIBC, library("libc.so.6")), agent(build, OURS, "all")]
    if shutil.which("heaptrack"):
        variants.append(Variant(OTHER, library("libc.so.6"), prefix=["heaptrack", "-o", os.path.join(directory, "recorded")]))
    else:
        print("bench: heaptrack is not installed, so it is left out", file=sys.stderr)
    return variants


def compare(workload, variants, rounds, progress):
    runs = []
    for number in range(rounds):
        progress(f"{workload.name}, round {number + 1} of {rounds}")
        runs.append(run_round(workload, variants, number))
    row = {"workload": workload.name, "glibc_cpu_s": spread(run[GLIBC].cpu_s for run in runs)[0],
           "glibc_rss_kib": spread(run[GLIBC].rss_kib for run in runs)[0]}
    for variant in variants[1:]:
        name = variant.name
        ratio, low, high = spread(run[name].cpu_s / run[GLIBC].cpu_s for run in runs)
        row[name] = {"ratio": ratio, "low": low, "high": high,
                     "total_ratio": spread(run[name].total_cpu_s / run[GLIBC].cpu_s for run in runs)[0],
                     "rss_kib": spread(run[name].rss_kib for run in runs)[0],
                     "total_rss_kib": spread(run[name].total_rss_kib for run in runs)[0]}
    return row


def run_all_samples(build, rounds, names, progress):
    rows = []
    with tempfile.TemporaryDirectory() as directory:
        variants = variants_of(build, directory)
        workloads = {workload.name: workload for workload in
                     [cfrac(build), larson(build, 4), *whole_programs(build, directory), java(build, directory)]}
        for workload in chosen((workloads[kind] for kind in KINDS), names):
            rows.append(compare(workload, variants, rounds, progress))
    there = [variant.name for variant in variants[1:]]
    return {"rounds": rounds, "rows": rows,
            "means": {name: geometric_mean(row[name]["ratio"] for row in rows) for name in there}}


def nearer(row):
    """How many times nearer to 1 ours is than heaptrack's."""
    if OTHER not in row:
        return "-"
    cost = row[OURS]["ratio"] - 1
    return f"{(row[OTHER]['ratio'] - 1) / cost:.1f}" if cost > 0 else "all of it"


def print_all_samples(result):
    print(f"Every allocation recorded: CPU time of the program against glibc without a profiler, medians of"
          f" {result['rounds']} rounds\n(quartiles); with helpers: CPU time of all processes of the profiler's run\n")
    names = list(result["means"])
    head = ["", "glibc (s)"]
    for name in names:
        head += [name, "with helpers", "peak MiB"]
    lines = []
    for row in result["rows"]:
        line = [row["workload"], f"{row['glibc_cpu_s']:.2f}"]
        for name in names:
            of = row[name]
            line += [f"{of['ratio']:.2f} ({of['low']:.2f}-{of['high']:.2f})", f"{of['total_ratio']:.2f}",
                     f"{max(of['rss_kib'], of['total_rss_kib']) / 1024:.0f}"]
        lines.append([*line, nearer(row)])
    mean = ["geometric mean", ""]
    for name in names:
        mean += [f"{result['means'][name]:.2f}", "", ""]
    print(*table([*head, "times nearer to 1"], [*lines, [*mean, ""]]), sep="\n", end="\n\n")
