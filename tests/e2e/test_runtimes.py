# SPDX-License-Identifier: MIT
"""Runtimes that compile as they run: functions named by their perf maps, and their own heaps in the ledger."""

import shutil

import pytest

from stages import advises, code, staged

NODE = pytest.mark.skipif(not shutil.which("node"), reason="no node")

SCRIPT = """
const keep = [];
function cache() { keep.push(Buffer.alloc(16384, 1)); }
function serve() { for (let i = 0; i < 1500; i++) cache(); }
serve();
console.log("ready live=0 freed=0");
process.stdin.resume();
"""


def node(folder, *options):
    (folder / "service.js").write_text(SCRIPT)
    return staged(["node", *options, str(folder / "service.js")], run=["--sample=16K"], folder=folder)


def owners(report):
    return {line["owner"]: line["resident_bytes"] for line in report["memory"]["ledger"]}


@NODE
def test_javascript_functions_have_name_file_and_line(tmp_path):
    with node(tmp_path, "--perf-basic-prof", "--interpreted-frames-native-stack") as stage:
        report, text = stage.report(), stage.text()
    site = [site for site in report["sites"] if site["kind"] == "malloc"][0]
    script = str(tmp_path / "service.js")
    places = [(frame["function"], frame["line"]) for frame in site["stack"] if frame["file"] == script]
    assert places[:2] == [("cache", 3), ("serve", 4)], site
    assert site["live_bytes"] == pytest.approx(1500 * 16384, rel=0.2)
    assert "--perf-basic-prof" not in text.split("Figures")[1]
    assert owners(report)["runtime.v8"] > 4 << 20


@NODE
def test_who_has_no_names_hears_how_to_get_them(tmp_path):
    with node(tmp_path) as stage:
        text = stage.text()
    assert "--perf-basic-prof --interpreted-frames-native-stack" in " ".join(text.split())


OBJECTS = """
import sys
kept = [{"number": i, "text": str(i)} for i in range(150000)]
print("ready live=0 freed=0", flush=True)
sys.stdin.read()
"""


def python(folder, **settings):
    return staged(["/usr/bin/python3", "-c", OBJECTS], run=["--sample=64K"], folder=folder, **settings)


@pytest.mark.skipif(not shutil.which("python3", path="/usr/bin"), reason="no python3")
def test_python_s_arenas_are_malloc_s_when_it_is_told_so(tmp_path):
    with python(tmp_path) as stage:
        report = stage.report()
    assert owners(report)["runtime.python"] > 30 << 20
    assert code(report) == "not-malloc"
    assert advises(report, "PYTHONMALLOC=malloc") and advises(report, f"memtrace objects {stage.pid}")
    with python(tmp_path, env={"PYTHONMALLOC": "malloc"}) as stage:
        told = stage.report()
    assert owners(told).get("runtime.python", 0) == 0
    assert told["heap"]["live_bytes"] > 30 << 20
