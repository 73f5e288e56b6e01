# SPDX-License-Identifier: MIT
"""`memtrace attach --no-inject`: who makes a process grow, by its page faults, with nothing put into it."""

import json
import os
import shutil
import signal
import subprocess

import pytest

import leaks

GROWS = r"""
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

__attribute__((noinline)) static void *remember(void)
{
	char *at = malloc(100000);

	memset(at, 1, 100000);
	return at;
}

__attribute__((noinline)) static void churn(void)
{
	char *volatile at = malloc(1000000);

	memset(at, 2, 1000000);
	free(at);
}

int main(void)
{
	static void *volatile kept;

	write(1, "ready\n", 6);
	for (char line[64]; read(0, line, sizeof(line)) > 0; write(1, "done\n", 5))
		for (int i = 0; i < 50; i++) {
			kept = remember();
			churn();
			/* slowly enough to be followed: what comes at once is not seen whole */
			usleep(10000);
		}
	return 0;
}
"""


@pytest.fixture
def watched(memtrace, tmp_path):
    """watched(PROGRAM…): lets it work while it is watched, and returns the report."""
    def call(*command):
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout.readline() == "ready\n"
                maps = mappings(process.pid)
                with subprocess.Popen([leaks.MEMTRACE, "attach", "--no-inject", "-o", "f.memtrace",
                                       str(process.pid)], cwd=tmp_path, stderr=subprocess.PIPE, text=True) as tool:
                    first = tool.stderr.readline()
                    if "does not let page faults be seen" in first or "no perf events" in first:
                        pytest.skip(first)
                    assert "observing page faults" in first, first
                    process.stdin.write("\n")
                    process.stdin.flush()
                    assert process.stdout.readline() == "done\n"
                    assert not mappings(process.pid) - maps, "something was put into the process"
                    tool.send_signal(signal.SIGINT)
                    rest = tool.stderr.read()
                    assert tool.wait(timeout=180) == 0, rest
            finally:
                process.kill()
        done = memtrace("report", "--format=json", "f.memtrace")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)
    return call


def mappings(pid):
    """Executable mappings: what is put into a process would be one."""
    with open(f"/proc/{pid}/maps", encoding="utf-8") as file:
        return {line.split()[0] for line in file if " r-x" in line}


def functions(site):
    return [frame["function"] for frame in site["stack"]]


def live_of(report, function):
    return sum(site["live_bytes"] for site in report["sites"] if function in functions(site))


def assert_remembered(report):
    assert report["agent"]["mode"] == "faults"
    assert report["heap"]["live_bytes"] is None
    kept = [site for site in report["sites"] if "remember" in functions(site)]
    assert kept and all(site["kind"] == "pages" and "main" in functions(site) for site in kept), kept
    # 50 blocks of 100,000 bytes; where many faults come at once it is an estimate
    assert 2_500_000 < live_of(report, "remember") < 10_000_000
    assert live_of(report, "churn") < 2_100_000, "what was given back is still there"


@pytest.mark.parametrize("how", ["-static", "-pie"])
def test_the_stack_that_makes_it_grow_is_named(watched, compile_c, how):
    assert_remembered(watched(compile_c(GROWS, "-O1", "-g", how)))


@pytest.mark.long
def test_go_is_followed_by_frame_pointers(watched, tmp_path):
    if not shutil.which("go"):
        pytest.skip("no Go")
    (tmp_path / "grows.go").write_text("""package main

import ("bufio"; "fmt"; "os"; "time")

var kept [][]byte

//go:noinline
func remember() { b := make([]byte, 100000); for i := range b { b[i] = 1 }; kept = append(kept, b) }

func main() {
	fmt.Println("ready")
	in := bufio.NewReader(os.Stdin)
	for {
		if _, err := in.ReadString('\\n'); err != nil { return }
		for i := 0; i < 50; i++ { remember(); time.Sleep(10 * time.Millisecond) }
		fmt.Println("done")
	}
}
""")
    environment = os.environ | {"HOME": str(tmp_path), "GOFLAGS": "-mod=mod", "GOCACHE": str(tmp_path / "cache")}
    subprocess.run(["go", "build", "-o", "grows", "grows.go"], cwd=tmp_path, env=environment, check=True, timeout=180)
    report = watched(str(tmp_path / "grows"))
    assert live_of(report, "main.remember") > 2_500_000
    assert all("main.main" in functions(site) for site in report["sites"] if "main.remember" in functions(site))

