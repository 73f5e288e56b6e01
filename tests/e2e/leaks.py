# SPDX-License-Identifier: MIT
"""Runs a victim under memtrace and compares the report with the LEAK comments in its source."""

import glob
import json
import operator
import os
import re
import resource
import subprocess

BUILD = os.path.abspath(os.environ.get("MEMTRACE_BUILD", "build"))
SOURCE = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "victims"))
MEMTRACE = os.path.join(BUILD, "src", "cli", "memtrace")
VICTIMS = os.path.join(BUILD, "tests", "victims")


class Expected:
    """What one line leaks."""

    def __init__(self, function, line, blocks, size):
        self.function, self.line, self.blocks, self.size = function, line, blocks, size


def expected_leaks(source, child=False):
    """The LEAK comments of a source file, each for the line below it; with child, what they say of the child."""
    leaks = []
    with open(os.path.join(SOURCE, source), encoding="utf-8") as file:
        for number, text in enumerate(file, 1):
            found = re.search(r"LEAK (\w+): (\d.*)", text)
            if not found:
                continue
            function, figures = found.groups()
            parts = figures.split("; in child: ")
            chosen = parts[1] if child and len(parts) > 1 else parts[0]
            blocks, size, unit = re.match(r"(\d+) blocks, (\d+|\?) (bytes|pages)", chosen).groups()
            size = None if size == "?" else int(size) * (resource.getpagesize() if unit == "pages" else 1)
            leaks.append(Expected(function, number + 1, int(blocks), size))
    return leaks


def run(command, directory, *options, check=0, env=None):
    """memtrace run; returns the sessions that it wrote, the program's own one first."""
    session = os.path.join(directory, "session.memtrace")
    done = subprocess.run([MEMTRACE, "run", "--quiet", "-o", session, *options, "--", *command], cwd=directory,
                          capture_output=True, text=True, timeout=180, env=env)
    assert done.returncode == check, done.stderr
    others = sorted(path for path in glob.glob(os.path.join(directory, "*.memtrace")) if path != session)
    return done, [session, *others]


def report(session, *options):
    """A session's report, parsed."""
    done = subprocess.run([MEMTRACE, "report", "--format=json", *options, session],
                          capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def innermost(site, source):
    """The site's innermost frame in that source file, or None."""
    for frame in site["stack"]:
        if frame["file"] and os.path.basename(frame["file"]) == source:
            return frame
    return None


def is_near(seen, expected):
    return abs(seen - expected) <= 5 + expected // 10


def compare(parsed, source, child=False, same=operator.eq):
    """Every LEAK line is there to the digit (or what same says), and no other line has anything live."""
    live = {}
    names = {}
    for site in parsed["sites"]:
        frame = innermost(site, source)
        if frame is None or site["live_blocks"] == 0:
            continue
        if any(outer["function"] == "pthread_create" for outer in site["stack"]):
            continue  # libc keeps the tables of a few ended threads for the next ones
        blocks, size = live.get(frame["line"], (0, 0))
        live[frame["line"]] = (blocks + site["live_blocks"], size + site["live_bytes"])
        names[frame["line"]] = frame["function"]
    wrong = []
    for leak in expected_leaks(source, child):
        blocks, size = live.pop(leak.line, (0, 0))
        if not same(blocks, leak.blocks) or (leak.size is not None and not same(size, leak.size)):
            wrong.append(f"line {leak.line} {leak.function}: {blocks} blocks, {size} bytes,"
                         f" expected {leak.blocks}, {leak.size}")
        elif blocks and leak.function not in (names[leak.line] or ""):
            wrong.append(f"line {leak.line}: function {names[leak.line]}, expected {leak.function}")
    wrong += [f"line {line} {names[line]}: {blocks} blocks, {size} bytes, expected none"
              for line, (blocks, size) in live.items()]
    assert not wrong, "\n".join(wrong)
