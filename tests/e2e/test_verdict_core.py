# SPDX-License-Identifier: MIT
"""A core file gets the verdict that the living process had, with the same figures."""

import os
import resource
import shutil
import signal

import pytest

import leaks
import smaps
from cores import gcore, need_kernel_cores
from figures import show
from procfs import let_threads_rest
from stages import assert_near, code, staged
from test_foreign import path_of

pytestmark = pytest.mark.skipif(not shutil.which("gcore"), reason="no gdb")


def same_but_for(report, pid):
    """The advice without what names the process: what it would give back."""
    return [advice["expected_bytes"] for advice in report["verdict"]["advice"]
            if str(pid) not in advice["action"] or "malloc_trim" in advice["action"]]


def assert_same_advice(alive, dead, pid):
    for promised, said in zip(same_but_for(alive, pid), same_but_for(dead, pid)):
        if promised:
            assert_near(promised, said, 0.01)


ARENA = ("kind", "address", "heaps", "system_bytes", "in_use_bytes", "in_use_blocks", "free_bytes", "free_resident_bytes",
         "trimmable_bytes", "unread_bytes")


def assert_same_heap(alive, dead):
    """Every arena and what pins it, and every place that has live blocks."""
    assert [[arena[name] for name in ARENA] for arena in dead["arenas"]] == \
        [[arena[name] for name in ARENA] for arena in alive["arenas"]]
    assert [[(pin["address"], pin["holds_bytes"]) for pin in arena["pins"]] for arena in dead["arenas"]] == \
        [[(pin["address"], pin["holds_bytes"]) for pin in arena["pins"]] for arena in alive["arenas"]]
    places = [{(site["id"], site["live_bytes"], site["live_blocks"]) for site in report["sites"]}
              for report in (alive, dead)]
    assert places[0] == places[1]
    show("core", arenas=len(dead["arenas"]), places=len(places[0]), advice=len(dead["verdict"]["advice"]))


# the others go on working
STILL = ["pinned-top", "threshold", "holes", "slabs", "maps", "threads", "stacks", "unjoined", "peak", "rounding",
         "objects"]


@pytest.mark.parametrize("run", [
    pytest.param(None, id="outside"), pytest.param(["--allocator=system", "--sample=all"], id="agent"),
    pytest.param(["--sample=all"], id="fast", marks=pytest.mark.long)])
@pytest.mark.parametrize("name", [*STILL, "cache", "leak"])
def test_a_core_gets_the_same_verdict(tmp_path, name, run):
    # without the agent nothing has an age
    with staged(name, run=run, folder=tmp_path, settle=1 if run else 0) as stage:
        if name in STILL:
            let_threads_rest(stage.pid)
        # the others go on, and a busy machine may hold them up
        alive = stage.report() if name in STILL or not run else stage.report_once_it_is(name)
        pid = stage.pid
        core = gcore(pid, tmp_path)
    dead = leaks.report(core)
    assert code(dead) == code(alive)
    if name not in STILL:
        return
    assert_same_heap(alive, dead)
    assert_same_advice(alive, dead, pid)


FIGURES = ("id", "system_bytes", "in_use_bytes", "free_bytes", "cached_bytes", "metadata_bytes")


def assert_same_sums(alive, dead):
    """A core does not tell pages of zeros from pages that were never there; everything else is the same."""
    assert [[arena[name] for name in FIGURES] for arena in dead["arenas"]] == \
        [[arena[name] for name in FIGURES] for arena in alive["arenas"]]
    assert alive["arenas"]
    owners = [smaps.owners(report) for report in (alive, dead)]
    # tcmalloc has tables of zeros; a library's pages that nobody wrote to are not in a core either
    absent = alive["memory"]["rss_bytes"] - dead["memory"]["rss_bytes"]
    assert 0 <= absent < 8 << 20
    for owner in owners[0] | owners[1]:
        before, after = (side.get(owner, 0) for side in owners)
        assert -before // 50 - (256 << 10) <= before - after <= before // 50 + absent, (owner, before, after)


@pytest.mark.parametrize("allocator", ["jemalloc", "tcmalloc"])
@pytest.mark.parametrize("name", [
    name if name in ("peak", "slabs") else pytest.param(name, marks=pytest.mark.long) for name in STILL])
def test_a_core_tells_of_other_allocators_what_the_process_did(tmp_path, name, allocator):
    with staged(name, env={"LD_PRELOAD": path_of(allocator)}) as stage:
        alive = stage.report()
        pid = stage.pid
        core = gcore(pid, tmp_path)
    dead = leaks.report(core)
    assert code(dead) == code(alive)
    assert_same_sums(alive, dead)
    assert_same_advice(alive, dead, pid)


@pytest.mark.parametrize("allocator", ["jemalloc", "tcmalloc"])
def test_a_core_by_the_kernel_tells_of_other_allocators(tmp_path, allocator):
    need_kernel_cores()
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
    try:
        with staged("slabs", folder=tmp_path, env={"LD_PRELOAD": path_of(allocator)}) as stage:
            alive = stage.report()
            os.kill(stage.pid, signal.SIGABRT)
            stage.process.wait(timeout=180)
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))
    [core] = tmp_path.glob("core*")
    dead = leaks.report(str(core))
    assert code(dead) == code(alive) == "fragmentation"
    assert_same_sums(alive, dead)
