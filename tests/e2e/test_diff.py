# SPDX-License-Identifier: MIT
"""What grew between two moments is named with its change, to the digit where everything was recorded."""

import json


def change_of(parsed, function):
    return next(site for site in parsed["diff"]["sites"] if site["stack"][0]["function"] == function)


def test_a_process_against_its_own_past(grow, memtrace, tmp_path):
    pid = grow.pid
    assert memtrace("snapshot", "-o", "before.memtrace", pid).returncode == 0
    grow.step()
    parsed = json.loads(memtrace("diff", "--format=json", "before.memtrace", pid).stdout)
    assert parsed["diff"]["same_process"] is True
    grown, freed = change_of(parsed, "leak"), change_of(parsed, "make_cache")
    assert (grown["live_bytes"], grown["live_blocks"], grown["certain"]) == (1000 * 1000, 1000, True)
    assert grown["growth_bytes_per_s"] > 0
    assert (freed["live_bytes"], freed["live_blocks"]) == (-500000, -1)
    assert (freed["old_live_bytes"], freed["new_live_bytes"]) == (500000, 0)
    text = memtrace("diff", "--top=1", "before.memtrace", pid).stdout
    assert text.index("What grew") < text.index("leak") < text.index("What shrank") < text.index("make_cache")
    assert "+976.6 KiB  +1,000 blocks" in text
    reverse = json.loads(memtrace("diff", "--format=json", pid, "before.memtrace").stdout)
    assert change_of(reverse, "leak")["live_bytes"] == -1000 * 1000
    assert reverse["diff"]["interval_s"] < 0


def test_nothing_changed_between_a_session_and_itself(grow, memtrace):
    assert memtrace("snapshot", "-o", "before.memtrace", grow.pid).returncode == 0
    parsed = json.loads(memtrace("diff", "--format=json", "before.memtrace", "before.memtrace").stdout)
    assert parsed["diff"]["sites"] == []
    assert parsed["diff"]["live_bytes"] == 0
    assert "nothing" in memtrace("diff", "before.memtrace", "before.memtrace").stdout


def test_what_cannot_be_compared_is_said_in_one_line(memtrace):
    done = memtrace("diff", "missing.memtrace", "other.memtrace")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "missing.memtrace" in done.stderr
    assert memtrace("diff", "one").returncode == 2
