# SPDX-License-Identifier: MIT
"""What sampling costs: our allocator with sampling at its default against itself with sampling off."""

import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

from figures import spread
from peers import chosen
from runs import agent, run_round
from workloads import Redis, cfrac, larson

SAMPLED_EACH = 512  # bytes: often enough to measure what one sample costs


def own_bytes(build, workload):
    """memtrace's own resident bytes, at the end of a run; of a server, when its clients have done their work."""
    memtrace = os.path.join(build, "src", "cli", "memtrace")
    with tempfile.TemporaryDirectory() as directory:
        target = os.path.join(directory, "session.memtrace")
        running = None
        if isinstance(workload, Redis):
            running = workload.start(agent(build, "auto"), 0)
            running.client.wait()
            target = running.server_pid()
        else:
            subprocess.run([memtrace, "run", "--quiet", "-o", target, "--", *workload.command], check=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        report = subprocess.run([memtrace, "report", "--format=json", "--no-symbolize", target], check=True,
                                capture_output=True)
        if running:
            running.finish()
        return json.loads(report.stdout)["agent"]["own_bytes"]


def loader():
    return sorted(glob.glob("/lib64/ld-linux-*.so.?") + glob.glob("/lib/ld-linux-*.so.?"))[0]


def instructions(workload, variant):
    """What callgrind counts: the same in each run to a few thousandths, whatever else the machine does.

    The agent is preloaded by the loader, as an argument. In the environment it would be in valgrind itself, too,
    which is a static program: the agent does not let itself be handed down to such.
    """
    found = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", loader(),
                            "--preload", variant.preload, *workload.command],
                           env={**os.environ, **variant.environment, **workload.environment},
                           check=True, capture_output=True, text=True)
    return int(re.search(r"Collected : (\d+)", found.stderr).group(1))


def count_instructions(build, variants, names, progress):
    if not shutil.which("valgrind"):
        print("bench: valgrind is not installed, so no instructions are counted", file=sys.stderr)
        return []
    rows = []
    # two and four million blocks: what the longer run takes more is without the beginning, which is recorded exactly
    sizes = [cfrac(build, number, "150") for number in ("99999999977000000000049", "1000000016000000063000001")]
    for workload in chosen(sizes[:1], names):
        counts = {}
        for variant in variants:
            progress(f"{workload.name} under callgrind, sampling {variant.name}")
            counts[variant.name] = [instructions(size, variant) for size in sizes]
        off, auto = (counts[variant.name] for variant in variants)
        rows.append({"workload": workload.name, "instructions_off": off[1], "instructions_auto": auto[1],
                     "ratio": auto[1] / off[1], "ratio_later": (auto[1] - auto[0]) / (off[1] - off[0])})
    return rows


def recorded_samples(build, workload, interval):
    memtrace = os.path.join(build, "src", "cli", "memtrace")
    with tempfile.TemporaryDirectory() as directory:
        target = os.path.join(directory, "session.memtrace")
        subprocess.run([memtrace, "run", "--quiet", f"--sample={interval}", "-o", target, "--", *workload.command],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        report = subprocess.run([memtrace, "report", "--format=json", "--no-symbolize", target], check=True,
                                capture_output=True)
        return json.loads(report.stdout)["agent"]["sampling"]["samples"]


def sample_costs(build, rounds, names, progress):
    """What one sample costs: everything that comes with it, the slow ways of malloc and free, too."""
    variants = [agent(build, "off", "off"), agent(build, "sampled", str(SAMPLED_EACH))]
    rows = []
    for workload in chosen([cfrac(build)], names):
        n_samples = recorded_samples(build, workload, SAMPLED_EACH)
        costs = []
        for number in range(rounds):
            progress(f"{workload.name} with many samples, round {number + 1} of {rounds}")
            pair = run_round(workload, variants, number)
            costs.append((pair["sampled"].cpu_s - pair["off"].cpu_s) / n_samples * 1e9)
        cost, low, high = spread(costs)
        rows.append({"workload": workload.name, "samples": n_samples, "sample_ns": cost, "sample_ns_low": low,
                     "sample_ns_high": high})
    return rows


def run_overhead(build, rounds, names, progress):
    rows = []
    variants = [agent(build, "off", "off"), agent(build, "auto")]
    # servers that run for some seconds: what recording everything at the start takes is no longer most of it
    workloads = [cfrac(build, "100000000000001300000000000004209", "300"), larson(build, 400), Redis(build, 1000000)]
    for workload in chosen(workloads, names):
        # for this question its threads may share a CPU: both variants meet the same noise then
        workload.threaded = False
        pairs = []
        for number in range(rounds):
            progress(f"{workload.name}, round {number + 1} of {rounds}")
            pairs.append(run_round(workload, variants, number))
        ratio, low, high = spread(pair["auto"].cpu_s / pair["off"].cpu_s for pair in pairs)
        rows.append({"workload": workload.name, "cpu_off_s": spread(pair["off"].cpu_s for pair in pairs)[0],
                     "cpu_auto_s": spread(pair["auto"].cpu_s for pair in pairs)[0], "ratio": ratio,
                     "ratio_quartile_low": low, "ratio_quartile_high": high, "own_bytes": own_bytes(build, workload)})
    return {"rows": rows, "counted": count_instructions(build, variants, names, progress),
            "samples": sample_costs(build, rounds, names, progress)}


def print_overhead(overhead):
    print("CPU time with sampling at its default and off, same allocator, both at once on one CPU; ratio: median of the")
    print("rounds (quartiles); own: what memtrace holds in the process at the end")
    for row in overhead["rows"]:
        print(f"{row['workload']:<8} off {row['cpu_off_s']:6.2f} s  auto {row['cpu_auto_s']:6.2f} s"
              f"  ratio {row['ratio']:.3f} ({row['ratio_quartile_low']:.3f}, {row['ratio_quartile_high']:.3f})"
              f"  own {row['own_bytes'] / 2**20:.1f} MiB")
    for row in overhead["counted"]:
        print(f"{row['workload']:<8} off {row['instructions_off'] / 1e9:6.2f} G  auto {row['instructions_auto'] / 1e9:6.2f} G"
              f"  ratio {row['ratio']:.4f} of instructions, by callgrind; {row['ratio_later']:.4f} after the exact beginning")
    for row in overhead["samples"]:
        print(f"{row['workload']:<8} {row['sample_ns']:.0f} ns ({row['sample_ns_low']:.0f}, {row['sample_ns_high']:.0f})"
              f" a sample, warm, with its stack and its end: {row['samples']} samples, one in {SAMPLED_EACH} bytes")
    print()
