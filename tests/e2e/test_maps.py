# SPDX-License-Identifier: MIT
"""Whose every byte is: totals equal smaps, and what is not explained is nearly nothing."""

import csv
import io
import os
import shutil
import subprocess

import pytest

import leaks
import smaps
from procfs import let_threads_rest
from stages import staged

MIB = 1 << 20
CASES = ["threads", "pinned-top", "threshold", "holes", "slabs", "maps", "stacks", "rounding"]
PYTHON = "/usr/bin/python3"


@pytest.mark.parametrize("case", CASES)
def test_victims_without_the_agent(case):
    with staged(case) as stage:
        smaps.assert_explained(smaps.assert_equal_smaps(stage.pid))


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("allocator", ["fast", "system"])
def test_victims_with_the_agent(case, allocator, tmp_path):
    with staged(case, run=[f"--allocator={allocator}"], folder=tmp_path) as stage:
        smaps.assert_explained(smaps.assert_equal_smaps(stage.pid))


@pytest.fixture
def mappings(tmp_path):
    """case-mappings, with memory of every kind"""
    (tmp_path / "mapped").write_bytes(bytes(4 * MIB))
    with staged("mappings", tmp_path / "mapped") as stage:
        yield stage


def test_every_kind_of_mapping_has_its_owner(mappings):
    report = smaps.assert_equal_smaps(mappings.pid)
    smaps.assert_explained(report)
    owners = smaps.owners(report)
    assert owners["shared"] == 4 * 4 * MIB
    assert owners["files"] >= 4 * MIB
    assert owners["runtime.mapped"] == 4 * MIB
    assert owners["runtime.code"] == 4 * MIB
    assert owners["images"] >= 4 * MIB
    assert MIB <= owners["stacks"] < 2 * MIB
    bss = [m for m in report["mappings"] if m["label"] == "bss of case-mappings"]
    assert sum(m["rss_bytes"] for m in bss) >= 4 * MIB


def test_stacks_have_names_and_guards(mappings, memtrace):
    text = memtrace("maps", mappings.pid).stdout
    waits = [line for line in text.splitlines() if "stack of waits (" in line]
    assert len([line for line in waits if "guard of stack" in line]) == 1
    assert len(waits) == 2
    assert sum("  stack, kept for the next thread" in line for line in text.splitlines()) == 1
    assert sum("  stack, ended, not joined" in line for line in text.splitlines()) == 1
    tids = {part["tid"] for m in smaps.read_maps(mappings.pid)["mappings"] for part in m["parts"] if part["tid"]}
    assert tids == {int(tid) for tid in os.listdir(f"/proc/{mappings.pid}/task")}


def test_128_threads_of_1_kilobyte_are_nearly_nothing():
    with staged("threads") as stage:
        report = smaps.assert_equal_smaps(stage.pid)
        heap = sum(line["virtual_bytes"] for line in report["memory"]["ledger"]
                   if line["owner"].startswith("heap."))
        resident = sum(bytes for owner, bytes in smaps.owners(report).items() if owner.startswith("heap."))
        assert heap > 512 * MIB and resident < 4 * MIB
        stacks = {m["label"] for m in report["mappings"] if m["owner"] == "stacks"}
        assert stacks == {"case-threads"}


def rows(memtrace, pid, *options):
    done = memtrace("maps", "--format=csv", *options, pid)
    assert done.returncode == 0, done.stderr
    return list(csv.DictReader(io.StringIO(done.stdout)))


def test_csv_adds_up_however_it_is_put_together(memtrace, mappings):
    expected = smaps.assert_equal_smaps(mappings.pid)["memory"]
    for options in ([], ["--by=owner"], ["--by=path"], ["--top=3"], ["--min=1M"], ["--by=path", "--sort=name"]):
        table = rows(memtrace, mappings.pid, *options)
        assert sum(int(row["rss"]) for row in table) == expected["rss_bytes"]
        # What is private changes whenever another process maps the same library: it is only held between two others.
        dirty, uss = (sum(int(row[name]) for row in table) for name in ("private_dirty", "uss"))
        assert 0 < dirty <= uss <= expected["rss_bytes"]
        assert sum(int(row["size"]) for row in table) == expected["vsz_bytes"]
    assert len(rows(memtrace, mappings.pid, "--top=3")) == 4


@pytest.mark.parametrize("key,column", [("rss", "rss"), ("pss", "pss"), ("dirty", "private_dirty"), ("size", "size")])
def test_order(memtrace, mappings, key, column):
    values = [int(row[column]) for row in rows(memtrace, mappings.pid, f"--sort={key}")]
    assert values == sorted(values, reverse=True)


def test_a_snapshot_keeps_it_all(memtrace, mappings, tmp_path):
    # a page of libc that nobody had looked at may come with its neighbours
    smaps.read_maps(mappings.pid)
    assert memtrace("snapshot", "-o", "s.memtrace", mappings.pid).returncode == 0
    live, saved = smaps.read_maps(mappings.pid), smaps.read_maps(tmp_path / "s.memtrace")
    for one, other in zip(saved["mappings"], live["mappings"], strict=True):
        # what is shared with memtrace itself changes
        assert one | {"pss_bytes": 0, "private_dirty_bytes": 0} == other | {"pss_bytes": 0, "private_dirty_bytes": 0}
    assert saved["memory"]["ledger"] == live["memory"]["ledger"]


def test_looking_makes_nothing_resident(memtrace):
    with staged("threads") as stage:
        let_threads_rest(stage.pid)
        before = smaps.read_smaps(stage.pid)
        for verb in ("maps", "report"):
            assert memtrace(verb, stage.pid).returncode == 0
        assert {key: value["Rss"] for key, value in smaps.read_smaps(stage.pid).items()} == {
            key: value["Rss"] for key, value in before.items()}


SCRIPTS = {
    "python3": ([PYTHON, "-c", "a = [str(i) for i in range(200000)]; b = {i: i for i in range(50000)}\n"
                 "print('ready live=0 freed=0', flush=True); input()"], "runtime.python", 10 * MIB),
    "perl": (["perl", "-e", "$|=1; my @a = map { \"s$_\" } 0..100000; print \"ready live=0 freed=0\\n\"; <STDIN>"],
             "heap.live", 5 * MIB),
    "php": (["php", "-r", "$a = []; for ($i = 0; $i < 200000; $i++) $a[] = \"s$i\"; echo \"ready live=0 freed=0\\n\"; "
             "fgets(STDIN);"], "runtime.php", 8 * MIB),
    "ruby": (["ruby", "-e", "a = (0..200000).map { |i| \"s#{i}\" }; puts 'ready live=0 freed=0'; $stdout.flush; gets"],
             "runtime.ruby", 6 * MIB),
    "node": (["node", "-e", "let a=[]; for (let i=0;i<200000;i++) a.push({i, s: 'x' + i});"
              "console.log('ready live=0 freed=0'); process.stdin.resume()"], "runtime.v8", 10 * MIB),
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_interpreters(name):
    command, owner, at_least = SCRIPTS[name]
    if not shutil.which(command[0]):
        pytest.skip(f"{command[0]} is not installed")
    with staged(command) as stage:
        report = smaps.assert_equal_smaps(stage.pid)
        smaps.assert_explained(report)
        assert smaps.owners(report)[owner] >= at_least, smaps.owners(report)


@pytest.mark.parametrize("library,label", [
    ("libjemalloc.so.2", "jemalloc's arena"), ("libtcmalloc_minimal.so.4", "tcmalloc")])
def test_memory_of_other_allocators_is_known(library, label):
    path = f"/usr/lib/x86_64-linux-gnu/{library}"
    if not os.path.exists(path):
        pytest.skip(f"{library} is not installed")
    with staged("peak", env={"LD_PRELOAD": path}) as stage:
        report = smaps.read_maps(stage.pid)
        smaps.assert_explained(report)
        assert smaps.owners(report)["heap.live"] >= stage.live
        assert smaps.owners(report).get("heap.other", 0) < 1 * MIB
        assert any(m["label"].startswith(label) for m in report["mappings"] if m["owner"].startswith("heap."))


def test_an_allocator_that_would_have_to_be_asked_is_named():
    path = "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2"
    if not os.path.exists(path):
        pytest.skip("libjemalloc.so.2 is not installed")
    # what it has of huge pages is not read
    with staged("leak", env={"LD_PRELOAD": path, "MALLOC_CONF": "hpa:true"}) as stage:
        report = smaps.read_maps(stage.pid)
        smaps.assert_explained(report)
        assert smaps.owners(report)["heap.other"] >= stage.live
        assert "jemalloc" in {m["label"] for m in report["mappings"] if m["owner"] == "heap.other"}


def test_a_session_without_mappings_says_so(memtrace, tmp_path):
    leaks.run([f"{leaks.VICTIMS}/leak-malloc"], tmp_path)
    session = next(tmp_path.glob("*.memtrace"))
    done = memtrace("maps", session)
    assert done.returncode == 1 and "has no mappings" in done.stderr and done.stdout == ""
    assert subprocess.run([leaks.MEMTRACE, "maps", "--by=size", session], capture_output=True,
                          check=False).returncode == 2
