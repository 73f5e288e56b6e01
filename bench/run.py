#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the benchmarks: variants of one workload interleaved, medians, spreads and ratios.

The machine may be shared and noisy, so each round runs every variant once (A B C A B C ...), figures are
medians over the rounds, and the ratio of two variants is the median of the ratios within a round.
"""

import argparse
import json
import os
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time


class Variant:
    """A way to run a workload: what is preloaded and with which settings."""

    def __init__(self, name, environment):
        self.name, self.environment = name, environment


def agent(build, allocator, sample):
    library = os.path.join(build, "src", "agent", "preload", "libmemtrace-agent.so")
    return {"LD_PRELOAD": library, "MEMTRACE_ALLOCATOR": allocator, "MEMTRACE_SAMPLE": sample}


class Figures:
    """CPU seconds, wall seconds and peak RSS of one run."""

    def __init__(self, cpu, wall, peak, own=None):
        self.cpu, self.wall, self.peak, self.own = cpu, wall, peak, own


def run_program(command, environment):
    started = time.monotonic()
    process = subprocess.Popen(command, env={**os.environ, **environment}, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"bench: {' '.join(command)} ended with status {process.returncode}")
    return Figures(usage.ru_utime + usage.ru_stime, time.monotonic() - started, usage.ru_maxrss * 1024)


def run_redis(environment):
    """CPU seconds of a redis-server for a fixed number of requests."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as directory:
        server = subprocess.Popen(["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir",
                                   directory], env={**os.environ, **environment}, stdout=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + 20
            while socket.socket().connect_ex(("127.0.0.1", port)) != 0:
                if time.monotonic() > deadline:
                    sys.exit("bench: redis-server does not listen")
                time.sleep(0.02)
            started = time.monotonic()
            subprocess.run(["redis-benchmark", "-p", str(port), "-n", "200000", "-r", "100000", "-d", "100", "-P", "16",
                            "-q", "-t", "set,get,lpush,hset"], check=True, stdout=subprocess.DEVNULL)
            wall = time.monotonic() - started
        finally:
            server.terminate()
            _, _, usage = os.wait4(server.pid, 0)
            server.returncode = 0
    return Figures(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss * 1024)


def workloads(build):
    """Name to a function that runs it once in an environment."""
    directory = os.path.join(build, "bench")
    table = {
        "cfrac": ["cfrac"],
        "larson": ["larson"],
    }
    result = {}
    for name, command in table.items():
        command = [os.path.join(directory, command[0]), *command[1:]]
        result[name] = lambda environment, command=command: run_program(command, environment)
    result["redis"] = run_redis
    return result


def measure(run, variants, rounds):
    """Runs all variants in turn; returns name to list of figures."""
    figures = {variant.name: [] for variant in variants}
    for number in range(rounds + 1):
        for variant in variants:
            one = run(variant.environment)
            if number > 0:  # the first round warms the page cache
                figures[variant.name].append(one)
    return figures


def overhead(build, rounds, names):
    """Sampling at its default against the same allocator with sampling off."""
    variants = [Variant("off", agent(build, "fast", "off")), Variant("auto", agent(build, "fast", "auto")),
                Variant("all", agent(build, "fast", "all"))]
    rows = []
    for name, run in workloads(build).items():
        if names and name not in names:
            continue
        figures = measure(run, variants, rounds)
        for variant in variants[1:]:
            ratios = [b.cpu / a.cpu for a, b in zip(figures["off"], figures[variant.name])]
            rows.append({"workload": name, "sampling": variant.name,
                         "cpu_off_s": statistics.median(f.cpu for f in figures["off"]),
                         "cpu_s": statistics.median(f.cpu for f in figures[variant.name]),
                         "ratio": statistics.median(ratios), "ratio_low": min(ratios), "ratio_high": max(ratios),
                         "peak_bytes": statistics.median(f.peak for f in figures[variant.name]),
                         "peak_off_bytes": statistics.median(f.peak for f in figures["off"])})
    return rows


def print_overhead(rows):
    print(f"{'workload':<10} {'sampling':<8} {'off':>8} {'on':>8} {'ratio':>7} {'(lowest, highest)':>18} {'peak RSS':>10} {'off':>10}")
    for row in rows:
        print(f"{row['workload']:<10} {row['sampling']:<8} {row['cpu_off_s']:>7.2f}s {row['cpu_s']:>7.2f}s"
              f" {row['ratio']:>7.3f} {'(%.3f, %.3f)' % (row['ratio_low'], row['ratio_high']):>18}"
              f" {row['peak_bytes'] / 2**20:>6.1f} MiB {row['peak_off_bytes'] / 2**20:>6.1f} MiB")


def main():
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__.splitlines()[0])
    parser.add_argument("--build", default="build-release", help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=9, help="rounds of each variant (9)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("workload", nargs="*", help="only these workloads")
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    rows = overhead(os.path.abspath(options.build), options.rounds, options.workload)
    if options.json:
        json.dump({"overhead": rows}, sys.stdout, indent=2)
        print()
    else:
        print_overhead(rows)


if __name__ == "__main__":
    main()
