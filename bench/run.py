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
    """CPU and wall seconds of one run, and what the agent held, in bytes, where that was asked."""

    def __init__(self, cpu, wall, own=None):
        self.cpu, self.wall, self.own = cpu, wall, own


def run_program(command, environment):
    started = time.monotonic()
    process = subprocess.Popen(command, env={**os.environ, **environment}, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"bench: {' '.join(command)} ended with status {process.returncode}")
    return Figures(usage.ru_utime + usage.ru_stime, time.monotonic() - started)


def own_bytes(build, target):
    """memtrace's own resident bytes in a process or a session."""
    report = subprocess.run([os.path.join(build, "src", "cli", "memtrace"), "report", "--format=json",
                             "--no-symbolize", target], check=True, capture_output=True)
    return json.loads(report.stdout)["agent"]["own_bytes"]


def run_recorded(build, command):
    """The same under memtrace run, for what the agent held at the end."""
    with tempfile.TemporaryDirectory() as directory:
        session = os.path.join(directory, "session.memtrace")
        subprocess.run([os.path.join(build, "src", "cli", "memtrace"), "run", "--quiet", "-o", session, "--", *command],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return own_bytes(build, session)


def run_redis(build, environment, recorded=False):
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
            own = own_bytes(build, str(server.pid)) if recorded else None
        finally:
            server.terminate()
            _, _, usage = os.wait4(server.pid, 0)
            server.returncode = 0
    return Figures(usage.ru_utime + usage.ru_stime, wall, own)


def workloads(build):
    """Name to two functions: one that runs it in an environment, one for what the agent holds at the end."""
    directory = os.path.join(build, "bench")
    table = {
        "cfrac": ["cfrac", "100000000000001300000000000004209", "300"],
        "larson": ["larson", "2", "60"],
    }
    result = {}
    for name, command in table.items():
        command = [os.path.join(directory, command[0]), *command[1:]]
        result[name] = (lambda environment, command=command: run_program(command, environment),
                        lambda command=command: run_recorded(build, command))
    result["redis"] = (lambda environment: run_redis(build, environment),
                       lambda: run_redis(build, agent(build, "fast", "auto"), True).own)
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
    variants = [Variant("off", agent(build, "fast", "off")), Variant("auto", agent(build, "fast", "auto"))]
    rows = []
    for name, (run, own) in workloads(build).items():
        if names and name not in names:
            continue
        figures = measure(run, variants, rounds)
        ratios = [b.cpu / a.cpu for a, b in zip(figures["off"], figures["auto"])]
        rows.append({"workload": name, "cpu_off_s": statistics.median(f.cpu for f in figures["off"]),
                     "cpu_auto_s": statistics.median(f.cpu for f in figures["auto"]),
                     "ratio": statistics.median(ratios), "ratio_low": min(ratios), "ratio_high": max(ratios),
                     "least_ratio": min(f.cpu for f in figures["auto"]) / min(f.cpu for f in figures["off"]),
                     "own_bytes": own()})
    return rows


def print_overhead(rows):
    print("CPU time with sampling at its default and off, same allocator; ratio: median of the rounds (lowest, highest),")
    print("and of the quickest run of each; own: what memtrace holds in the process at the end")
    for row in rows:
        print(f"{row['workload']:<8} off {row['cpu_off_s']:6.2f} s  auto {row['cpu_auto_s']:6.2f} s"
              f"  ratio {row['ratio']:.3f} ({row['ratio_low']:.3f}, {row['ratio_high']:.3f})"
              f"  quickest {row['least_ratio']:.3f}  own {row['own_bytes'] / 2**20:.1f} MiB")


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
