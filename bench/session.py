# SPDX-License-Identifier: MIT
"""What a report of a big session takes: 100,000 sites with 30 frames each, in each format, first and again."""

import os
import subprocess
import sys

from figures import spread, table
from runs import TIMEOUT

SITES, DEPTH = 100_000, 30
FORMATS = ["text", "html", "pprof", "flamegraph", "csv", "folded", "json"]


class Run:
    """One `memtrace report` whose output is counted and thrown away."""

    def __init__(self, build, path, form):
        took = os.path.join(os.path.dirname(path), "took")
        line = [os.path.join(build, "bench", "measure"), took, "-", "-",
                os.path.join(build, "src", "cli", "memtrace"), "report", f"--format={form}", path]
        with subprocess.Popen(line, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as process:
            self.size = sum(len(part) for part in iter(lambda: process.stdout.read(1 << 20), b""))
            if process.wait(timeout=TIMEOUT) != 0:
                sys.exit(f"bench: {' '.join(line)} ended with status {process.returncode}")
        with open(took, encoding="utf-8") as file:
            cpu_s, rss_kib = file.read().split()
        self.cpu_s, self.rss_kib = float(cpu_s), int(rss_kib)


def run_session(build, rounds, names, progress):
    path = os.path.join(build, "bench", "big.memtrace")
    progress("writing the session")
    subprocess.run([os.path.join(build, "bench", "session"), path, str(SITES), str(DEPTH)], check=True)
    result = {"rounds": rounds, "sites": SITES, "depth": DEPTH, "size": os.path.getsize(path), "formats": {}}
    for form in FORMATS:
        if names and not any(form.startswith(name) for name in names):
            continue
        progress(f"report --format={form}")
        runs = [Run(build, path, form) for _ in range(rounds)]
        result["formats"][form] = {"size": runs[0].size, "first_cpu_s": runs[0].cpu_s,
                                   "cpu_s": spread(run.cpu_s for run in runs),
                                   "rss_kib": spread(run.rss_kib for run in runs)}
    os.unlink(path)
    return result


def print_session(result):
    print(f"memtrace report of a session of {result['sites']:,} sites with {result['depth']} frames each,"
          f" a file of {result['size'] / (1 << 20):.1f} MiB:\nmedians of {result['rounds']} rounds (quartiles)\n")
    rows = []
    for form, took in result["formats"].items():
        cpu = took["cpu_s"]
        rows.append([form, f"{took['first_cpu_s']:.2f}", f"{cpu[0]:.2f} ({cpu[1]:.2f}-{cpu[2]:.2f})",
                     f"{took['rss_kib'][0] / 1024:.0f}", f"{took['size'] / (1 << 20):.1f}"])
    print(*table(["--format", "first, CPU s", "again, CPU s", "peak MiB", "printed MiB"], rows), sep="\n", end="\n\n")
