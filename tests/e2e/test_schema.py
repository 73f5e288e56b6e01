# SPDX-License-Identifier: MIT
"""The schema in docs holds for what report prints, of every kind of target."""

import json
import pathlib
import subprocess

import jsonschema
import pytest

import leaks

SCHEMA = json.loads((pathlib.Path(__file__).parents[2] / "docs/memtrace-1.schema.json").read_text("utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

PROGRAM = r"""
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void *volatile kept;

static void *work(void *unused)
{
	for (int i = 0; i < 200; i++) {
		kept = malloc(10000);
		usleep(10000);
	}
	return NULL;
}

int main(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, work, NULL);
	pthread_join(thread, NULL);
	puts("done");
	fflush(stdout);
	getchar();
	return 0;
}
"""


def check(report):
    errors = [f"{'.'.join(map(str, error.absolute_path))}: {error.message}" for error in VALIDATOR.iter_errors(report)]
    assert not errors, "\n".join(errors[:10])


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("allocator", ["fast", "system"])
def test_of_a_process_and_of_its_session(memtrace, tmp_path, compile_c, allocator):
    program = compile_c(PROGRAM, "-pthread", "-g")
    command = [leaks.MEMTRACE, "run", "--quiet", f"--allocator={allocator}", "-o", "s.memtrace", program]
    with subprocess.Popen(command, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as tool:
        assert tool.stdout.readline() == "done\n"
        pid = subprocess.run(["pgrep", "-P", str(tool.pid)], capture_output=True, text=True, check=True).stdout.split()[0]
        live = json.loads(memtrace("report", "--format=json", pid).stdout)
        check(live)
        assert live["memory"]["ledger"] and live["mappings"] and live["course"] is None
        tool.communicate("\n", timeout=180)
    ended = leaks.report(tmp_path / "s.memtrace")
    check(ended)
    assert ended["course"]["moments"] and ended["sites"][0]["growth_bytes_per_s"] is not None
    check(leaks.report(tmp_path / "s.memtrace", "--at=peak"))
    check(leaks.report(tmp_path / "s.memtrace", "--no-symbolize", "--depth=1"))


def test_of_a_process_without_the_agent(memtrace):
    with subprocess.Popen(["sleep", "60"]) as process:
        try:
            report = json.loads(memtrace("report", "--format=json", process.pid).stdout)
        finally:
            process.terminate()
    check(report)
    assert report["agent"]["mode"] == "none"


def test_what_does_not_hold_is_found():
    with pytest.raises(AssertionError, match="heap"):
        check({"schema": "memtrace/1"})
