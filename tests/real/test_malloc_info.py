# SPDX-License-Identifier: MIT
"""Real programs on glibc's malloc: every arena is as malloc_info says, and trim gives what was predicted.

gdb holds the process still and calls malloc_info in it, memtrace reads the arenas in between.
"""

import glob
import json
import os
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree

import pytest

from plain import until

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "e2e"))
import leaks  # noqa: E402
from figures import show, show_promise  # noqa: E402
from procfs import let_it_calm_down, resident  # noqa: E402
from stages import staged  # noqa: E402


def gdb_can_call():
    """gdb 13 cannot write the registers of processors with AMX, and so calls no function there."""
    if not shutil.which("gdb"):
        return False
    process = subprocess.Popen(["sleep", "60"])
    try:
        until(lambda: os.path.basename(os.readlink(f"/proc/{process.pid}/exe")) == "sleep", "sleep did not begin")
        done = subprocess.run(["gdb", "-nx", "-batch", "-p", str(process.pid), "-ex", "call ((int (*)(void))getpid)()"],
                              capture_output=True, text=True, timeout=180, check=False)
    finally:
        process.kill()
        process.wait()
    return f"= {process.pid}" in done.stdout


@pytest.fixture(autouse=True, scope="module")
def gdb():
    """Asked when the first of these tests runs, not where they are only collected."""
    if not gdb_can_call():
        pytest.skip("no gdb, or one that cannot call functions on this processor")
LIBC = glob.glob("/lib/*-linux-gnu/libc.so.6")[:1]


def said_and_read(memtrace, pid, folder):
    """What malloc_info says and what memtrace reads of one moment."""
    text, read = folder / "info.xml", folder / "arenas.json"
    text.touch()
    text.chmod(0o666)
    commands = [
        "set pagination off", "set debuginfod enabled off", "handle all nostop noprint pass",
        "set scheduler-locking on",
        f'set $f = ((void *(*)(const char *, const char *))fopen)("{text}", "w")',
        # the first one allocates the stream's buffer
        "call ((int (*)(int, void *))malloc_info)(0, $f)", "call ((int (*)(void *))fflush)($f)",
        f"shell {memtrace.program} arenas --no-stop --format=json {pid} > {read}",
        "call ((int (*)(int, void *))malloc_info)(0, $f)", "call ((int (*)(void *))fclose)($f)", "detach"]
    done = subprocess.run(["gdb", "-nx", "-batch", "-p", str(pid), *(word for line in commands for word in ("-ex", line))],
                          capture_output=True, text=True, timeout=180, check=False)
    said = text.read_text()
    assert said.count("<malloc ") == 2, done.stdout + done.stderr
    return xml.etree.ElementTree.fromstring(said[said.rindex("<malloc "):]), json.loads(read.read_text())


def assert_same(memtrace, pid, folder, at_least):
    said, read = said_and_read(memtrace, pid, folder)
    heaps = said.findall("heap")
    arenas = [arena for arena in read["arenas"] if arena["allocator"] == "glibc" and arena["kind"] != "mmapped"]
    assert len(arenas) == len(heaps) >= at_least
    for arena, heap in zip(arenas, heaps):
        def figure(kind, which, name="size", heap=heap):
            return int(heap.find(f"{kind}[@type='{which}']").get(name))

        assert arena["system_bytes"] == figure("system", "current")
        assert arena["peak_system_bytes"] == figure("system", "max")
        assert arena["fast_bytes"] == figure("total", "fast")
        # each chunk but the last, the top, is counted with a flag in its size
        assert arena["free_bytes"] - arena["cached_bytes"] == figure("total", "rest") - (figure("total", "rest", "count") - 1)
        assert arena["unread_bytes"] == 0
    show(f"malloc_info, {read['process']['comm']}", equal_arenas=len(arenas),
         system=sum(arena["system_bytes"] for arena in arenas),
         free=sum(arena["free_bytes"] - arena["cached_bytes"] for arena in arenas),
         fast=sum(arena["fast_bytes"] for arena in arenas))


def assert_trims(memtrace, pid):
    done = subprocess.run([memtrace.program, "arenas", "--format=json", str(pid)], env=memtrace.environment,
                          capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stderr
    predicted = sum(arena["trimmable_bytes"] for arena in json.loads(done.stdout)["arenas"]
                    if arena["allocator"] == "glibc")
    before = resident(pid, "Anonymous")
    subprocess.run([memtrace.program, "trim", "--yes", str(pid)], env=memtrace.environment, check=True,
                   capture_output=True, text=True, timeout=180)
    gained = before - resident(pid, "Anonymous")
    show_promise(f"malloc_trim, anonymous memory, {json.loads(done.stdout)['process']['comm']}", predicted, gained)
    assert abs(predicted - gained) <= gained // 100 + 64 * 4096, (predicted, gained)


def test_mariadb_with_many_threads(memtrace, mariadb):
    work = ("create database d{0}; use d{0}; create table t as select seq as n, repeat('x', seq % 300) as s from "
            "seq_1_to_5000; select count(distinct s) from t; select length(group_concat(s order by n)) from t")
    clients = [subprocess.Popen(["mariadb", "--no-defaults", "-uroot", "-S", mariadb.socket, "-e", work.format(i)],
                                stdout=subprocess.DEVNULL) for i in range(8)]
    assert [client.wait(timeout=180) for client in clients] == [0] * 8
    time.sleep(1)
    assert_same(memtrace, mariadb.pid, mariadb.socket.parent, 4)
    assert_trims(memtrace, mariadb.pid)


@pytest.mark.skipif(not LIBC, reason="no libc where Debian has it")
def test_redis_on_libc_s_malloc(memtrace, start, tmp_path):
    path = str(tmp_path / "redis.sock")
    # Debian's is linked with jemalloc; what is preloaded comes before that
    pid = start(["redis-server", "--port", "0", "--unixsocket", path, "--save", "", "--enable-debug-command", "yes"],
                lambda: os.path.exists(path), env=os.environ | {"LD_PRELOAD": LIBC[0]})
    subprocess.run(["redis-cli", "-s", path, "debug", "populate", "50000", "key", "1000"], check=True,
                   capture_output=True, timeout=180)
    subprocess.run(["redis-cli", "-s", path, "del", *(f"key:{i}" for i in range(40000) if i % 400)], check=True,
                   capture_output=True, timeout=180)
    # its timer shrinks the table of keys
    time.sleep(2)
    assert_same(memtrace, pid, tmp_path, 1)
    assert_trims(memtrace, pid)


PYTHON = """
import ctypes
import sys
import threading
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes = [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
stay = threading.Barrier(4)
def work():
    blocks = [libc.malloc(500 + i * 37 % 90000) for i in range(700)]
    for i, block in enumerate(blocks):
        ctypes.memset(block, 1, 500 + i * 37 % 90000)
    for i, block in enumerate(blocks):
        if i % 3:
            libc.free(block)
    stay.wait()
    threading.Event().wait()
for _ in range(3):
    threading.Thread(target=work, daemon=True).start()
stay.wait()
work_on = [str(i) * 50 for i in range(20000)]
del work_on[::2]
print("ready live=0 freed=0", flush=True)
sys.stdin.read()
"""


def test_python_with_threads(memtrace, tmp_path):
    with staged(["/usr/bin/python3", "-c", PYTHON]) as stage:
        assert_same(memtrace, stage.pid, tmp_path, 2)
        assert_trims(memtrace, stage.pid)


def test_java_with_an_arena_for_most_threads(memtrace, tmp_path):
    if not shutil.which("java") or not os.path.exists(f"{leaks.VICTIMS}/CaseInflaters.class"):
        pytest.skip("no Java")
    # without a compiler, which works on for a while, and whose memory comes and goes
    with subprocess.Popen(["java", "-Xint", "-Xmx128m", "-XX:+UseSerialGC", "-cp", leaks.VICTIMS, "CaseInflaters", "16", "40"],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            until(lambda: process.stdout.readline().startswith("ready"), "the program is not ready")
            # what is in use for a moment now would be given back then
            let_it_calm_down(process.pid)
            assert_same(memtrace, process.pid, tmp_path, 8)
            assert_trims(memtrace, process.pid)
        finally:
            process.kill()
