# SPDX-License-Identifier: MIT
"""What an attached agent sees of real programs, against a library that counts their calls of malloc itself."""

import contextlib
import glob
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys

import pytest

from conftest import listening

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "e2e"))
from attaching import attached, running  # noqa: E402

LIBC = glob.glob("/lib/*-linux-gnu/libc.so.6")[:1]
# Stands before libc's functions and counts, in a file that the test reads: blocks that were given out, and taken back.
COUNTER = """
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);
static unsigned long own[2], *counts = own;
__attribute__((constructor)) static void begin(void) {
    int fd = open(getenv("COUNTS"), O_RDWR);
    void *shared = fd < 0 ? MAP_FAILED : mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (shared == MAP_FAILED) _exit(9);
    close(fd);
    counts = shared;
}
static void *given(void *block) { if (block) __atomic_fetch_add(&counts[0], 1, __ATOMIC_RELAXED); return block; }
static void taken(void *block) { if (block) __atomic_fetch_add(&counts[1], 1, __ATOMIC_RELAXED); }
void *malloc(size_t size) { return given(__libc_malloc(size)); }
void *calloc(size_t n, size_t size) { return given(__libc_calloc(n, size)); }
void *realloc(void *old, size_t size) { taken(old); return given(__libc_realloc(old, size)); }
void *memalign(size_t alignment, size_t size) { return given(__libc_memalign(alignment, size)); }
void *aligned_alloc(size_t alignment, size_t size) { return given(__libc_memalign(alignment, size)); }
int posix_memalign(void **ret, size_t alignment, size_t size) {
    return (*ret = given(__libc_memalign(alignment, size))) ? 0 : 12;
}
void free(void *block) { taken(block); __libc_free(block); }
"""
PYTHON = """
import json, re, sys
def work(n):
    for i in range(n):
        text = json.dumps({str(k): [k, "x" * (k * 37 % 3000), k / 7] for k in range(50)})
        json.loads(text); re.sub("[0-9]+", lambda found: found[0] * 3, text); sorted(text.split(","))
work(3)
print("ready", flush=True)
for line in sys.stdin:
    work(20)
    print("done", flush=True)
"""


@pytest.fixture
def counted(tmp_path):
    """The environment of a program whose calls are counted, and counts() so far: given out, taken back."""
    (tmp_path / "count.c").write_text(COUNTER)
    subprocess.run(["cc", "-O1", "-fno-builtin", "-shared", "-fPIC", "-o", tmp_path / "count.so", tmp_path / "count.c"],
                   check=True)
    (tmp_path / "counts").write_bytes(bytes(4096))

    def counts():
        return struct.unpack_from("2L", (tmp_path / "counts").read_bytes())

    return {**os.environ, "LD_PRELOAD": str(tmp_path / "count.so"), "COUNTS": str(tmp_path / "counts")}, counts


@contextlib.contextmanager
def all_seen(memtrace, pid, folder, counts):
    """
    Every block that was given out while it was attached is in the report; of those taken back all but some from
    before. What a server does by itself between counting and attaching is the only doubt, and mostly nothing.
    """
    outer = [counts()]
    with attached(pid, folder, "--sample=all"):
        inner = [counts()]
        yield
        inner.append(counts())
    outer.append(counts())
    heap = memtrace.report(str(folder / "a.memtrace"))["heap"]
    (least, least_taken), (most, most_taken) = (
        [late - early for early, late in zip(*moments)] for moments in (inner, outer))
    assert least > 10000
    assert least <= heap["allocated_blocks"] <= most
    assert least_taken - (outer[0][0] - outer[0][1]) <= heap["freed_blocks"] <= most_taken
    assert heap["live_blocks"] == heap["allocated_blocks"] - heap["freed_blocks"]


def test_python(memtrace, counted, tmp_path):
    environment, counts = counted
    environment["PYTHONMALLOC"] = "malloc"
    with running("/usr/bin/python3", "-c", PYTHON, code=-signal.SIGTERM, env=environment) as process:
        with all_seen(memtrace, process.pid, tmp_path, counts):
            process.stdin.write("go\n")
            process.stdin.flush()
            assert process.stdout.readline() == "done\n"


def ask(connection, lines, *words):
    connection.sendall(" ".join(words).encode() + b"\r\n")
    return lines.readline()


@pytest.mark.skipif(not LIBC or not shutil.which("redis-server"), reason="no redis, or no libc where Debian has it")
def test_redis(memtrace, counted, start, port, tmp_path):
    environment, counts = counted
    # Debian's is linked with jemalloc, of which everything has to be replaced
    environment["LD_PRELOAD"] += " " + LIBC[0]
    pid = start(["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--hz", "1",
                 "--dir", str(tmp_path), "--activerehashing", "no"], listening(port), env=environment)
    with socket.create_connection(("127.0.0.1", port)) as connection, connection.makefile("rb") as lines:
        ask(connection, lines, "PING")
        with all_seen(memtrace, pid, tmp_path, counts):
            for i in range(6000):
                assert ask(connection, lines, "SET", f"k{i % 1000}", "v" * (i % 500 + 1)) == b"+OK\r\n"
