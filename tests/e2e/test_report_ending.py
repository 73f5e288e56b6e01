# SPDX-License-Identifier: MIT
"""A process that ends while it is looked at is not reported from half of what was there."""

import json
import os
import signal
import subprocess
import time

import leaks


def unjoined():
    """A process with the stacks of 200 threads that nobody joined: a leak, whenever one looks."""
    process = subprocess.Popen([os.path.join(leaks.VICTIMS, "case-unjoined")], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True)
    for line in process.stdout:
        if line.startswith("ready "):
            return process
    raise AssertionError("the victim did not get ready")


def report_of(process, after):
    """Kills it so many seconds after the report was begun; what that says, and how long it took."""
    began = time.monotonic()
    with subprocess.Popen([leaks.MEMTRACE, "report", "--format=json", str(process.pid)], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True) as report:
        if after is not None:
            time.sleep(after)
            process.send_signal(signal.SIGKILL)
            process.wait()
        stdout, stderr = report.communicate(timeout=180)
    return report.returncode, stdout, stderr, time.monotonic() - began


def test_whenever_it_ends_nothing_wrong_is_said():
    process = unjoined()
    code, stdout, stderr, took = report_of(process, None)
    assert code == 0 and json.loads(stdout)["verdict"]["code"] == "leak", stderr
    process.kill()
    process.wait()
    refused = moments = 0
    # on a busy machine it may be later each time: all moments, and on until one of them was not too late
    while moments < 24 or (refused == 0 and moments < 240):
        process = unjoined()
        code, stdout, stderr, _ = report_of(process, took * (moments % 24) / 24)
        moments += 1
        if code == 0:
            assert json.loads(stdout)["verdict"]["code"] == "leak"
        else:
            assert stderr.count("\n") == 1 and stderr.startswith("memtrace: report: "), stderr
            assert not stdout
            refused += 1
    assert refused > 0
