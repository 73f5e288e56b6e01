# SPDX-License-Identifier: MIT
"""What jemalloc, tcmalloc and mimalloc hold, in the words of arenas, and what they give back when they are told to."""

import json
import os

import pytest

import smaps
from stages import advises, code, promise, read_rss, says, staged

MIB = 1 << 20
FOLDER = "/usr/lib/x86_64-linux-gnu"
LIBRARIES = {"jemalloc": "libjemalloc.so.2", "tcmalloc": "libtcmalloc_minimal.so.4", "mimalloc": "libmimalloc.so.2"}

OUTSIDE = pytest.mark.parametrize("name", list(LIBRARIES))


def path_of(name):
    path = os.path.join(FOLDER, LIBRARIES[name])
    if not os.path.exists(path):
        pytest.skip(f"{name} is not installed")
    return path


def under(name, victim, **more):
    return staged(victim, env={"LD_PRELOAD": path_of(name)}, **more)


def arenas_of(memtrace, pid, *options):
    done = memtrace("arenas", "--format=json", *options, pid)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["arenas"]


def total(arenas, member):
    return sum(arena[member] for arena in arenas)


@OUTSIDE
def test_their_parts_add_up(memtrace, name):
    with under(name, "peak") as stage:
        arenas = arenas_of(memtrace, stage.pid)
        rss = read_rss(stage.pid)
    assert {arena["allocator"] for arena in arenas} == {name}
    for arena in arenas:
        assert arena["system_bytes"] == arena["in_use_bytes"] + arena["free_bytes"] + arena["metadata_bytes"]
        assert arena["free_resident_bytes"] <= arena["free_bytes"]
        assert arena["resident_bytes"] == \
            arena["in_use_resident_bytes"] + arena["free_resident_bytes"] + arena["metadata_resident_bytes"]
    # sizes of classes are up to an eighth above what was asked for
    assert stage.live <= total(arenas, "in_use_bytes") <= 1.2 * stage.live
    assert total(arenas, "resident_bytes") <= rss


@OUTSIDE
def test_the_ledger_has_them_by_what_they_are(name):
    with under(name, "peak") as stage:
        report = stage.report()
    smaps.assert_explained(report)
    owners = smaps.owners(report)
    kept = sum(arena["free_resident_bytes"] for arena in report["arenas"])
    assert abs(owners["heap.free"] - kept) <= kept // 20
    assert 0.8 * stage.live <= owners["heap.live"] <= 1.2 * stage.live
    assert owners.get("heap.other", 0) < 2 * MIB


@OUTSIDE
def test_what_they_keep_goes_back_as_promised(memtrace, name):
    with under(name, "peak") as stage:
        report = stage.report()
        before = read_rss(stage.pid)
        done = memtrace("trim", "--yes", stage.pid)
        assert done.returncode == 0, done.stderr
        gained = before - read_rss(stage.pid)
    assert code(report) == "retention"
    assert says(report, f"are kept by {name}")
    wanted = {"jemalloc": "MALLOC_CONF", "tcmalloc": "ReleaseFreeMemory", "mimalloc": "mi_collect"}[name]
    promised = promise(report, wanted)
    assert gained > 50 * MIB
    assert abs(gained - promised) <= promised // 100 + 64 * 4096
    assert advises(report, "memtrace trim --yes") == (name != "mimalloc")


@OUTSIDE
def test_what_shares_pages_does_not(memtrace, name):
    with under(name, "slabs") as stage:
        report = stage.report()
        before = read_rss(stage.pid)
        assert memtrace("trim", "--yes", stage.pid).returncode == 0
        assert before - read_rss(stage.pid) < 16 * MIB
    assert code(report) == "fragmentation"
    assert promise(report, "allocate what stays apart") > 170 * MIB


def test_without_a_stop_jemalloc_is_not_asked(memtrace):
    with under("jemalloc", "peak") as stage:
        done = memtrace("arenas", "--no-stop", stage.pid)
        assert done.returncode == 1
        assert "only to a thread of the process, which has to be stopped" in done.stderr
        assert memtrace("report", "--no-stop", stage.pid).returncode == 0


@pytest.mark.parametrize("name", ["jemalloc", "mimalloc"])
def test_with_the_agent_they_are_read_as_well(tmp_path, name):
    with staged("peak", run=[f"--allocator={path_of(name)}"], folder=tmp_path) as stage:
        report = stage.report()
    assert {arena["allocator"] for arena in report["arenas"]} == {name}
    assert code(report) == "retention"
    assert says(report, f"are kept by {name}")
