# SPDX-License-Identifier: MIT
"""Java programs: one stack from the C function to the Java method, compiled or not, and what is asked of the machine."""

import os
import shutil
import subprocess

import pytest

import leaks

pytestmark = pytest.mark.skipif(not shutil.which("javac"), reason="no JDK")

LIBRARY = os.path.join(leaks.VICTIMS, "libjni-leak.so")
MODES = {
    "default": [],
    "interpreted": ["-Xint"],
    "compiled": ["-Xcomp", "-XX:CompileCommand=quiet", "-XX:CompileCommand=compileonly,JniLeak::*"],
    "optimized": ["-XX:-TieredCompilation", "-XX:CompileThreshold=200"],
}


def java(*options, requests=40000, pace=100):
    """A command; it ends when its input does."""
    return ["java", "-Xmx64m", "-XX:+UseSerialGC", *options, "-cp", leaks.VICTIMS, "JniLeak", LIBRARY, str(requests),
            str(pace)]


def line_of(source, text):
    with open(os.path.join(leaks.SOURCE, source), encoding="utf-8") as file:
        return [number for number, line in enumerate(file, 1) if text in line][0]


def places(site):
    return [(frame["function"], os.path.basename(frame["file"] or ""), frame["line"]) for frame in site["stack"]]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("allocator", ["fast", "system"])
def test_java_and_c_stand_in_one_stack(tmp_path, mode, allocator):
    session = tmp_path / "session.memtrace"
    subprocess.run([leaks.MEMTRACE, "run", "--quiet", "--sample=16K", f"--allocator={allocator}", "-o", session, "--",
                    *java(*MODES[mode])], check=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=100)
    sites = [site for site in leaks.report(session)["sites"]
             if site["stack"][0]["function"] == "keep_block" and site["live_bytes"] > 1 << 20]
    assert sites
    # 40 MB: the most of it is in stacks that are whole
    named = 0
    for site in sites:
        stack = places(site)
        java_frames = [place for place in stack if place[1] == "JniLeak.java"]
        assert stack[0] == ("keep_block", "jni-leak.c", line_of("jni-leak.c", "malloc(size)"))
        assert stack[1][:2] == ("Java_JniLeak_keep", "jni-leak.c")
        assert stack[-1][0] in ("clone3", "__clone", "clone"), stack
        assert not site["truncated"]
        if [place[0] for place in java_frames] != ["JniLeak.keep", "JniLeak.handle", "JniLeak.serve", "JniLeak.main"]:
            continue
        assert java_frames[1][2] == line_of("JniLeak.java", "keep(1000")
        assert java_frames[2][2] == line_of("JniLeak.java", "handle(i);")
        assert java_frames[3][2] == line_of("JniLeak.java", "serve(Integer")
        named += site["live_bytes"]
    assert named > 0.9 * 40000 * 1003


def test_a_machine_that_runs_already_is_read_the_same_way(tmp_path):
    with subprocess.Popen(java(requests=10**7, pace=200), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            session = tmp_path / "session.memtrace"
            done = subprocess.run([leaks.MEMTRACE, "attach", "--duration=1500ms", "--sample=16K", "-o", session,
                                   str(process.pid)], capture_output=True, text=True, timeout=60, check=False)
            assert done.returncode == 0, done.stderr
            sites = [site for site in leaks.report(session)["sites"] if site["stack"][0]["function"] == "keep_block"]
            assert sites
            best = [place[0] for place in places(sites[0])]
            assert best[1:6] == ["Java_JniLeak_keep", "JniLeak.keep", "JniLeak.handle", "JniLeak.serve", "JniLeak.main"]
        finally:
            process.kill()
