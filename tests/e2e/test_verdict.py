# SPDX-License-Identifier: MIT
"""Whether memtrace says what is wrong with programs of which that is known."""

import subprocess
import time

import pytest

import leaks
from procfs import resident
from stages import advises, assert_near, code, promise, says, staged

ALLOCATORS = pytest.mark.parametrize("options", [[], ["--allocator=system"]], ids=["fast", "system"])
# looked at from outside, and with the agent that watches the program's own allocator
GLIBC = pytest.mark.parametrize("run", [None, ["--allocator=system"]], ids=["outside", "agent"])
MIB = 1 << 20


@ALLOCATORS
def test_a_leak_is_told_with_its_place(tmp_path, options):
    with staged("leak", run=["--sample=all", *options], folder=tmp_path) as stage:
        report = stage.report_once_it_is("leak")
    assert code(report) == "leak"
    assert says(report, "forget_request (")
    assert advises(report, "find out who should free what forget_request (")


def test_a_leak_that_nobody_watched_is_undecided(tmp_path):
    with staged("leak", folder=tmp_path) as stage:
        report = stage.report()
    assert code(report) is None
    assert says(report, "look the same at one moment")
    assert advises(report, "memtrace attach")


@ALLOCATORS
def test_a_cache_that_turns_over_is_no_leak(tmp_path, options):
    with staged("cache", run=["--sample=all", *options], folder=tmp_path) as stage:
        report = stage.report_once_it_is("cache")
        kept = resident(stage.pid)
    assert code(report) == "cache"
    assert says(report, "put_entry (")
    with staged("cache", 5000, run=["--sample=all", *options], folder=tmp_path) as stage:
        assert_near(promise(report, "bound what put_entry"), kept - resident(stage.pid))


@GLIBC
def test_threads_that_reserve_addresses_are_healthy(tmp_path, run):
    began = time.monotonic()
    with staged("threads", run=run, folder=tmp_path) as stage:
        # on a busy machine the threads take a while to begin: it has to be seen that this is over
        time.sleep(3 * (time.monotonic() - began))
        report = stage.report()
    assert code(report) == "healthy"
    assert says(report, "that is no memory, and no leak")
    assert not report["verdict"]["advice"]


OTHERS = pytest.mark.parametrize("library, words", [
    ("libjemalloc.so.2", "slabs"), ("libtcmalloc_minimal.so.4", "spans"), ("libmimalloc.so.2", "pages of mimalloc")])


def other(library):
    return [f"--allocator=/usr/lib/x86_64-linux-gnu/{library}"]


@OTHERS
def test_what_another_allocator_keeps_is_told_in_its_terms(tmp_path, library, words):
    with staged("slabs", run=other(library), folder=tmp_path) as stage:
        report = stage.report()
        kept = resident(stage.pid)
    assert code(report) == "fragmentation"
    assert says(report, f"free, but in pages that live blocks share ({words})")
    # it says what returns the pages that are whole then
    with staged("slabs", "apart", run=other(library), folder=tmp_path) as stage:
        subprocess.run([leaks.MEMTRACE, "trim", "--yes", str(stage.pid)], check=True, capture_output=True, timeout=180)
        assert_near(promise(report, "apart from what goes"), kept - resident(stage.pid))


def test_returning_dirty_pages_of_jemalloc_gives_what_is_promised(tmp_path):
    run = ["--sample=all", *other("libjemalloc.so.2")]
    with staged("pinned-top", run=run, folder=tmp_path) as stage:
        report = stage.report()
        kept = resident(stage.pid)
    assert code(report) == "retention"
    setting = {"MALLOC_CONF": "dirty_decay_ms:0,muzzy_decay_ms:0"}
    with staged("pinned-top", run=run, env=setting, folder=tmp_path) as stage:
        assert_near(promise(report, setting["MALLOC_CONF"]), kept - resident(stage.pid))


@pytest.mark.parametrize("run", [None, [], ["--allocator=system"]], ids=["outside", "fast", "system"])
def test_mappings_of_the_program_are_not_of_malloc(tmp_path, run):
    with staged("maps", run=run, folder=tmp_path) as stage:
        report = stage.report()
        live = stage.live
        gained = stage.tell("free")
    assert code(report) == "not-malloc"
    if run is not None:
        assert says(report, "map_piece (")
        assert promise(report, "unmap what map_piece") == live
        assert_near(live, gained)


@pytest.mark.parametrize("run", [None, [], ["--allocator=system"]], ids=["outside", "fast", "system"])
def test_stacks_are_not_of_malloc(tmp_path, run):
    with staged("stacks", run=run, folder=tmp_path) as stage:
        report = stage.report()
        kept = resident(stage.pid)
    assert code(report) == "not-malloc"
    assert says(report, "stacks of threads")
    with staged("stacks", 24, run=run, folder=tmp_path) as stage:
        assert_near(promise(report, "half as many threads"), kept - resident(stage.pid))


@pytest.mark.parametrize("run", [None, [], ["--allocator=system"]], ids=["outside", "fast", "system"])
def test_threads_that_nobody_joins_are_a_leak(tmp_path, run):
    with staged("unjoined", run=run, folder=tmp_path, settle=1) as stage:
        report = stage.report()
        gained = stage.tell("free")
    assert code(report) == "leak"
    assert says(report, "200 threads have ended and were neither joined nor detached")
    # of a thread that ends glibc gives back all but the upper end of the stack
    assert promise(report, "pthread_join") >= 200 * 16 << 10
    assert_near(promise(report, "pthread_join"), gained)


def test_a_process_without_malloc_has_mapped_it_itself(tmp_path, compile_c):
    program = compile_c("""
        #include <string.h>
        #include <sys/mman.h>
        #include <unistd.h>
        int main(void)
        {
            char word[8];
            for (int i = 0; i < 40; i++)
                memset(mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 1, 1 << 20);
            write(1, "ready live=0 freed=0\\n", 21);
            return read(0, word, 1) < 0;
        }
    """)
    with staged([program], folder=tmp_path) as stage:
        report = stage.report()
    assert code(report) == "not-malloc"
    assert report["memory"]["unexplained_bytes"] == 0


def test_shared_memory_is_named(tmp_path, compile_c):
    program = compile_c("""
        #include <string.h>
        #include <sys/mman.h>
        #include <unistd.h>
        int main(void)
        {
            char word[8];
            for (int i = 0; i < 40; i++) {
                int fd = memfd_create("frames", 0);
                if (ftruncate(fd, 1 << 20) < 0)
                    return 1;
                memset(mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), 1, 1 << 20);
                close(fd);
            }
            write(1, "ready live=0 freed=0\\n", 21);
            return read(0, word, 1) < 0;
        }
    """, "-D_GNU_SOURCE")
    with staged([program], folder=tmp_path) as stage:
        report = stage.report()
    assert code(report) == "not-malloc"
    assert says(report, "40.0 MiB of it are of /memfd:frames, in 40 mappings")


def test_objects_that_nobody_watched_can_be_looked_at(tmp_path):
    with staged("objects", folder=tmp_path) as stage:
        report = stage.report()
        pid = stage.pid
    assert code(report) is None
    assert advises(report, f"memtrace objects {pid}")
