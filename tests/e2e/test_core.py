# SPDX-License-Identifier: MIT
"""A core file gives the same report as the process did, by whomever it was written."""

import os
import shutil
import signal
import subprocess

import pytest

import cores
import leaks
from procfs import resident_at_rest

PROGRAM = """
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static pthread_barrier_t barrier;

static char *keep(size_t size)
{
	return memset(malloc(size), 7, size);
}

static void *work(void *unused)
{
	static char *volatile kept;
	kept = keep(5000);
	pthread_barrier_wait(&barrier);
	pause();
	return 0;
}

int main(int argc, char **argv)
{
	static char *volatile kept[101];
	pthread_t thread;

	pthread_barrier_init(&barrier, 0, 2);
	pthread_create(&thread, 0, work, 0);
	for (int i = 0; i < 100; i++)
		kept[i] = keep(1000);
	kept[100] = calloc(1, 50 << 20);
	pthread_barrier_wait(&barrier);
	puts("ready");
	fflush(stdout);
	if (argc > 1 && !strcmp(argv[1], "abort"))
		abort();
	pause();
	return 0;
}
"""
ARGUMENTS = ["", "two words", "x" * 100]


@pytest.fixture
def program(compile_c):
    return compile_c(PROGRAM, "-g", "-O0", "-pthread")


def tool(session):
    return [leaks.MEMTRACE, "run", "--quiet", "--sample=all", "-o", session, "--"]


def live_sites(parsed):
    """What is live where, without what changes from one moment to the next."""
    return sorted((site["id"], site["live_bytes"], site["live_blocks"], site["stack"][-1]["function"])
                  for site in parsed["sites"])


def test_core_of_gdb_gives_the_report_of_the_process(program, memtrace, tmp_path):
    cores.need_gcore()
    with cores.standing([program, "wait", *ARGUMENTS], tmp_path, tool(tmp_path / "s.memtrace")) as (_, pid):
        live = leaks.report(str(pid))
        core = cores.gcore(pid, tmp_path)
    dead = leaks.report(core)
    assert dead["process"]["state"] == "core" and dead["process"]["pid"] == pid
    assert dead["process"]["cmdline"] == [str(program), "wait", *ARGUMENTS]
    assert dead["process"]["threads"] == 2
    assert dead["process"]["exe"] == str(program)
    assert live_sites(dead) == live_sites(live)
    assert dead["heap"]["live_bytes"] == live["heap"]["live_bytes"] >= 100 * 1000 + 5000 + (50 << 20)
    assert dead["agent"]["sampling"]["exact"]


def test_core_of_the_kernel_gives_the_report_of_the_process(program, memtrace, tmp_path):
    cores.need_kernel_cores()
    session = tmp_path / "s.memtrace"
    core = cores.kernel_core([program, "abort", *ARGUMENTS], tmp_path, tool(session))
    dead, kept = leaks.report(core), leaks.report(session)
    assert dead["process"]["signal"] == signal.SIGABRT
    assert dead["process"]["cmdline"] == [str(program), "abort", *ARGUMENTS]
    assert live_sites(dead) == live_sites(kept)
    assert abs(dead["process"]["started_at"] - kept["process"]["started_at"]) < 0.1
    assert dead["memory"]["rss_bytes"] == sum(m["rss_bytes"] for m in dead["mappings"])


def test_what_was_never_touched_does_not_count_as_resident(program, memtrace, tmp_path):
    cores.need_gcore()
    with cores.standing([program, "wait"], tmp_path) as (process, pid):
        core = cores.gcore(pid, tmp_path)
    dead = leaks.report(core)
    assert os.path.getsize(core) > 50 << 20
    assert 105000 < dead["memory"]["rss_bytes"] < 2 << 20
    assert dead["agent"]["mode"] == "none" and dead["heap"]["live_bytes"] is None
    assert not dead["sites"]
    done = memtrace("report", core)
    assert done.returncode == 0
    assert "nobody recorded" in done.stdout and "of zeros" in done.stderr


def test_program_may_have_moved(program, memtrace, tmp_path):
    cores.need_kernel_cores()
    core = cores.kernel_core([program, "abort"], tmp_path, tool(tmp_path / "s.memtrace"))
    moved = tmp_path / "elsewhere"
    shutil.move(program, moved)
    functions = lambda parsed: {frame["function"] for site in parsed["sites"] for frame in site["stack"]}
    assert "main" not in functions(leaks.report(core))
    assert {"main", "keep", "work"} <= functions(leaks.report(core, f"--exe={moved}"))


def test_core_that_was_cut_off_says_so(program, memtrace, tmp_path):
    cores.need_kernel_cores()
    core = cores.kernel_core([program, "abort"], tmp_path)
    size = os.path.getsize(core)
    with open(core, "r+b") as file:
        file.truncate(size // 2)
    done = memtrace("report", core)
    assert done.returncode == 0 and "was cut off" in done.stderr
    with open(core, "r+b") as file:
        file.truncate(1000)
    done = memtrace("report", core)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1 and "damaged core file" in done.stderr


def test_compressed_core_is_told(memtrace, tmp_path):
    core = tmp_path / "core.1.zst"
    core.write_bytes(b"\x28\xb5\x2f\xfd" + bytes(100))
    done = memtrace("report", core)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1 and "zstd -d" in done.stderr and "compressed" in done.stderr


def test_core_of_another_machine_is_told(memtrace, tmp_path):
    core = tmp_path / "core"
    core.write_bytes(b"\x7fELF\x01\x01\x01" + bytes(9) + b"\x04\x00\x03\x00" + bytes(100))
    done = memtrace("report", core)
    assert done.returncode == 1 and "another machine" in done.stderr


def heap_lines(parsed):
    return {line["owner"]: (line["resident_bytes"], line["virtual_bytes"])
            for line in parsed["memory"]["ledger"] if line["owner"].startswith("heap.")}


def without_names(arenas):
    """A core does not have the names of threads, and nothing in it can be given back at once."""
    for arena in arenas:
        arena["threads"] = sorted(thread["tid"] for thread in arena["threads"])
    return arenas


@pytest.mark.parametrize("name", ["case-pinned-top", "case-holes", "case-threads", "arenas"])
def test_arenas_of_a_core_are_those_of_the_process(memtrace, tmp_path, name):
    cores.need_gcore()
    with subprocess.Popen([f"{leaks.VICTIMS}/{name}"], cwd=tmp_path, stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline()
            resident_at_rest(process.pid)
            # before gdb reads pages that are absent, which makes them present
            live = leaks.report(str(process.pid))
            core = cores.gcore(process.pid, tmp_path)
        finally:
            process.kill()
    dead = leaks.report(core)
    os.remove(core)
    assert without_names(dead["arenas"]) == without_names(live["arenas"])
    assert live["arenas"] and heap_lines(live)
    assert heap_lines(dead) == heap_lines(live)
    assert dead["verdict"]["code"] == live["verdict"]["code"]
    stacks = [line["resident_bytes"] for parsed in (live, dead) for line in parsed["memory"]["ledger"]
              if line["owner"] == "stacks"]
    assert len(stacks) == 2 and abs(stacks[0] - stacks[1]) <= 64 << 10
