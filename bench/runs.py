# SPDX-License-Identifier: MIT
"""Starting a workload under a variant, and what one run took."""

import dataclasses
import os
import re
import subprocess
import sys
import tempfile

TIMEOUT = 600  # seconds, for one run


@dataclasses.dataclass
class Variant:
    """What a workload runs under: a preloaded library, its environment, or another program before it."""

    name: str
    preload: str = "-"
    environment: dict = dataclasses.field(default_factory=dict)
    prefix: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Result:
    """Of one run. total_cpu_s has the helpers of a profiler in it; ns is what the program printed itself."""

    cpu_s: float
    rss_kib: int
    total_cpu_s: float
    total_rss_kib: int
    ns: float | None
    output: str


def agent(build, name, sample="auto", allocator="fast"):
    library = os.path.join(build, "src", "agent", "preload", "libmemtrace-agent.so")
    return Variant(name, library, {"MEMTRACE_ALLOCATOR": allocator, "MEMTRACE_SAMPLE": sample})


def cpus():
    return sorted(os.sched_getaffinity(0))


class Running:
    """A started program, below bench/measure."""

    def __init__(self, build, command, variant, cpu=None, extra=None):
        measure = os.path.join(build, "bench", "measure")
        self.files = [tempfile.NamedTemporaryFile(prefix="memtrace-bench-") for _ in range(2)]
        where = "-" if cpu is None else str(cpus()[cpu % len(cpus())])
        line = [measure, self.files[0].name, where, variant.preload, *command]
        if variant.prefix:
            line = [measure, self.files[1].name, "-", "-", *variant.prefix, *line]
        self.command, self.prefixed = command, bool(variant.prefix)
        self.output = tempfile.TemporaryFile(mode="w+")
        self.process = subprocess.Popen(line, env={**os.environ, **variant.environment, **(extra or {})},
                                        stdin=subprocess.DEVNULL, stdout=self.output, stderr=subprocess.STDOUT)

    def stop(self):
        """Ends what this started, after an error elsewhere."""
        self.process.kill()
        self.process.wait()

    def finish(self):
        status = self.process.wait(timeout=TIMEOUT)
        self.output.seek(0)
        output = self.output.read()
        if status != 0:
            sys.exit(f"bench: {' '.join(self.command)} ended with status {status}:\n{output[-2000:]}")
        own, total = (open(file.name, encoding="utf-8").read().split() for file in self.files)
        total = total if self.prefixed else own
        printed = re.search(r"([\d.]+) ns/op", output)
        return Result(float(own[0]), int(own[1]), float(total[0]), int(total[1]),
                      float(printed.group(1)) if printed else None, output)


def run_round(workload, variants, number):
    """Each variant once. Who starts first changes from round to round.

    With one thread all run at the same time on one CPU, which parts its time between them in slices of
    milliseconds: whatever else the machine does meets all alike, and a ratio of their CPU times is steady to
    half a percent where runs one after the other differ by ten. With more threads they run one after the
    other, on all CPUs.
    """
    shift = number % len(variants)
    order = variants[shift:] + variants[:shift]
    results = {}
    if workload.threaded:
        for variant in order:
            results[variant.name] = workload.start(variant, None).finish()
    else:
        started = []
        try:
            for variant in order:
                started.append((variant.name, workload.start(variant, 0)))
            results = {name: running.finish() for name, running in started}
        except BaseException:
            for _, running in started:
                running.stop()
            raise
    return results
