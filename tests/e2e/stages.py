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
from procfs import only_child, resident


# of a Java machine, in the time that it has
NO_ANSWER = re.compile(r"within\s+\d+\s+s\b")


def ask(command, **options):
    """
    What a command of memtrace prints: (stdout, stderr). A Java machine has a second for its answer, which on a busy
    computer it may not keep: then it is asked again.
    """
    for _ in range(30):
        done = subprocess.run([leaks.MEMTRACE, *command], capture_output=True, text=True, timeout=180, check=False,
                              **options)
        assert done.returncode == 0, done.stderr
        if not NO_ANSWER.search(done.stdout + done.stderr):
            break
    return done.stdout, done.stderr


class Stage:
    """A victim in its state."""

    def __init__(self, process, pid, said):
        self.process, self.pid, self.said = process, pid, said
        figures = dict(word.split("=") for word in said[-1].split()[1:])
        self.live, self.freed = int(figures["live"]), int(figures["freed"])

    def tell(self, word):
        """Has the victim do something; returns by how much its RSS fell."""
        before = resident(self.pid)
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "done\n"
        return before - resident(self.pid)

    def print(self, *options):
        """What memtrace report prints of it."""
        return ask(["report", *options, str(self.pid)], env=os.environ | {"COLUMNS": "100"})[0]

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
