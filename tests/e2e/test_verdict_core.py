# SPDX-License-Identifier: MIT
"""A core file gets the verdict that the living process had, with the same figures."""

import shutil
import subprocess

import pytest

import leaks
from stages import assert_near, code, staged

pytestmark = pytest.mark.skipif(not shutil.which("gcore"), reason="no gdb")


def same_but_for(report, pid):
    """The advice without what names the process: what it would give back."""
    return [advice["expected_bytes"] for advice in report["verdict"]["advice"]
            if str(pid) not in advice["action"] or "malloc_trim" in advice["action"]]


@pytest.mark.parametrize("run", [None, ["--allocator=system", "--sample=all"]], ids=["outside", "agent"])
@pytest.mark.parametrize("name", ["pinned-top", "threshold", "holes", "slabs", "maps", "threads", "stacks",
                                  "unjoined"])
def test_a_core_gets_the_same_verdict(tmp_path, name, run):
    with staged(name, run=run, folder=tmp_path, settle=1) as stage:
        alive = stage.report()
        core = tmp_path / f"core.{stage.pid}"
        subprocess.run(["gcore", "-o", str(tmp_path / "core"), str(stage.pid)], check=True, capture_output=True,
                       timeout=60)
        pid = stage.pid
    dead = leaks.report(str(core))
    assert code(dead) == code(alive)
    for promised, said in zip(same_but_for(alive, pid), same_but_for(dead, pid)):
        if promised:
            assert_near(promised, said, 0.01)
