# SPDX-License-Identifier: MIT
"""Whether memtrace says what is wrong with programs of which that is known, and its advice does what it says."""

import pytest

from stages import advises, promise, says, staged

ALLOCATORS = pytest.mark.parametrize("options", [[], ["--allocator=system"]], ids=["fast", "system"])


@ALLOCATORS
def test_a_leak_is_told_with_its_place(tmp_path, options):
    with staged("leak", run=["--sample=all", *options], folder=tmp_path) as stage:
        report = stage.report()
    assert report["verdict"]["code"] == "leak"
    assert says(report, "forget_request (")
    assert advises(report, "find out who should free what forget_request (")


@ALLOCATORS
def test_a_cache_that_turns_over_is_no_leak(tmp_path, options):
    with staged("cache", run=["--sample=all", *options], folder=tmp_path, settle=1) as stage:
        report = stage.report()
    assert report["verdict"]["code"] == "cache"
    assert says(report, "put_entry (")


def test_mappings_of_the_program_are_named_with_who_made_them(tmp_path):
    with staged("maps", run=[], folder=tmp_path) as stage:
        report = stage.report()
    assert report["verdict"]["code"] == "not-malloc"
    assert says(report, "map_piece (")
    assert promise(report, "unmap what map_piece") == stage.live
