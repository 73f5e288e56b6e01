# SPDX-License-Identifier: MIT
"""What the end-to-end tests share. The build folder is $MEMTRACE_BUILD, or build."""

import os
import shutil
import subprocess
import sys

import pytest

import leaks
from procfs import only_child

NOBODY = 65534
LARGE_FILE = 16 << 20  # bytes


@pytest.fixture(autouse=True)
def own_state(tmp_path_factory, monkeypatch):
    """The list of newest sessions is each test's own, and nothing of the caller's changes what is printed."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
    for name in ("NO_COLOR", "MEMTRACE_AGENT", "MEMTRACE_DEBUG", "DEBUGINFOD_URLS", "LD_PRELOAD"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def no_large_files_left(request):
    """Cores and dumps go with their test: the folders of tests are kept, and these alone would be 20 GB."""
    yield
    folder = request.node.funcargs.get("tmp_path")
    for path in folder.rglob("*") if folder else ():
        if path.is_file() and not path.is_symlink() and path.stat().st_size >= LARGE_FILE:
            path.unlink()


@pytest.fixture
def memtrace(tmp_path):
    """memtrace(ARGUMENT…, **options of subprocess.run): runs the tool in the test's own folder."""
    def call(*arguments, **options):
        options = {"cwd": tmp_path, "capture_output": True, "text": True, "timeout": 180,
                   "stdin": subprocess.DEVNULL} | options
        if "input" in options:
            del options["stdin"]
        return subprocess.run([leaks.MEMTRACE, *map(str, arguments)], check=False, **options)
    return call


@pytest.fixture
def run_victim(tmp_path):
    """run_victim(NAME, OPTION…, args=[]): runs a victim, returns the parsed report of its session."""
    def call(name, *options, args=(), **keywords):
        _, sessions = leaks.run([f"{leaks.VICTIMS}/{name}", *args], tmp_path, *options, **keywords)
        return leaks.report(sessions[0])
    return call


class Grow:
    """A program that leaks 1,000 blocks of 1,000 bytes for each line it gets, recorded block by block."""

    def __init__(self, folder, program=f"{leaks.VICTIMS}/grow"):
        self.process = subprocess.Popen([leaks.MEMTRACE, "run", "-q", "--sample=all", "-o", folder / "end.memtrace",
                                         "--", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        cwd=folder)
        assert self.process.stdout.readline() == "ready\n"
        self.pid = str(only_child(self.process.pid))

    def step(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "done\n"

    def end(self):
        self.process.stdin.close()
        return self.process.wait(timeout=180)


@pytest.fixture
def grow(tmp_path):
    process = Grow(tmp_path)
    yield process
    if process.process.poll() is None:
        assert process.end() == 0


@pytest.fixture
def as_nobody(tmp_path_factory):
    """A folder, a copy of tool and agent in it, and options of subprocess that make it another user's."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    folder = tmp_path_factory.mktemp("nobody")
    for path in (folder, *folder.parents):
        if path.stat().st_uid == os.geteuid() and str(path) != "/":
            path.chmod(path.stat().st_mode | 0o055)
    tool = folder / "memtrace"
    shutil.copy(leaks.MEMTRACE, tool)
    tool.chmod(0o755)
    agent = folder / "agent.so"
    shutil.copy(os.path.join(leaks.BUILD, "src", "agent", "preload", "libmemtrace-agent.so"), agent)
    agent.chmod(0o755)
    return folder, tool, {"user": NOBODY, "group": NOBODY, "extra_groups": [], "cwd": folder,
                          "env": os.environ | {"MEMTRACE_AGENT": str(agent)}}


@pytest.fixture
def compile_c(tmp_path):
    """compile_c(TEXT, OPTION…, compiler="cc"): builds a program, returns its path."""
    def call(text, *options, compiler="cc", name="program"):
        source = tmp_path / f"{name}.c"
        source.write_text(text)
        path = tmp_path / name
        subprocess.run([compiler, "-o", path, source, *options], check=True, timeout=180)
        return path
    return call


@pytest.fixture
def script(tmp_path):
    """script(TEXT): a Python program for this interpreter, as the words of a command."""
    def call(text, name="script.py"):
        path = tmp_path / name
        path.write_text(text)
        return [sys.executable, str(path)]
    return call
