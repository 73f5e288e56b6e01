# SPDX-License-Identifier: MIT
"""docs/GUIDE.md is true: each command that it shows runs, and its lines still appear, but for their figures."""

import os
import re
import shutil
import subprocess

import pytest

import leaks
from stages import ask, staged

SOURCE = os.path.join(os.path.dirname(__file__), "..", "..")
# it never ends by itself: it is ended by its input
STANDING = re.compile(r"case-[a-z-]+|CaseInflaters")
BEHIND = re.compile(r"^\$ memtrace run (\S+) -- .* &$", re.M)
JAVA = ["java", "-Xmx64m", "-XX:+UseSerialGC", "-cp", leaks.VICTIMS, "CaseInflaters"]


def needs(text):
    """What a section cannot be tried without."""
    if "CaseInflaters" in text:
        yield pytest.mark.long
        yield pytest.mark.skipif(not shutil.which("javac"), reason="no JDK")
    if "$ gcore" in text:
        yield pytest.mark.skipif(not shutil.which("gcore"), reason="no gdb")


def sections():
    """(title, [(commands, lines that must appear)], the victim that its text names, what is preloaded into it)."""
    with open(os.path.join(SOURCE, "docs", "GUIDE.md"), encoding="utf-8") as file:
        parts = re.split(r"^## ", file.read(), flags=re.M)[1:]
    for part in parts:
        title, text = part.split("\n", 1)
        blocks = re.findall(r"^```\n(.*?)^```$", text, re.M | re.S)
        if blocks:
            victim = STANDING.search(text)
            preload = re.search(r"LD_PRELOAD=([^ `]+)", text)
            yield pytest.param(blocks, victim and victim[0], preload and preload[1], marks=[*needs(text)],
                               id=title.lower().replace(" ", "-"))


def without_figures(text):
    text = re.sub(r"0x[0-9a-f]+|[0-9][0-9,.]*( [KMG]iB)?", "#", text)
    return re.sub(r"\s+", " ", text).strip()


def run(line, folder, stage):
    words = line[2:].replace("PID", str(stage.pid if stage else 0)).split()
    if words[-1] == "&":
        return ""
    if words[0] == "kill":
        subprocess.run(words, check=True)
        # who started it under memtrace is done when the session is there
        stage.process.wait(timeout=180)
        return ""
    if words[0] == "gcore":
        subprocess.run(words, check=True, cwd=folder, capture_output=True, timeout=180)
        return ""
    words = [os.path.join(leaks.BUILD, word) if re.match("(examples|tests/victims)/", word) else word for word in words]
    assert words[0] == "memtrace"
    return "".join(ask(words[1:], cwd=folder, stdin=subprocess.DEVNULL, env=os.environ | {"COLUMNS": "200"}))


def check(block, folder, stage):
    printed = ""
    for line in block.splitlines():
        if line.startswith("$ "):
            printed = without_figures(run(line, folder, stage))
            continue
        for piece in line.replace("PID", "0").split("…"):
            assert without_figures(piece) in printed, f"{line!r} is not in:\n{printed}"


def start(blocks, victim, preload, folder):
    behind = BEHIND.search("".join(blocks))
    command = JAVA if victim == "CaseInflaters" else victim.removeprefix("case-")
    return staged(command, run=behind and [behind[1]], folder=folder, env=preload and {"LD_PRELOAD": preload})


@pytest.mark.parametrize("blocks,victim,preload", sections())
def test_guide(tmp_path, blocks, victim, preload):
    if any("PID" in block for block in blocks):
        with start(blocks, victim, preload, tmp_path) as stage:
            for block in blocks:
                check(block, tmp_path, stage)
    else:
        for block in blocks:
            check(block, tmp_path, None)
