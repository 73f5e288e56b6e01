#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the benchmarks: ours against other allocators, sampling against none, recording everything."""

import argparse
import json
import os
import resource
import sys

sys.dont_write_bytecode = True

from allsamples import print_all_samples, run_all_samples  # noqa: E402
from annotate import print_annotate, run_annotate  # noqa: E402
from arenas import print_arenas, run_arenas  # noqa: E402
from attach import print_attach, run_attach  # noqa: E402
from overhead import print_overhead, run_overhead  # noqa: E402
from peers import print_peers, run_peers  # noqa: E402
from plot import write_plot  # noqa: E402
from session import print_session, run_session  # noqa: E402
from symbols import print_symbols, run_symbols  # noqa: E402

# what is asked, the rounds that it takes, and how it is answered and printed
PARTS = {
    "peers": (5, run_peers, print_peers),
    "overhead": (11, run_overhead, print_overhead),
    "all-samples": (5, run_all_samples, print_all_samples),
    "symbols": (5, run_symbols, print_symbols),
    "session": (3, run_session, print_session),
    "annotate": (5, run_annotate, print_annotate),
    "attach": (50, run_attach, print_attach),
    "arenas": (5, run_arenas, print_arenas),
}


def parse():
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__.splitlines()[0])
    parser.add_argument("part", nargs="?", choices=[*PARTS, "all"], default="all",
                        help="peers: time and memory of allocators; overhead: the default sampling against none;"
                        " all-samples: --sample=all and heaptrack; symbols: names of addresses, against llvm-symbolizer;"
                        " session: reports of a session of 100,000 sites;"
                        " annotate: the macros of memtrace.h;"
                        " attach: for how long a process stands still, against gdb;"
                        " arenas: reading a heap of 3 GB from outside;"
                        " all of them without one")
    parser.add_argument("workload", nargs="*", help="only workloads whose names begin so")
    parser.add_argument("--rounds", type=int, help="rounds of each variant; without it "
                        + ", ".join(f"{part} {rounds}" for part, (rounds, *_) in PARTS.items()))
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--read", metavar="FILE", help="run nothing, show what --json has printed into FILE")
    parser.add_argument("--svg", metavar="FILE", help="draw what peers found into FILE")
    parser.add_argument("--build", default="build-release", help=argparse.SUPPRESS)
    return parser.parse_intermixed_args()


def progress(name):
    """Says what is being done: in one line of a terminal, or a line each."""
    if sys.stderr.isatty():
        print(f"\r\033[K{name}", end="", file=sys.stderr, flush=True)
    elif name:
        print(f"bench: {name}", file=sys.stderr, flush=True)


def measure(options):
    build = os.path.abspath(options.build)
    results = {}
    for name, (rounds, run, _) in PARTS.items():
        if options.part in (name, "all"):
            results[name] = run(build, options.rounds or rounds, options.workload, progress)
            progress("")
    return results


def read(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def main():
    options = parse()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    results = read(options.read) if options.read else measure(options)
    if options.json:
        json.dump(results, sys.stdout, indent=2)
        print()
    else:
        for name, result in results.items():
            PARTS[name][2](result)
    if options.svg and "peers" in results:
        write_plot(results["peers"], options.svg)


if __name__ == "__main__":
    main()
