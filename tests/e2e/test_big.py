# SPDX-License-Identifier: MIT
"""A session of many sites with deep stacks, written by bench/session, in every format."""

import csv
import io
import json
import os
import subprocess

import leaks
import pytest

SITES, DEPTH = 3000, 30


@pytest.fixture(scope="module", name="session")
def make_session(tmp_path_factory):
    path = tmp_path_factory.mktemp("big") / "big.memtrace"
    subprocess.run([os.path.join(leaks.BUILD, "bench", "session"), path, str(SITES), str(DEPTH)], check=True, timeout=180)
    return path


def addresses(site):
    """The stack without inlined calls, which share the address of the call that they stand in."""
    return [frame["address"] for frame in site["stack"] if not frame["inlined"]]


def test_all_formats_say_the_same_of_it(memtrace, session):
    report = json.loads(memtrace("report", "--format=json", session).stdout)
    rows = list(csv.DictReader(io.StringIO(memtrace("report", "--format=csv", session).stdout)))
    folded = memtrace("report", "--format=folded", session).stdout.splitlines()
    assert len(report["sites"]) == len(rows) == len(folded) == SITES
    assert all(len(addresses(site)) == DEPTH for site in report["sites"])
    for site, row, line in zip(report["sites"], rows, folded):
        names = [frame["function"] for frame in site["stack"]]
        assert row["stack"].split(";") == names
        assert line == ";".join(reversed(names)) + f" {site['live_bytes']}"
    assert sum(site["live_bytes"] for site in report["sites"]) == report["heap"]["live_bytes"]


def test_the_first_screen_has_the_heaviest_places(memtrace, session):
    text = memtrace("report", "--top=3", session).stdout
    assert "  1.  256.0 MiB" in text and "  2.  128.0 MiB" in text and "  4.  " not in text
    assert f"in {SITES - 3:,} more places" in text
