# SPDX-License-Identifier: MIT
"""memtrace strings counts what repeats in blocks and mappings, and touches nothing that is absent."""

import contextlib
import json

import cores
import leaks
from procfs import resident_at_rest

KEPT = "kept: session of customer"


@contextlib.contextmanager
def texts(directory):
    """The victim's pid."""
    with cores.standing([f"{leaks.VICTIMS}/texts"], directory) as (_, pid):
        yield pid


def count(memtrace, target, *options):
    done = memtrace("strings", "--format=json", *options, target)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["strings"]


def by_text(counted):
    return {row["text"]: row for row in counted["rows"]}


def test_texts_of_blocks_are_counted(memtrace, tmp_path):
    with texts(tmp_path) as pid:
        used = count(memtrace, pid)
        free = count(memtrace, pid, "--in=free")
    assert used["exact"] and used["kind"] == "texts"
    found = by_text(used)
    assert (found[KEPT]["count"], found[KEPT]["bytes"]) == (700, 700 * len(KEPT))
    assert found["grüß gott €"]["count"] == 40
    assert not any(text.startswith("freed: number") for text in found)
    assert used["rows"][0]["text"] == KEPT
    found = by_text(free)
    assert KEPT not in found
    assert [found[f"freed: number {i}"]["count"] for i in range(3)] == [100, 100, 100]


def test_long_texts_are_told_apart_by_all_of_them(memtrace, tmp_path):
    with texts(tmp_path) as pid:
        counted = count(memtrace, pid, "--min=100000", "--sort=bytes")
    assert [(row["count"], row["length"]) for row in counted["rows"]] == [(2, 299992), (1, 299992)]
    assert all(set(row["text"]) == {"x"} and len(row["text"]) < 200 for row in counted["rows"])


def test_a_core_has_the_same_texts(memtrace, tmp_path):
    cores.need_gcore()
    with texts(tmp_path) as pid:
        live = [count(memtrace, pid, f"--in={where}") for where in ("in-use", "free")]
        core = cores.gcore(pid, tmp_path)
    dead = [count(memtrace, core, f"--in={where}") for where in ("in-use", "free")]
    for one, other in zip(live, dead):
        assert by_text(one) == by_text(other)


def test_words_say_what_they_may_be(memtrace, tmp_path):
    with cores.standing([f"{leaks.VICTIMS}/classes"], tmp_path) as (process, pid):
        while process.stdout.readline() != "ready\n":
            pass
        counted = count(memtrace, pid, "--words", "--sort=bytes")
        one = count(memtrace, pid, "--words", f"--grep={counted['rows'][0]['word']}")
    notes = {row["note"]: row["count"] for row in counted["rows"] if row["note"]}
    # objects that are their own, and those that are part of others
    assert notes["object of class store::Session"] >= 1000
    assert notes["object of class store::Cached"] == 300
    assert notes["object of class Small"] == 50
    assert len(one["rows"]) == 1


def test_mapping_is_named_by_address_and_never_touched(memtrace, tmp_path):
    with texts(tmp_path) as pid:
        before = resident_at_rest(pid)
        everything = count(memtrace, pid, "--in=all")
        stack = count(memtrace, pid, "--in=[stack]", "--min=4")
        libc = count(memtrace, pid, "--in=libc.so.6")
        assert resident_at_rest(pid) <= before
        text = memtrace("strings", "--in=all", pid).stdout
    assert everything["absent_bytes"] >= 64 << 20
    assert by_text(everything)[KEPT]["count"] >= 700
    assert any("texts" in row["text"] for row in stack["rows"])
    assert libc["read_bytes"] > 0
    assert "not resident, so not read" in text


def test_what_is_not_there_is_told(memtrace, tmp_path):
    with texts(tmp_path) as pid:
        done = memtrace("strings", "--in=libnothing.so", pid)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert "no mapping" in done.stderr and "memtrace maps" in done.stderr
