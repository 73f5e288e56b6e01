# SPDX-License-Identifier: MIT
"""Fixtures of the tests that run real programs: the installed-like copy of memtrace, servers, comparison."""

import glob
import json
import os
import shutil
import signal
import socket
import subprocess
import time

import pytest

from plain import mariadb, start  # noqa: F401

BUILD = os.path.abspath(os.environ.get("MEMTRACE_BUILD", "build"))
ALLOCATORS = ["fast", "system"]


class Memtrace:
    """memtrace at a place that every user of the machine may read, as after an installation."""

    def __init__(self, directory):
        self.program = os.path.join(directory, "memtrace")
        self.environment = {**os.environ, "MEMTRACE_AGENT": os.path.join(directory, "libmemtrace-agent.so"),
                            "XDG_STATE_HOME": os.path.join(directory, "state")}
        shutil.copy(os.path.join(BUILD, "src", "cli", "memtrace"), directory)
        shutil.copy(os.path.join(BUILD, "src", "agent", "preload", "libmemtrace-agent.so"), directory)
        os.chmod(directory, 0o755)

    def command(self, command, session, *options):
        return [self.program, "run", "--quiet", "-o", session, *options, "--", *command]

    def report(self, session):
        done = subprocess.run([self.program, "report", "--format=json", session], env=self.environment,
                              capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def text(self, session, *options):
        done = subprocess.run([self.program, "report", *options, session], env=self.environment,
                              capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="session")
def memtrace(tmp_path_factory):
    directory = tmp_path_factory.mktemp("memtrace")
    for parent in [directory, *directory.parents][:3]:
        if parent.owner() == directory.owner() and parent != parent.parent and str(parent) != "/tmp":
            parent.chmod(0o755)
    return Memtrace(str(directory))


def sane(parsed, lost=0):
    """What must hold of every report of a process that ran with the agent."""
    heap, agent = parsed["heap"], parsed["agent"]
    assert agent["mode"] == "preload"
    assert agent["lost"]["frees"] == 0, agent
    assert agent["lost"]["allocations"] <= lost, agent
    assert heap["allocated_bytes"] >= heap["live_bytes"] >= 0
    assert parsed["sites"], "no site at all"
    assert sum(site["live_bytes"] for site in parsed["sites"] if site["kind"] == "malloc") == pytest.approx(
        heap["live_bytes"], rel=1e-6, abs=64)
    # nearly every frame of a program from Debian can at least be placed in its module
    for site in parsed["sites"][:20]:
        assert site["stack"], site
    return parsed


@pytest.fixture
def same(memtrace, tmp_path):
    """Runs a command without and with memtrace, compares output and status, returns the reports."""

    def run(command, *options, cwd=None, env=None, stdin=None, compare_stderr=True, check=sane):
        environment = {**memtrace.environment, **(env or {})}
        session = str(tmp_path / f"session-{len(os.listdir(tmp_path))}" / "main.memtrace")
        os.mkdir(os.path.dirname(session))
        plain = subprocess.run(command, cwd=cwd, env=environment, input=stdin, capture_output=True, timeout=600)
        traced = subprocess.run(memtrace.command(command, session, *options), cwd=cwd, env=environment, input=stdin,
                                capture_output=True, timeout=900)
        assert traced.returncode == plain.returncode, traced.stderr.decode()[-2000:]
        assert traced.stdout == plain.stdout
        if compare_stderr:
            assert traced.stderr == plain.stderr
        parsed = check(memtrace.report(session))
        others = [path for path in sorted(glob.glob(os.path.join(os.path.dirname(session), "*.memtrace")))
                  if path != session]
        return parsed, [memtrace.report(path) for path in others]

    return run


class Server:
    """A server under memtrace, ended by its own process id."""

    def __init__(self, memtrace, command, session, *options, cwd=None, ready, env=None):
        self.memtrace, self.session = memtrace, session
        self.log = open(session + ".log", "w+b")
        self.process = subprocess.Popen(memtrace.command(command, session, *options), cwd=cwd, stdin=subprocess.DEVNULL,
                                        stdout=self.log, stderr=self.log, env={**memtrace.environment, **(env or {})})
        deadline = time.monotonic() + 180
        while not ready():
            assert self.process.poll() is None, self.output()
            assert time.monotonic() < deadline, "the server is not ready: " + self.output()
            time.sleep(0.05)

    def output(self):
        self.log.flush()
        with open(self.log.name, errors="replace") as file:
            return file.read()[-3000:]

    def child(self):
        """The pid of the program itself, memtrace's child."""
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children") as file:
            return int(file.read().split()[0])

    def stop(self, number=signal.SIGTERM, status=None):
        if self.process.poll() is None:
            os.kill(self.child(), number)
        code = self.process.wait(timeout=180)
        if status is not None:
            assert code == status, self.output()
        return self.memtrace.report(self.session)


@pytest.fixture
def server(memtrace, tmp_path):
    started = []

    def start(command, *options, **arguments):
        session = str(tmp_path / f"server-{len(started)}.memtrace")
        started.append(Server(memtrace, command, session, *options, **arguments))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            try:
                os.kill(one.child(), signal.SIGKILL)
            except (OSError, IndexError):
                one.process.kill()
            one.process.wait(timeout=180)


@pytest.fixture
def port():
    """A free port on loopback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def listening(number):
    def ready():
        with socket.socket() as probe:
            probe.settimeout(1)
            return probe.connect_ex(("127.0.0.1", number)) == 0

    return ready
