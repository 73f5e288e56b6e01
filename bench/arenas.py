# SPDX-License-Identifier: MIT
"""What reading a big heap from outside takes: `memtrace arenas` of 3 GB in a million blocks, still and at work."""

import json
import os
import re
import subprocess
import sys
import time

from figures import spread, table

MIB, BLOCKS = 3072, 1_000_000
CASES = {"still": [], "in 3 arenas": ["3"], "3 threads at work, a fifth of their time": ["3", "20"],
         "3 threads at work all the time": ["3", "100"]}


def rss_kib(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        return int(re.search(r"^Rss:\s+(\d+) kB", file.read(), re.M)[1])


def read_once(build, pid):
    """Seconds that passed, seconds of CPU, peak KiB of the tool, and what it printed."""
    took = os.path.join(build, "bench", "took")
    line = [os.path.join(build, "bench", "measure"), took, "-", "-", os.path.join(build, "src", "cli", "memtrace"),
            "arenas", "--format=json", str(pid)]
    begin = time.monotonic()
    text = subprocess.run(line, stdout=subprocess.PIPE, check=True).stdout
    passed_s = time.monotonic() - begin
    with open(took, encoding="utf-8") as file:
        cpu_s, peak_kib = file.read().split()
    return {"passed_s": passed_s, "cpu_s": float(cpu_s), "peak_kib": int(peak_kib),
            "arenas": json.loads(text)["arenas"]}


def round_of(build, arguments, rounds):
    command = [os.path.join(build, "bench", "bigheap"), str(MIB), str(BLOCKS), *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            if process.stdout.readline() != "ready\n":
                sys.exit("bench: bigheap has not begun")
            before = rss_kib(process.pid)
            runs = [read_once(build, process.pid) for _ in range(rounds)]
            after = rss_kib(process.pid)
        finally:
            process.kill()
    arenas = runs[-1]["arenas"]
    return {"passed_s": spread(run["passed_s"] for run in runs), "cpu_s": spread(run["cpu_s"] for run in runs),
            "peak_kib": max(run["peak_kib"] for run in runs), "rss_before_kib": before, "rss_after_kib": after,
            "blocks": sum((arena["in_use_blocks"] or 0) + (arena["free_blocks"] or 0) for arena in arenas),
            "unread_bytes": sum(arena["unread_bytes"] or 0 for arena in arenas)}


def run_arenas(build, rounds, names, progress):
    result = {"rounds": rounds, "cases": {}}
    for name, arguments in CASES.items():
        if names and not any(name.startswith(wanted) for wanted in names):
            continue
        progress(name)
        result["cases"][name] = round_of(build, arguments, rounds)
    return result


def print_arenas(result):
    print(f"memtrace arenas of a heap of {MIB:,} MiB in {BLOCKS:,} blocks, of which every third is free:\n"
          f"medians of {result['rounds']} rounds (quartiles)\n")
    rows = []
    for name, took in result["cases"].items():
        passed, cpu = took["passed_s"], took["cpu_s"]
        change = took["rss_after_kib"] - took["rss_before_kib"]
        rows.append([name, f"{passed[0]:.2f} ({passed[1]:.2f}-{passed[2]:.2f})", f"{cpu[0]:.2f} ({cpu[1]:.2f}-{cpu[2]:.2f})",
                     f"{took['peak_kib'] / 1024:.1f}", f"{change:+,}", f"{took['unread_bytes']:,}"])
    print(*table(["the program", "passed, s", "CPU, s", "peak MiB", "its RSS, KiB", "unread, B"], rows), sep="\n",
          end="\n\n")
