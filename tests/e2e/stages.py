# SPDX-License-Identifier: MIT
"""Victims that reach a state and stand still in it (tests/victims/stage.h), and what memtrace says of them."""

import contextlib
import json
import os
import re
import subprocess
import time

import leaks
from figures import show_promise


def idle(pid):
    """Returns when it has hardly used the processor for half a second: a Java machine compiles on for a while."""
    def ticks():
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return sum(map(int, file.read().rpartition(")")[2].split()[11:13]))
    end = time.monotonic() + 60
    before = ticks() - 1000
    while ticks() - before > 1 and time.monotonic() < end:
        before = ticks()
        time.sleep(0.5)


# of a Java machine, in the time that it has
NO_ANSWER = re.compile(r"within\s+\d+\s+s\b")


def read_rss(pid):
    """Resident bytes, counted page by page: status is behind by what threads have not yet added."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        return int(re.search(r"^Rss:\s+(\d+) kB", file.read(), re.M)[1]) * 1024


def only_child(pid):
    """The process that memtrace run has started."""
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        children = file.read().split()
    assert len(children) == 1, children
    return int(children[0])


def rest(pid):
    """Returns when none of its threads has run for a while: they may still be on their way to where they stay."""
    def ran():
        times = {}
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/schedstat", encoding="ascii") as file:
                times[thread] = file.read().split()[0]
        return times
    before = None
    while before != (before := ran()):
        time.sleep(0.2)


class Stage:
    """A victim in its state."""

    def __init__(self, process, pid, said):
        self.process, self.pid, self.said = process, pid, said
        figures = dict(word.split("=") for word in said[-1].split()[1:])
        self.live, self.freed = int(figures["live"]), int(figures["freed"])

    def tell(self, word):
        """Has the victim do something; returns by how much its RSS fell."""
        before = read_rss(self.pid)
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "done\n"
        return before - read_rss(self.pid)

    def print(self, *options):
        """
        What memtrace report prints of it. A Java machine has a second for its answer, which on a busy computer it may
        not keep: then it is asked again.
        """
        for _ in range(30):
            done = subprocess.run([leaks.MEMTRACE, "report", *options, str(self.pid)], capture_output=True, text=True,
                                  timeout=180, check=False, env=os.environ | {"COLUMNS": "100"})
            assert done.returncode == 0, done.stderr
            if not NO_ANSWER.search(done.stdout):
                break
        return done.stdout

    def report(self):
        """memtrace report PID."""
        return json.loads(self.print("--format=json"))

    def report_once_it_is(self, expected):
        """
        The report with that verdict: what goes on may be undecided at one moment, where a busy machine has held it up,
        and is clearer the longer it is watched.
        """
        end = time.monotonic() + 60
        report = self.report()
        while report["verdict"]["code"] != expected and time.monotonic() < end:
            assert report["verdict"]["code"] is None, report["verdict"]
            time.sleep(1)
            report = self.report()
        return report

    def text(self):
        """The same for people."""
        return self.print()


@contextlib.contextmanager
def staged(name, *args, run=None, env=None, folder=None, settle=0.0):
    """The victim case-NAME (or a command, if it is a list); run: options of memtrace run, None without."""
    command = list(name) if isinstance(name, (list, tuple)) else [os.path.join(leaks.VICTIMS, f"case-{name}")]
    command += [str(arg) for arg in args]
    if run is not None:
        session = os.path.join(folder, "stage.memtrace")
        command = [leaks.MEMTRACE, "run", "--quiet", "-o", session, *run, "--", *command]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=folder,
                          env=os.environ | (env or {})) as process:
        try:
            said = []
            for line in process.stdout:
                said.append(line.strip())
                if line.startswith("ready "):
                    break
            assert said and said[-1].startswith("ready "), said
            # what has just been allocated is of no age yet
            time.sleep(settle)
            yield Stage(process, process.pid if run is None else only_child(process.pid), said)
        finally:
            process.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=180)
            if process.returncode is None:
                process.kill()


def code(report):
    return report["verdict"]["code"]


def says(report, text):
    """Whether a line of the verdict's reasons has text in it."""
    return any(text in line for line in report["verdict"]["because"])


def promise(report, text):
    """What the advice that has text in it promises."""
    found = [advice["expected_bytes"] for advice in report["verdict"]["advice"] if text in advice["action"]]
    assert found, report["verdict"]
    return found[0]


def advises(report, text):
    return any(text in advice["action"] for advice in report["verdict"]["advice"])


def assert_near(promised, seen, tolerance=0.1):
    show_promise("advice", promised, seen)
    assert promised is not None and abs(seen - promised) <= tolerance * promised, (promised, seen)
