# SPDX-License-Identifier: MIT
"""What programs do to their own process: the same with the agent as without, and still a report."""

import subprocess

import pytest

import leaks

# case, blocks that its process leaks in leak(): None where nobody can say
CASES = {"close-all": 200, "close-range": 100, "daemon": 0, "fork-storm": 0, "clone-storm": 0, "vfork": 100,
         "spawn": 100, "drop-privileges": 100, "chroot": 100, "seccomp": 100, "no-memory": 100, "signals": 100,
         "thread-storm": 100, "dlopen-storm": 100}


def command(case):
    return [f"{leaks.VICTIMS}/guest", case, *([leaks.VICTIMS] if case == "dlopen-storm" else [])]


@pytest.mark.parametrize("allocator", ["fast", "system"])
@pytest.mark.parametrize("case", CASES)
def test_guest(case, allocator, tmp_path):
    plain = subprocess.run(command(case), cwd=tmp_path, capture_output=True, text=True, timeout=180)
    assert (plain.returncode, plain.stdout, plain.stderr) == (0, "ok\n", ""), "the case itself fails here"
    done, sessions = leaks.run(command(case), tmp_path, "--sample=all", f"--allocator={allocator}")
    assert (done.stdout, done.stderr) == ("ok\n", "")
    parsed = leaks.report(sessions[0])
    found = sum(site["live_blocks"] for site in parsed["sites"]
                if (frame := leaks.innermost(site, "guest.c")) and frame["function"] == "leak")
    assert found == CASES[case]
    assert parsed["agent"]["lost"]["frees"] == 0


@pytest.mark.parametrize("allocator", ["fast", "system"])
def test_every_forked_child_reports(allocator, tmp_path):
    _, sessions = leaks.run(command("fork-storm"), tmp_path, "--sample=all", f"--allocator={allocator}")
    assert len(sessions) == 201
    for session in sessions[1::20]:
        parsed = leaks.report(session)
        found = sum(site["live_blocks"] for site in parsed["sites"]
                    if (frame := leaks.innermost(site, "guest.c")) and frame["function"] == "leak")
        assert found == 100
