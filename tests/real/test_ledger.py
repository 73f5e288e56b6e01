# SPDX-License-Identifier: MIT
"""Real programs, seen from outside: every figure equals smaps, and less than 1 % is unexplained."""

import os
import re
import subprocess
import sys
import textwrap

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "e2e"))
import smaps  # noqa: E402
from plain import owned_by_nobody  # noqa: E402

MIB = 1 << 20


def explained(memtrace, pid):
    """A server is never quite still: then only the sums within the report are compared."""
    try:
        report = smaps.assert_equal_smaps(pid, memtrace.program, memtrace.environment)
    except AssertionError as error:
        if "stand still" not in str(error):
            raise
        report = smaps.read_maps(pid, memtrace.program, memtrace.environment)
    smaps.assert_explained(report)
    return smaps.owners(report)


def test_redis(memtrace, start, tmp_path):
    path = str(tmp_path / "redis.sock")
    pid = start(["redis-server", "--port", "0", "--unixsocket", path, "--save", "", "--enable-debug-command", "yes"],
                lambda: os.path.exists(path))
    subprocess.run(["redis-cli", "-s", path, "debug", "populate", "50000", "key", "100"], check=True,
                   capture_output=True, timeout=180)
    # its jemalloc is read without being asked
    assert explained(memtrace, pid)["heap.live"] > 5 * MIB
    # jemalloc tells memtrace what it tells redis
    report = memtrace.report(str(pid))
    said = subprocess.run(["redis-cli", "-s", path, "info", "memory"], check=True, capture_output=True, text=True,
                          timeout=180).stdout
    allocated = int(re.search(r"^allocator_allocated:(\d+)", said, re.M)[1])
    smaps.assert_explained(report)
    in_use = sum(arena["in_use_bytes"] for arena in report["arenas"])
    assert abs(in_use - allocated) <= allocated // 100 + 256 * 1024


def test_nginx(memtrace, start, tmp_path):
    temp = " ".join(f"{name}_temp_path {tmp_path}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi",
                                                                       "scgi"))
    (tmp_path / "conf").write_text(f"daemon off; master_process off; pid {tmp_path}/pid; error_log /dev/null;"
                                   f"events {{}} http {{ access_log off; {temp} server {{ listen "
                                   f"unix:{tmp_path}/sock; }} }}")
    pid = start(["nginx", "-c", str(tmp_path / "conf")], (tmp_path / "sock").exists)
    assert explained(memtrace, pid)["heap.live"] > 100 << 10


def test_java(memtrace, start, tmp_path):
    (tmp_path / "Main.java").write_text(textwrap.dedent("""
        import java.util.*;
        public class Main {
            public static void main(String[] arguments) throws Exception {
                List<byte[]> kept = new ArrayList<>();
                for (int i = 0; i < 20000; i++)
                    kept.add(new byte[1000]);
                new java.io.File(arguments[0]).createNewFile();
                Thread.sleep(600000);
            }
        }
    """))
    ready = tmp_path / "ready"
    pid = start(["java", str(tmp_path / "Main.java"), str(ready)], ready.exists)
    owners = explained(memtrace, pid)
    assert owners["runtime.jvm-heap"] > 19 * MIB
    for owner in ("runtime.jvm-code", "runtime.jvm-classes", "runtime.jvm", "heap.live"):
        assert owners[owner] > MIB, owner


def test_postgres(memtrace, start, tmp_path):
    programs = sorted(path for path in ("/usr/lib/postgresql/15/bin",) if os.path.isdir(path))
    if not programs:
        pytest.skip("postgres is not installed")
    data = tmp_path / "data"
    data.mkdir()
    user = owned_by_nobody(data)
    subprocess.run([f"{programs[0]}/initdb", "-D", data, "-A", "trust"], check=True, capture_output=True, timeout=180,
                   cwd=data, **user)
    pid = start([f"{programs[0]}/postgres", "-D", str(data), "-c", "listen_addresses=", "-k", str(data)],
                (data / ".s.PGSQL.5432").exists, cwd=data, **user)
    assert explained(memtrace, pid)["shared"] > MIB


def test_mariadb(memtrace, mariadb):
    owners = explained(memtrace, mariadb.pid)
    assert owners["heap.live"] > MIB and owners["runtime.mapped"] > MIB


JAVA = [(collector, tracking, oops) for collector in ("G1", "Parallel", "Serial", "Z")
        for tracking, oops in (("off", "+"), ("summary", "+"), ("detail", "-"))]


@pytest.mark.parametrize("collector, tracking, oops", JAVA)
def test_java_with_each_collector(memtrace, start, tmp_path, collector, tracking, oops):
    """-s prints the share that nothing explains."""
    (tmp_path / "Main.java").write_text(textwrap.dedent("""
        public class Main {
            static java.util.List<Object> kept = new java.util.ArrayList<>();
            public static void main(String[] arguments) throws Exception {
                for (int i = 0; i < 500; i++) {
                    kept.add(new byte[20000]);
                    java.util.zip.Deflater deflater = new java.util.zip.Deflater();
                    deflater.setInput(new byte[1000]);
                    deflater.deflate(new byte[100]);
                    kept.add(deflater);
                }
                new java.io.File(arguments[0]).createNewFile();
                Thread.sleep(600000);
            }
        }
    """))
    ready = tmp_path / "ready"
    pid = start(["java", "-Xmx128m", f"-XX:+Use{collector}GC", f"-XX:NativeMemoryTracking={tracking}",
                 f"-XX:{oops}UseCompressedOops", str(tmp_path / "Main.java"), str(ready)], ready.exists)
    owners = explained(memtrace, pid)
    rss = sum(owners.values())
    print(f"{collector}, tracking {tracking}, compressed oops {oops}: {rss / MIB:.1f} MiB resident,"
          f" {100 * owners['unexplained'] / rss:.3f} % unexplained")
    assert owners["runtime.jvm-heap"] > 9 * MIB
    assert owners["heap.live"] > 30 * MIB
