# SPDX-License-Identifier: MIT
"""memtrace compare runs the same work under several allocators and tells differences from noise."""

import json

import leaks

KEEP = f"{leaks.VICTIMS}/leak-malloc"


def compared(memtrace, *arguments):
    done = memtrace("compare", "--format=json", *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_program_is_compared_with_itself(memtrace):
    result = compared(memtrace, "--with=glibc,system", "--rounds=3", "--", KEEP)
    assert [variant["name"] for variant in result["variants"]] == ["glibc", "system"]
    assert result["rounds"] == 3
    assert result["command"] == [KEEP]
    for variant in result["variants"]:
        peak, end = variant["peak_rss_bytes"], variant["end_rss_bytes"]
        assert 0 < peak["low"] <= peak["median"] <= peak["high"]
        assert 0 < end["median"] <= peak["median"]
    assert result["live_bytes"] > 0


def test_more_memory_is_beyond_the_noise(memtrace, tmp_path):
    # 64 MB that are touched only if a setting says so: the same on every machine
    script = tmp_path / "work"
    script.write_text("#!/bin/bash\n[[ -v BIG ]] && x=$(head -c 30000000 /dev/zero | tr '\\0' x)\nexit 0\n")
    script.chmod(0o755)
    result = compared(memtrace, "--with=glibc,glibc:BIG=1", "--rounds=3", "--no-live", "--", script)
    small, big = result["variants"]
    assert big["environment"] == ["BIG=1"]
    assert big["peak_rss_bytes"]["median"] > small["peak_rss_bytes"]["median"] + 20_000_000
    assert big["peak_rss_bytes"]["beyond_noise"]
    assert not small["peak_rss_bytes"]["beyond_noise"]
    assert result["live_bytes"] is None and small["retained_bytes"]["median"] is None
    assert "glibc:BIG=1" not in result["recommendation"]
    result = compared(memtrace, "--with=glibc:BIG=1,glibc", "--rounds=3", "--no-live", "--", script)
    assert "less memory at the peak than glibc:BIG=1" in result["recommendation"]


def test_settings_may_have_colons_and_commas_in_them(memtrace):
    conf = "MALLOC_CONF=dirty_decay_ms:0,muzzy_decay_ms:0"
    result = compared(memtrace, f"--with=jemalloc:{conf}:OTHER=a:b,glibc", "--rounds=1", "--no-live", "--", "true")
    assert [variant["name"] for variant in result["variants"]] == [f"jemalloc:{conf}:OTHER=a:b", "glibc"]
    assert result["variants"][0]["environment"] == [conf, "OTHER=a:b"]


def test_text_has_a_line_for_each(memtrace):
    done = memtrace("compare", "--with=glibc,fast", "--rounds=1", "--no-live", KEEP)
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines() if line.startswith("  ")][1:] == ["glibc", "fast"]
    assert "Fewer than three rounds" in done.stdout


def test_what_fails_is_not_compared(memtrace, tmp_path):
    done = memtrace("compare", "--with=glibc,system", "--", "false")
    assert done.returncode == 1
    assert "ended with status 1" in done.stderr
    assert done.stdout == ""
    assert memtrace("compare", "--", "no-such-program").returncode == 1


def test_wrong_lists_are_usage_errors(memtrace):
    for wrong in ("glibc", "glibc,glibc", "glibc,fast:x", "glibc,fast:", "glibc,,fast", "glibc,fast:x:A=1"):
        done = memtrace("compare", f"--with={wrong}", "--", "true")
        assert done.returncode == 2, wrong
        assert done.stderr.count("\n") == 1
    assert "give glibc, jemalloc" in memtrace("compare", "--with=glibc,other", "--", "true").stderr
