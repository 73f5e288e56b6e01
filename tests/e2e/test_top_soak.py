# SPDX-License-Identifier: MIT
"""What the screen of `memtrace top` costs beside a process with 100,000 sites and a million live blocks."""

import os
import re
import subprocess
import time

import pytest

import leaks
from procfs import only_child
from terminal import Terminal

pytestmark = pytest.mark.soak

SETTLE_S, MEASURED_S = 40, 30


@pytest.fixture(name="crowd", scope="module")
def start_crowd(tmp_path_factory):
    folder = tmp_path_factory.mktemp("crowd")
    with subprocess.Popen([leaks.MEMTRACE, "run", "-q", "--sample=all", "--max-memory=1G", "-o", folder / "end.memtrace",
                           "--", f"{leaks.VICTIMS}/crowd", "100000", "10"], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        yield str(only_child(process.pid))
        process.stdin.close()


def cpu_seconds(pid):
    """Processor time by thread; the first is the one that draws."""
    times = {}
    for thread in sorted(os.listdir(f"/proc/{pid}/task"), key=int):
        with open(f"/proc/{pid}/task/{thread}/schedstat", encoding="ascii") as file:
            times[thread] = int(file.read().split()[0]) / 1e9
    return times


def watch(screen, seconds):
    """Keeps the terminal empty, and returns how many times the process was looked at."""
    looks = set()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        screen.read(0.1)
        looks.add(screen.text().splitlines()[0])
    return len(looks)


@pytest.mark.parametrize("sort", ["live", "growth"])
def test_cost_of_the_screen(crowd, sort, tmp_path, capsys):
    screen = Terminal([leaks.MEMTRACE, "top", f"--sort={sort}", crowd], columns=120, rows=50, cwd=tmp_path)
    # the first look may take seconds, and names come after it
    text = screen.wait_for("allocate (victims/crowd.c", seconds=60)
    assert len(re.findall(r" 480 B +10 ", text)) > 30
    watch(screen, SETTLE_S)
    before = cpu_seconds(screen.process.pid)
    n_looks = watch(screen, MEASURED_S)
    spent = {thread: (time_s - before.get(thread, 0)) / MEASURED_S * 100
             for thread, time_s in cpu_seconds(screen.process.pid).items()}
    assert n_looks > 1
    with capsys.disabled():
        print(f"\ntop, 100,000 sites, 1,000,000 blocks, sorted by {sort}: {sum(spent.values()):.2f} % of a core "
              f"(by thread: {', '.join(f'{share:.2f}' for share in spent.values())}), {n_looks} looks in {MEASURED_S} s, "
              f"{sum(spent.values()) / 100 * MEASURED_S / n_looks * 1000:.1f} ms a look, "
              f"load {os.getloadavg()[0]:.1f}")
    assert screen.close() == 0
