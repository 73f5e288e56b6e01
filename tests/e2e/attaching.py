# SPDX-License-Identifier: MIT
"""Processes to attach to, and what is looked at while that is done."""

import contextlib
import re
import signal
import subprocess

import leaks

STORM = f"{leaks.VICTIMS}/attach-storm"
COUNT = f"{leaks.VICTIMS}/attach-count"
PLUGIN = f"{leaks.VICTIMS}/libplugin-a.so"
MODES = {"threads": ["threads", "100"], "calls": ["calls"], "registers": ["registers"],
         "plugins": ["plugins", PLUGIN], "plugin": ["plugin", PLUGIN], "forks": ["forks"]}


@contextlib.contextmanager
def running(*command, code=0, env=None):
    """A process that says "ready"; at the end it is told to end, and its exit code is looked at."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, env=env) as process:
        try:
            assert process.stdout.readline() == "ready\n"
            yield process
            assert process.poll() is None, process.stderr.read()
            process.terminate()
            assert process.wait(timeout=180) == code, process.stderr.read()
        finally:
            process.kill()


@contextlib.contextmanager
def attached(pid, folder, *options, name="a.memtrace"):
    """memtrace attach from its first line, which is in .first, to Ctrl-C."""
    with subprocess.Popen([leaks.MEMTRACE, "attach", "-o", name, *options, str(pid)], cwd=folder,
                          stderr=subprocess.PIPE, text=True) as tool:
        try:
            tool.first = tool.stderr.readline()
            assert "recording in" in tool.first, tool.first
            assert "Ctrl-C" in tool.stderr.readline()
            yield tool
            tool.send_signal(signal.SIGINT)
            tool.rest = tool.stderr.read()
            assert tool.wait(timeout=180) == 0, tool.rest
        finally:
            tool.kill()


def image_mappings(pid):
    """The code of images in the process: private, anonymous, executable."""
    with open(f"/proc/{pid}/maps", encoding="utf-8") as file:
        return [line for line in file if re.search(r" r-xp 0+ 00:00 0\s*$", line)]


def rounds(process, n, memtrace, *options):
    """Attaches and detaches n times; returns the pauses of both in milliseconds."""
    attaches, detaches = [], []
    for number in range(n):
        done = memtrace("attach", "--duration=1ms", "-o", "r.memtrace", *options, process.pid)
        assert done.returncode == 0, f"round {number}: {done.stderr}"
        assert process.poll() is None, f"round {number}: it has ended"
        pauses = re.findall(r"for (\d+\.\d+) ms", done.stderr)
        assert len(pauses) == 2, f"round {number}: {done.stderr}"
        attaches.append(float(pauses[0]))
        detaches.append(float(pauses[1]))
    assert len(image_mappings(process.pid)) == 1
    return attaches, detaches


def swift_rounds(process, n, tmp_path):
    """The same without the reports: the tool is killed when it records, and `memtrace detach` puts the slots back."""
    attaches, detaches = [], []
    for number in range(n):
        with subprocess.Popen([leaks.MEMTRACE, "attach", "-o", "r.memtrace", str(process.pid)], cwd=tmp_path,
                              stderr=subprocess.PIPE, text=True) as tool:
            first = tool.stderr.readline()
            tool.kill()
        done = subprocess.run([leaks.MEMTRACE, "detach", str(process.pid)], capture_output=True, text=True, check=False,
                              timeout=180)
        pauses = re.findall(r"for (\d+\.\d+) ms", first + done.stderr)
        assert len(pauses) == 2, f"round {number}: {first}{done.stderr}"
        assert process.poll() is None, f"round {number}: it has ended"
        attaches.append(float(pauses[0]))
        detaches.append(float(pauses[1]))
    assert len(image_mappings(process.pid)) == 1
    return attaches, detaches
