# SPDX-License-Identifier: MIT
"""memtrace objects counts the classes of a stripped program to the digit, living or in a core."""

import json
import os
import re
import shutil
import signal
import subprocess

import pytest

import cores
import leaks
from procfs import only_child, resident_at_rest

VICTIMS = ["classes", "classes-nopie", "classes-static"]


def start(name, directory, *arguments, tool=()):
    """Gives the Popen and what the victim said of its classes: name: (blocks, bytes)."""
    process = subprocess.Popen([*tool, f"{leaks.VICTIMS}/{name}", *arguments], cwd=directory,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    said = {}
    while (line := process.stdout.readline()) not in ("ready\n", ""):
        blocks, size, text = re.match(r"class (\d+) blocks, (\d+) bytes, (.*)", line).groups()
        said[text] = (int(blocks), int(size))
    assert said
    return process, said


def objects(memtrace, target, *options):
    done = memtrace("objects", "--format=json", *options, target)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["objects"]


def classes(counted):
    return {row["name"]: (row["blocks"], row["bytes"]) for row in counted["classes"]}


@pytest.mark.parametrize("name", VICTIMS)
def test_classes_are_counted_to_the_digit(memtrace, tmp_path, name):
    process, said = start(name, tmp_path)
    try:
        counted = objects(memtrace, process.pid)
    finally:
        process.kill()
        process.wait()
    assert classes(counted) == said
    assert counted["known_blocks"] == sum(blocks for blocks, _ in said.values())
    assert counted["known_bytes"] == sum(size for _, size in said.values())
    assert counted["in_use_blocks"] >= counted["known_blocks"] + 20


@pytest.mark.parametrize("name", VICTIMS)
def test_a_core_has_the_same_classes(memtrace, tmp_path, name):
    cores.need_gcore()
    process, said = start(name, tmp_path)
    try:
        live = objects(memtrace, process.pid)
        core = cores.gcore(process.pid, tmp_path)
    finally:
        process.kill()
        process.wait()
    dead = objects(memtrace, core)
    assert dead == live
    assert classes(dead) == said


def test_classes_are_counted_with_the_fast_allocator(memtrace, tmp_path):
    tool = [leaks.MEMTRACE, "run", "--quiet", "-o", "s.memtrace", "--"]
    process, said = start("classes", tmp_path, tool=tool)
    pid = only_child(process.pid)
    try:
        live = objects(memtrace, pid)
        core = cores.gcore(pid, tmp_path) if shutil.which("gcore") else None
    finally:
        os.kill(pid, signal.SIGKILL)
        process.wait()
    assert classes(live) == said
    assert live["in_use_blocks"] >= live["known_blocks"] + 20
    if core:
        assert objects(memtrace, core) == live


def test_a_core_of_the_kernel_has_the_same_classes(memtrace, tmp_path):
    cores.need_kernel_cores()
    core = cores.kernel_core([f"{leaks.VICTIMS}/classes", "abort"], tmp_path)
    process, said = start("classes", tmp_path)
    process.kill()
    process.wait()
    assert classes(objects(memtrace, core)) == said


def test_options_choose_and_order(memtrace, tmp_path):
    process, said = start("classes", tmp_path)
    try:
        by_bytes = objects(memtrace, process.pid)["classes"]
        by_count = objects(memtrace, process.pid, "--sort=count", "--top=3")["classes"]
        some = objects(memtrace, process.pid, "--grep=^store::(B|C)")
        large = objects(memtrace, process.pid, "--min=4K")
        text = memtrace("objects", process.pid).stdout
        lines = memtrace("objects", "--format=csv", process.pid).stdout.splitlines()
    finally:
        process.kill()
        process.wait()
    assert [row["bytes"] for row in by_bytes] == sorted((size for _, size in said.values()), reverse=True)
    assert [row["blocks"] for row in by_count] == [1000, 300, 50]
    assert set(classes(some)) == {"store::Box<long>", "store::Both", "store::Cached"}
    assert set(classes(large)) == {name for name, (_, size) in said.items() if size >= 4096}
    assert re.search(r" 1,000 +\d+ B +C\+\+ +store::Session$", text, re.M)
    assert "which do not say what they are" in text
    assert lines[0] == "bytes,share,blocks,largest_bytes,language,class" and len(lines) == len(said) + 1


def test_process_is_not_changed_by_being_counted(memtrace, tmp_path):
    process, _ = start("classes", tmp_path)
    try:
        before = resident_at_rest(process.pid)
        objects(memtrace, process.pid)
        assert resident_at_rest(process.pid) <= before
    finally:
        process.kill()
        process.wait()


def test_what_cannot_be_counted_is_told(memtrace, tmp_path):
    done = memtrace("objects", "4194304")
    assert done.returncode == 1 and "no such process" in done.stderr
    done = memtrace("objects", "nothing")
    assert done.returncode == 1 and "no such file" in done.stderr
    (tmp_path / "text").write_text("x" * 100)
    done = memtrace("objects", "text")
    assert done.returncode == 1 and "neither a PID nor a core file" in done.stderr
    done = memtrace("objects", "--grep=(", "1")
    assert done.returncode == 2 and "regex" in done.stderr
