# SPDX-License-Identifier: MIT
"""glibc's arenas, read from outside, against what glibc itself says and does."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import xml.etree.ElementTree

import pytest

import cores
import leaks
from figures import show, show_promise
from procfs import resident

PAGE = 4096
MiB = 1 << 20

PYTHON = """
import ctypes, sys
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes = [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
blocks = []
for i in range(3000):
    block = libc.malloc(500 + i * 37 % 90000)
    ctypes.memset(block, 1, 500 + i * 37 % 90000)
    blocks.append(block)
for i in range(3000):
    if i % 3:
        libc.free(blocks[i])
print("done", flush=True)
for line in sys.stdin:
    if line.startswith("trim"):
        libc.malloc_trim(0)
    print("done", flush=True)
"""


class Victim:
    """A program that obeys its standard input, one word a line, and ends each answer with "done"."""

    def __init__(self, process):
        self.process = process
        self.pid = process.pid
        self.answer()

    def answer(self):
        lines = []
        while (line := self.process.stdout.readline()) != "done\n":
            assert line, "it has ended"
            lines.append(line)
        return "".join(lines)

    def ask(self, word):
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        return self.answer()

    def rss(self):
        return resident(self.pid)


@contextlib.contextmanager
def victim(*command, env=None):
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                          env=os.environ | (env or {})) as process:
        try:
            yield Victim(process)
        finally:
            process.kill()


def arenas_victim(n_arenas, env=None):
    return victim(f"{leaks.VICTIMS}/arenas", str(n_arenas), env=env)


def arenas_of(memtrace, target, *options):
    done = memtrace("arenas", "--format=json", *options, target)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return json.loads(done.stdout)


def size(heap, kind, which):
    return int(heap.find(f"{kind}[@type='{which}']").get("size"))


def count(heap, which):
    return int(heap.find(f"total[@type='{which}']").get("count"))


def free_in_bins(heap):
    """Bins and top. malloc_info adds chunks' sizes with a flag in each, but for the top, which is the last."""
    return size(heap, "total", "rest") - (count(heap, "rest") - 1)


def assert_as_malloc_info_says(memtrace, process, n_arenas):
    parsed = arenas_of(memtrace, process.pid)
    info = xml.etree.ElementTree.fromstring(process.ask("info"))
    heaps = info.findall("heap")
    arenas = [arena for arena in parsed["arenas"] if arena["kind"] != "mmapped"]
    assert len(arenas) == len(heaps) == n_arenas
    for arena, heap in zip(arenas, heaps):
        assert arena["id"] == int(heap.get("nr"))
        assert arena["system_bytes"] == size(heap, "system", "current")
        assert arena["peak_system_bytes"] == size(heap, "system", "max")
        assert arena["fast_bytes"] == size(heap, "total", "fast")
        assert arena["free_bytes"] - arena["cached_bytes"] == free_in_bins(heap)
        assert arena["unread_bytes"] == 0
        assert arena["system_bytes"] == \
            arena["in_use_bytes"] + arena["free_bytes"] + arena["metadata_bytes"]
        # the caches of threads, which malloc_info takes for blocks in use
        assert arena["cached_bytes"] > arena["fast_bytes"] or not arena["free_blocks"]
    show(f"malloc_info, {n_arenas} arenas", equal=len(arenas), system=sum(arena["system_bytes"] for arena in arenas),
         free=sum(arena["free_bytes"] - arena["cached_bytes"] for arena in arenas),
         fast=sum(arena["fast_bytes"] for arena in arenas))
    mapped = info.find("total[@type='mmap']")
    own = [arena for arena in parsed["arenas"] if arena["kind"] == "mmapped"]
    # with hugetlb=1 the break moves by 2 MiB, and where it began decides whether a large block finds room there
    if int(mapped.get("count")) == 0:
        assert not own
        return
    own = own[0]
    assert own["in_use_blocks"] == int(mapped.get("count"))
    assert own["system_bytes"] == int(mapped.get("size"))
    assert own["unread_bytes"] == 0


@pytest.mark.parametrize("n_arenas", [1, 16, 100])
def test_every_arena_is_as_malloc_info_says(memtrace, n_arenas):
    with arenas_victim(n_arenas) as process:
        assert_as_malloc_info_says(memtrace, process, n_arenas)


# with huge pages asked for, the break is not used, and the heaps of threads have another size
TUNABLES = ["hugetlb=1", "hugetlb=2", "mmap_threshold=4096", "mmap_threshold=0", "top_pad=3000000"]


@pytest.mark.parametrize("tunable", TUNABLES)
def test_every_arena_is_as_malloc_info_says_with(memtrace, tunable):
    with arenas_victim(4, {"GLIBC_TUNABLES": f"glibc.malloc.{tunable}"}) as process:
        assert_as_malloc_info_says(memtrace, process, 4)


@pytest.mark.parametrize("where", [0, 1 << 20])
def test_a_break_that_cannot_be_moved_goes_on_elsewhere(memtrace, compile_c, where):
    with victim(compile_c(BLOCKED), str(where)) as process:
        parsed = arenas_of(memtrace, process.pid)
        heap = xml.etree.ElementTree.fromstring(process.ask("info")).find("heap")
        main = parsed["arenas"][0]
        assert main["heaps"] > 1
        assert main["system_bytes"] == size(heap, "system", "current") > 20 * MiB
        assert main["free_bytes"] - main["cached_bytes"] == free_in_bins(heap)
        assert main["unread_bytes"] == 0
        before = process.rss()
        process.ask("trim")
        freed = before - process.rss()
        show_promise("malloc_trim, break blocked", main["trimmable_bytes"], freed)
        assert abs(main["trimmable_bytes"] - freed) <= freed // 100 + 16 * PAGE


@pytest.mark.parametrize("n_arenas", [1, 16, 100])
def test_each_thread_is_told_with_its_arena(memtrace, n_arenas):
    with arenas_victim(n_arenas) as process:
        parsed = arenas_of(memtrace, process.pid)
    arenas = [arena for arena in parsed["arenas"] if arena["kind"] != "mmapped"]
    tids = [thread["tid"] for arena in arenas for thread in arena["threads"]]
    assert arenas[0]["threads"][0]["tid"] == parsed["process"]["pid"]
    assert len(tids) == len(set(tids)) == n_arenas


@pytest.mark.parametrize("n_arenas", [1, 16, 100])
def test_trim_frees_what_was_predicted(memtrace, n_arenas):
    with arenas_victim(n_arenas) as process:
        predicted = sum(arena["trimmable_bytes"] for arena in arenas_of(memtrace, process.pid)["arenas"])
        before = process.rss()
        # nothing becomes resident by being read
        arenas_of(memtrace, process.pid)
        assert process.rss() == before
        process.ask("trim")
        freed = before - process.rss()
        show_promise(f"malloc_trim, {n_arenas} arenas", predicted, freed)
        assert freed > n_arenas * 5 * MiB
        # what the call itself touches may be a page or two
        assert abs(predicted - freed) <= max(freed // 100, 2 * PAGE)
        left = sum(arena["trimmable_bytes"] for arena in arenas_of(memtrace, process.pid)["arenas"])
        assert left <= 4 * PAGE


def test_python_is_predicted_too(memtrace):
    with victim(sys.executable, "-c", PYTHON) as process:
        predicted = sum(arena["trimmable_bytes"] for arena in arenas_of(memtrace, process.pid)["arenas"])
        before = process.rss()
        process.ask("trim")
        freed = before - process.rss()
        show_promise("malloc_trim, python3", predicted, freed)
        assert freed > 50 * MiB
        assert abs(predicted - freed) <= freed // 100


BLOCKED = """
    #define _GNU_SOURCE
    #include <malloc.h>
    #include <stdint.h>
    #include <stdio.h>
    #include <stdlib.h>
    #include <string.h>
    #include <sys/mman.h>
    #include <unistd.h>
    static char output[1 << 16], word[64];
    static void *blocks[10000];
    int main(int argc, char **argv) {
        setvbuf(stdout, output, _IOFBF, sizeof(output));
        free(malloc(1));
        mmap((char *)(((uintptr_t)sbrk(0) + 4095) & -4096L) + atoi(argv[argc - 1]), 4096, PROT_NONE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
        for (size_t i = 0; i < 10000; i++) {
            size_t size = i * 7919 % (i % 8 ? 2000 : 50000);
            blocks[i] = malloc(size);
            memset(blocks[i], 1, size);
            if (i % 1000 == 0)
                memset(malloc(200000), 1, 200000);
        }
        for (size_t i = 0; i < 10000; i++)
            if (i % 3)
                free(blocks[i]);
        for (;;) {
            if (write(1, "done\\n", 5) < 0 || read(0, word, sizeof(word)) <= 0)
                return 0;
            if (word[0] == 'i') {
                malloc_info(0, stdout);
                fflush(stdout);
            } else {
                malloc_trim(0);
            }
        }
    }
"""

BREAK = """
    #include <malloc.h>
    #include <stdio.h>
    #include <stdlib.h>
    #include <string.h>
    #include <unistd.h>
    static void churn(int n) {
        for (int i = 0; i < n; i++) {
            char *block = malloc(1000);
            memset(block, 1, 1000);
            if (i % 3)
                free(block);
        }
    }
    int main(void) {
        churn(1000);
        memset(sbrk(100000), 'A', 100000);
        churn(3000);
        write(1, "done\\n", 5);
        for (;;)
            pause();
    }
"""

BUSY = """
    #include <pthread.h>
    #include <semaphore.h>
    #include <stdint.h>
    #include <stdlib.h>
    #include <string.h>
    #include <unistd.h>
    static sem_t filled;
    static void *work(void *seed) {
        static __thread void *blocks[2000];
        uint64_t x = (uintptr_t)seed * 7919 + 1;
        for (uint64_t n = 0;; n++) {
            x ^= x << 13, x ^= x >> 7, x ^= x << 17;
            if (n == 50000)
                sem_post(&filled);
            size_t size = x % 9 ? (x >> 20) % 2000 : (x >> 20) % 60000;
            void **block = &blocks[(x >> 40) % 2000];
            free(*block);
            *block = malloc(size);
            memset(*block, 1, size);
        }
    }
    int main(void) {
        pthread_t thread;
        for (uintptr_t i = 0; i < 3; i++)
            pthread_create(&thread, NULL, work, (void *)i);
        for (int i = 0; i < 3; i++)
            sem_wait(&filled);
        write(1, "done\\n", 5);
        for (;;)
            pause();
    }
"""


def test_what_others_take_from_the_break_is_stepped_over(memtrace, compile_c):
    with victim(compile_c(BREAK)) as process:
        main, = arenas_of(memtrace, process.pid)["arenas"]
    # 4000 blocks, of which every third is kept
    assert main["in_use_blocks"] == pytest.approx(334 + 1000, abs=5)
    assert 100000 <= main["unread_bytes"] < 100000 + 2 * PAGE


@pytest.mark.parametrize("options", [[], ["--no-stop"]])
def test_a_process_at_work_is_read(memtrace, compile_c, options):
    with victim(compile_c(BUSY, "-O1", "-pthread")) as process:
        for _ in range(3):
            arenas = arenas_of(memtrace, process.pid, *options)["arenas"]
            assert len([arena for arena in arenas if arena["kind"] == "thread"]) == 3
            for arena in arenas:
                assert arena["system_bytes"] == \
                    arena["in_use_bytes"] + arena["free_bytes"] + arena["metadata_bytes"]
                if arena["kind"] == "thread":
                    assert arena["in_use_blocks"] == pytest.approx(2000, rel=0.2)
                    assert arena["unread_bytes"] < arena["system_bytes"] / 20
        # nobody is left stopped
        with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
            assert re.search(r"^TracerPid:\t0$", status.read(), re.M)


BUSY_MAIN = """
    #include <stdint.h>
    #include <stdlib.h>
    #include <string.h>
    #include <unistd.h>
    int main(void) {
        static void *blocks[20000];
        uint64_t x = 7919;
        for (uint64_t n = 0;; n++) {
            x ^= x << 13, x ^= x >> 7, x ^= x << 17;
            size_t size = 16 + (x >> 20) % 3000;
            void **block = &blocks[(x >> 40) % 20000];
            free(*block);
            *block = malloc(size);
            memset(*block, 1, size);
            if (n == 100000)
                write(1, "done\\n", 5);
        }
    }
"""


def test_a_main_arena_whose_bins_change_all_the_time_is_found(memtrace, compile_c):
    with victim(compile_c(BUSY_MAIN, "-O1")) as process:
        for _ in range(12):
            arenas = arenas_of(memtrace, process.pid, "--no-stop")["arenas"]
            assert [arena["kind"] for arena in arenas][:1] == ["main"]
            assert arenas[0]["system_bytes"] > 20 * MiB


def jcmd(pid, request):
    done = subprocess.run(["jcmd", str(pid), request], check=True, timeout=180, capture_output=True, text=True)
    return done.stdout


def predict_and_trim_java(memtrace):
    """What trimming a Java machine was said to give back, and what the machine says that it gave."""
    command = ["java", "-cp", leaks.VICTIMS, "CaseInflaters", "4", "100"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            while not process.stdout.readline().startswith("ready"):
                assert process.poll() is None
            process.stdin.write("gc\n")
            process.stdin.flush()
            assert process.stdout.readline() == "done\n"
            # the machine starts its threads for requests
            jcmd(process.pid, "VM.version")
            parsed = arenas_of(memtrace, process.pid)
            said = jcmd(process.pid, "System.trim_native_heap")
        finally:
            process.kill()
    assert sum(len(arena["threads"]) for arena in parsed["arenas"]) >= parsed["process"]["threads"] - 2
    freed = re.search(r"\(-(\d+)K\)", said)
    if not freed:
        pytest.skip("this Java machine cannot trim")
    return sum(arena["trimmable_bytes"] for arena in parsed["arenas"]), int(freed[1]) * 1024


@pytest.mark.alone
def test_java_is_predicted_too(memtrace):
    if not (shutil.which("java") and shutil.which("jcmd")) or \
            not os.path.exists(f"{leaks.VICTIMS}/CaseInflaters.class"):
        pytest.skip("no Java development kit")
    # the request itself is answered by threads of the machine, which allocate; and its compiler may come in between
    for _ in range(3):
        predicted, freed = predict_and_trim_java(memtrace)
        show_promise("System.trim_native_heap, java", predicted, freed)
        if predicted == pytest.approx(freed, rel=0.02):
            return
    assert predicted == pytest.approx(freed, rel=0.02)


def test_session_keeps_the_arenas(memtrace):
    with arenas_victim(4) as process:
        live = arenas_of(memtrace, process.pid)
        assert memtrace("snapshot", "-o", "kept.memtrace", process.pid).returncode == 0
    kept = arenas_of(memtrace, "kept.memtrace")
    assert kept["arenas"] == live["arenas"]
    assert kept["allocator"] == live["allocator"]


def test_core_has_the_arenas_of_the_process(memtrace, tmp_path):
    cores.need_gcore()
    same = ("system_bytes", "in_use_bytes", "in_use_blocks", "free_bytes", "free_blocks", "top_bytes",
            "cached_bytes", "fast_bytes", "address", "heaps", "kind")
    with arenas_victim(4) as process:
        live = arenas_of(memtrace, process.pid)
        core = cores.gcore(process.pid, tmp_path)
    done = memtrace("arenas", "--format=json", core)
    assert done.returncode == 0, done.stderr
    dead = json.loads(done.stdout)
    assert [[arena[key] for key in same] for arena in dead["arenas"]] == \
        [[arena[key] for key in same] for arena in live["arenas"]]
    assert [[thread["tid"] for thread in arena["threads"]] for arena in dead["arenas"]] == \
        [[thread["tid"] for thread in arena["threads"]] for arena in live["arenas"]]


def test_text_reads_well(memtrace):
    with arenas_victim(4) as process:
        done = memtrace("arenas", process.pid)
        assert done.returncode == 0
        assert "malloc_trim(0) would give back" in done.stdout
        assert re.search(r"^  main +13\.7 MiB +4\.3 MiB +671 ", done.stdout, re.M)
        assert re.search(r"^  own mappings +2\.0 MiB", done.stdout, re.M)
        assert re.search(r"^  total ", done.stdout, re.M)
        done = memtrace("arenas", "--top=1", process.pid)
        assert re.search(r"^  4 others ", done.stdout, re.M)
        done = memtrace("arenas", "--format=csv", "--sort=id", process.pid)
        assert [line.split(",")[2] for line in done.stdout.splitlines()] == \
            ["kind", "main", "thread", "thread", "thread", "mmapped"]


def test_trim_only_predicts_unless_told(memtrace):
    with arenas_victim(1) as process:
        before = process.rss()
        done = memtrace("trim", process.pid)
        assert done.returncode == 0
        assert re.match(r"malloc_trim\(0\) in process \d+ would give back \d", done.stdout)
        assert process.rss() == before


def assert_trims(memtrace, process, at_least):
    """trim --yes frees what arenas predicts, and leaves nothing in the process."""
    predicted = sum(arena["trimmable_bytes"] for arena in arenas_of(memtrace, process.pid)["arenas"])
    before = process.rss()
    n_mappings = count_mappings(process.pid)
    done = memtrace("trim", "--yes", process.pid)
    freed = before - process.rss()
    assert done.returncode == 0, done.stderr
    assert re.search(r"^Done: .* resident before, .* after: \d.* given back\.$", done.stdout, re.M)
    assert re.search(r"^Thread \d+ was stopped for it for ", done.stdout, re.M)
    assert freed > at_least
    # code of libc that becomes resident: a fault maps up to 16 pages at once
    assert abs(predicted - freed) <= freed // 100 + 64 * PAGE
    assert count_mappings(process.pid) == n_mappings


def count_mappings(pid):
    with open(f"/proc/{pid}/maps", encoding="ascii") as maps:
        return sum(1 for line in maps if "r-xp" in line)


@pytest.mark.parametrize("n_arenas", [1, 16, 100])
def test_trim_does_it_when_told(memtrace, n_arenas):
    with arenas_victim(n_arenas) as process:
        assert_trims(memtrace, process, n_arenas * 5 * MiB)
        assert "<malloc version" in process.ask("info")


def test_trim_does_it_in_python(memtrace):
    with victim(sys.executable, "-c", PYTHON) as process:
        assert_trims(memtrace, process, 50 * MiB)


def test_trim_leaves_threads_at_work_alone(memtrace):
    with victim(f"{leaks.VICTIMS}/arenas", "3", "busy") as process:
        for _ in range(5):
            done = memtrace("trim", "--yes", process.pid)
            assert done.returncode == 0, done.stderr
        assert "<malloc version" in process.ask("info")


def test_trim_says_that_a_process_is_stopped(memtrace):
    with arenas_victim(1) as process:
        os.kill(process.pid, signal.SIGSTOP)
        done = memtrace("trim", "--yes", process.pid)
        os.kill(process.pid, signal.SIGCONT)
        assert done.returncode == 1
        assert f"{process.pid} is stopped; let it go on (kill -CONT {process.pid})" in done.stderr
        assert "<malloc version" in process.ask("info")


def test_a_process_without_malloc_is_told(memtrace, compile_c):
    program = compile_c("""
        #include <unistd.h>
        int main(void) { write(1, "done\\n", 5); for (;;) pause(); }
    """)
    with victim(program) as process:
        done = memtrace("arenas", process.pid)
        assert done.returncode == 1
        assert "never used it" in done.stderr
        assert memtrace("trim", process.pid).returncode == 1
