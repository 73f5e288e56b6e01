# SPDX-License-Identifier: MIT
"""A service that looks into jars in jars in 32 threads and closes nothing, in a Java machine with its default options."""

import shutil
import subprocess

import pytest

import leaks
from attaching import attached
from procfs import let_it_calm_down, resident
from stages import code, promise, says, staged

pytestmark = [pytest.mark.skipif(not shutil.which("javac"), reason="no JDK"), pytest.mark.long]

THREADS, STREAMS = 32, 100
# 3 % of error at a quarter of a gigabyte, where the default, which goes by the time that it takes, may have 20 %
SAMPLE = "--sample=256K"
COMMAND = ["java", "-cp", leaks.VICTIMS, "CaseInflaters", str(THREADS), str(STREAMS), "hold"]
OPENED = THREADS * STREAMS * 2  # Inflaters: one for the jar, one for what is in it
MIB = 1 << 20


def inflaters(report):
    return [row for row in report["java"]["classes"] if row["name"] == "java.util.zip.Inflater"][0]


def assert_opened(report, alive):
    """Who opened them, under both functions of zlib that allocate, and how many there are."""
    row = inflaters(report)
    assert row["objects"] == alive
    # each has a state and a window of zlib
    assert row["native_bytes"] == pytest.approx(OPENED * (7 << 10 | 32 << 10), rel=0.3)
    assert says(report, f"{alive:,} java.util.zip.Inflater")
    # the interpreter's entry points change while it is compiled; what has most of it is whole
    for function in ("inflateInit2_", "inflate"):
        below = [site for site in report["sites"] if not site["backing"]
                 and function in [frame["function"] for frame in site["stack"]]]
        assert below
        named = sum(site["live_bytes"] for site in below
                    if "CaseInflaters.openNested" in [frame["function"] for frame in site["stack"]])
        assert named > 0.9 * sum(site["live_bytes"] for site in below)


def assert_kept(stage, report):
    """After a collection: kept in so many arenas; what trimming gives is what was promised."""
    assert code(report) == "retention"
    arenas = [arena for arena in report["arenas"] if arena["kind"] in ("main", "thread")]
    assert says(report, f"of {len(arenas)} arenas")
    before = resident(stage.pid)
    subprocess.run([leaks.MEMTRACE, "trim", "--yes", str(stage.pid)], check=True, capture_output=True, timeout=180)
    gained = before - resident(stage.pid)
    promised = promise(report, "malloc_trim")
    print(f"{len(arenas)} arenas, {promised / MIB:.1f} MiB promised, {gained / MIB:.1f} MiB given back")
    assert gained > 100 * MIB
    assert promised == pytest.approx(gained, rel=0.03)


def test_from_the_start(tmp_path):
    with staged(COMMAND, run=["--allocator=system", SAMPLE], folder=tmp_path) as stage:
        assert_opened(stage.report(), OPENED)
        stage.tell("gc")
        let_it_calm_down(stage.pid)
        assert_kept(stage, stage.report())


def test_from_when_it_was_attached_to(tmp_path):
    with staged(COMMAND, folder=tmp_path) as stage:
        with attached(stage.pid, tmp_path, SAMPLE):
            stage.tell("open")
            assert_opened(stage.report(), 2 * OPENED)
            stage.tell("gc")
            let_it_calm_down(stage.pid)
            assert_kept(stage, stage.report())
