# SPDX-License-Identifier: MIT
"""Allocators on the same work: time and peak memory of ours, sampling at its default, and of its peers."""

import re
import subprocess
import sys
import tempfile

from figures import geometric_mean, number, spread, table
from runs import Variant, agent, run_round
from workloads import cfrac, larson, micro, whole_programs

OURS = "memtrace"
GLIBC = "glibc"
LIBRARIES = {"jemalloc": "libjemalloc.so.2", "tcmalloc": "libtcmalloc_minimal.so.4", "mimalloc": "libmimalloc.so.2"}
LARGE_KIB = 8 << 10  # from that peak under glibc on, memory says something about blocks


def library(name):
    """The path of a shared library of this machine's own kind, or None."""
    cache = subprocess.run(["/sbin/ldconfig", "-p"], check=True, capture_output=True, text=True).stdout
    found = [line.split(" => ")[1] for line in cache.splitlines()
             if line.split()[0] == name and ("x86-64" in line or "AArch64" in line)]
    return found[0] if found else None


def allocators(build):
    """glibc's is preloaded too: some programs are linked with an allocator of their own."""
    variants = [agent(build, OURS), Variant(GLIBC, library("libc.so.6"))]
    for name, file in LIBRARIES.items():
        path = library(file)
        if path:
            variants.append(Variant(name, path))
        else:
            print(f"bench: no {file}, so {name} is left out", file=sys.stderr)
    return variants


def chosen(workloads, names):
    """Those whose names begin with one of names; all without names."""
    for workload in workloads:
        if names and not any(workload.name.startswith(name) for name in names):
            continue
        if workload.is_there():
            yield workload
        else:
            print(f"bench: {workload.name} is not installed, so it is left out", file=sys.stderr)


def burst_figures(results):
    """What was resident behind a burst, by what is alive."""
    found = re.search(r"live_kib (\d+) .*after_kib (\d+)", results[0].output)
    return {"live_kib": int(found.group(1)),
            "after_kib": spread(int(re.search(r"after_kib (\d+)", result.output).group(1)) for result in results)[0]
            } if found else {}


def summary(results):
    """Of all rounds of one allocator; time in ns where the program counts operations, else in seconds."""
    unit = "ns" if results[0].ns is not None else "s"
    median, low, high = spread(result.ns if unit == "ns" else result.cpu_s for result in results)
    return {"unit": unit, "time": median, "time_low": low, "time_high": high,
            "cpu_s": spread(result.cpu_s for result in results)[0],
            "rss_kib": spread(result.rss_kib for result in results)[0], **burst_figures(results)}


def compare(workload, variants, rounds):
    results = {variant.name: [] for variant in variants}
    for round_number in range(rounds):
        for name, result in run_round(workload, variants, round_number).items():
            results[name].append(result)
    row = {"workload": workload.name, "text": workload.text, "threaded": workload.threaded,
           "allocators": {name: summary(of_one) for name, of_one in results.items()}}
    others = [name for name in results if name != OURS]
    best = min(others, key=lambda name: row["allocators"][name]["time"])
    ratios = [(ours.ns or ours.cpu_s) / (theirs.ns or theirs.cpu_s)
              for ours, theirs in zip(results[OURS], results[best])]
    row["best_peer"] = best
    row["to_best"], row["to_best_low"], row["to_best_high"] = spread(ratios)
    return row


def means(rows, names):
    """Geometric means of what each allocator takes, glibc's being 1."""
    def of(rows, key, name):
        return geometric_mean(row["allocators"][name][key] / row["allocators"][GLIBC][key] for row in rows)

    timed = [row for row in rows if row["workload"] != "nothing"]
    large = [row for row in rows if row["allocators"][GLIBC]["rss_kib"] >= LARGE_KIB]
    return {name: {"time": of(timed, "time", name), "rss": of(rows, "rss_kib", name),
                   "rss_large": of(large, "rss_kib", name)} for name in names}


def run_peers(build, rounds, names, progress):
    variants = allocators(build)
    with tempfile.TemporaryDirectory() as directory:
        all_workloads = [*micro(build), cfrac(build), larson(build), *whole_programs(build, directory)]
        rows = []
        try:
            for workload in chosen(all_workloads, names):
                progress(workload.name)
                rows.append(compare(workload, variants, rounds))
        except KeyboardInterrupt:
            print(f"bench: interrupted; {len(rows)} workloads were done", file=sys.stderr)
    names = [variant.name for variant in variants]
    return {"allocators": names, "rounds": rounds, "rows": rows, "means": means(rows, names)}


def time_lines(peers):
    names = peers["allocators"]
    rows = []
    for row in peers["rows"]:
        of = row["allocators"]
        rows.append([f"{row['workload']} ({of[OURS]['unit']})", *(number(of[name]["time"]) for name in names),
                     f"{row['to_best']:.2f} ({row['to_best_low']:.2f}-{row['to_best_high']:.2f})", row["best_peer"]])
    return table(["time: ns an operation, or CPU s", *names, "to best peer", "which"], rows)


def memory_lines(peers):
    names = peers["allocators"]
    rows = [[row["workload"], *(number(row["allocators"][name]["rss_kib"] / 1024) for name in names),
             f"{row['allocators'][OURS]['rss_kib'] / row['allocators'][GLIBC]['rss_kib']:.2f}"]
            for row in peers["rows"]]
    return table(["peak RSS (MiB)", *names, "to glibc"], rows)


def mean_lines(peers):
    names, of = peers["allocators"], peers["means"]
    kinds = {"time": "time", "rss": "peak RSS, all", "rss_large": f"peak RSS, where glibc has {LARGE_KIB >> 10} MiB or more"}
    return table(["geometric mean, glibc = 1", *names],
                 [[text, *(f"{of[name][kind]:.3f}" for name in names)] for kind, text in kinds.items()])


def remarks(peers):
    behind = [row for row in peers["rows"] if row["to_best"] > 1.1 and row["workload"] != "nothing"]
    if behind:
        yield "more than 10 % behind the best peer: " + ", ".join(
            f"{row['workload']} {row['to_best']:.2f}" for row in sorted(behind, key=lambda row: -row["to_best"]))
    for row in peers["rows"]:
        for name, of in row["allocators"].items():
            if "after_kib" in of:
                yield (f"{row['workload']}: {name} has {of['after_kib'] / 1024:.1f} MiB resident 2 s after the release,"
                       f" {of['live_kib'] / 1024:.1f} MiB are alive")


def print_peers(peers):
    print(f"Allocators, medians of {peers['rounds']} rounds; single-threaded work at once on one CPU, threads one after the"
          " other;\nmemtrace samples at its default; to best peer: median of the rounds (quartiles)\n")
    for lines in (time_lines(peers), memory_lines(peers), mean_lines(peers), remarks(peers)):
        print(*lines, sep="\n", end="\n\n")
