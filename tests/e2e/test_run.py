# SPDX-License-Identifier: MIT
"""run: the program must not notice, its status is ours, and what it left is there."""

import contextlib
import glob
import json
import os
import re
import signal
import subprocess
import time

import pexpect
import pytest

import leaks
from procfs import only_child

LEAK = """
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
void *keep[100];
__attribute__((noinline)) void leak(int n) { for (int i = 0; i < n; i++) keep[i] = malloc(1000); }
int main(int argc, char **argv)
{
    leak(10);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "segv") == 0) raise(SIGSEGV);
        else if (strcmp(argv[i], "abort") == 0) abort();
        else if (strcmp(argv[i], "_exit") == 0) _exit(4);
        else if (strcmp(argv[i], "exec") == 0) execl("/bin/echo", "echo", "replaced", (char *)0);
        else if (strcmp(argv[i], "static") == 0) execl(argv[i + 1], argv[i + 1], (char *)0);
        else if (strcmp(argv[i], "fork") == 0) { if (fork() == 0) { leak(20); _exit(0); } wait(NULL); }
        else if (strcmp(argv[i], "wait") == 0) { puts("ready"); fflush(stdout); pause(); }
        else return atoi(argv[i]);
    }
    return 0;
}
"""


@pytest.fixture
def leaky(compile_c):
    return compile_c(LEAK, "-g", name="leaky")


def sessions(folder):
    return sorted(os.path.basename(path) for path in glob.glob(f"{folder}/*.memtrace"))


def load(memtrace, path):
    done = memtrace("report", "--format=json", path)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def leaked(report):
    return sum(site["live_bytes"] for site in report["sites"]
               if any(frame["function"] == "leak" for frame in site["stack"]))


# status

@pytest.mark.parametrize("words, status", [([], 0), (["3"], 3), (["_exit"], 4), (["255"], 255), (["segv"], 139),
                                           (["abort"], 134)])
def test_exit_status_is_the_programs(memtrace, leaky, tmp_path, words, status):
    done = memtrace("run", "--sample=all", "-o", "s.memtrace", leaky, *words)
    assert done.returncode == status, done.stderr
    report = load(memtrace, "s.memtrace")
    assert leaked(report) == 10000
    process = report["process"]
    if words in (["segv"], ["abort"]):
        assert (process["state"], process["signal"], process["exit_status"]) == ("killed", status - 128, None)
    else:
        assert (process["state"], process["exit_status"]) == ("exited", status)
    assert process["exe"] == str(leaky) and process["cmdline"] == [str(leaky), *words]


def test_killed_from_outside(memtrace, leaky, tmp_path):
    with subprocess.Popen([leaks.MEMTRACE, "run", "-q", "-o", "s.memtrace", leaky, "wait"], cwd=tmp_path,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as tool:
        assert tool.stdout.readline() == b"ready\n"
        child = only_child(tool.pid)
        os.kill(child, signal.SIGKILL)
        assert tool.wait(timeout=180) == 137
    assert leaked(load(memtrace, "s.memtrace")) == 10000


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2])
def test_signals_to_memtrace_alone_are_forwarded(script, tmp_path, number):
    command = script("import signal, sys\n"
                     f"signal.signal({int(number)}, lambda *_: sys.exit(42))\n"
                     "print('ready', flush=True)\nsignal.pause()\n")
    with subprocess.Popen([leaks.MEMTRACE, "run", "-q", *command], cwd=tmp_path, stdout=subprocess.PIPE) as tool:
        assert tool.stdout.readline() == b"ready\n"
        tool.send_signal(number)
        assert tool.wait(timeout=180) == 42


def test_control_c_reaches_the_program_and_not_memtrace(script, tmp_path):
    command = script("import signal, sys\n"
                     "signal.signal(signal.SIGINT, lambda *_: sys.exit(7))\n"
                     "print('ready', flush=True)\nsignal.pause()\n")
    child = pexpect.spawn(leaks.MEMTRACE, ["run", "-o", "s.memtrace", *command], cwd=str(tmp_path), timeout=180)
    child.expect("ready")
    child.sendintr()
    child.expect(pexpect.EOF)
    # who closes without that sends signals to what takes longer than a moment to end
    child.wait()
    child.close()
    assert child.exitstatus == 7
    assert sessions(tmp_path) == ["s.memtrace"]


# transparency

def test_input_and_output_pass_through(tmp_path):
    content = os.urandom(1 << 20)
    done = subprocess.run([leaks.MEMTRACE, "run", "-q", "cat"], input=content, capture_output=True, cwd=tmp_path,
                          check=True, timeout=180)
    assert done.stdout == content and done.stderr == b""


PROBE = """
import json, os, re, resource, signal, sys
status = open("/proc/self/status").read()
print(json.dumps({
    "env": {k: v for k, v in os.environ.items() if not re.match("LD_PRELOAD|MEMTRACE_", k)},
    "fds": sorted(os.listdir("/proc/self/fd")),
    "signals": re.findall(r"^(?:Sig|Shd)(?:Blk|Ign|Pnd):.*", status, re.M),
    "group": [os.getpgid(0) == os.getpgid(os.getppid()), os.getsid(0)],
    "limits": resource.getrlimit(resource.RLIMIT_NOFILE),
    "cwd": os.getcwd(), "umask": os.umask(0), "argv": sys.argv, "tty": [os.isatty(n) for n in range(3)],
}))
"""


def test_the_program_finds_what_it_would_find_without(script, tmp_path):
    command = [*script(PROBE), "--", "-x", "a b", ""]

    def probe(*before):
        return json.loads(subprocess.run([*before, *command], cwd=tmp_path, capture_output=True, check=True,
                                         stdin=subprocess.DEVNULL, timeout=180).stdout)
    assert probe(leaks.MEMTRACE, "run", "-q") == probe()


def test_nothing_is_shown_while_the_program_runs(memtrace, script, tmp_path):
    command = script("import os, sys\nsys.stderr.write('first\\n')\nos.system('true')\nsys.stderr.write('last\\n')\n")
    lines = memtrace("run", *command).stderr.splitlines()
    assert lines[:2] == ["first", "last"]
    assert memtrace("run", "--quiet", *command).stderr == "first\nlast\n"


def test_options_behind_the_program_are_its_own(memtrace):
    assert memtrace("run", "-q", "echo", "--help", "-o", "--").stdout == "--help -o --\n"
    assert memtrace("run", "-q", "--", "echo", "-q").stdout == "-q\n"


def test_script_without_interpreter_line(memtrace, tmp_path):
    path = tmp_path / "plain"
    path.write_text("echo plain $1\n")
    path.chmod(0o755)
    assert memtrace("run", "-q", path, "x").stdout == "plain x\n"


# what is left

def test_default_name_of_the_session(memtrace, leaky, tmp_path):
    memtrace("run", leaky)
    name, = sessions(tmp_path)
    assert re.fullmatch(r"memtrace\.leaky\.\d+\.memtrace", name)


def test_report_without_target_takes_the_newest_session(memtrace, leaky):
    memtrace("run", "-q", "-o", "first.memtrace", "--sample=all", leaky)
    memtrace("run", "-q", "-o", "second.memtrace", "--sample=all", leaky, "3")
    done = memtrace("report", "--format=json")
    if "process" in done.stderr:
        pytest.skip("a process of this user has the agent at the moment")
    assert json.loads(done.stdout)["process"]["exit_status"] == 3
    assert "second.memtrace" in done.stderr


def test_short_report_names_the_leak(memtrace, leaky):
    done = memtrace("run", "-o", "s.memtrace", leaky)
    assert "leak" in done.stderr and "s.memtrace" in done.stderr
    assert done.stdout == ""


def test_children_leave_one_session_each(memtrace, leaky, tmp_path):
    done = memtrace("run", "--sample=all", "-o", "s.memtrace", "sh", "-c", f"{leaky}; {leaky} 1; true")
    names = sessions(tmp_path)
    assert len(names) == 3 and "s.memtrace" in names, names
    children = [name for name in names if name != "s.memtrace"]
    for name in children:
        assert re.fullmatch(r"s\.leaky\.\d+\.memtrace", name)
        assert leaked(load(memtrace, name)) == 10000
    assert len(re.findall("2 child processes left session files", done.stderr)) == 1


def test_a_child_that_leaks_is_named_before_one_that_holds_more(memtrace, compile_c, tmp_path):
    program = compile_c("""
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
static void *volatile kept;
int main(void)
{
	if (fork() == 0) {
		memset(kept = malloc(8 << 20), 1, 8 << 20);
		return 0;
	}
	if (fork() == 0) {
		for (int i = 0; i < 200; i++) {
			memset(kept = malloc(2000), 1, 2000);
			usleep(5000);
		}
		_exit(0);
	}
	while (wait(NULL) > 0)
		;
	return 0;
}
""", name="prefork")
    done = memtrace("run", "--sample=all", "-o", "s.memtrace", program)
    line, = [line for line in done.stderr.splitlines() if "session files" in line]
    assert "2 child processes left session files; 1 of them leaks: s.prefork." in line
    assert "390.6 KiB" in line


def test_a_large_child_that_is_still_dying_leaves_its_session(memtrace, compile_c, tmp_path):
    """Half a gigabyte takes the kernel a while to free, and the parent does not wait for it."""
    program = compile_c("""
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static char *volatile block;
int main(void)
{
	int ready[2];
	char byte;
	pid_t child;

	if (pipe(ready) < 0)
		return 1;
	child = fork();
	if (child == 0) {
		for (int i = 0; i < 512; i++)
			memset(block = malloc(1 << 20), 1, 1 << 20);
		write(ready[1], "", 1);
		pause();
	}
	read(ready[0], &byte, 1);
	kill(child, SIGTERM);
	_exit(0);
}
""", name="parent")
    for number in range(4):
        done = memtrace("run", "-o", f"s{number}.memtrace", program)
        assert "1 child process left session files" in done.stderr
        child, = tmp_path.glob(f"s{number}.parent.*.memtrace")
        assert leaks.report(child)["heap"]["live_bytes"] == pytest.approx(512 << 20, rel=0.2)


def test_forked_child_knows_what_it_inherited(memtrace, leaky, tmp_path):
    memtrace("run", "-q", "--sample=all", "-o", "s.memtrace", "sh", "-c", f"{leaky} fork; true")
    figures = sorted(leaked(load(memtrace, name)) for name in sessions(tmp_path) if name.startswith("s.leaky."))
    assert figures == [10000, 30000]


def test_without_following_children_leave_nothing(memtrace, leaky, tmp_path):
    memtrace("run", "-q", "--no-follow", "-o", "s.memtrace", "sh", "-c", f"{leaky}; true")
    assert sessions(tmp_path) == ["s.memtrace"]


def test_exec_leaves_the_session_of_the_new_program_only(memtrace, leaky, tmp_path):
    done = memtrace("run", "-q", "-o", "s.memtrace", leaky, "exec")
    assert done.stdout == "replaced\n"
    assert sessions(tmp_path) == ["s.memtrace"]
    report = load(memtrace, "s.memtrace")
    assert report["process"]["comm"] == "echo" and leaked(report) == 0


def test_exec_of_a_program_that_cannot_be_recorded(memtrace, leaky, compile_c, tmp_path):
    fixed = compile_c("#include <stdio.h>\nint main(void) { puts(\"static\"); return 6; }\n", "-static", name="fixed")
    done = memtrace("run", leaky, "static", fixed)
    assert done.returncode == 6 and done.stdout == "static\n"
    assert sessions(tmp_path) == []
    assert "replaced itself" in done.stderr


def test_what_outlives_the_program_is_said(memtrace, leaky, tmp_path):
    # over when it says that it is ready
    done = memtrace("run", "-o", "s.memtrace", "sh", "-c",
                    f"mkfifo said; {leaky} wait >said 2>/dev/null & echo $!; read line <said")
    pid = int(done.stdout)
    try:
        assert f"outlives the program and goes on being recorded ({pid})" in done.stderr
        assert leaked(load(memtrace, pid)) > 0
    finally:
        os.kill(pid, signal.SIGKILL)


# what can go wrong

def test_read_only_folder(as_nobody):
    _, tool, user = as_nobody
    done = subprocess.run([tool, "run", "sh", "-c", "echo out; exit 9"], capture_output=True, text=True, check=False,
                          timeout=180, **user)
    assert done.returncode == 9 and done.stdout == "out\n"
    lines = [line for line in done.stderr.splitlines() if line.startswith("memtrace: run: ")]
    assert len(lines) == 1 and "Permission denied" in lines[0] and "-o FILE" in lines[0], done.stderr


def test_other_users_than_root(as_nobody, leaky):
    """Nobody but root can map the region of a running process: it is copied, while the process lives."""
    folder, tool, user = as_nobody
    folder.chmod(0o777)
    program = folder / "leaky"
    program.write_bytes(leaky.read_bytes())
    program.chmod(0o755)

    def run(*arguments):
        done = subprocess.run([tool, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=180,
                              **user)
        assert done.returncode == 0, done.stderr
        return done.stdout
    with subprocess.Popen([tool, "run", "-q", "--sample=all", "-o", "run.memtrace", program, "wait"],
                          stdout=subprocess.PIPE, **user) as runner:
        assert runner.stdout.readline() == b"ready\n"
        child = only_child(runner.pid)
        try:
            assert f"{child} " in run("ps")
            assert leaked(json.loads(run("report", "--format=json", child))) == 10000
            assert leaked(json.loads(run("report", "--format=json"))) == 10000
            assert run("snapshot", "-o", "snap.memtrace", child) == "snap.memtrace\n"
            with subprocess.Popen([tool, "attach", "-o", "attach.memtrace", str(child)], stderr=subprocess.PIPE, text=True,
                                  **user) as observer:
                assert "Ctrl-C ends it" in observer.stderr.readline()
                os.kill(child, signal.SIGKILL)
                assert "attach.memtrace" in observer.stderr.read()
                assert observer.wait(timeout=180) == 0
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        assert runner.wait(timeout=180) == 137
    for name in ("run", "snap", "attach"):
        assert leaked(json.loads(run("report", "--format=json", f"{name}.memtrace"))) == 10000
    run("ps")


def test_full_disk(memtrace, leaky):
    done = memtrace("run", "-q", "-o", "/dev/full", leaky, "3")
    assert done.returncode == 3
    assert done.stderr.count("\n") == 1 and "No space left on device; make room" in done.stderr


def test_folder_that_is_not_there(memtrace, leaky):
    done = memtrace("run", "-q", "-o", "nowhere/s.memtrace", leaky, "3")
    assert done.returncode == 3
    assert done.stderr.count("\n") == 1 and "nowhere/s.memtrace" in done.stderr


def test_truncated_and_newer_sessions(memtrace, leaky, tmp_path):
    memtrace("run", "-q", "-o", "s.memtrace", leaky)
    content = (tmp_path / "s.memtrace").read_bytes()
    for size in (len(content) - 1, len(content) // 2, 30):
        (tmp_path / "cut.memtrace").write_bytes(content[:size])
        done = memtrace("report", "cut.memtrace")
        assert done.returncode == 1 and "truncated or damaged" in done.stderr, (size, done.stderr)
    flipped = bytearray(content)
    flipped[len(content) // 2] ^= 0x10
    (tmp_path / "flipped.memtrace").write_bytes(flipped)
    done = memtrace("report", "flipped.memtrace")
    assert done.returncode == 1 and "truncated or damaged" in done.stderr
    newer = bytearray(content)
    newer[8] += 1  # the version follows the magic
    (tmp_path / "newer.memtrace").write_bytes(newer)
    done = memtrace("report", "newer.memtrace")
    assert done.returncode == 1 and "newer memtrace" in done.stderr, done.stderr


# leaks as failures

def test_fail_on_leak(memtrace, leaky, tmp_path):
    exact = ["run", "-q", "--sample=all", "-o", "s.memtrace"]
    assert memtrace(*exact, "--fail-on-leak", leaky).returncode == 99
    assert memtrace(*exact, "--fail-on-leak=9999", leaky, "3").returncode == 99
    assert memtrace(*exact, "--fail-on-leak=1M", leaky, "3").returncode == 3
    done = memtrace(*exact, "--fail-on-leak=9999", leaky)
    assert done.stderr.count("\n") == 1 and "exit status 99" in done.stderr


def test_suppressed_leaks_do_not_count(memtrace, leaky, tmp_path):
    (tmp_path / "known").write_text("# known\nleak:^leak$\nleak:libc.so\nleak:ld-linux\n")
    done = memtrace("run", "-q", "--sample=all", "--fail-on-leak=9999", "--suppressions=known", leaky)
    assert done.returncode == 0, done.stderr
    (tmp_path / "other").write_text("leak:^something else$\n")
    assert memtrace("run", "-q", "--sample=all", "--fail-on-leak=9999", "--suppressions=other",
                    leaky).returncode == 99


# while it runs

@pytest.fixture
def waiting(leaky, tmp_path):
    """A leaky program that waits: (memtrace's process, its own pid)."""
    with subprocess.Popen([leaks.MEMTRACE, "run", "-q", "--sample=all", "-o", "run.memtrace", leaky, "wait"],
                          cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as tool:
        assert tool.stdout.readline() == b"ready\n"
        child = only_child(tool.pid)
        yield tool, child
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        tool.communicate(timeout=180)


def test_report_of_a_running_process(memtrace, waiting):
    _, pid = waiting
    report = load(memtrace, pid)
    assert report["process"]["state"] == "running" and report["process"]["pid"] == pid
    assert leaked(report) == 10000
    assert report["process"]["threads"] == 1
    plain = json.loads(memtrace("report", "--format=json", "--no-symbolize", pid).stdout)
    assert not any(frame["function"] for site in plain["sites"] for frame in site["stack"])


def test_snapshot(memtrace, waiting):
    _, pid = waiting
    assert memtrace("snapshot", pid).stdout == f"memtrace.leaky.{pid}.memtrace\n"
    assert leaked(load(memtrace, f"memtrace.leaky.{pid}.memtrace")) == 10000
    assert memtrace("snapshot", "-o", "s.memtrace", pid).stdout == "s.memtrace\n"
    assert memtrace("snapshot", "-o", "nowhere/s.memtrace", pid).returncode == 1


def test_ps_shows_the_agent(memtrace, waiting):
    _, pid = waiting
    line, = [line for line in memtrace("ps").stdout.splitlines() if line.split()[0] == str(pid)]
    assert "recording" in line and "leaky wait" in line


def test_attach_for_a_time(memtrace, waiting):
    tool, pid = waiting
    done = memtrace("attach", "--duration=100ms", "-o", "a.memtrace", pid)
    assert done.returncode == 0 and "a.memtrace" in done.stderr, done.stderr
    report = load(memtrace, "a.memtrace")
    assert report["process"]["state"] == "running" and leaked(report) == 10000
    assert tool.poll() is None


def test_attach_until_control_c(waiting, tmp_path):
    tool, pid = waiting
    child = pexpect.spawn(leaks.MEMTRACE, ["attach", "-o", "a.memtrace", str(pid)], cwd=str(tmp_path), timeout=180)
    child.expect("Ctrl-C ends it")
    child.sendintr()
    child.expect("a.memtrace")
    child.expect(pexpect.EOF)
    # who closes without that sends signals to what takes longer than a moment to end
    child.wait()
    child.close()
    assert child.exitstatus == 0 and tool.poll() is None


def test_attach_until_the_process_ends(memtrace, waiting, tmp_path):
    _, pid = waiting
    with subprocess.Popen([leaks.MEMTRACE, "attach", "-o", "a.memtrace", str(pid)], cwd=tmp_path,
                          stderr=subprocess.PIPE, text=True) as observer:
        assert "Ctrl-C ends it" in observer.stderr.readline()
        os.kill(pid, signal.SIGKILL)
        assert observer.wait(timeout=180) == 0
    report = load(memtrace, "a.memtrace")
    assert report["process"]["state"] != "running" and leaked(report) == 10000


def test_options_without_effect_on_attach_are_said(memtrace, waiting):
    _, pid = waiting
    done = memtrace("attach", "--duration=1ms", "--sample=all", "-o", "a.memtrace", pid)
    assert done.returncode == 0 and "stay as they are" in done.stderr


def test_detach_stops_recording(script, memtrace, tmp_path):
    command = script("import sys\nprint('ready', flush=True)\nkeep = []\n"
                     "for line in sys.stdin:\n    keep.append(bytearray(1 << 20))\n    print('more', flush=True)\n")
    with subprocess.Popen([leaks.MEMTRACE, "run", "-q", "--sample=all", "-o", "s.memtrace", *command], cwd=tmp_path,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as tool:
        assert tool.stdout.readline() == b"ready\n"
        child = only_child(tool.pid)

        def allocate():
            tool.stdin.write(b"\n")
            tool.stdin.flush()
            assert tool.stdout.readline() == b"more\n"
            return load(memtrace, child)["heap"]["allocated_blocks"]
        before = allocate()
        assert allocate() > before
        assert memtrace("detach", child).returncode == 0
        stopped = allocate()
        assert allocate() == stopped
        tool.stdin.close()
        assert tool.wait(timeout=180) == 0


def test_run_for_a_time(script, memtrace, tmp_path):
    command = script("import sys, time\nkeep = [bytearray(100000) for _ in range(50)]\n"
                     "print('ready', flush=True)\nsys.stdin.read()\nsys.exit(8)\n")
    with subprocess.Popen([leaks.MEMTRACE, "run", "--duration=500ms", "-o", "s.memtrace", *command], cwd=tmp_path,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as tool:
        assert tool.stdout.readline() == "ready\n"
        deadline = time.monotonic() + 180
        while not (tmp_path / "s.memtrace").exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert tool.poll() is None
        tool.stdin.close()
        assert "s.memtrace" in tool.stderr.read()
        assert tool.wait(timeout=180) == 8
    assert load(memtrace, "s.memtrace")["process"]["state"] == "running"


def test_library_as_allocator(memtrace, leaky):
    library = next(iter(glob.glob("/usr/lib/*/libjemalloc.so.2")), None)
    if not library:
        pytest.skip("jemalloc is not installed")
    for name in (library, "libjemalloc.so.2"):
        assert memtrace("run", "-q", "--sample=all", f"--allocator={name}", "-o", "s.memtrace", leaky).returncode == 0
        report = load(memtrace, "s.memtrace")
        assert report["agent"]["allocator"] == "jemalloc" and leaked(report) == 10000


def test_hundreds_of_forks(memtrace, tmp_path):
    done = memtrace("run", "-q", "bash", "-c", "for i in {1..300}; do (:); done; echo done", timeout=180)
    assert done.returncode == 0 and done.stdout == "done\n"
