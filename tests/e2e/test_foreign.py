# SPDX-License-Identifier: MIT
"""What jemalloc, tcmalloc and mimalloc hold, in the words of arenas, and what they give back when they are told to."""

import json
import os
import subprocess
import time

import pytest

import smaps
from procfs import resident
from stages import advises, assert_near, code, promise, says, staged

MIB = 1 << 20
# mimalloc 2.0 returns what it is told to collect 25 ms after a segment's first page was freed, and 1 ms later for each
# further one of at most 512; until then it keeps it for its next need. Seconds.
MIMALLOC_KEEPS = 0.6
FOLDER = "/usr/lib/x86_64-linux-gnu"
LIBRARIES = {"jemalloc": "libjemalloc.so.2", "tcmalloc": "libtcmalloc_minimal.so.4", "mimalloc": "libmimalloc.so.2"}

OUTSIDE = pytest.mark.parametrize("name", list(LIBRARIES))


def path_of(name):
    path = os.path.join(FOLDER, LIBRARIES[name])
    if not os.path.exists(path):
        pytest.skip(f"{name} is not installed")
    return path


def under(name, victim, **more):
    return staged(victim, env={"LD_PRELOAD": path_of(name)}, **more)


def arenas_of(memtrace, pid, *options):
    done = memtrace("arenas", "--format=json", *options, pid)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["arenas"]


def total(arenas, member):
    return sum(arena[member] for arena in arenas)


@OUTSIDE
def test_their_parts_add_up(memtrace, name):
    with under(name, "peak") as stage:
        arenas = arenas_of(memtrace, stage.pid)
        rss = resident(stage.pid)
    assert {arena["allocator"] for arena in arenas} == {name}
    for arena in arenas:
        assert arena["system_bytes"] == arena["in_use_bytes"] + arena["free_bytes"] + arena["metadata_bytes"]
        assert arena["free_resident_bytes"] <= arena["free_bytes"]
        assert arena["resident_bytes"] == \
            arena["in_use_resident_bytes"] + arena["free_resident_bytes"] + arena["metadata_resident_bytes"]
    # sizes of classes are up to an eighth above what was asked for
    assert stage.live <= total(arenas, "in_use_bytes") <= 1.2 * stage.live
    assert total(arenas, "resident_bytes") <= rss


@OUTSIDE
def test_the_ledger_has_them_by_what_they_are(name):
    with under(name, "peak") as stage:
        report = stage.report()
    smaps.assert_explained(report)
    owners = smaps.owners(report)
    kept = sum(arena["free_resident_bytes"] for arena in report["arenas"])
    assert abs(owners["heap.free"] - kept) <= kept // 20
    assert 0.8 * stage.live <= owners["heap.live"] <= 1.2 * stage.live
    assert owners.get("heap.other", 0) < 2 * MIB


@OUTSIDE
@pytest.mark.parametrize("verb", ["objects", "strings"])
def test_that_their_blocks_cannot_be_told_is_said(memtrace, verb, name):
    with under(name, "peak") as stage:
        done = memtrace(verb, stage.pid)
    assert done.returncode == 1
    assert "only blocks of glibc's allocator and of memtrace's own can be told one by one" in done.stderr
    assert "--in=all" in done.stderr


@OUTSIDE
def test_what_they_keep_goes_back_as_promised(memtrace, name):
    with under(name, "peak") as stage:
        report = stage.report()
        if name == "mimalloc":
            time.sleep(MIMALLOC_KEEPS)
        before = resident(stage.pid)
        done = memtrace("trim", "--yes", stage.pid)
        assert done.returncode == 0, done.stderr
        gained = before - resident(stage.pid)
    assert code(report) == "retention"
    assert says(report, f"are kept by {name}")
    wanted = {"jemalloc": "MALLOC_CONF", "tcmalloc": "ReleaseFreeMemory", "mimalloc": "mi_collect"}[name]
    promised = promise(report, wanted)
    assert gained > 50 * MIB
    assert abs(gained - promised) <= promised // 100 + 64 * 4096
    assert advises(report, "memtrace trim --yes") == (name != "mimalloc")


PARTLY = """
#include <stdio.h>
#include <stdlib.h>
int main(void)
{
    static char *blocks[40000];
    for (int i = 0; i < 40000; i++)
        *(blocks[i] = malloc(16000)) = 1;
    for (int i = 0; i < 40000; i++)
        if (i % 4)
            free(blocks[i]);
    puts("ready live=160000000 freed=480000000");
    fflush(stdout);
    getchar();
}
"""


@pytest.mark.parametrize("name", ["jemalloc", "tcmalloc"])
def test_pages_that_nobody_wrote_to_are_not_promised(memtrace, compile_c, name):
    """One page in four is there, and blocks in use have no larger share of them than free ones."""
    with under(name, [str(compile_c(PARTLY, "-O1", "-fno-builtin"))]) as stage:
        report = stage.report()
        before = resident(stage.pid)
        assert memtrace("trim", "--yes", stage.pid).returncode == 0
        gained = before - resident(stage.pid)
    smaps.assert_explained(report)
    # a page of metadata or two is written to while that is done
    assert abs(gained - total(report["arenas"], "trimmable_bytes")) <= gained // 100 + 64 * 4096
    assert gained > 50 * MIB
    assert smaps.owners(report)["heap.free"] >= gained * 0.98
    assert smaps.owners(report).get("heap.other", 0) < 2 * MIB


def test_an_allocator_that_is_loaded_and_not_used_is_not_asked(memtrace):
    with staged("peak", env={"LD_PRELOAD": f"libc.so.6 {path_of('jemalloc')}"}) as stage:
        report = stage.report()
        before = resident(stage.pid)
        done = memtrace("trim", "--yes", stage.pid)
        gained = before - resident(stage.pid)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("malloc_trim(0) in process ")
    assert gained > 50 * MIB
    assert_near(promise(report, "malloc_trim"), gained)


@OUTSIDE
def test_what_shares_pages_does_not(memtrace, name):
    with under(name, "slabs") as stage:
        report = stage.report()
        before = resident(stage.pid)
        assert memtrace("trim", "--yes", stage.pid).returncode == 0
        assert before - resident(stage.pid) < 16 * MIB
    assert code(report) == "fragmentation"
    assert promise(report, "allocate what stays apart") > 170 * MIB


# what jemalloc says of itself, line by line
SAYS_JEMALLOC = """
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
int mallctl(const char *name, void *value, size_t *size, void *new_value, size_t new_size);
static const char *const names[] = {"pactive", "pdirty", "pmuzzy", "retained", "base", "internal", "tcache_bytes",
                                    "small.allocated", "large.allocated"};
static pthread_barrier_t barrier;
static size_t figure(unsigned arena, const char *name)
{
    size_t value = 0, size = sizeof(value);
    char path[100];
    snprintf(path, sizeof(path), "stats.arenas.%u.%s", arena, name);
    return mallctl(path, &value, &size, NULL, 0) ? SIZE_MAX : value;
}
static void *work(void *seed)
{
    static __thread void *blocks[8000];
    unsigned state = (unsigned)(uintptr_t)seed;
    for (int i = 0; i < 8000; i++) {
        size_t size = rand_r(&state) % (i % 100 ? 3000 : 200000);
        memset(blocks[i] = malloc(size), 1, size);
        if (i % 500 == 0)
            free(malloc(9 << 20));
    }
    for (int i = 0; i < 8000; i++)
        if (i % 3)
            free(blocks[i]);
    pthread_barrier_wait(&barrier);
    pause();
    return NULL;
}
int main(void)
{
    static char out[4096];
    unsigned n_arenas = 0;
    size_t size = sizeof(n_arenas);
    uint64_t one = 1;
    setvbuf(stdout, out, _IOFBF, sizeof(out));
    pthread_barrier_init(&barrier, NULL, 5);
    for (uintptr_t i = 1; i <= 4; i++)
        pthread_create(&(pthread_t){0}, NULL, work, (void *)i);
    pthread_barrier_wait(&barrier);
    mallctl("epoch", NULL, NULL, &one, sizeof(one));
    mallctl("arenas.narenas", &n_arenas, &size, NULL, 0);
    for (unsigned i = 0; i < n_arenas; i++) {
        if (figure(i, "base") == SIZE_MAX)
            continue;
        printf("%u", i);
        for (size_t k = 0; k < sizeof(names) / sizeof(*names); k++)
            printf(" %zu", figure(i, names[k]));
        puts("");
    }
    puts("ready live=0 freed=0");
    fflush(stdout);
    return (int)read(0, out, 1);
}
"""


def test_jemalloc_is_read_as_it_says_itself(memtrace, compile_c):
    """Without a stop, to the byte, in each of its arenas."""
    # with one processor it makes one
    several = {"MALLOC_CONF": "narenas:8"}
    with staged([str(compile_c(SAYS_JEMALLOC, "-O1", path_of("jemalloc")))], env=several) as stage:
        arenas = arenas_of(memtrace, stage.pid, "--no-stop")
    said = {}
    for line in stage.said[:-1]:
        number, active, dirty, muzzy, retained, base, internal, cached, small, large = map(int, line.split())
        # its own blocks are among the allocated ones
        metadata = base + min(internal, active * 4096 - small - large)
        said[number] = {"in_use_bytes": small + large - cached, "cached_bytes": cached, "metadata_bytes": metadata,
                        "system_bytes": (active + dirty + muzzy) * 4096 + retained + base}
    assert len(said) >= 3
    assert {arena["id"]: {name: arena[name] for name in said[0]} for arena in arenas} == said


# what tcmalloc says of itself
SAYS_TCMALLOC = """
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
int MallocExtension_GetNumericProperty(const char *name, size_t *value);
void MallocExtension_GetStats(char *text, int size);
void MallocExtension_ReleaseToSystem(size_t bytes);
static const char *const names[] = {"generic.heap_size", "tcmalloc.pageheap_free_bytes", "tcmalloc.pageheap_unmapped_bytes",
                                    "tcmalloc.central_cache_free_bytes", "tcmalloc.transfer_cache_free_bytes",
                                    "tcmalloc.thread_cache_free_bytes"};
static pthread_barrier_t barrier;
static void *work(void *seed)
{
    static __thread void *blocks[8000];
    unsigned state = (unsigned)(unsigned long)seed;
    for (int i = 0; i < 8000; i++) {
        size_t size = rand_r(&state) % (i % 100 ? 3000 : 400000);
        memset(blocks[i] = malloc(size), 1, size);
    }
    for (int i = 0; i < 8000; i++)
        if (i % 3)
            free(blocks[i]);
    pthread_barrier_wait(&barrier);
    pause();
    return NULL;
}
int main(void)
{
    static char out[4096], text[8192];
    setvbuf(stdout, out, _IOFBF, sizeof(out));
    pthread_barrier_init(&barrier, NULL, 5);
    for (unsigned long i = 1; i <= 4; i++)
        pthread_create(&(pthread_t){0}, NULL, work, (void *)i);
    pthread_barrier_wait(&barrier);
    MallocExtension_ReleaseToSystem(4 << 20);
    MallocExtension_GetStats(text, sizeof(text));
    char *end = strstr(text, "Bytes in malloc metadata");
    while (end > text && end[-1] != '\\n')
        end--;
    printf("%ld", atol(end + strcspn(end, "0123456789")));
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        size_t value = 0;
        MallocExtension_GetNumericProperty(names[i], &value);
        printf(" %zu", value);
    }
    puts("\\nready live=0 freed=0");
    fflush(stdout);
    return (int)read(0, out, 1);
}
"""


def test_tcmalloc_is_read_as_it_says_itself(memtrace, compile_c):
    """Without a stop, to the byte."""
    with staged([str(compile_c(SAYS_TCMALLOC, "-O1", path_of("tcmalloc")))]) as stage:
        arena = arenas_of(memtrace, stage.pid, "--no-stop")[0]
    metadata, heap, free, unmapped, central, transfer, threads = map(int, stage.said[0].split())
    assert unmapped and transfer and threads
    said = {"metadata_bytes": metadata, "system_bytes": heap + metadata, "cached_bytes": transfer + threads,
            "free_bytes": free + unmapped + central + transfer + threads}
    assert {name: arena[name] for name in said} == said


def test_what_cannot_be_read_of_jemalloc_is_asked(memtrace):
    """The allocator of huge pages has structures of its own."""
    with staged("peak", env={"LD_PRELOAD": path_of("jemalloc"), "MALLOC_CONF": "hpa:true"}) as stage:
        asked = arenas_of(memtrace, stage.pid)
        done = memtrace("arenas", "--no-stop", stage.pid)
        assert memtrace("report", "--no-stop", stage.pid).returncode == 0
    assert stage.live <= total(asked, "in_use_bytes") <= 1.2 * stage.live
    assert done.returncode == 1
    assert "have a form that is not known, and it tells its figures only to a thread" in done.stderr


@pytest.mark.parametrize("name", ["jemalloc", "mimalloc"])
def test_with_the_agent_they_are_read_as_well(tmp_path, name):
    with staged("peak", run=[f"--allocator={path_of(name)}"], folder=tmp_path) as stage:
        report = stage.report()
    assert {arena["allocator"] for arena in report["arenas"]} == {name}
    assert code(report) == "retention"
    assert says(report, f"are kept by {name}")


@pytest.mark.parametrize("prefix", ["", "_rjem_"])
def test_jemalloc_that_is_linked_into_the_program_is_read(memtrace, compile_c, tmp_path, prefix):
    """With a prefix, as in Rust, libc's malloc is there beside it, and nothing of jemalloc is exported."""
    archive = os.path.join(FOLDER, "libjemalloc.a")
    if not os.path.exists(archive):
        pytest.skip("no static jemalloc")
    names = ["malloc", "free", "calloc", "realloc", "mallctl", "posix_memalign", "aligned_alloc", "memalign", "valloc",
             "malloc_usable_size", "malloc_stats_print", "mallctlnametomib", "mallctlbymib", "pvalloc"]
    renamed = [f"--redefine-sym={name}={prefix}{name}" for name in names] if prefix else []
    subprocess.run(["objcopy", *renamed, archive, tmp_path / "libjemalloc.a"], check=True, timeout=180)
    calls = [f"-D{name}={prefix}{name}" for name in ("malloc", "free")] if prefix else []
    program = compile_c(PROGRAM, "-O1", *calls, tmp_path / "libjemalloc.a", "-lm", "-lpthread", "-lstdc++")
    with staged([str(program)]) as stage:
        arenas = [arena for arena in arenas_of(memtrace, stage.pid) if arena["allocator"] == "jemalloc"]
        owners = smaps.owners(stage.report())
        before = resident(stage.pid)
        done = memtrace("trim", "--yes", stage.pid)
        gained = before - resident(stage.pid)
    if gained:
        # each of these blocks has a page more than it needs, of which one in ten was never written to
        assert_near(total(arenas, "trimmable_bytes"), gained, 0.02)
    assert stage.live <= total(arenas, "in_use_bytes") <= 1.3 * stage.live
    assert owners.get("runtime.mapped", 0) < 2 * MIB
    assert done.returncode == 0, done.stderr
    if not prefix:
        assert 'mallctl("arena.4096.purge") in process' in done.stdout


def test_tcmalloc_that_is_linked_into_the_program_is_read(memtrace, compile_c):
    archive = os.path.join(FOLDER, "libtcmalloc_minimal.a")
    if not os.path.exists(archive):
        pytest.skip("no static tcmalloc")
    program = compile_c(PROGRAM, "-O1", archive, "-lm", "-lpthread", "-lstdc++")
    with staged([str(program)]) as stage:
        report = stage.report()
        before = resident(stage.pid)
        done = memtrace("trim", "--yes", stage.pid)
        gained = before - resident(stage.pid)
    assert done.returncode == 0, done.stderr
    smaps.assert_explained(report)
    assert code(report) == "retention"
    assert {arena["allocator"] for arena in report["arenas"]} == {"tcmalloc"}
    assert stage.live <= total(report["arenas"], "in_use_bytes") <= 1.3 * stage.live
    assert gained > 30 * MIB
    assert_near(promise(report, "ReleaseFreeMemory"), gained, 0.02)


PROGRAM = """
#include <stddef.h>
#include <stdio.h>
#include <string.h>
void *malloc(size_t size);
void free(void *block);
int main(void)
{
    static char *blocks[4000];
    for (int i = 0; i < 4000; i++)
        memset(blocks[i] = malloc(16000), 1, 16000);
    for (int i = 0; i < 4000; i++)
        if (i % 4)
            free(blocks[i]);
    puts("ready live=16000000 freed=48000000");
    fflush(stdout);
    getchar();
}
"""
