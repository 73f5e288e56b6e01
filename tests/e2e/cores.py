# SPDX-License-Identifier: MIT
"""Core files of processes, by the kernel and by gdb's gcore."""

import contextlib
import os
import resource
import shutil
import signal
import subprocess

import pytest

from procfs import only_child


def need_gcore():
    if not shutil.which("gcore"):
        pytest.skip("gcore (gdb) is not installed")


def need_kernel_cores():
    with open("/proc/sys/kernel/core_pattern", encoding="utf-8") as file:
        pattern = file.read().strip()
    if pattern.startswith("|") or "/" in pattern or not pattern:
        pytest.skip(f"the kernel writes no core files into the current folder (core_pattern is {pattern})")
    if resource.getrlimit(resource.RLIMIT_CORE)[1] == 0:
        pytest.skip("core files are forbidden by a limit")


@contextlib.contextmanager
def standing(command, directory, tool=()):
    """Runs a program that prints a line and then waits; gives the Popen and the program's pid."""
    with subprocess.Popen([*map(str, tool), *map(str, command)], cwd=directory, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline(), "it did not begin"
            yield process, only_child(process.pid) if tool else process.pid
        finally:
            victim = process.pid
            if tool and process.poll() is None:
                with contextlib.suppress(OSError, AssertionError):
                    victim = only_child(process.pid)
            with contextlib.suppress(OSError):
                os.kill(victim, signal.SIGKILL)
            process.wait(timeout=180)


def gcore(pid, directory):
    """Writes a core file of a process that goes on; returns its path."""
    done = subprocess.run(["gcore", "-o", "core", str(pid)], cwd=directory, capture_output=True, text=True,
                          timeout=180, check=False)
    path = os.path.join(directory, f"core.{pid}")
    assert os.path.exists(path), done.stderr
    return path


def kernel_core(command, directory, tool=()):
    """Runs a program until it aborts; returns the path of its core file."""
    before = set(os.listdir(directory))

    def allow():
        resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY,) * 2)

    subprocess.run([*map(str, tool), *map(str, command)], cwd=directory, stdin=subprocess.DEVNULL,
                   capture_output=True, timeout=180, check=False, preexec_fn=allow)
    new = [name for name in set(os.listdir(directory)) - before if name.startswith("core")]
    assert new, "the kernel wrote no core file"
    return os.path.join(directory, new[0])
