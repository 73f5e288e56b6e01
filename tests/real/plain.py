# SPDX-License-Identifier: MIT
"""Servers that run without memtrace, to be looked at from outside, ended by their process id."""

import collections
import os
import pwd
import shutil
import subprocess
import time

import pytest


def until(condition, what):
    deadline = time.monotonic() + 180
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


@pytest.fixture
def start():
    """start(COMMAND, READY, **options): a program of our own, ended by its process id; returns the pid"""
    started = []

    def call(command, ready, **options):
        if not shutil.which(command[0]):
            pytest.skip(f"{command[0]} is not installed")
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, **options)
        started.append(process)
        until(lambda: ready() or process.poll() is not None, f"{command[0]} is not ready")
        assert process.poll() is None, command
        time.sleep(1)
        return process.pid

    yield call
    for process in started:
        process.terminate()
        try:
            process.wait(timeout=180)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def owned_by_nobody(path):
    user = pwd.getpwnam("nobody")
    os.chown(path, user.pw_uid, user.pw_gid)
    for parent in path.parents:
        if parent.owner() == "root" and str(parent) not in ("/", "/tmp"):
            parent.chmod(parent.stat().st_mode | 0o055)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}


@pytest.fixture
def mariadb(start, tmp_path):
    """A server with an empty data directory: .pid, .socket"""
    if not shutil.which("mariadb-install-db"):
        pytest.skip("mariadb is not installed")
    data = tmp_path / "data"
    data.mkdir()
    user = owned_by_nobody(data)
    subprocess.run(["mariadb-install-db", "--no-defaults", f"--datadir={data}",
                    "--auth-root-authentication-method=normal"], check=True,
                   capture_output=True, timeout=180, cwd=data, **user)
    pid = start(["mariadbd", "--no-defaults", f"--datadir={data}", "--skip-networking", f"--socket={data}/sock"],
                (data / "sock").exists, cwd=data, **user)
    return collections.namedtuple("Mariadb", "pid socket")(pid, data / "sock")
