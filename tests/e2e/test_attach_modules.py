# SPDX-License-Identifier: MIT
"""`memtrace attach` sees every call through whatever leads to malloc, in modules that come and go, counted against
a program that counts itself."""

import json
import signal
import subprocess

import pytest

from attaching import attached, running

CALLS = 1000
# each module has count_NAME, which makes CALLS calls, half through malloc and half through strdup
PLUGIN = f"""
#include <stdlib.h>
#include <string.h>
static void *volatile kept;
void count_NAME(void) {{
    for (int i = 0; i < {CALLS} / 2; i++) {{
        kept = malloc(10 + i);
        free(kept);
        kept = strdup("NAME");
        free(kept);
    }}
}}
"""
PROGRAM = f"""
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
static void *volatile kept;
static void *(*table[1])(size_t) = {{malloc}};
__attribute__((noinline)) static void count_table(void) {{
    for (int i = 0; i < {CALLS}; i++) {{ kept = table[0](10); free(kept); }}
}}
__attribute__((noinline)) static void count_asked(void) {{
    void *(*asked)(size_t) = (void *(*)(size_t))dlsym(RTLD_DEFAULT, "malloc");
    for (int i = 0; i < {CALLS}; i++) {{ kept = asked(10); free(kept); }}
}}
/* not bound before the first call */
__attribute__((noinline)) static void count_late(void) {{
    for (int i = 0; i < {CALLS}; i++) {{ kept = reallocarray(NULL, 3, 10); free(kept); }}
}}
static void run(void *handle, const char *name) {{
    void (*function)(void) = (void (*)(void))dlsym(handle, name);
    if (!function) exit(3);
    function();
}}
static void come_and_go(const char *path, const char *name) {{
    void *handle = dlopen(path, RTLD_LAZY);
    if (!handle) exit(2);
    run(handle, name);
    dlclose(handle);
}}
int main(int n, char **paths) {{
    char line[16];
    void *before = dlopen(paths[1], RTLD_LAZY), *own = dlmopen(LM_ID_BASE, paths[2], RTLD_NOW);
    if (!before || !own) return 2;
    if (write(1, "ready\\n", 6) != 6) return 1;
    while (read(0, line, sizeof(line)) > 0) {{
        count_table();
        count_asked();
        count_late();
        run(before, "count_before");
        run(own, "count_bound");
        for (int i = 0; i < 3; i++) {{
            come_and_go(paths[3], "count_later");
            come_and_go(paths[4], "count_now");
        }}
        if (write(1, "done\\n", 5) != 5) return 1;
    }}
}}
"""
EXPECTED = {"table": 1, "asked": 1, "late": 1, "before": 1, "bound": 1, "later": 3, "now": 3}


@pytest.fixture
def program(tmp_path, compile_c):
    plugins = []
    for name, option in (("before", "-Wl,-z,lazy"), ("bound", "-Wl,-z,now"), ("later", "-Wl,-z,lazy"), ("now", "-Wl,-z,now")):
        source = tmp_path / f"{name}.c"
        source.write_text(PLUGIN.replace("NAME", name))
        plugins.append(tmp_path / f"{name}.so")
        subprocess.run(["cc", "-g", "-O1", "-shared", "-fPIC", option, "-o", plugins[-1], source], check=True)
    return [compile_c(PROGRAM, "-g", "-O1", "-D_GNU_SOURCE", "-Wl,-z,lazy", "-Wl,-z,norelro"), *plugins]


def counted(memtrace, session):
    counts = {}
    for site in json.loads(memtrace("report", "--format=json", session).stdout)["sites"]:
        names = [frame["function"] or "" for frame in site["stack"]]
        name = next((name[6:] for name in names if name.startswith("count_")), None)
        if name:
            counts[name] = counts.get(name, 0) + site["allocated_blocks"]
    return counts


def tell(process):
    process.stdin.write("go\n")
    process.stdin.flush()
    assert process.stdout.readline() == "done\n"


@pytest.mark.parametrize("told", [False, True])
def test_every_call_is_counted(memtrace, program, tmp_path, told):
    """told: everything has been called, and bound, before."""
    with running(*program, code=-signal.SIGTERM) as process:
        if told:
            tell(process)
        with attached(process.pid, tmp_path, "--sample=all"):
            tell(process)
            tell(process)
        # and no more when it is over, whatever was loaded and bound meanwhile
        tell(process)
        assert counted(memtrace, "a.memtrace") == {name: 2 * CALLS * times for name, times in EXPECTED.items()}
        with attached(process.pid, tmp_path, "--sample=all", name="b.memtrace"):
            tell(process)
        assert counted(memtrace, "b.memtrace") == {name: CALLS * times for name, times in EXPECTED.items()}
