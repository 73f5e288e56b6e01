# SPDX-License-Identifier: MIT
"""`memtrace attach` to processes that were started without the agent: what it sees, and that they go on."""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import time

import pytest

import leaks
from attaching import COUNT, MODES, STORM, attached, image_mappings, rounds, running
from procfs import let_it_sleep, let_it_work


def tell(process):
    process.stdin.write("go\n")
    process.stdin.flush()
    assert process.stdout.readline() == "done\n"


def calls_by_function(memtrace, session):
    counts = {}
    for site in json.loads(memtrace("report", "--format=json", session).stdout)["sites"]:
        for frame in site["stack"]:
            name = frame["function"] or ""
            if name.startswith("count_"):
                counts[name[6:]] = counts.get(name[6:], 0) + site["allocated_blocks"]
    return counts


def test_every_call_is_seen(memtrace, tmp_path):
    with running(COUNT, code=-signal.SIGTERM) as process:
        tell(process)
        with attached(process.pid, tmp_path, "--sample=all") as tool:
            for _ in range(2):
                tell(process)
        assert re.search(r"stopped thread \d+ for \d+\.\d\d ms", tool.first)
        tell(process)
    counts = calls_by_function(memtrace, "a.memtrace")
    names = ("malloc calloc realloc reallocarray memalign aligned_alloc posix_memalign valloc pvalloc strdup mmap")
    assert counts == {name: 2 * 4 * 1000 for name in names.split()}


def test_a_process_that_may_have_no_more_threads(memtrace, compile_c, tmp_path):
    text = """#include <sys/resource.h>
    #include <unistd.h>
    #define PREPARE do { struct rlimit none = {0, 0}; if (setgid(65534) || setuid(65534) || \
                         setrlimit(RLIMIT_NPROC, &none)) return 2; } while (0)
    #define MAKE malloc
    """ + LEAKS
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    leak_is_named(memtrace, compile_c(text, "-g"), tmp_path)


def settled_threads(pid):
    """The threads of a process that is through with starting them."""
    threads = None
    while threads != (threads := sorted(os.listdir(f"/proc/{pid}/task"))):
        time.sleep(0.3)
    return threads


@pytest.mark.long
def test_whichever_thread_stops_first_serves(memtrace, compile_c):
    """Every thread waits for a child of vfork, where nothing can stop it, for longer than some are waited for."""
    program = compile_c("""
#define _GNU_SOURCE
#include <pthread.h>
#include <unistd.h>
#include <time.h>
static void *wait_for_child(void *unused)
{
	static const struct timespec pause_s = {6, 500000000};

	if (vfork() == 0) {
		nanosleep(&pause_s, NULL);
		_exit(0);
	}
	for (;;)
		pause();
}
int main(void)
{
	pthread_t thread;

	for (int i = 0; i < 12; i++)
		pthread_create(&thread, NULL, wait_for_child, NULL);
	usleep(300000);
	write(1, "ready\\n", 6);
	wait_for_child(NULL);
}
""", "-g")
    with running(program, code=-signal.SIGTERM) as process:
        time.sleep(0.2)
        done = memtrace("attach", "--duration=100ms", process.pid)
        assert done.returncode == 0, done.stderr
        assert re.search(r"stopped thread \d+ for \d{3,}\.\d\d ms", done.stderr), done.stderr


def test_threads_that_live_for_less_than_a_sample_are_not_missed(memtrace, compile_c, tmp_path):
    """Each thread allocates half of the interval, and the next one gets its thread pointer."""
    program = compile_c("""
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
static void *volatile kept;
static void *leak(void *unused)
{
	for (int i = 0; i < 64; i++)
		kept = malloc(512);
	return unused;
}
int main(void)
{
	char line[16];
	pthread_t thread;

	puts("ready");
	fflush(stdout);
	fgets(line, sizeof(line), stdin);
	for (int i = 0; i < 3000; i++) {
		pthread_create(&thread, NULL, leak, NULL);
		pthread_join(thread, NULL);
	}
	puts("done");
	fflush(stdout);
	for (;;)
		fgets(line, sizeof(line), stdin);
}
""", "-g")
    with running(program, code=-signal.SIGTERM) as process:
        with attached(process.pid, tmp_path, "--sample=64K"):
            tell(process)
    # 98 MB in samples of 64 KiB are 1,500 of them: an error of 2.6 %
    live = leaks.report(tmp_path / "a.memtrace")["heap"]["live_bytes"]
    assert live == pytest.approx(3000 * 64 * 512, rel=0.15)


def test_no_thread_of_ours_stays(memtrace):
    with running(STORM, "calls") as process:
        before = settled_threads(process.pid)
        rounds(process, 3, memtrace)
        assert sorted(os.listdir(f"/proc/{process.pid}/task")) == before


def test_debugging_tells_where_the_time_went(memtrace, monkeypatch):
    monkeypatch.setenv("MEMTRACE_DEBUG", "1")
    with running(STORM, "calls") as process:
        done = memtrace("attach", "--duration=1ms", "-o", "r.memtrace", process.pid)
        assert re.search(r"until it stood still \d+\.\d+ ms, at work beside it \d+\.\d+ ms", done.stderr), done.stderr


def test_attach_again_uses_the_same_image(memtrace, tmp_path):
    with running(COUNT, code=-signal.SIGTERM) as process:
        for i in range(3):
            with attached(process.pid, tmp_path, "--sample=all", name=f"{i}.memtrace"):
                tell(process)
            tell(process)
            assert len(image_mappings(process.pid)) == 1
    for i in range(3):
        assert calls_by_function(memtrace, f"{i}.memtrace")["malloc"] == 4 * 1000


@pytest.mark.parametrize("mode", MODES)
def test_programs_go_on(memtrace, mode):
    with running(STORM, *MODES[mode]) as process:
        rounds(process, 6, memtrace)


def test_python_goes_on(script, memtrace):
    command = script("import json, time\nprint('ready', flush=True)\nwhile True:\n"
                     "    assert json.loads(json.dumps(list(range(1000)))) == list(range(1000))\n")
    with running(*command, code=-signal.SIGTERM) as process:
        rounds(process, 4, memtrace, "--sample=all")


def killed(command, folder, seconds):
    with subprocess.Popen([leaks.MEMTRACE, *command], cwd=folder, stderr=subprocess.DEVNULL) as tool:
        time.sleep(seconds)
        tool.kill()


def kill_at_random_moments(n, memtrace, folder):
    """Of attach and of detach, n of each: the program goes on, and can be attached to and left afterwards."""
    generator = random.Random(4711)
    with running(STORM, "threads", "20") as process:
        begun = time.monotonic()
        rounds(process, 1, memtrace)
        took = (time.monotonic() - begun) / 2
        for _ in range(n):
            killed(["attach", "-q", "-o", "k.memtrace", str(process.pid)], folder, generator.uniform(0, took))
            assert process.poll() is None, process.stderr.read()
            killed(["detach", str(process.pid)], folder, generator.uniform(0, took))
            assert process.poll() is None, process.stderr.read()
        # what was laid out half is used by the next one
        assert len(image_mappings(process.pid)) <= 3
        # the last two that were killed may have left it recording
        memtrace("detach", process.pid)
        with attached(process.pid, folder, "--sample=all"):
            let_it_work(process.pid, 0.1)
        assert json.loads(memtrace("report", "--format=json", "a.memtrace").stdout)["heap"]["allocated_blocks"] > 0


def test_tool_is_killed_at_any_moment(memtrace, tmp_path):
    kill_at_random_moments(20, memtrace, tmp_path)


@pytest.mark.soak
def test_tool_is_killed_at_200_moments(memtrace, tmp_path):
    kill_at_random_moments(200, memtrace, tmp_path)


def test_a_recording_that_its_tool_left_is_found_again(memtrace, tmp_path):
    with running(COUNT, code=-signal.SIGTERM) as process:
        with subprocess.Popen([leaks.MEMTRACE, "attach", "--sample=all", str(process.pid)], cwd=tmp_path,
                              stderr=subprocess.PIPE, text=True) as tool:
            assert "recording in" in tool.stderr.readline()
            tool.kill()
        tell(process)
        done = memtrace("attach", "--duration=1ms", "-o", "b.memtrace", process.pid)
        assert done.returncode == 0 and "stopped" not in done.stderr, done.stderr
        assert calls_by_function(memtrace, "b.memtrace")["malloc"] == 4 * 1000
        done = memtrace("detach", process.pid)
        assert done.returncode == 0 and "slots" in done.stderr, done.stderr
        tell(process)


LEAKS = """
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
__attribute__((noinline)) static void leak(void) { memset(MAKE(1000), 1, 1000); }
int main(void) {
    PREPARE;
    if (write(1, "ready\\n", 6) != 6) return 1;
    for (;;) { leak(); usleep(1000); }
}
"""

def leak_is_named(memtrace, program, folder, **environment):
    """The leak of a program is named, twice in a row, and the program goes on."""
    with running(program, code=-signal.SIGTERM, env=os.environ | environment) as process:
        for name in ("1.memtrace", "2.memtrace"):
            with attached(process.pid, folder, "--sample=all", name=name):
                let_it_sleep(process.pid, 50)
            site = json.loads(memtrace("report", "--format=json", name).stdout)["sites"][0]
            assert "leak" in [frame["function"].split("(")[0] for frame in site["stack"] if frame["function"]], site
            assert site["live_blocks"] > 0 and site["live_bytes"] == 1000 * site["live_blocks"]


@pytest.mark.parametrize("name", ["libjemalloc.so.2", "libtcmalloc_minimal.so.4", "libmimalloc.so.2"])
@pytest.mark.parametrize("make", ["malloc", "new char"])
def test_other_allocators(memtrace, compile_c, tmp_path, name, make):
    library = f"/usr/lib/x86_64-linux-gnu/{name}"
    if not os.path.exists(library):
        pytest.skip(f"{name} is not installed")
    text = "#define PREPARE\n#define MAKE(n) " + ("malloc(n)" if make == "malloc" else "new char[n]") + LEAKS
    program = compile_c(text, "-xc++", "-g", compiler="c++")
    leak_is_named(memtrace, program, tmp_path, LD_PRELOAD=library)


def test_musl(memtrace, compile_c, tmp_path):
    if not shutil.which("musl-gcc"):
        pytest.skip("musl-gcc is not installed")
    program = compile_c("#define PREPARE\n#define MAKE malloc\n" + LEAKS, "-g", compiler="musl-gcc")
    leak_is_named(memtrace, program, tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can suspend a filter")
def test_a_filter_of_system_calls_and_no_descriptors(memtrace, compile_c, tmp_path):
    prepare = "for (int i = 3; i < 1000; i++) close(i); if (confine_process(CONFINE_BY_PRCTL)) return 2"
    program = compile_c(f"#include \"confine.h\"\n#define PREPARE {prepare}\n#define MAKE malloc\n" + LEAKS, "-g",
                        f"-I{leaks.SOURCE}/../support")
    leak_is_named(memtrace, program, tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can change its root")
def test_another_root_without_proc(memtrace, compile_c, tmp_path):
    (tmp_path / "empty").mkdir()
    enter = f"if (chroot(\"{tmp_path}/empty\") || chdir(\"/\")) return 2"
    program = compile_c(f"#define PREPARE {enter}\n#define MAKE malloc\n" + LEAKS, "-g")
    leak_is_named(memtrace, program, tmp_path)


def test_a_child_of_a_process_that_was_attached_to(memtrace, script, tmp_path):
    command = script("import os, sys, time\nprint('ready', flush=True)\nsys.stdin.readline()\nkeep = []\n"
                     "if os.fork():\n    os.wait()\nprint(os.getpid(), flush=True)\n"
                     "while True:\n    keep.append(bytearray(3000))\n    time.sleep(0.001)\n")
    with running(*command, code=-signal.SIGTERM) as process:
        with attached(process.pid, tmp_path, "--sample=all"):
            process.stdin.write("go\n")
            process.stdin.flush()
            child = int(process.stdout.readline())
            try:
                with attached(child, tmp_path, "--sample=all", name="child.memtrace"):
                    let_it_sleep(child, 100)
                assert json.loads(memtrace("report", "--format=json", "child.memtrace").stdout)["heap"]["live_blocks"] > 20
            finally:
                os.kill(child, signal.SIGKILL)
