# SPDX-License-Identifier: MIT
"""The macros of memtrace.h: what a call costs a program that nobody observes, and one that is."""

from figures import spread, table
from runs import Running, Variant, agent

KINDS = {"pool": "alloc and free of a pool's block", "tag": "push and pop of a tag", "mark": "a mark"}


def run_annotate(build, rounds, names, progress):
    variants = [Variant("no agent"), agent(build, "agent"), agent(build, "--sample=all", sample="all")]
    figures = {variant.name: {kind: [] for kind in KINDS} for variant in variants}
    for number in range(rounds):
        progress(f"annotate, round {number + 1}")
        started = [(variant, Running(build, [f"{build}/bench/annotate"], variant, 0)) for variant in variants]
        for variant, running in started:
            for line in running.finish().output.splitlines():
                kind, ns = line.split()
                figures[variant.name][kind].append(float(ns))
    return {"rounds": rounds, "ns": {name: {kind: spread(values) for kind, values in kinds.items()}
                                     for name, kinds in figures.items()}}


def print_annotate(result):
    print("the macros of memtrace.h, nanoseconds of CPU, the function that calls them included:"
          f" medians of {result['rounds']} rounds\n")
    variants = list(result["ns"])
    rows = [[text, *(f"{result['ns'][name][kind][0]:.1f}" for name in variants)] for kind, text in KINDS.items()]
    print(*table(["", *variants], rows), sep="\n", end="\n\n")
