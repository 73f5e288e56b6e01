# SPDX-License-Identifier: MIT
"""Whether memtrace says what is wrong with programs of which that is known."""

import pytest

from stages import advises, code, promise, read_rss, says, staged

ALLOCATORS = pytest.mark.parametrize("options", [[], ["--allocator=system"]], ids=["fast", "system"])
# looked at from outside, and with the agent that watches the program's own allocator
GLIBC = pytest.mark.parametrize("run", [None, ["--allocator=system"]], ids=["outside", "agent"])
MIB = 1 << 20


@ALLOCATORS
def test_a_leak_is_told_with_its_place(tmp_path, options):
    with staged("leak", run=["--sample=all", *options], folder=tmp_path) as stage:
        report = stage.report()
    assert code(report) == "leak"
    assert says(report, "forget_request (")
    assert advises(report, "find out who should free what forget_request (")


def test_a_leak_that_nobody_watched_is_undecided(tmp_path):
    with staged("leak", folder=tmp_path) as stage:
        report = stage.report()
    assert code(report) is None
    assert says(report, "look the same at one moment")
    assert advises(report, "memtrace attach")


@ALLOCATORS
def test_a_cache_that_turns_over_is_no_leak(tmp_path, options):
    with staged("cache", run=["--sample=all", *options], folder=tmp_path) as stage:
        report = stage.report()
    assert code(report) == "cache"
    assert says(report, "put_entry (")


@GLIBC
def test_threads_that_reserve_addresses_are_healthy(tmp_path, run):
    with staged("threads", run=run, folder=tmp_path) as stage:
        report = stage.report()
    assert code(report) == "healthy"
    assert says(report, "that is no memory, and no leak")
    assert not report["verdict"]["advice"]


@pytest.mark.parametrize("library", ["libjemalloc.so.2", "libtcmalloc_minimal.so.4", "libmimalloc.so.2"])
def test_another_allocator_is_named(tmp_path, library):
    path = f"/usr/lib/x86_64-linux-gnu/{library}"
    with staged("slabs", run=[f"--allocator={path}"], folder=tmp_path) as stage:
        report = stage.report()
        kept = read_rss(stage.pid) - stage.live
    assert code(report) in ("retention", "fragmentation")
    # in no live block, whatever the allocator calls it
    assert kept > 150 * MIB
    assert advises(report, "slabs") or advises(report, "spans") or advises(report, "mi_collect")


@pytest.mark.parametrize("run", [None, [], ["--allocator=system"]], ids=["outside", "fast", "system"])
def test_mappings_of_the_program_are_not_of_malloc(tmp_path, run):
    with staged("maps", run=run, folder=tmp_path) as stage:
        report = stage.report()
        live = stage.live
    assert code(report) == "not-malloc"
    if run is not None:
        assert says(report, "map_piece (")
        assert promise(report, "unmap what map_piece") == live


@pytest.mark.parametrize("run", [None, [], ["--allocator=system"]], ids=["outside", "fast", "system"])
def test_stacks_are_not_of_malloc(tmp_path, run):
    with staged("stacks", run=run, folder=tmp_path) as stage:
        report = stage.report()
    assert code(report) == "not-malloc"
    assert says(report, "stacks of threads")


def test_objects_that_nobody_watched_can_be_looked_at(tmp_path):
    with staged("objects", folder=tmp_path) as stage:
        report = stage.report()
        pid = stage.pid
    assert code(report) is None
    assert advises(report, f"memtrace objects {pid}")
