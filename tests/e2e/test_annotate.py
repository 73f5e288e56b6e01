# SPDX-License-Identifier: MIT
"""What a program says with include/memtrace.h: blocks of pools, tags, marks; and that it is nothing without the agent."""

import json
import os
import subprocess

import leaks
from procfs import only_child

VICTIM = f"{leaks.VICTIMS}/annotate"
CHUNK, BLOCK = 1 << 20, 1000


def recorded(memtrace, tmp_path, program, *options):
    session = tmp_path / "session.memtrace"
    done = memtrace("run", "--quiet", *options, "-o", session, "--", program)
    assert done.returncode == 0, done.stderr
    return session


def report(memtrace, session, *options):
    done = memtrace("report", "--format=json", *options, session)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def leaf(site):
    return site["stack"][0]["function"]


def check_pool(found):
    pool = [site for site in found["sites"] if site["pool"]]
    assert [(leaf(site), site["live_blocks"]) for site in pool if leaf(site) == "pool_keep"] == [("pool_keep", 100)]
    assert sum(site["live_bytes"] for site in pool) == 100 * BLOCK + 100 * BLOCK // 2
    chunks = [site for site in found["sites"] if site["backing"] and site["live_bytes"] >= CHUNK and site["kind"] == "malloc"]
    assert [leaf(site) for site in chunks] == ["take_chunk"]
    assert found["heap"]["live_bytes"] < CHUNK


def test_blocks_of_a_pool_are_counted_and_chunks_are_not(memtrace, tmp_path):
    check_pool(report(memtrace, recorded(memtrace, tmp_path, VICTIM, "--sample=all")))


def test_an_observed_allocator_does_as_well(memtrace, tmp_path):
    check_pool(report(memtrace, recorded(memtrace, tmp_path, VICTIM, "--sample=all", "--allocator=system")))


def test_tags_tell_sites_apart_and_group(memtrace, tmp_path):
    session = recorded(memtrace, tmp_path, VICTIM, "--sample=all")
    tags = {site["live_bytes"]: site["tag"] for site in report(memtrace, session)["sites"]}
    assert (tags[5000], tags[7000], tags[9000]) == ("outer", "innermost", None)
    grouped = memtrace("report", "--by=tag", session)
    assert grouped.returncode == 0, grouped.stderr
    assert "innermost" in grouped.stdout and "(no tag)" in grouped.stdout
    assert "tag innermost" in memtrace("report", session).stdout
    folded = memtrace("report", "--format=pprof", session, text=False)
    assert folded.returncode == 0


def test_marks_are_among_the_events(memtrace, tmp_path):
    with subprocess.Popen([leaks.MEMTRACE, "run", "-q", "-o", tmp_path / "s", "--", VICTIM], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True, cwd=tmp_path) as process:
        assert process.stdout.readline() == "ready\n"
        pid = str(only_child(process.pid))
        events = memtrace("top", "--batch", "-n", "1", "--view=events", pid)
        process.communicate("\n", timeout=180)
    assert events.returncode == 0, events.stderr
    assert any("mark" in line and "half way" in line for line in events.stdout.splitlines())


def test_scopes_in_cxx(memtrace, tmp_path):
    session = recorded(memtrace, tmp_path, f"{leaks.VICTIMS}/annotate-cxx", "--sample=all")
    tags = {site["live_bytes"]: site["tag"] for site in report(memtrace, session)["sites"]}
    assert (tags[3000], tags[4000]) == ("scope", None)


def test_the_example_shows_which_request_leaks(memtrace, tmp_path):
    session = recorded(memtrace, tmp_path, os.path.join(leaks.BUILD, "examples", "pool"), "--sample=all")
    first = memtrace("report", "--by=tag", "--top=3", session).stdout
    assert "checkout" in first and "500.0 KiB" in first


def test_it_is_nothing_without_the_agent():
    done = subprocess.run([VICTIM], input="\n", capture_output=True, text=True, check=False, timeout=180)
    assert (done.returncode, done.stdout) == (0, "ready\n")
