# SPDX-License-Identifier: MIT
"""Whether memtrace says what is wrong with programs of which that is known, and its advice gives what it says."""

import shutil
import subprocess

import pytest

import leaks
from stages import advises, assert_near, promise, read_rss, says, staged

ALLOCATORS = pytest.mark.parametrize("options", [[], ["--allocator=system"]], ids=["fast", "system"])
# looked at from outside, and with the agent that watches the program's own allocator
GLIBC = pytest.mark.parametrize("run", [None, ["--allocator=system"]], ids=["outside", "agent"])
MIB = 1 << 20


def code(report):
    return report["verdict"]["code"]


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
    with staged("cache", run=["--sample=all", *options], folder=tmp_path, settle=1) as stage:
        report = stage.report()
    assert code(report) == "cache"
    assert says(report, "put_entry (")


@pytest.mark.skipif(not shutil.which("jcmd"), reason="no JDK")
def test_java_whose_inflaters_were_collected_is_retention(tmp_path):
    command = ["java", "-Xms128m", "-Xmx128m", "-XX:+UseSerialGC", "-cp", leaks.VICTIMS, "CaseInflaters"]
    with staged(command, folder=tmp_path) as stage:
        report = stage.report()
        before = read_rss(stage.pid)
        subprocess.run(["jcmd", str(stage.pid), "System.trim_native_heap"], check=True, capture_output=True,
                       timeout=60)
        gained = before - read_rss(stage.pid)
    assert code(report) == "retention"
    assert gained > 50 * MIB
    assert_near(promise(report, "malloc_trim"), gained)
    assert says(report, "MALLOC_ARENA_MAX")
    assert not advises(report, "MALLOC_ARENA_MAX")


@GLIBC
def test_threads_that_reserve_addresses_are_healthy(tmp_path, run):
    with staged("threads", run=run, folder=tmp_path) as stage:
        report = stage.report()
    assert code(report) == "healthy"
    assert says(report, "that is no memory, and no leak")
    assert not report["verdict"]["advice"]


@GLIBC
def test_a_pinned_top_is_retention_and_trimming_gives_what_is_promised(tmp_path, run):
    with staged("pinned-top", run=run, folder=tmp_path) as stage:
        report = stage.report()
        gained = stage.tell("trim")
    assert code(report) == "retention"
    assert gained > 290 * MIB
    assert_near(promise(report, "malloc_trim"), gained)
    if run is not None:
        assert says(report, "open_session (")


@GLIBC
def test_freeing_the_pin_gives_what_it_holds(tmp_path, run):
    with staged("pinned-top", run=run, folder=tmp_path) as stage:
        report = stage.report()
        gained = stage.tell("free")
    assert_near(promise(report, "free the block"), gained)


@GLIBC
def test_a_raised_threshold_is_found_and_setting_it_gives_what_is_promised(tmp_path, run):
    with staged("threshold", run=run, folder=tmp_path) as stage:
        report = stage.report()
        kept = read_rss(stage.pid)
        gained = stage.tell("trim")
    assert code(report) == "retention"
    assert says(report, "raised glibc's mmap threshold from 128 KiB")
    assert_near(promise(report, "malloc_trim"), gained)
    if run is not None:
        assert says(report, "from send_big (")
    with staged("threshold", run=run, env={"GLIBC_TUNABLES": "glibc.malloc.mmap_threshold=131072"},
                folder=tmp_path) as stage:
        assert_near(promise(report, "mmap_threshold=131072"), kept - read_rss(stage.pid))


@GLIBC
def test_holes_are_fragmentation_with_their_sizes(tmp_path, run):
    with staged("holes", run=run, folder=tmp_path) as stage:
        report = stage.report()
        gained = stage.tell("trim")
    assert code(report) == "fragmentation"
    assert says(report, "1,499 holes") or says(report, "1,500 holes")
    assert says(report, "64.0 KiB each")
    assert_near(promise(report, "malloc_trim"), gained)


@GLIBC
def test_shared_pages_are_fragmentation_and_trimming_is_not_advised(tmp_path, run):
    with staged("slabs", run=run, folder=tmp_path) as stage:
        report = stage.report()
        kept = read_rss(stage.pid)
        assert stage.tell("trim") < 2 * MIB
    assert code(report) == "fragmentation"
    assert says(report, "nothing is to be gained from malloc_trim")
    assert not advises(report, "malloc_trim")
    with staged("slabs", "apart", run=run, folder=tmp_path) as stage:
        assert_near(promise(report, "allocate what stays apart"), kept - read_rss(stage.pid))


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


def test_rounding_up_to_pages_is_fragmentation(tmp_path):
    run = ["--allocator=system", "--sample=all"]
    with staged("rounding", run=run, folder=tmp_path) as stage:
        report = stage.report()
        taken = read_rss(stage.pid)
    assert code(report) == "fragmentation"
    assert says(report, "20,000 blocks has a mapping of its own")
    with staged("rounding", "without", run=run, folder=tmp_path) as stage:
        assert_near(promise(report, "mmap threshold"), taken - read_rss(stage.pid))


def test_objects_that_nobody_watched_can_be_looked_at(tmp_path):
    with staged("objects", folder=tmp_path) as stage:
        report = stage.report()
        pid = stage.pid
    assert code(report) is None
    assert advises(report, f"memtrace objects {pid}")
