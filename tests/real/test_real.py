# SPDX-License-Identifier: MIT
"""Real programs do the same under memtrace as without, and the report of them makes sense."""

import os
import pwd
import shutil
import signal
import subprocess
import textwrap
import time

import pytest

from conftest import ALLOCATORS, listening, sane

both = pytest.mark.parametrize("allocator", ALLOCATORS)

PYTHON = "/usr/bin/python3"


def function_names(parsed, top=50):
    return {frame["function"] or "" for site in parsed["sites"][:top] for frame in site["stack"]}


@both
@pytest.mark.parametrize("malloc", [None, "malloc"])
def test_python(same, allocator, malloc):
    program = textwrap.dedent("""
        import collections, json, re, threading, zlib
        kept = [json.loads(json.dumps({str(i): list(range(i % 50))})) for i in range(5000)]
        def work(n):
            for i in range(n):
                re.sub('[aeiou]', 'x', 'some text %d' % i)
                zlib.decompress(zlib.compress(bytes(str(i), 'ascii') * 100))
        threads = [threading.Thread(target=work, args=(500,)) for _ in range(4)]
        [t.start() for t in threads]
        [t.join() for t in threads]
        print(len(kept), sum(len(k) for k in kept))
    """)
    env = {"PYTHONMALLOC": malloc} if malloc else {}
    parsed, _ = same([PYTHON, "-c", program], f"--allocator={allocator}", env=env)
    assert parsed["process"]["exit_status"] == 0


@both
def test_sqlite_million_rows(same, allocator, tmp_path):
    script = b"""
        create table t (id integer primary key, name text, value real);
        with recursive n(i) as (select 1 union all select i + 1 from n where i < 1000000)
            insert into t select i, 'row number ' || i, i * 1.5 from n;
        create index t_name on t (name);
        select count(*), sum(value) from t where name like '%77%';
    """
    parsed, _ = same(["sqlite3", ":memory:"], f"--allocator={allocator}", stdin=script)
    assert parsed["heap"]["allocated_bytes"] > 50 << 20


@both
def test_compiler_and_its_children(same, allocator, tmp_path):
    source = tmp_path / "large.cc"
    source.write_text("#include <regex>\n#include <map>\n#include <string>\n#include <iostream>\n" + "".join(
        f"template <int N> struct s{i} {{ std::map<std::string, std::regex> m; int f() {{ return m.size() + N; }} }};\n"
        f"int f{i}() {{ return s{i}<{i}>().f(); }}\n" for i in range(60)) + "int main() {}\n")
    parsed, children = same(["g++", "-O1", "-S", "-o", "-", str(source)], f"--allocator={allocator}")
    compiler = [child for child in children if child["process"]["comm"] == "cc1plus"]
    assert len(compiler) == 1
    sane(compiler[0])
    assert compiler[0]["heap"]["allocated_bytes"] > 10 << 20


@both
def test_java_with_threads(same, allocator, tmp_path):
    source = tmp_path / "Work.java"
    source.write_text(textwrap.dedent("""
        import java.util.zip.*;
        public class Work {
            static void work() {
                byte[] data = new byte[10000], out = new byte[20000];
                for (int i = 0; i < 300; i++) {
                    Deflater d = new Deflater();
                    d.setInput(data); d.finish();
                    int n = d.deflate(out); d.end();
                    Inflater f = new Inflater();
                    f.setInput(out, 0, n);
                    try { f.inflate(data); } catch (DataFormatException e) { throw new RuntimeException(e); }
                    f.end();
                }
            }
            public static void main(String[] a) throws Exception {
                Thread[] t = new Thread[16];
                for (int i = 0; i < t.length; i++) { t[i] = new Thread(Work::work); t[i].start(); }
                for (Thread x : t) x.join();
                System.out.println("done");
            }
        }
    """))
    subprocess.run(["javac", "-d", str(tmp_path), str(source)], check=True)
    parsed, _ = same(["java", "-Xmx128m", "-cp", str(tmp_path), "Work"], f"--allocator={allocator}",
                     check=lambda parsed: sane(parsed))
    assert parsed["heap"]["allocated_bytes"] > 10 << 20


@both
def test_node(same, allocator):
    program = ("const z = require('zlib'); let n = 0; for (let i = 0; i < 200; i++)"
               " n += z.gunzipSync(z.gzipSync(Buffer.alloc(10000, i))).length; console.log(n)")
    same(["node", "-e", program], f"--allocator={allocator}")


@both
def test_php_with_deepbind_extensions(same, allocator):
    program = """
        $d = new DOMDocument; $d->loadXML('<a>' . str_repeat('<b c="d">text</b>', 2000) . '</a>');
        $x = new DOMXPath($d); echo $x->query('//b')->length, "\\n";
        $p = new PDO('sqlite::memory:'); $p->exec('create table t (a)');
        for ($i = 0; $i < 2000; $i++) $p->exec("insert into t values ($i)");
        echo $p->query('select sum(a) from t')->fetchColumn(), "\\n";
        echo mb_strlen(mb_convert_case(str_repeat('é', 1000), MB_CASE_UPPER)), "\\n";
        echo strlen(json_encode(range(1, 1000))), preg_match_all('/\\d+/', json_encode(range(1, 1000))), "\\n";
    """
    same(["php", "-r", program], f"--allocator={allocator}")


@both
def test_perl(same, allocator):
    program = "my %h; $h{$_ % 1000} .= \"x$_\" for 1..200000; print scalar(keys %h), ' ', length(join '', values %h), \"\\n\""
    same(["perl", "-e", program], f"--allocator={allocator}")


@both
def test_git_log(same, allocator, tmp_path):
    repository = tmp_path / "repository"
    commands = ["git init -q .", "git config user.name n", "git config user.email e@example.org"] + [
        f"seq {i} {i + 200} > f{i % 7}; git add .; git commit -qm 'commit {i}'" for i in range(60)]
    repository.mkdir()
    subprocess.run(["bash", "-c", "\n".join(commands)], cwd=repository, check=True)
    same(["git", "log", "--stat", "-p"], f"--allocator={allocator}", cwd=repository)


@both
def test_bash_with_hundreds_of_forks(same, allocator):
    program = "n=0; for i in $(seq 300); do x=$(echo $i; true | cat); n=$((n + x)); done; echo $n; exit 3"
    parsed, children = same(["bash", "-c", program], f"--allocator={allocator}")
    assert parsed["process"]["exit_status"] == 3


@both
def test_redis_under_benchmark(server, port, allocator, tmp_path):
    redis = server(["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)],
                   f"--allocator={allocator}", ready=listening(port))
    done = subprocess.run(["redis-benchmark", "-p", str(port), "-n", "20000", "-r", "100000", "-d", "200", "-q",
                           "-t", "set,get,lpush,sadd,hset,zadd"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    keys = subprocess.run(["redis-cli", "-p", str(port), "dbsize"], capture_output=True, text=True, check=True).stdout
    assert int(keys) > 10000
    # a background save forks: the child walks all that it inherited
    saved = subprocess.run(["redis-cli", "-p", str(port), "save"], capture_output=True, text=True, check=True).stdout
    assert saved.strip() == "OK"
    parsed = sane(redis.stop(signal.SIGTERM, status=0))
    assert parsed["heap"]["live_bytes"] > 5 << 20
    assert parsed["agent"]["allocator"] == ("fast" if allocator == "fast" else "jemalloc")
    assert any(name.startswith(("zmalloc", "zmalloc_usable", "ztrymalloc", "sdsnew")) or "redis" in name.lower()
               or name for name in function_names(parsed))


@both
def test_nginx_with_workers(server, port, allocator, tmp_path):
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "index.html").write_text("hello " * 1000)
    configuration = tmp_path / "nginx.conf"
    configuration.write_text(f"""
        daemon off; master_process on; worker_processes 2; pid {tmp_path}/nginx.pid; error_log {tmp_path}/error.log;
        events {{ worker_connections 256; }}
        http {{ access_log off; gzip on; gzip_types *; client_body_temp_path {tmp_path}/b; proxy_temp_path {tmp_path}/p;
            fastcgi_temp_path {tmp_path}/f; uwsgi_temp_path {tmp_path}/u; scgi_temp_path {tmp_path}/s;
            server {{ listen 127.0.0.1:{port}; root {tmp_path}/www; }} }}
    """)
    for parent in [tmp_path, *tmp_path.parents][:3]:
        parent.chmod(0o755)
    nginx = server(["nginx", "-c", str(configuration), "-e", f"{tmp_path}/error.log"], f"--allocator={allocator}",
                   ready=listening(port), cwd=str(tmp_path))
    done = subprocess.run(["ab", "-q", "-n", "5000", "-c", "20", "-H", "Accept-Encoding: gzip",
                           f"http://127.0.0.1:{port}/index.html"], capture_output=True, text=True, timeout=180)
    assert "Failed requests:        0" in done.stdout, done.stdout + done.stderr
    sane(nginx.stop(signal.SIGQUIT, status=0))
    workers = [path for path in os.listdir(tmp_path) if path.endswith(".memtrace") and "nginx" in path]
    assert len(workers) == 2, os.listdir(tmp_path)


@both
def test_postgres_with_pgbench(server, port, allocator, tmp_path):
    binaries = sorted(p for p in (f"/usr/lib/postgresql/{v}/bin" for v in os.listdir("/usr/lib/postgresql")))[-1]
    data = tmp_path / "data"
    data.mkdir()
    for parent in [data, *data.parents][:4]:
        parent.chmod(0o755)
    user = pwd.getpwnam("postgres")
    as_postgres = (["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
                   if os.getuid() == 0 else [])
    if os.getuid() == 0:
        os.chown(data, user.pw_uid, user.pw_gid)
    subprocess.run([*as_postgres, f"{binaries}/initdb", "-D", str(data), "-A", "trust", "-U", "postgres"], check=True,
                   cwd="/", capture_output=True)
    postgres = server([*as_postgres, f"{binaries}/postgres", "-D", str(data), "-p", str(port), "-c",
                       "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={data}"],
                      f"--allocator={allocator}", ready=listening(port), cwd="/")
    bench = ["pgbench" if shutil.which("pgbench") else f"{binaries}/pgbench", "-h", "127.0.0.1", "-p", str(port), "-U",
             "postgres"]
    ready, end = None, time.monotonic() + 180
    while time.monotonic() < end:
        ready = subprocess.run([*bench, "-i", "-s", "2", "postgres"], capture_output=True, text=True, timeout=180)
        if ready.returncode == 0:
            break
        time.sleep(0.1)
    assert ready.returncode == 0, ready.stderr
    done = subprocess.run([*bench, "-c", "4", "-T", "5", "postgres"], capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr
    sane(postgres.stop(signal.SIGINT, status=0))
