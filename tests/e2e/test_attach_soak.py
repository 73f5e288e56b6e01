# SPDX-License-Identifier: MIT
"""A thousand times in and out of programs under load: none ends, hangs or grows. MEMTRACE_ROUNDS=N for fewer."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import threading
import time

import pytest

from attaching import MODES, STORM, running, swift_rounds

pytestmark = pytest.mark.soak
ROUNDS = int(os.environ.get("MEMTRACE_ROUNDS", "1000"))
JAVA = """
import java.util.*;
import java.util.zip.*;
public class Load {
    public static void main(String[] arguments) throws Exception {
        for (int i = 0; i < 4; i++) new Thread(Load::work).start();
        System.out.println("ready");
        System.out.flush();
    }
    static void work() {
        byte[] data = new byte[20000], out = new byte[30000], back = new byte[20000];
        new Random(1).nextBytes(data);
        for (;;) {
            Deflater deflater = new Deflater();
            deflater.setInput(data);
            deflater.finish();
            int n = deflater.deflate(out);
            deflater.end();
            Inflater inflater = new Inflater();
            inflater.setInput(out, 0, n);
            try { if (inflater.inflate(back) != data.length || !Arrays.equals(back, data)) System.exit(3); }
            catch (DataFormatException e) { System.exit(4); }
            inflater.end();
            try { Thread.sleep(1); } catch (InterruptedException e) { System.exit(5); }
        }
    }
}
"""
PYTHON = """
import json, time
print('ready', flush=True)
while True:
    assert json.loads(json.dumps(list(range(1000)))) == list(range(1000))
    time.sleep(0.001)
"""


def figures(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        status = file.read()
    with open(f"/proc/{pid}/maps", encoding="utf-8") as file:
        maps = len(file.readlines())
    return {"maps": maps, "fds": len(os.listdir(f"/proc/{pid}/fd")),
            "threads": int(re.search(r"Threads:\s+(\d+)", status)[1]),
            "KiB": int(re.search(r"VmRSS:\s+(\d+)", status)[1])}


def middle(values, part):
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


def soak(name, process, folder, record):
    """The figures after a tenth of the rounds and after all of them; nothing but a little memory may differ."""
    pauses = swift_rounds(process, ROUNDS // 10, folder)
    before = figures(process.pid)
    more = swift_rounds(process, ROUNDS - ROUNDS // 10, folder)
    after = figures(process.pid)
    attach, detach = (one + other for one, other in zip(pauses, more))
    record(f"{name}: {len(attach)} rounds; attach {middle(attach, .5)} ms, 99 % {middle(attach, .99)}; "
           f"detach {middle(detach, .5)}, 99 % {middle(detach, .99)}; before {before}, after {after}")
    assert after["fds"] <= before["fds"] + 2 and after["threads"] <= before["threads"] + 2, (before, after)
    assert after["maps"] <= before["maps"] + 40, (before, after)
    assert after["KiB"] <= before["KiB"] * 1.2 + 16384, (before, after)


@pytest.fixture
def record(capsys):
    def call(line):
        with capsys.disabled():
            print("\n" + line, flush=True)
    return call


@pytest.mark.parametrize("mode", MODES)
def test_victims(tmp_path, record, mode):
    with running(STORM, *MODES[mode]) as process:
        soak(mode, process, tmp_path, record)


def test_python(tmp_path, script, record):
    with running(*script(PYTHON), code=-signal.SIGTERM) as process:
        soak("python3", process, tmp_path, record)


def test_java(tmp_path, record):
    (tmp_path / "Load.java").write_text(JAVA)
    subprocess.run(["javac", "-d", tmp_path, tmp_path / "Load.java"], check=True)
    # the heap is resident from the start: what grows is not Java's
    with running("java", "-Xms64m", "-Xmx64m", "-XX:+AlwaysPreTouch", "-cp", str(tmp_path), "Load",
                 code=143) as process:
        soak("java", process, tmp_path, record)


@contextlib.contextmanager
def asked(port):
    """A client that stores and asks back all the time; .wrong counts what came back changed."""
    stop = threading.Event()
    wrong = []

    def work():
        with socket.create_connection(("127.0.0.1", port)) as connection, connection.makefile("rb") as lines:
            for number in range(1 << 30):
                if stop.is_set():
                    return
                value = b"v%d" % number * (1 + number % 200)
                connection.sendall(b"SET k%d %s\r\nGET k%d\r\n" % (number % 1000, value, number % 1000))
                if lines.readline() != b"+OK\r\n" or int(lines.readline()[1:]) != len(value) or \
                        lines.readline().strip() != value:
                    wrong.append(number)
                    return
                time.sleep(0.0005)
    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield wrong
    finally:
        stop.set()
        thread.join()


def test_redis(tmp_path, record):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with subprocess.Popen(["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", tmp_path],
                          stdout=subprocess.DEVNULL) as process:
        try:
            end = time.monotonic() + 180
            while subprocess.run(["redis-cli", "-p", str(port), "ping"], capture_output=True, check=False).returncode:
                assert time.monotonic() < end
                time.sleep(0.05)
            with asked(port) as wrong:
                soak("redis", process, tmp_path, record)
            assert not wrong
        finally:
            process.terminate()
            assert process.wait(timeout=300) == 0
