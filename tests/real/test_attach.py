# SPDX-License-Identifier: MIT
"""A leak that begins after `memtrace attach`, in native code of ours in real programs: function and line are named."""

import contextlib
import os
import shutil
import signal
import subprocess
import sysconfig
import time

import pytest

from conftest import listening

BLOCKS, SIZE = 200, 5000
LEAK = f"""
#include <stdlib.h>
#include <string.h>
static __attribute__((noinline)) void *forgotten(void) {{
    void *block = malloc({SIZE}); /* HERE */
    memset(block, 1, {SIZE});
    return block;
}}
static void *volatile newest;
static void leak(int n) {{ while (n-- > 0) newest = forgotten(); }}
"""
# what a module needs of redis's interface, which is made of pointers that are asked for by name
REDIS = LEAK + """
static int (*reply)(void *, long long);
static int command(void *context, void **words, int n) { leak(BLOCKS); return reply(context, 1); }
int RedisModule_OnLoad(void *context, void **words, int n) {
    int (*get)(const char *, void *) = *(int (**)(const char *, void *))context;
    int (*create)(void *, const char *, int (*)(void *, void **, int), const char *, int, int, int);
    void (*attributes)(void *, const char *, int, int);
    if (get("RedisModule_CreateCommand", &create) || get("RedisModule_SetModuleAttribs", &attributes) ||
        get("RedisModule_ReplyWithLongLong", &reply)) return 1;
    attributes(context, "leaky", 1, 1);
    return create(context, "leaky.leak", command, "", 0, 0, 0);
}
"""
PYTHON = """
#define PY_SSIZE_T_CLEAN
#include <Python.h>
""" + LEAK + """
static PyObject *call(PyObject *self, PyObject *unused) { leak(BLOCKS); Py_RETURN_NONE; }
static PyMethodDef methods[] = {{"leak", call, METH_NOARGS, ""}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "leaky", "", -1, methods, NULL, NULL, NULL, NULL};
PyMODINIT_FUNC PyInit_leaky(void) { return PyModule_Create(&module); }
"""
JAVA = """
#include <jni.h>
""" + LEAK + """
JNIEXPORT void JNICALL Java_Leaky_leak(JNIEnv *environment, jclass self) { leak(BLOCKS); }
"""


@pytest.fixture
def library(tmp_path):
    """library(NAME, TEXT, OPTION…): builds a shared library from NAME.c."""
    def call(name, text, *options):
        source = tmp_path / f"{name}.c"
        source.write_text(text)
        path = tmp_path / f"{name}.so"
        subprocess.run(["cc", "-g", "-O1", "-shared", "-fPIC", f"-DBLOCKS={BLOCKS}", "-o", path, source, *options],
                       check=True, timeout=180)
        return path
    return call


@contextlib.contextmanager
def attached(memtrace, pid, session):
    with subprocess.Popen([memtrace.program, "attach", "--sample=all", "-o", session, str(pid)],
                          env=memtrace.environment, stderr=subprocess.PIPE, text=True) as tool:
        try:
            assert "recording in" in tool.stderr.readline()
            assert "Ctrl-C" in tool.stderr.readline()
            yield
            tool.send_signal(signal.SIGINT)
            rest = tool.stderr.read()
            assert tool.wait(timeout=180) == 0, rest
        finally:
            tool.kill()


def is_named(memtrace, session, source):
    """The place that leaks has the function, and the line with HERE."""
    wanted = next(n for n, line in enumerate(source.splitlines(), 1) if "HERE" in line)
    for site in memtrace.report(session)["sites"]:
        frame = next((frame for frame in site["stack"] if frame["function"] == "forgotten"), None)
        if frame:
            assert frame["line"] == wanted, frame
            assert (site["live_blocks"], site["live_bytes"]) == (BLOCKS, BLOCKS * SIZE), site
            return
    raise AssertionError("the leak is not in the report")


@contextlib.contextmanager
def running(*command, **options):
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **options) as process:
        try:
            yield process
            assert process.poll() is None
        finally:
            process.kill()


def tell(process):
    """One line in, one line out."""
    process.stdin.write("\n")
    process.stdin.flush()
    assert process.stdout.readline() == "done\n"


def test_redis_module(memtrace, library, port, tmp_path):
    module = library("leaky", REDIS)
    with running("redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--enable-module-command",
                 "yes", "--dir", str(tmp_path)) as process:
        end = time.monotonic() + 180
        while not listening(port)():
            assert time.monotonic() < end
            time.sleep(0.05)

        def ask(*words):
            return subprocess.run(["redis-cli", "-p", str(port), *words], capture_output=True, text=True, check=True,
                                  timeout=180).stdout.strip()
        with attached(memtrace, process.pid, str(tmp_path / "redis.memtrace")):
            # it comes when recording is on, so that nobody has looked at its slots
            assert ask("module", "load", str(module)) == "OK"
            assert ask("leaky.leak") == "1"
        assert ask("ping") == "PONG"
    is_named(memtrace, str(tmp_path / "redis.memtrace"), REDIS)


def test_python_extension(memtrace, library, tmp_path):
    headers = sysconfig.get_paths()["include"]
    if not os.path.exists(f"{headers}/Python.h"):
        pytest.skip("python3-dev is not installed")
    library("leaky", PYTHON, f"-I{headers}")
    script = tmp_path / "script.py"
    script.write_text("import sys, leaky\nprint('done', flush=True)\nfor line in sys.stdin:\n    leaky.leak()\n"
                      "    print('done', flush=True)\n")
    with running("/usr/bin/python3", str(script), cwd=tmp_path) as process:
        assert process.stdout.readline() == "done\n"
        with attached(memtrace, process.pid, str(tmp_path / "python.memtrace")):
            tell(process)
    is_named(memtrace, str(tmp_path / "python.memtrace"), PYTHON)


def test_java_native_code(memtrace, library, tmp_path):
    if not shutil.which("javac"):
        pytest.skip("no JDK is installed")
    home = os.path.dirname(os.path.dirname(os.path.realpath(shutil.which("javac"))))
    path = library("leaky", JAVA, f"-I{home}/include", f"-I{home}/include/linux")
    (tmp_path / "Leaky.java").write_text("""
        public class Leaky {
            static native void leak();
            public static void main(String[] arguments) throws Exception {
                System.load(arguments[0]);
                for (;;) {
                    System.out.println("done");
                    if (System.in.read() < 0) return;
                    leak();
                }
            }
        }""")
    subprocess.run(["javac", "-d", tmp_path, tmp_path / "Leaky.java"], check=True, timeout=180)
    with running("java", "-Xmx64m", "-cp", str(tmp_path), "Leaky", str(path)) as process:
        assert process.stdout.readline() == "done\n"
        with attached(memtrace, process.pid, str(tmp_path / "java.memtrace")):
            tell(process)
    is_named(memtrace, str(tmp_path / "java.memtrace"), JAVA)
