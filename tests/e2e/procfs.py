# SPDX-License-Identifier: MIT
"""What the kernel says of a process, and waiting until it says what a test needs."""

import os
import re
import time


def stat(pid):
    """The fields of its stat from the third on, which is the state: [0]."""
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
        return file.read().rpartition(")")[2].split()


def cpu_s(pid):
    """Seconds of processor time that it has had."""
    return sum(map(int, stat(pid)[11:13])) / os.sysconf("SC_CLK_TCK")


def resident(pid, what="Rss"):
    """Resident bytes (or of another line), counted page by page: status is behind by what threads have not yet added."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        return int(re.search(rf"^{what}:\s+(\d+) kB", file.read(), re.M)[1]) * 1024


def only_child(pid):
    """The process that memtrace run has started."""
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        children = file.read().split()
    assert len(children) == 1, children
    return int(children[0])


def resident_at_rest(pid):
    """The same, once the process has come to rest."""
    last, end = None, time.monotonic() + 120
    while time.monotonic() < end:
        state, size = stat(pid)[0], resident(pid)
        if state == "S" and size == last:
            return size
        last = size if state == "S" else None
        time.sleep(0.01)
    raise AssertionError("it does not come to rest")


def let_it_calm_down(pid):
    """Returns when it has hardly used the processor for half a second: a Java machine compiles on for a while."""
    end = time.monotonic() + 60
    before = -1
    while cpu_s(pid) - before > 0.015 and time.monotonic() < end:
        before = cpu_s(pid)
        time.sleep(0.5)


def let_threads_rest(pid):
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


def let_it_sleep(pid, times):
    """Returns when its first thread has gone to sleep so many more times: of programs that do after each step."""
    def slept():
        with open(f"/proc/{pid}/status", encoding="utf-8") as file:
            return int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", file.read(), re.M)[1])
    enough = slept() + times
    while slept() < enough:
        time.sleep(0.01)


def let_it_work(pid, seconds):
    """Returns when it has had so much more processor time."""
    enough = cpu_s(pid) + seconds
    while cpu_s(pid) < enough:
        time.sleep(0.01)
