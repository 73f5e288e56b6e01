# SPDX-License-Identifier: MIT
"""Java programs: one stack from the C function to the Java method, compiled or not, and what is asked of the machine."""

import json
import os
import re
import shutil
import signal
import subprocess
import time

import pytest

import leaks
from attaching import attached
from procfs import resident
from stages import code, says, staged

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
                    *java(*MODES[mode])], check=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=180)
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


def kept(pid):
    """What the library has kept since it was attached to, as far as that is known."""
    done = subprocess.run([leaks.MEMTRACE, "report", "--format=json", str(pid)], capture_output=True, text=True,
                          timeout=180, check=True)
    return sum(site["live_bytes"] for site in json.loads(done.stdout)["sites"]
               if site["stack"] and site["stack"][0]["function"] == "keep_block")


def test_a_machine_that_runs_already_is_read_the_same_way(tmp_path):
    with subprocess.Popen(java(requests=10**7, pace=200), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            session = tmp_path / "session.memtrace"
            with attached(process.pid, tmp_path, "--sample=16K", name="session.memtrace"):
                # until it has kept 20 MB of what is kept from now on, however long a busy machine takes
                enough = 20 << 20
                while kept(process.pid) < enough:
                    time.sleep(0.1)
            sites = [site for site in leaks.report(session)["sites"] if site["stack"][0]["function"] == "keep_block"]
            assert sites
            best = [place[0] for place in places(sites[0])]
            assert best[1:6] == ["Java_JniLeak_keep", "JniLeak.keep", "JniLeak.handle", "JniLeak.serve", "JniLeak.main"]
        finally:
            process.kill()


def inflaters(*options):
    return ["java", "-Xmx128m", "-XX:+UseSerialGC", *options, "-cp", leaks.VICTIMS, "CaseInflaters", "4", "500"]


def assert_tracked(report, text, level):
    """What the machine counts stands beside what it does not: the libraries' blocks."""
    rows = {row["category"]: row for row in report["java"]["tracking"]}
    ledger = {line["owner"]: line["resident_bytes"] for line in report["memory"]["ledger"]}
    assert rows["Total"]["reserved_bytes"] >= rows["Total"]["committed_bytes"] > rows["Java Heap"]["committed_bytes"]
    assert rows["Total"]["malloc_bytes"] > rows["Symbol"]["malloc_bytes"] > 0
    assert re.search(r"Native Memory Tracking +reserved +committed +from malloc" + (" +resident$" if level == "detail" else "$"),
                     text, re.M), text
    outside = re.search(r"outside of it are resident: ([\d.]+) MiB of malloc's live blocks, which libraries", text)
    assert outside, text
    assert float(outside[1]) * 2**20 == pytest.approx(ledger["heap.live"] - rows["Total"]["malloc_bytes"], rel=0.1)
    if level == "detail":
        heap = sum(size for owner, size in ledger.items() if owner == "runtime.jvm-heap")
        assert rows["Java Heap"]["mapped_resident_bytes"] == pytest.approx(heap, rel=0.1)
        assert all(place["bytes"] > 0 and place["blocks"] > 0 for place in report["java"]["places"])
        assert "of malloc, its own code has most in" in text and report["java"]["places"]


@pytest.mark.parametrize("agent", ["fast", "system"])
def test_streams_that_nobody_closed_are_named_and_counted(tmp_path, agent):
    """4,000 Inflaters in 2,000 streams; then they are dropped and collected."""
    tracking = {"fast": "summary", "system": "detail"}[agent]
    with staged([*inflaters(f"-XX:NativeMemoryTracking={tracking}"), "hold"], run=["--sample=32K", f"--allocator={agent}"],
                folder=tmp_path) as stage:
        report, text = stage.report(), stage.text()
        stage.tell("gc")
        after = stage.report()
    inflater = [row for row in report["java"]["classes"] if row["name"] == "java.util.zip.Inflater"][0]
    assert inflater["objects"] == 4000
    assert inflater["native_objects"] == pytest.approx(4000, rel=0.2)
    assert inflater["native_bytes"] > 100 << 20
    assert report["java"]["version"] >= 11 and report["java"]["collector"] == "Serial"
    assert report["java"]["missing"] == []
    assert_tracked(report, text, tracking)
    assert code(report) == "leak"
    assert says(report, "4,000 java.util.zip.Inflater hold") and says(report, "CaseInflaters.openNested")
    assert "4,000 java.util.zip.Inflater hold" in text
    sites = [site for site in report["sites"] if not site["backing"]]
    heaviest = [frame["function"] for frame in sites[0]["stack"]]
    assert "inflate" in heaviest or "inflateInit2_" in heaviest
    assert "CaseInflaters.openNested" in heaviest
    names = {thread["name"] for site in sites[:5] for thread in site["threads"]}
    assert names & {f"unpacker-{i}" for i in range(4)}
    still = [row for row in after["java"]["classes"] if row["name"] == "java.util.zip.Inflater"][0]
    assert still["native_bytes"] < 5 << 20


def test_threads_have_the_names_that_java_gave_them(tmp_path):
    (tmp_path / "Named.java").write_text("""
        public class Named {
            public static void main(String[] arguments) throws Exception {
                java.util.concurrent.CountDownLatch begun = new java.util.concurrent.CountDownLatch(1);
                Thread thread = new Thread(() -> {
                    java.util.zip.Deflater deflater = new java.util.zip.Deflater();
                    begun.countDown();
                    try { Thread.sleep(1000000); } catch (InterruptedException e) { }
                    deflater.end();
                }, "http-nio-8080-exec-\\"7\\" of many");
                thread.setDaemon(true);
                thread.start();
                begun.await();
                System.out.println("ready live=0 freed=0");
                System.in.read();
            }
        }""")
    subprocess.run(["javac", "-d", str(tmp_path), str(tmp_path / "Named.java")], check=True, timeout=180)
    with staged(["java", "-Xmx64m", "-cp", str(tmp_path), "Named"], run=["--sample=all"], folder=tmp_path) as stage:
        report = stage.report()
    names = {thread["name"] for site in report["sites"] for thread in site["threads"]
             if any(frame["function"] == "deflateInit2_" for frame in site["stack"])}
    assert names == {'http-nio-8080-exec-"7" of many'}


def report_of(pid, limit=60):
    began = time.monotonic()
    done = subprocess.run([leaks.MEMTRACE, "report", "--format=json", str(pid)], capture_output=True, text=True,
                          timeout=limit, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), time.monotonic() - began


def test_a_machine_that_was_told_not_to_answer_is_not_asked(tmp_path):
    with staged(inflaters("-XX:+DisableAttachMechanism"), folder=tmp_path) as stage:
        report = stage.report()
        # SIGQUIT would have made it print its threads
        stage.process.stdin.close()
        assert stage.process.stdout.read() == ""
    assert code(report) == "retention"
    assert any("DisableAttachMechanism" in text for text in report["java"]["missing"])
    assert report["java"]["collector"] == "Serial"


def test_a_machine_that_does_not_answer_costs_a_second(tmp_path):
    with staged(inflaters(), folder=tmp_path) as stage:
        stage.report()
        os.kill(stage.pid, signal.SIGSTOP)
        try:
            report, took = report_of(stage.pid)
        finally:
            os.kill(stage.pid, signal.SIGCONT)
        assert resident(stage.pid) > 0
    assert any("within 1 s" in text for text in report["java"]["missing"])
    assert report["memory"]["rss_bytes"] > 0 and code(report) == "retention"
    assert took < 20


def test_an_openj9_is_not_asked_and_told(tmp_path):
    """A library of its name is what it is known by."""
    library = tmp_path / "libj9vm29.so"
    subprocess.run(["cc", "-shared", "-x", "c", "/dev/null", "-o", str(library)], check=True, timeout=180)
    with subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          env=os.environ | {"LD_PRELOAD": str(library)}) as process:
        process.stdin.write(b"ready\n")
        process.stdin.flush()
        process.stdout.readline()
        report, _ = report_of(process.pid)
        process.stdin.close()
        assert process.wait(timeout=180) == 0
    assert any("OpenJ9" in text for text in report["java"]["missing"])
    assert report["memory"]["rss_bytes"] > 0


@pytest.mark.skipif(os.geteuid() != 0, reason="takes another user")
def test_another_user_s_machine_answers_root(tmp_path):
    with staged(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *inflaters(), "hold"],
                folder=tmp_path) as stage:
        report = stage.report()
    inflater = [row for row in report["java"]["classes"] if row["name"] == "java.util.zip.Inflater"][0]
    assert inflater["objects"] == 4000 and report["java"]["missing"] == []


def compiled(folder, name, text):
    (folder / f"{name}.java").write_text(text)
    subprocess.run(["javac", "-nowarn", "-d", str(folder), str(folder / f"{name}.java")], check=True, timeout=180,
                   capture_output=True)
    return ["java", "-Xmx128m", "-XX:+UseSerialGC", "-cp", str(folder), name]


def test_direct_buffers_that_are_kept(tmp_path):
    command = compiled(tmp_path, "Buffers", """
        public class Buffers {
            static final java.util.List<Object> kept = new java.util.ArrayList<>();
            static void cache() {
                java.nio.ByteBuffer buffer = java.nio.ByteBuffer.allocateDirect(64 << 10);
                for (int i = 0; i < buffer.capacity(); i += 4096) buffer.put(i, (byte) 1);
                kept.add(buffer);
            }
            public static void main(String[] arguments) throws Exception {
                for (int i = 0; i < 1200; i++) { cache(); if (i % 40 == 0) Thread.sleep(20); }
                System.out.println("ready live=0 freed=0");
                System.in.read();
            }
        }""")
    with staged(command, run=["--sample=64K"], folder=tmp_path) as stage:
        report = stage.report()
    buffers = [row for row in report["java"]["classes"] if row["name"] == "java.nio.DirectByteBuffer"][0]
    assert buffers["objects"] >= 1200
    assert buffers["native_bytes"] == pytest.approx(1200 << 16, rel=0.15)
    assert code(report) == "leak"
    assert says(report, "java.nio.DirectByteBuffer hold") and says(report, "Buffers.cache (Buffers.java:")
    assert says(report, "MaxDirectMemorySize")


def test_memory_of_unsafe_is_the_program_s_own_place(tmp_path):
    command = compiled(tmp_path, "Off", """
        public class Off {
            static sun.misc.Unsafe unsafe;
            static void store() {
                long address = unsafe.allocateMemory(8192);
                unsafe.setMemory(address, 8192, (byte) 1);
            }
            public static void main(String[] arguments) throws Exception {
                java.lang.reflect.Field field = sun.misc.Unsafe.class.getDeclaredField("theUnsafe");
                field.setAccessible(true);
                unsafe = (sun.misc.Unsafe) field.get(null);
                for (int i = 0; i < 6000; i++) { store(); if (i % 200 == 0) Thread.sleep(20); }
            }
        }""")
    session = tmp_path / "session.memtrace"
    subprocess.run([leaks.MEMTRACE, "run", "--quiet", "--sample=64K", "-o", session, "--", *command], check=True,
                   stdin=subprocess.DEVNULL, capture_output=True, timeout=180)
    report = leaks.report(session)
    assert code(report) == "leak"
    assert says(report, "for Off.store (Off.java:5)")
