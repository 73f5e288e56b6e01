# SPDX-License-Identifier: MIT
"""What cannot be attached to is refused with the reason and the way out, and is not touched."""

import contextlib
import os
import re
import shutil
import signal
import struct
import subprocess

import pytest

from attaching import running

WAITS = "#include <unistd.h>\n#include <sys/prctl.h>\n#include <sys/syscall.h>\n#include <linux/seccomp.h>\n" \
        "int main(void) { char c; %s; if (write(1, \"ready\\n\", 6) != 6) return 1;\n" \
        "while (syscall(SYS_read, 0, &c, 1) > 0) syscall(SYS_write, 1, \"done\\n\", 5);\nsyscall(SYS_exit, 0); }\n"


def seen(pid):
    """What would show that somebody has been there."""
    with open(f"/proc/{pid}/maps", encoding="utf-8") as file:
        maps = file.read()
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        status = file.read()
    return maps, re.search(r"TracerPid:.*", status)[0], re.search(r"Threads:.*", status)[0]


def refused(done, *words):
    assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
    assert all(word in done.stderr for word in words), done.stderr


@contextlib.contextmanager
def untouched(process):
    before = seen(process.pid)
    yield
    assert seen(process.pid) == before
    process.stdin.write("x")
    process.stdin.flush()
    assert process.stdout.readline() == "done\n"


def test_static_programs(memtrace, compile_c):
    with running(compile_c(WAITS % "", "-static"), code=-signal.SIGTERM) as process, untouched(process):
        refused(memtrace("attach", process.pid), "static", "--no-inject")


def test_strict_seccomp(memtrace, compile_c):
    program = compile_c(WAITS % "prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT)")
    with running(program, code=-signal.SIGTERM) as process, untouched(process):
        refused(memtrace("attach", process.pid), "strict seccomp", "--no-inject")


def test_traced_processes(memtrace, compile_c):
    with running(compile_c(WAITS % ""), code=-signal.SIGTERM) as process:
        with subprocess.Popen(["strace", "-o", "/dev/null", "-p", str(process.pid)], stderr=subprocess.PIPE, text=True) as tracer:
            tracer.stderr.readline()
            with untouched(process):
                refused(memtrace("attach", process.pid), "traced", str(tracer.pid), "strace", "--no-inject")
            tracer.terminate()


def test_zombies_and_stopped_processes(memtrace):
    with subprocess.Popen(["sleep", "60"]) as process:
        process.send_signal(signal.SIGSTOP)
        os.waitpid(process.pid, os.WUNTRACED)
        before = seen(process.pid)
        refused(memtrace("attach", process.pid), "stopped", "kill -CONT")
        assert seen(process.pid) == before
        process.send_signal(signal.SIGCONT)
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        refused(memtrace("attach", process.pid), "has ended")


def test_threads_of_the_kernel(memtrace):
    if not os.path.exists("/proc/2/comm") or os.path.exists("/proc/2/cwd/."):
        pytest.skip("no thread of the kernel is seen here")
    refused(memtrace("attach", 2), "kernel", "no malloc")


def test_processes_of_other_users(as_nobody, compile_c):
    _, tool, options = as_nobody
    with running(compile_c(WAITS % ""), code=-signal.SIGTERM) as process, untouched(process):
        done = subprocess.run([tool, "attach", str(process.pid)], capture_output=True, text=True, timeout=180, check=False, **options)
        refused(done, "another user", "uid 0", "as root")


def test_processes_that_keep_tracers_out(as_nobody, compile_c):
    folder, tool, options = as_nobody
    program = shutil.copy(compile_c(WAITS % "prctl(PR_SET_DUMPABLE, 0)"), folder)
    with subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **options) as process:
        try:
            assert process.stdout.readline() == "ready\n"
            with untouched(process):
                done = subprocess.run([tool, "attach", str(process.pid)], capture_output=True, text=True, timeout=180, check=False,
                                      **options)
                refused(done, "undumpable", "as root")
        finally:
            process.kill()


def test_processes_of_ones_own_are_not(as_nobody, compile_c):
    """The same without that: nobody's tool and nobody's process."""
    folder, tool, options = as_nobody
    program = shutil.copy(compile_c(WAITS % ""), folder)
    with subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **options) as process:
        try:
            assert process.stdout.readline() == "ready\n"
            done = subprocess.run([tool, "attach", "--duration=1ms", "-o", "a.memtrace", str(process.pid)], capture_output=True,
                                  text=True, timeout=180, check=False, **options)
            scope = "/proc/sys/kernel/yama/ptrace_scope"
            if os.path.exists(scope) and open(scope, encoding="ascii").read().strip() != "0":
                refused(done, "kernel.yama.ptrace_scope", "as root")
            else:
                assert "recording in" in done.stderr and "left" in done.stderr, done.stderr
        finally:
            process.kill()


def elf32(path):
    """A program of 32 bits: write(1, "ready\\n", 6), then pause for ever."""
    base, text = 0x8048000, b"ready\n"
    code = (b"\xb8\x04\0\0\0\xbb\x01\0\0\0\xb9" + struct.pack("<I", base + 84 + 36) + b"\xba\x06\0\0\0\xcd\x80"
            b"\xb8\x1d\0\0\0\xcd\x80\xeb\xf7")
    code = code.ljust(36, b"\x90")
    size = 84 + len(code) + len(text)
    header = b"\x7fELF\1\1\1".ljust(16, b"\0") + struct.pack("<HHIIIIIHHHHHH", 2, 3, 1, base + 84, 52, 0, 0, 52, 32, 1, 0, 0, 0)
    segment = struct.pack("<IIIIIIII", 1, 0, base, base, size, size, 5, 4096)
    path.write_bytes(header + segment + code + text)
    path.chmod(0o755)
    return path


def test_programs_of_32_bits(memtrace, tmp_path):
    program = elf32(tmp_path / "small")
    try:
        with running(program, code=-signal.SIGTERM) as process:
            before = seen(process.pid)
            refused(memtrace("attach", process.pid), "32-bit", "--no-inject")
            assert seen(process.pid) == before
    except OSError as error:
        pytest.skip(f"this kernel runs none: {error}")


def test_processes_without_memory_for_it(memtrace, compile_c):
    limit = "struct rlimit limit = {1 << 20, 1 << 20}; setrlimit(RLIMIT_AS, &limit)"
    program = compile_c("#include <sys/resource.h>\n" + WAITS % limit)
    with running(program, code=-signal.SIGTERM) as process, untouched(process):
        refused(memtrace("attach", process.pid), "no memory", "ulimit -v", "--max-memory")


def test_memory_that_never_becomes_executable_is_enough(memtrace, compile_c):
    """Under PR_SET_MDWE what could be written to cannot be executed; the image needs nothing of the kind."""
    program = compile_c(WAITS % "if (prctl(65, 1, 0, 0, 0)) { syscall(SYS_write, 1, \"none\\n\", 5); return 0; }")
    with subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            if process.stdout.readline() != "ready\n":
                pytest.skip("this kernel has no PR_SET_MDWE")
            done = memtrace("attach", "--duration=1ms", "-o", "a.memtrace", process.pid)
            assert done.returncode == 0 and "slots" in done.stderr, done.stderr
            process.stdin.write("x")
            process.stdin.flush()
            assert process.stdout.readline() == "done\n"
        finally:
            process.kill()
