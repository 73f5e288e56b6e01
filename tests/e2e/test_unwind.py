# SPDX-License-Identifier: MIT
"""In real programs our unwinder finds the frames that libunwind finds, to the last one.

tests/support/unwind-check.c, preloaded, takes both on every Nth malloc and counts. It also recalls every stack, as
the recorder does, and what it recalls has to be what unwinding finds.
"""

import glob
import json
import os
import shutil
import subprocess

import pytest

import leaks

LIBRARY = os.path.join(leaks.BUILD, "tests", "support", "libunwind-check.so")

PYTHON = ["/usr/bin/python3", "-c", """
import ctypes, decimal, email, json, re, sqlite3, sys, threading
def down(n):
    return json.loads(json.dumps({"a": [n] * 10})) if n == 0 else down(n - 1)
for i in range(300):
    down(i % 40)
base = sqlite3.connect(":memory:")
base.create_function("twice", 1, lambda x: len(re.sub("1", str(x), "1" * 50)))
base.execute("create table t (a, b)")
base.executemany("insert into t values (?, ?)", ((i, "x" * i) for i in range(500)))
assert base.execute("select sum(twice(a)) from t where b like '%xxx%'").fetchone()[0] > 0
compare = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))
numbers = (ctypes.c_int * 200)(*range(200, 0, -1))
ctypes.CDLL(None).qsort(numbers, 200, 4, compare(lambda a, b: len(json.dumps([a[0], b[0]])) * 0 + a[0] - b[0]))
assert list(numbers) == list(range(1, 201))
threads = [threading.Thread(target=down, args=(30,)) for _ in range(20)]
[t.start() for t in threads]
[t.join() for t in threads]
"""]
CPLUSPLUS = """
#include <algorithm>
#include <iostream>
#include <map>
#include <regex>
#include <string>
#include <vector>
int main()
{
	std::map<std::string, std::vector<std::regex>> m;
	m["a"].push_back(std::regex("x+"));
	std::vector<int> v{3, 1, 2};
	std::sort(v.begin(), v.end());
	std::cout << m.size();
}
"""

# its compiler runs in the same process, in Java
JAVA = """
import java.util.zip.*;

public class Work {
	static int pack(byte[] bytes, int depth) {
		if (depth > 0)
			return pack(bytes, depth - 1);
		Deflater deflater = new Deflater();
		deflater.setInput(bytes);
		deflater.finish();
		int n = deflater.deflate(new byte[1000]);
		deflater.end();
		return n;
	}

	public static void main(String[] arguments) {
		int total = 0;
		for (int i = 0; i < 3000; i++)
			// now and then deeper than what is remembered of interpreted frames
			total += pack(new byte[500], i % 500 == 499 ? 360 : i % 7);
		System.out.println(total);
	}
}
"""


def count(command, directory, every, expected, loader=0, env=()):
    """Runs it and returns the figures of all its processes, added up, and the traces that differ."""
    out = os.path.join(directory, "out")
    environ = os.environ | {"LD_PRELOAD": LIBRARY, "UNWIND_CHECK_EVERY": str(every), "UNWIND_CHECK_OUT": out,
                            "UNWIND_CHECK_LOADER": str(loader)} | dict(env)
    done = subprocess.run(command, cwd=directory, env=environ, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    figures, shown = {}, ""
    for path in glob.glob(out + ".*"):
        with open(path, encoding="utf-8", errors="replace") as file:
            words = file.readline().split()
            shown += file.read()
        for name, number in zip(words[::2], words[1::2]):
            figures[name] = figures.get(name, 0) + int(number)
    print(figures)
    assert figures["traces"] >= expected, figures
    assert figures["wrong"] == 0, shown
    assert figures["noted"] > 100 or loader, figures
    return figures, shown


def run(command, directory, every, expected, loader=0, env=()):
    """The same for programs that have tables for every function: not even where libunwind gives up is there more."""
    figures, shown = count(command, directory, every, expected, loader, env)
    assert figures["different"] == 0, shown
    assert figures["longer"] == figures["truncated"] == figures["fp"] == 0, figures
    return figures


@pytest.mark.parametrize("loader", [0, 1, 2, 3], ids=["", "no-counters", "no-find-object", "list-only"])
def test_python(tmp_path, loader):
    run(PYTHON, tmp_path, 29 if loader == 0 else 211, 300, loader, {"PYTHONMALLOC": "malloc"})


def test_cplusplus_compiler(tmp_path):
    source = tmp_path / "source.cc"
    source.write_text(CPLUSPLUS)
    run(["g++", "-O2", "-c", source, "-o", tmp_path / "source.o"], tmp_path, 499, 1000)


def test_git(tmp_path):
    env = {"HOME": str(tmp_path), "GIT_CONFIG_NOSYSTEM": "1"}
    commit = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m"]
    script = " && ".join(["git init -q .", *[f"seq {i} {i * 50} > file{i} && git add . && {' '.join(commit)} {i}"
                                             for i in range(1, 8)],
                          "git gc -q", "git log -p --stat > /dev/null", "git status > /dev/null"])
    run(["sh", "-c", script], tmp_path, 7, 300, 0, env)


def test_program_with_gaps_between_its_segments(tmp_path):
    run([os.path.join(leaks.BUILD, "tests", "support", "gaps")], tmp_path, 1, 900)


@pytest.mark.skipif(not shutil.which("javac"), reason="no JDK")
@pytest.mark.parametrize("mode", ["-Xmixed", "-Xint", "-Xcomp"])
def test_stacks_with_frames_of_java_are_recalled(tmp_path, mode):
    """libunwind cannot follow them; what is recalled is compared with what unwinding finds."""
    (tmp_path / "Work.java").write_text(JAVA)
    # -Xcomp compiles what it meets, which takes its time
    command = ["java", mode, "-Xmx256m", "-XX:+UseSerialGC", *(["-XX:TieredStopAtLevel=1"] if mode == "-Xcomp" else []),
               "Work.java"]
    figures, _ = count(command, tmp_path, 29, 1000)
    assert figures["recalled"] > 0.95 * figures["traces"], figures


@pytest.mark.parametrize("kind", ["stack-tricks", "stack-tricks-fp"])
def test_stacks_that_are_left_in_every_way(tmp_path, kind):
    # libunwind does not see where a coroutine begins
    count([os.path.join(leaks.BUILD, "tests", "victims", kind)], tmp_path, 3, 13000)


def test_what_the_loader_sets_up_has_whole_stacks(tmp_path):
    """The loader's first lines, from which it calls constructors of libraries, have no tables: there the stack ends."""
    program = tmp_path / "empty"
    subprocess.run(["g++", "-x", "c++", "-", "-o", program], input="#include <iostream>\nint main() { std::cout << 1; }", text=True, check=True)
    session = tmp_path / "empty.memtrace"
    subprocess.run([leaks.MEMTRACE, "run", "--quiet", "--sample=all", "-o", session, program], check=True)
    report = json.loads(subprocess.run([leaks.MEMTRACE, "report", "--format=json", session], capture_output=True,
                                       text=True, check=True).stdout)
    # libstdc++'s memory for exceptions without memory
    assert [site for site in report["sites"] if site["live_bytes"] > 70000]
    assert not [site for site in report["sites"] if site["truncated"]]
