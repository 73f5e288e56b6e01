# SPDX-License-Identifier: MIT
"""Known leaks are named exactly: by function and line, bytes and blocks to the digit."""

import json
import os
import subprocess

import pytest

import leaks

PLAIN = ["leak-malloc", "leak-libc", "leak-aligned", "leak-threads", "leak-constructor", "leak-signal",
         "leak-coroutine"]
ALLOCATORS = ["fast", "system"]


@pytest.mark.parametrize("allocator", ALLOCATORS)
@pytest.mark.parametrize("name", PLAIN + [name + "-O2" for name in PLAIN])
def test_leak_is_named_to_the_digit(name, allocator, tmp_path):
    _, sessions = leaks.run([f"{leaks.VICTIMS}/{name}"], tmp_path, "--sample=all", f"--allocator={allocator}")
    parsed = leaks.report(sessions[0])
    assert parsed["agent"]["sampling"]["exact"] is True
    leaks.compare(parsed, name.removesuffix("-O2") + ".c")


@pytest.mark.parametrize("name", PLAIN + [name + "-O2" for name in PLAIN] + ["leak-new", "leak-new-static"])
def test_leak_is_named_where_the_heap_reports_its_samples(name, tmp_path):
    """An interval of one byte takes every block, too, but on the way of samples: stacks begin where the door was."""
    _, sessions = leaks.run([f"{leaks.VICTIMS}/{name}"], tmp_path, "--sample=1", "--allocator=fast")
    parsed = leaks.report(sessions[0])
    assert parsed["agent"]["sampling"]["exact"] is False
    # blocks of one or two bytes are missed now and then, and the others stand for them
    leaks.compare(parsed, name.removesuffix("-O2").removesuffix("-static") + (".cc" if "new" in name else ".c"),
                  same=leaks.is_near)
    for site in parsed["sites"]:
        assert not any("memtrace-agent" in (frame["module"] or "") for frame in site["stack"]), site["stack"]


@pytest.mark.parametrize("allocator", ALLOCATORS)
def test_small_program_is_exact_by_default(allocator, tmp_path):
    _, sessions = leaks.run([f"{leaks.VICTIMS}/leak-libc"], tmp_path, f"--allocator={allocator}")
    parsed = leaks.report(sessions[0])
    assert parsed["agent"]["sampling"] | {"samples": None, "interval_bytes": None} == {
        "mode": "auto", "exact": True, "samples": None, "interval_bytes": None}
    leaks.compare(parsed, "leak-libc.c")


@pytest.mark.parametrize("allocator", ALLOCATORS)
@pytest.mark.parametrize("name", ["leak-new", "leak-new-static"])
def test_cplusplus_operators_and_cycles(name, allocator, tmp_path):
    if not os.path.exists(f"{leaks.VICTIMS}/{name}"):
        pytest.fail("no C++ compiler was found when this was built")
    _, sessions = leaks.run([f"{leaks.VICTIMS}/{name}"], tmp_path, "--sample=all", f"--allocator={allocator}")
    parsed = leaks.report(sessions[0])
    leaks.compare(parsed, "leak-new.cc")
    for site in parsed["sites"]:
        assert not (site["stack"][0]["function"] or "").startswith("operator new"), site["stack"][0]


@pytest.mark.parametrize("allocator", ALLOCATORS)
def test_inlined_by_link_time_optimisation(allocator, tmp_path):
    _, sessions = leaks.run([f"{leaks.VICTIMS}/leak-inline"], tmp_path, "--sample=all", f"--allocator={allocator}")
    parsed = leaks.report(sessions[0])
    leaks.compare(parsed, "leak-inline.c")
    stack = next(site["stack"] for site in parsed["sites"] if leaks.innermost(site, "leak-inline.c"))
    assert [frame["function"] for frame in stack[:4]] == ["innermost", "middle", "outer", "main"]
    assert [frame["inlined"] for frame in stack[:4]] == [True, True, True, False]


@pytest.mark.parametrize("allocator", ALLOCATORS)
def test_rust(allocator, tmp_path):
    if not os.path.exists(f"{leaks.VICTIMS}/leak-rust"):
        pytest.fail("no rustc was found when this was built")
    _, sessions = leaks.run([f"{leaks.VICTIMS}/leak-rust"], tmp_path, "--sample=all", f"--allocator={allocator}")
    leaks.compare(leaks.report(sessions[0]), "leak-rust.rs")


def test_stripped_program_gives_module_and_offset(tmp_path):
    """The offsets of the leaking calls are those of the same program with symbols."""
    _, sessions = leaks.run([f"{leaks.VICTIMS}/leak-stripped"], tmp_path, "--sample=all")
    parsed = leaks.report(sessions[0])
    own = [site for site in parsed["sites"] if any((frame["module"] or "").endswith("leak-stripped")
                                                   for frame in site["stack"][:1])]
    by_size = sorted((site["live_bytes"], site["live_blocks"]) for site in own if site["live_blocks"])
    assert by_size == sorted((leak.size, leak.blocks) for leak in leaks.expected_leaks("leak-malloc.c"))
    for site in own:
        assert site["stack"][0]["function"] is None
        assert int(site["stack"][0]["address"], 16) > 0
    text = subprocess.run([leaks.MEMTRACE, "report", sessions[0]], capture_output=True, text=True, check=True).stdout
    assert "leak-stripped+0x" in text


@pytest.mark.parametrize("allocator", ALLOCATORS)
def test_two_unloaded_plugins_at_one_address(allocator, tmp_path):
    done, sessions = leaks.run([f"{leaks.VICTIMS}/leak-plugin", leaks.VICTIMS], tmp_path, "--sample=all",
                               f"--allocator={allocator}")
    assert done.stdout == "same\n", "the loader did not reuse the address: the test shows nothing"
    parsed = leaks.report(sessions[0])
    leaks.compare(parsed, "plugin-a.c")
    leaks.compare(parsed, "plugin-b.c")


@pytest.mark.parametrize("allocator", ALLOCATORS)
@pytest.mark.parametrize("clone", [False, True])
@pytest.mark.parametrize("name", ["leak-fork", "leak-fork-O2"])
def test_forked_child_has_its_own_view(name, clone, allocator, tmp_path):
    done, sessions = leaks.run([f"{leaks.VICTIMS}/{name}", *(["clone"] if clone else [])], tmp_path, "--sample=all",
                               f"--allocator={allocator}")
    assert len(sessions) == 2, sessions
    parent, child = (leaks.report(session) for session in sessions)
    assert child["process"]["pid"] == int(done.stdout)
    assert child["process"]["ppid"] == parent["process"]["pid"]
    leaks.compare(parent, "leak-fork.c")
    leaks.compare(child, "leak-fork.c", child=True)


@pytest.mark.parametrize("allocator", ALLOCATORS)
@pytest.mark.parametrize("name", ["leak-maps", "leak-maps-O2"])
def test_mappings_without_malloc(name, allocator, tmp_path):
    _, sessions = leaks.run([f"{leaks.VICTIMS}/{name}"], tmp_path, "--sample=all", f"--allocator={allocator}")
    parsed = leaks.report(sessions[0])
    parsed["sites"] = [site for site in parsed["sites"] if site["kind"] == "mmap"]
    leaks.compare(parsed, "leak-maps.c")


def test_session_is_self_contained(tmp_path):
    """The report of a session does not change when the program's file is gone."""
    program = tmp_path / "copy"
    program.write_bytes(open(f"{leaks.VICTIMS}/leak-malloc", "rb").read())
    program.chmod(0o755)
    _, sessions = leaks.run([str(program)], tmp_path, "--sample=all")
    before = leaks.report(sessions[0])
    program.unlink()
    assert json.dumps(leaks.report(sessions[0])["sites"]) == json.dumps(before["sites"])
    leaks.compare(before, "leak-malloc.c")
