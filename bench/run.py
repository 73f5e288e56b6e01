#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the benchmarks: variants of one workload side by side, medians, quartiles and ratios."""

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


def agent(build, allocator, sample):
    library = os.path.join(build, "src", "agent", "preload", "libmemtrace-agent.so")
    return {"LD_PRELOAD": library, "MEMTRACE_ALLOCATOR": allocator, "MEMTRACE_SAMPLE": sample}


class Program:
    """A workload that is a program which ends by itself."""

    def __init__(self, build, name, *arguments):
        self.build, self.command = build, [os.path.join(build, "bench", name), *arguments]

    def cpu_of_each(self, environments):
        """Runs it once in each environment, all at the same time on one CPU; CPU seconds of each."""
        running = []
        for environment in environments:
            running.append(subprocess.Popen(self.command, env={**os.environ, **environment}, stdout=subprocess.DEVNULL,
                                            stderr=subprocess.DEVNULL, preexec_fn=lambda: pin(0)))
        return [cpu_seconds(process) for process in running]

    def own_bytes(self):
        """What the agent held at the end, under memtrace run."""
        with tempfile.TemporaryDirectory() as directory:
            session = os.path.join(directory, "session.memtrace")
            subprocess.run([os.path.join(self.build, "src", "cli", "memtrace"), "run", "--quiet", "-o", session, "--",
                            *self.command], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            return own_bytes(self.build, session)


class Redis:
    """CPU seconds of redis-server for a fixed number of requests; the clients are on another CPU."""

    requests = ["-n", "400000", "-r", "100000", "-d", "100", "-P", "16", "-q", "-t", "set,get,lpush,hset"]

    def __init__(self, build):
        self.build, self.held = build, 0

    def start(self, environment, directory):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        server = subprocess.Popen(["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir",
                                   directory], env={**os.environ, **environment}, stdout=subprocess.DEVNULL,
                                  preexec_fn=lambda: pin(0))
        deadline = time.monotonic() + 20
        while socket.socket().connect_ex(("127.0.0.1", port)) != 0:
            if time.monotonic() > deadline:
                sys.exit("bench: redis-server does not listen")
            time.sleep(0.02)
        return server, port

    def cpu_of_each(self, environments):
        with tempfile.TemporaryDirectory() as directory:
            servers = [self.start(environment, directory) for environment in environments]
            clients = [subprocess.Popen(["redis-benchmark", "-p", str(port), *self.requests],
                                        stdout=subprocess.DEVNULL, preexec_fn=lambda: pin(1))
                       for _, port in servers]
            for client in clients:
                if client.wait() != 0:
                    sys.exit("bench: redis-benchmark failed")
            sampled = [environment["MEMTRACE_SAMPLE"] != "off" for environment in environments].index(True)
            self.held = own_bytes(self.build, str(servers[sampled][0].pid))
            for server, _ in servers:
                server.terminate()
            return [cpu_seconds(server) for server, _ in servers]

    def own_bytes(self):
        return self.held


def pin(cpu):
    """Binds to one CPU, so that what is compared shares its noise; where there is only one, to that."""
    allowed = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {allowed[cpu % len(allowed)]})


def cpu_seconds(process):
    """Waits for a child and returns its CPU seconds."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"bench: {' '.join(process.args)} ended with status {process.returncode}")
    return usage.ru_utime + usage.ru_stime


def own_bytes(build, target):
    """memtrace's own resident bytes in a process or a session."""
    report = subprocess.run([os.path.join(build, "src", "cli", "memtrace"), "report", "--format=json",
                             "--no-symbolize", target], check=True, capture_output=True)
    return json.loads(report.stdout)["agent"]["own_bytes"]


def workloads(build):
    return {"cfrac": Program(build, "cfrac", "100000000000001300000000000004209", "300"),
            "larson": Program(build, "larson", "2", "60"),
            "redis": Redis(build)}


def overhead(build, rounds, names):
    """Sampling at its default against the same allocator with sampling off.

    Both run at the same time on the same CPU, which parts its time between them in slices of milliseconds:
    whatever else the machine does meets both alike, and a ratio of their CPU times is steady to half a
    percent where runs one after the other differ by ten. Who starts first alternates.
    """
    rows = []
    for name, workload in workloads(build).items():
        if names and name not in names:
            continue
        pairs = []
        for number in range(rounds):
            off, auto = agent(build, "fast", "off"), agent(build, "fast", "auto")
            if number % 2:
                pairs.append(tuple(reversed(workload.cpu_of_each([auto, off]))))
            else:
                pairs.append(tuple(workload.cpu_of_each([off, auto])))
        ratios = sorted(auto / off for off, auto in pairs)
        quartiles = statistics.quantiles(ratios, n=4)
        rows.append({"workload": name, "cpu_off_s": statistics.median(off for off, _ in pairs),
                     "cpu_auto_s": statistics.median(auto for _, auto in pairs),
                     "ratio": statistics.median(ratios), "ratio_quartile_low": quartiles[0],
                     "ratio_quartile_high": quartiles[2], "own_bytes": workload.own_bytes()})
    return rows


def print_overhead(rows):
    print("CPU time with sampling at its default and off, same allocator, both at once on one CPU; ratio: median of the")
    print("rounds (quartiles); own: what memtrace holds in the process at the end")
    for row in rows:
        print(f"{row['workload']:<8} off {row['cpu_off_s']:6.2f} s  auto {row['cpu_auto_s']:6.2f} s"
              f"  ratio {row['ratio']:.3f} ({row['ratio_quartile_low']:.3f}, {row['ratio_quartile_high']:.3f})"
              f"  own {row['own_bytes'] / 2**20:.1f} MiB")


def main():
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__.splitlines()[0])
    parser.add_argument("--build", default="build-release", help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=11, help="rounds of each variant (11)")
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
