# SPDX-License-Identifier: MIT
"""A program that is killed at any moment leaves a report that is whole and has what was recorded."""

import os
import random
import signal
import struct
import subprocess
import time

import pytest

import leaks


def kill_once(directory, delay, allocator, is_at_work):
    """After so many seconds from when it was started, or from its first leak."""
    counter = directory / "counter"
    counter.write_bytes(bytes(8))
    session = directory / "killed.memtrace"
    tool = subprocess.Popen([leaks.MEMTRACE, "run", "--quiet", "--sample=all", f"--allocator={allocator}",
                             "-o", session, "--", f"{leaks.VICTIMS}/kill-me", counter],
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    started = time.monotonic()
    children = f"/proc/{tool.pid}/task/{tool.pid}/children"
    while not (pids := open(children).read().split()):
        assert tool.poll() is None and time.monotonic() < started + 180
        time.sleep(0.001)
    while is_at_work and not any(counter.read_bytes()):
        assert tool.poll() is None and time.monotonic() < started + 180
        time.sleep(0.001)
    time.sleep(delay)
    os.kill(int(pids[0]), signal.SIGKILL)
    _, errors = tool.communicate(timeout=180)
    assert tool.returncode == 128 + signal.SIGKILL, errors
    leaked, = struct.unpack("Q", counter.read_bytes())
    if leaked == 0 and not session.exists():
        return 0  # before the agent could begin
    parsed = leaks.report(session)
    assert parsed["process"]["state"] == "killed" and parsed["process"]["signal"] == signal.SIGKILL
    assert parsed["agent"]["lost"]["allocations"] == 0 and parsed["agent"]["lost"]["frees"] == 0
    found = 0
    for site in parsed["sites"]:
        assert site["allocated_bytes"] >= site["live_bytes"] >= 0
        assert site["allocated_blocks"] >= site["live_blocks"] >= 0
        frame = leaks.innermost(site, "kill-me.c")
        if frame and frame["function"] == "leak":
            assert site["live_bytes"] == 48 * site["live_blocks"]
            found += site["live_blocks"]
    # a thread may have been killed between the record and the count
    assert leaked <= found <= leaked + 4
    return leaked


def kill_many(times, tmp_path, allocator):
    rng = random.Random(20)
    leaked = []
    for number in range(times):
        directory = tmp_path / str(number)
        directory.mkdir()
        # a busy machine starts nothing in that time: every second one has begun
        leaked.append(kill_once(directory, rng.uniform(0, 0.15), allocator, number % 2 == 0))
    assert sum(count > 0 for count in leaked) >= times / 2, "most were killed before they did anything"


@pytest.mark.parametrize("allocator", ["fast", "system"])
def test_killed_at_random_moments(tmp_path, allocator):
    kill_many(10, tmp_path, allocator)


@pytest.mark.long
def test_killed_at_two_hundred_random_moments(tmp_path):
    kill_many(200, tmp_path, "fast")
