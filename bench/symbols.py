# SPDX-License-Identifier: MIT
"""Names of 100,000 addresses of a large C++ program: memtrace's symbolizer against llvm-symbolizer.

The program is generated: functions that call inlined templates and lambdas through several levels. It is
built once and kept beside the benchmarks. Another file with debug information can be given in its place:
./dev bench symbols FILE
"""

import os
import random
import re
import shutil
import subprocess
import sys

from figures import spread, table
from runs import TIMEOUT, cpus

UNITS, FUNCTIONS, ADDRESSES = 16, 250, 100_000
OURS, OTHER = "memtrace", "llvm-symbolizer"

HEAD = """namespace shop%(unit)d {
template <typename T> static inline T clamp(T x, T low, T high) { return x < low ? low : x > high ? high : x; }
template <typename T, int N> struct Mixer {
	T state;
	inline T turn(T x) { state = state * 31 + clamp<T>(x, N, N * 1000); return state ^ (state >> 7); }
	inline T twice(T x) { return turn(x) + turn(x + N); }
};
template <typename T> struct Ring {
	T items[64];
	unsigned place;
	inline T &at(unsigned i) { return items[i %% 64]; }
	inline void push(T x) { at(place++) = x; }
	template <typename F> inline T fold(F f) { T sum = 0; 
		for (unsigned i = 0; i < 64; i++) sum = f(sum, at(i));
		return sum; }
};
"""
BODY = """
static __attribute__((noinline)) long step%(unit)d_%(n)d(Ring<long> &all, long x)
{
	Mixer<long, %(n)d + 1> mixer{x};
	auto keep = [&](long value) { all.push(mixer.twice(value) %% %(prime)d); };
	for (long i = 0; i < x; i++) {
		keep(i);
		if (i %% %(n)d == 3)
			all.at(3) += mixer.turn(i);
	}
	long sum = all.fold([](long a, long b) { return clamp<long>(a %% %(prime)d, b, a + %(n)d); });
	return mixer.twice(sum) + clamp<long>(x, 1, %(n)d);
}
"""


def write_unit(path, unit):
    with open(path, "w", encoding="utf-8") as file:
        file.write(HEAD % {"unit": unit})
        for n in range(1, FUNCTIONS + 1):
            file.write(BODY % {"unit": unit, "n": n, "prime": 1009 + 2 * n})
        file.write("long all%d(long sum) { static Ring<long> v;\n" % unit)
        for n in range(1, FUNCTIONS + 1):
            file.write(f"\tsum += step{unit}_{n}(v, {n});\n")
        file.write("\treturn sum; }\n}\n")


def build_subject(directory, progress):
    """Path of the program; in its own folder, where an interrupted build leaves nothing that looks whole."""
    path = os.path.join(directory, "symbols-subject", f"subject-{UNITS}-{FUNCTIONS}")
    if os.path.exists(path):
        return path
    os.makedirs(os.path.dirname(path), exist_ok=True)
    main = os.path.join(os.path.dirname(path), "main.cc")
    with open(main, "w", encoding="utf-8") as file:
        for unit in range(UNITS):
            file.write(f"namespace shop{unit} {{ long all{unit}(long x); }}\n")
        file.write("int main() { long sum = 0;\n")
        for unit in range(UNITS):
            file.write(f"\tsum += shop{unit}::all{unit}(sum);\n")
        file.write("\treturn sum == 42; }\n")
    units = [os.path.join(os.path.dirname(path), f"unit{unit}.cc") for unit in range(UNITS)]
    for unit, name in enumerate(units):
        write_unit(name, unit)
    waiting, running = [main, *units], []
    while waiting or running:
        while waiting and len(running) < len(cpus()):
            name = waiting.pop()
            progress(f"compiling {os.path.basename(name)}")
            running.append(subprocess.Popen(["g++", "-std=c++17", "-O2", "-g", "-c", name,
                                             "-o", name + ".o"]))
        if running.pop(0).wait() != 0:
            sys.exit("bench: g++ could not compile the subject")
    subprocess.run(["g++", "-g", "-no-pie", "-Wl,--build-id", "-o", path + ".new", *(name + ".o" for name in [main, *units])],
                   check=True)
    os.rename(path + ".new", path)
    return path


def addresses_of(path):
    """Distinct ones, of code, in an order that is the same each time."""
    header = subprocess.run(["readelf", "-SW", path], capture_output=True, text=True, check=True).stdout
    found = re.search(r"\.text +PROGBITS +(\w+) +\w+ +(\w+)", header)
    start, size = int(found.group(1), 16), int(found.group(2), 16)
    return random.Random(1).sample(range(start, start + size), ADDRESSES)


class Run:
    """One run of a program that reads addresses and prints names."""

    def __init__(self, build, command, asked, output, environment):
        took = os.path.join(os.path.dirname(asked), "took")
        line = [os.path.join(build, "bench", "measure"), took, str(cpus()[0]), "-", *command]
        with open(asked, encoding="utf-8") as file, open(output, "w", encoding="utf-8") as out:
            status = subprocess.run(line, stdin=file, stdout=out, timeout=TIMEOUT, check=False,
                                    env={**os.environ, **environment}).returncode
        if status != 0:
            sys.exit(f"bench: {' '.join(command)} ended with status {status}")
        with open(took, encoding="utf-8") as file:
            cpu_s, rss_kib = file.read().split()
        self.cpu_s, self.rss_kib = float(cpu_s), int(rss_kib)


def answers(path):
    """What was said of each address: function and file:line of each frame."""
    with open(path, encoding="utf-8") as file:
        for block in file.read().split("\n\n"):
            lines = block.split("\n")
            places = [re.sub(r"(:\d+):\d+$", r"\1", line) for line in lines[1::2]]
            yield [os.path.basename(place) for place in places]


def agreement(directory):
    """The share of addresses whose frames are on the same lines for both."""
    ours, other = ([*answers(os.path.join(directory, name))] for name in (OURS, OTHER))
    return sum(a == b for a, b in zip(ours, other)) / max(len(ours), len(other))


def run_symbols(build, rounds, names, progress):
    if not shutil.which(OTHER):
        sys.exit(f"bench: {OTHER} is not installed (Debian's package llvm has it)")
    directory = os.path.join(build, "bench", "symbols-subject")
    os.makedirs(directory, exist_ok=True)
    path = names[0] if names else build_subject(os.path.join(build, "bench"), progress)
    asked = os.path.join(directory, "addresses")
    with open(asked, "w", encoding="utf-8") as file:
        file.writelines(f"{address:#x}\n" for address in addresses_of(path))
    commands = {OURS: [os.path.join(build, "bench", "symbols"), path], OTHER: [OTHER, f"--obj={path}"]}
    runs = {name: [] for name in commands}
    for number in range(rounds):
        for name, command in commands.items():
            progress(f"{name}, round {number + 1}")
            runs[name].append(Run(build, command, asked, os.path.join(directory, name), {"DEBUGINFOD_URLS": ""}))
    result = {"rounds": rounds, "file": os.path.basename(path), "addresses": ADDRESSES, "size": os.path.getsize(path),
              "agreement": agreement(directory)}
    for name, all_runs in runs.items():
        result[name] = {"cpu_s": spread(run.cpu_s for run in all_runs),
                        "rss_kib": spread(run.rss_kib for run in all_runs)}
    return result


def print_symbols(result):
    print(f"{result['addresses']:,} addresses of {result['file']} of {result['size'] >> 20} MiB, inlined calls and lines:"
          f" medians of {result['rounds']} rounds (quartiles);\nboth name the same lines for"
          f" {100 * result['agreement']:.1f} % of the addresses\n")
    rows = []
    for name in (OURS, OTHER):
        cpu, rss = result[name]["cpu_s"], result[name]["rss_kib"]
        rows.append([name, f"{cpu[0]:.2f} ({cpu[1]:.2f}-{cpu[2]:.2f})", f"{rss[0] / 1024:.0f}"])
    rows.append(["ratio", *(f"{result[OURS][key][0] / result[OTHER][key][0]:.2f}" for key in ("cpu_s", "rss_kib"))])
    print(*table(["", "CPU seconds", "peak MiB"], rows), sep="\n", end="\n\n")
