# SPDX-License-Identifier: MIT
"""memtrace watch waits for a condition, writes a session, runs a command and goes on."""

import subprocess

import pytest

import leaks
from procfs import let_it_sleep
from conftest import Grow


@pytest.fixture
def grow(tmp_path):
    process = Grow(tmp_path)
    yield process
    process.process.kill()
    process.process.wait()


def test_a_session_is_written_and_a_command_run(memtrace, tmp_path, grow):
    grow.step()
    done = memtrace("watch", "--when=live > 500K", "--count=1", "--every=100ms", "--folder", tmp_path,
                    "--exec=echo \"$MEMTRACE_PID|$MEMTRACE_SESSION|$MEMTRACE_WHY\" >told", grow.pid)
    assert done.returncode == 0, done.stderr
    session = done.stdout.strip()
    assert session.startswith(f"{tmp_path}/memtrace.grow.{grow.pid}.")
    assert (tmp_path / "told").read_text().startswith(f"{grow.pid}|{session}|live is ")
    assert leaks.report(session)["heap"]["live_bytes"] >= 1_000_000
    assert "is the limit" in done.stderr


def test_figures_of_the_report_are_known_by_their_path(memtrace, tmp_path, grow):
    grow.step()
    done = memtrace("watch", "--when=sites.0.live_blocks >= 1000 and heap.live_blocks > 5", "-n1", "-q", grow.pid)
    assert (done.returncode, done.stderr) == (0, "")
    done = memtrace("watch", "--when=heap.colour > 5", grow.pid)
    assert done.returncode == 1
    assert "no figure 'heap.colour'" in done.stderr


def test_it_ends_with_the_process(grow):
    with subprocess.Popen([leaks.MEMTRACE, "watch", "--every=50ms", "--when=rss > 1000G", grow.pid],
                          stderr=subprocess.PIPE, text=True) as tool:
        # it sleeps after each look
        let_it_sleep(tool.pid, 15)
        grow.end()
        assert "has ended" in tool.stderr.read()
        assert tool.wait(timeout=180) == 0


def test_usage(memtrace):
    assert memtrace("watch", "1").returncode == 2
    done = memtrace("watch", "--when=rss is big", "1")
    assert done.returncode == 2
    assert "not understood at" in done.stderr
    assert memtrace("watch", "--when=rss > 1", "999999999").returncode == 1
