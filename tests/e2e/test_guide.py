# SPDX-License-Identifier: MIT
"""docs/GUIDE.md is true: each command that it shows runs, and its lines still appear, but for their figures."""

import os
import re
import subprocess

import pytest

import leaks
from stages import staged

SOURCE = os.path.join(os.path.dirname(__file__), "..", "..")
# it never ends by itself: it is ended by its input
STANDING = re.compile(r"case-[a-z-]+")


def sections():
    """(title, [(commands, lines that must appear)], the victim that its text names)."""
    with open(os.path.join(SOURCE, "docs", "GUIDE.md"), encoding="utf-8") as file:
        parts = re.split(r"^## ", file.read(), flags=re.M)[1:]
    for part in parts:
        title, text = part.split("\n", 1)
        blocks = re.findall(r"^```\n(.*?)^```$", text, re.M | re.S)
        if blocks:
            victim = STANDING.search(text)
            yield pytest.param(blocks, victim and victim[0], id=title.lower().replace(" ", "-"))


def without_figures(text):
    text = re.sub(r"0x[0-9a-f]+|[0-9][0-9,.]*( [KMG]iB)?", "#", text)
    return re.sub(r"\s+", " ", text).strip()


def run(line, folder, pid):
    words = line[2:].replace("PID", str(pid)).split()
    words = [os.path.join(leaks.BUILD, word) if re.match("(examples|tests/victims)/", word) else word for word in words]
    assert words[0] == "memtrace"
    done = subprocess.run([leaks.MEMTRACE, *words[1:]], capture_output=True, text=True, check=False, timeout=60,
                          cwd=folder, stdin=subprocess.DEVNULL, env=os.environ | {"COLUMNS": "200"})
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def check(block, folder, pid):
    printed = ""
    for line in block.splitlines():
        if line.startswith("$ "):
            printed = without_figures(run(line, folder, pid))
            continue
        for piece in line.split("…"):
            assert without_figures(piece) in printed, f"{line!r} is not in:\n{printed}"


@pytest.mark.parametrize("blocks,victim", sections())
def test_guide(tmp_path, blocks, victim):
    if any("PID" in block for block in blocks):
        with staged(victim.removeprefix("case-"), folder=tmp_path) as stage:
            for block in blocks:
                check(block, tmp_path, stage.pid)
    else:
        for block in blocks:
            check(block, tmp_path, 0)
