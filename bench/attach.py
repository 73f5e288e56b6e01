# SPDX-License-Identifier: MIT
"""For how long a process with a hundred threads stands still: memtrace attach against gdb that calls dlopen."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

from figures import number, table

THREADS = 100
SETTLE_S = 0.5  # between one thing and the next: what each does afterwards is not the pause of another
LIBRARY = "libz.so.1"
NOTHING, ATTACH, DETACH, GDB = "nothing at all", "memtrace attach", "memtrace detach", f"gdb, dlopen({LIBRARY})"
TIMEOUT = 120


class Paused:
    """The program that measures itself."""

    def __init__(self, build):
        self.process = subprocess.Popen([os.path.join(build, "bench", "paused"), str(THREADS)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)

    def longest_ms(self):
        """Since it was asked before: of the busy thread."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline().split()[0]) / 1e6

    def during(self, action):
        self.longest_ms()
        said = action()
        return said, self.longest_ms()

    def end(self):
        self.process.kill()
        self.process.wait()


def call(command, directory):
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    if done.returncode != 0:
        sys.exit(f"bench: {' '.join(command)} ended with status {done.returncode}: {done.stderr}")
    return done.stderr + done.stdout


def round_of(paused, memtrace, directory):
    """Each way once: what the tool says, and what the busy thread saw."""
    pid = str(paused.process.pid)
    result = {NOTHING: (None, paused.during(lambda: time.sleep(0.05))[1])}
    with subprocess.Popen([memtrace, "attach", "-o", "attach.memtrace", pid], cwd=directory, stderr=subprocess.PIPE,
                          text=True) as tool:
        first, seen = paused.during(tool.stderr.readline)
        tool.stderr.readline()
        time.sleep(SETTLE_S)
        # without its report, which is made when the process goes on
        tool.kill()
    result[ATTACH] = (said_ms(first), seen)
    last, seen = paused.during(lambda: call([memtrace, "detach", pid], directory))
    result[DETACH] = (said_ms(last), seen)
    time.sleep(SETTLE_S)
    command = ["gdb", "-nx", "-q", "-batch", "-p", pid, "-ex", f"call ((void *(*)(const char *, int))dlopen)(\"{LIBRARY}\", 2)"]
    result[GDB] = (None, paused.during(lambda: call(command, directory))[1])
    time.sleep(SETTLE_S)
    return result


def said_ms(text):
    found = re.search(r"for (\d+\.\d+) ms", text)
    if not found:
        sys.exit(f"bench: {text}")
    return float(found[1])


def run_attach(build, rounds, names, progress):
    if not shutil.which("gdb"):
        sys.exit("bench: gdb is not installed")
    memtrace = os.path.join(build, "src", "cli", "memtrace")
    results = {name: {"said": [], "seen": []} for name in (NOTHING, ATTACH, DETACH, GDB)}
    with tempfile.TemporaryDirectory() as directory:
        paused = Paused(build)
        try:
            for i in range(rounds):
                progress(f"attach, round {i + 1}")
                for name, (said, seen) in round_of(paused, memtrace, directory).items():
                    results[name]["seen"].append(seen)
                    if said is not None:
                        results[name]["said"].append(said)
        finally:
            paused.end()
    return {"rounds": rounds, "threads": THREADS, "results": results}


def of(values, part):
    values = sorted(values)
    return number(values[min(len(values) - 1, int(len(values) * part))]) if values else "-"


def print_attach(result):
    print(f"For how long a process with {result['threads']} threads stood still, in milliseconds, {result['rounds']} rounds."
          " Seen:\nthe longest time between two steps of its busiest thread, with what the scheduler took. Said: by the"
          " tool, of the\nthread that it stopped.\n")
    rows = [[name, *(of(found[key], part) for key in ("seen", "said") for part in (.5, .99))]
            for name, found in result["results"].items()]
    print(*table(["", "seen, median", "99 %", "said, median", "99 %"], rows), sep="\n", end="\n\n")
