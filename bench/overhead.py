# SPDX-License-Identifier: MIT
"""What sampling costs: our allocator with sampling at its default against itself with sampling off."""

import json
import os
import subprocess
import tempfile

from figures import spread
from peers import chosen
from runs import agent, run_round
from workloads import Redis, cfrac, larson


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


def run_overhead(build, rounds, names, progress):
    rows = []
    variants = [agent(build, "off", "off"), agent(build, "auto")]
    workloads = [cfrac(build, "100000000000001300000000000004209", "300"), larson(build, 60), Redis(build, 400000)]
    for workload in chosen(workloads, names):
        progress(workload.name)
        # for this question its threads may share a CPU: both variants meet the same noise then
        workload.threaded = False
        pairs = [run_round(workload, variants, number) for number in range(rounds)]
        ratio, low, high = spread(pair["auto"].cpu_s / pair["off"].cpu_s for pair in pairs)
        rows.append({"workload": workload.name, "cpu_off_s": spread(pair["off"].cpu_s for pair in pairs)[0],
                     "cpu_auto_s": spread(pair["auto"].cpu_s for pair in pairs)[0], "ratio": ratio,
                     "ratio_quartile_low": low, "ratio_quartile_high": high, "own_bytes": own_bytes(build, workload)})
    return rows


def print_overhead(rows):
    print("CPU time with sampling at its default and off, same allocator, both at once on one CPU; ratio: median of the")
    print("rounds (quartiles); own: what memtrace holds in the process at the end")
    for row in rows:
        print(f"{row['workload']:<8} off {row['cpu_off_s']:6.2f} s  auto {row['cpu_auto_s']:6.2f} s"
              f"  ratio {row['ratio']:.3f} ({row['ratio_quartile_low']:.3f}, {row['ratio_quartile_high']:.3f})"
              f"  own {row['own_bytes'] / 2**20:.1f} MiB")
