# SPDX-License-Identifier: MIT
"""What other programs read is accepted by them, and says the same as the JSON."""

import gzip
import json
import os
import re
import shutil
import subprocess
import xml.etree.ElementTree

import pytest

import leaks

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module", name="session")
def make_session(tmp_path_factory):
    """A session of a program with leaks in several functions and threads."""
    _, sessions = leaks.run([f"{leaks.VICTIMS}/leak-threads"], tmp_path_factory.mktemp("formats"), "--sample=all")
    return sessions[0]


def report(session, form, *options):
    done = subprocess.run([leaks.MEMTRACE, "report", f"--format={form}", *options, session], capture_output=True,
                          check=True, timeout=180)
    return done.stdout


def fields(message):
    """The fields of a protobuf message: number to values, integers or bytes."""
    found, at = {}, 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7f) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(message):
        key = varint()
        if key & 7 == 0:
            value = varint()
        else:
            assert key & 7 == 2
            size = varint()
            value = message[at:at + size]
            at += size
        found.setdefault(key >> 3, []).append(value)
    return found


def packed(data):
    numbers, value, shift = [], 0, 0
    for byte in data:
        value |= (byte & 0x7f) << shift
        shift += 7
        if byte < 0x80:
            numbers.append(value)
            value = shift = 0
    return numbers


def test_pprof_sums_to_what_the_json_says(session):
    profile = fields(gzip.decompress(report(session, "pprof")))
    strings = [text.decode() for text in profile[6]]
    assert strings[0] == ""
    types = [strings[fields(one)[1][0]] for one in profile[1]]
    samples = [fields(one) for one in profile[2]]
    sums = dict(zip(types, map(sum, zip(*(packed(one[2][0]) for one in samples)))))
    sites = [site for site in json.loads(report(session, "json"))["sites"] if not site["backing"]]
    assert sums == {
        "inuse_objects": sum(site["live_blocks"] for site in sites),
        "inuse_space": sum(site["live_bytes"] for site in sites),
        "alloc_objects": sum(site["allocated_blocks"] for site in sites),
        "alloc_space": sum(site["allocated_bytes"] for site in sites),
    }
    assert sums["inuse_space"] > 0
    locations = {fields(one)[1][0] for one in profile[4]}
    assert {number for one in samples for number in packed(one[1][0])} <= locations
    assert os.path.basename(strings[fields(profile[3][0])[5][0]]) == "leak-threads"
    labels = {(strings[fields(label)[1][0]], strings[fields(label)[2][0]])
              for one in samples for label in one.get(3, [])}
    assert ("kind", "malloc") in labels
    assert {"thread", "age", "kind"} == {key for key, _ in labels}


def test_pprof_is_read_by_go(session, tmp_path):
    if not shutil.which("go"):
        pytest.skip("go is not installed")
    file = tmp_path / "heap.pb.gz"
    file.write_bytes(report(session, "pprof"))
    done = subprocess.run(["go", "tool", "pprof", "-top", "-lines", "-unit=b", str(file)], capture_output=True, text=True,
                          check=True, timeout=180, env=os.environ | {"HOME": str(tmp_path), "PPROF_TMPDIR": str(tmp_path)})
    site = json.loads(report(session, "json"))["sites"][0]
    frame = site["stack"][0]
    line = next(line for line in done.stdout.splitlines() if f":{frame['line']}" in line and frame["function"] in line)
    assert line.split()[0] == f"{site['live_bytes']}B"
    assert "File: leak-threads" in done.stdout


def test_pprof_is_not_printed_on_a_terminal(session):
    controller, terminal = os.openpty()
    done = subprocess.run([leaks.MEMTRACE, "report", "--format=pprof", session], stdout=terminal, stderr=subprocess.PIPE,
                          text=True, timeout=180, check=False)
    os.close(terminal)
    os.close(controller)
    assert done.returncode == 2
    assert "redirect it" in done.stderr


def test_flame_graph_is_an_image_whose_widths_are_bytes(session):
    tree = xml.etree.ElementTree.fromstring(report(session, "flamegraph"))
    frames = {}
    for group in tree.iter(f"{SVG}g"):
        name, *_, figure = group.find(f"{SVG}title").text.split("\n")
        frames.setdefault(name, []).append((float(group.find(f"{SVG}rect").get("width")), figure))
    assert frames["all"][0][0] == pytest.approx(1180, abs=1)
    for site in json.loads(report(session, "json"))["sites"][:1]:
        width, figure = max(frames[site["stack"][0]["function"]])
        total = sum(one["live_bytes"] for one in json.loads(report(session, "json"))["sites"] if not one["backing"])
        assert width == pytest.approx(1180 * site["live_bytes"] / total, abs=1)
        assert f"in {site['live_blocks']} blocks" in figure


def test_page_needs_no_network_and_has_the_report(session):
    page = report(session, "html").decode()
    assert not re.search(r"""(src|href)=|url\(|https?://|import\s""", page.replace("http://www.w3.org", ""))
    data = json.loads(re.search(r'id="data">(.*?)</script>', page, re.S)[1])
    whole = json.loads(report(session, "json"))
    assert data["heap"] == whole["heap"]
    assert [data["frames"][number]["function"] for number in data["sites"][0]["stack"]] == [
        frame["function"] for frame in whole["sites"][0]["stack"]]
    small = json.loads(re.search(r'id="data">(.*?)</script>', report(session, "html", "--top=1").decode(), re.S)[1])
    outstanding = [site for site in whole["sites"] if site["live_bytes"] and not site["backing"]]
    assert len(small["sites"]) == 1
    if len(outstanding) > 1:
        assert small["left_out"] == {"sites": len(outstanding) - 1,
                                     "live_bytes": sum(site["live_bytes"] for site in outstanding[1:])}


def test_page_is_drawn_by_a_browser(session, tmp_path):
    browser = shutil.which("chromium")
    if not browser:
        pytest.skip("chromium is not installed")
    page = tmp_path / "report.html"
    page.write_bytes(report(session, "html"))
    done = subprocess.run([browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/profile",
                           "--virtual-time-budget=4000", "--dump-dom", page.as_uri()], capture_output=True, text=True,
                          check=True, timeout=180)
    site = json.loads(report(session, "json"))["sites"][0]
    assert 'class="frame"' in done.stdout
    assert site["stack"][0]["function"] in done.stdout
    assert "Who allocated it" in done.stdout
    assert "memtrace: leak-threads, pid" in done.stdout


@pytest.mark.long
def test_massif_is_read_by_ms_print(session, tmp_path):
    done = subprocess.run([leaks.MEMTRACE, "report", "--format=json", session], capture_output=True, check=True)
    sites = [site for site in json.loads(done.stdout)["sites"] if site["kind"] != "mmap" and site["live_bytes"]]
    path = tmp_path / "massif.out"
    path.write_bytes(report(session, "massif"))
    printed = subprocess.run(["ms_print", "--threshold=0", path], capture_output=True, text=True, check=True, cwd=tmp_path,
                             timeout=180).stdout
    total = sum(site["live_bytes"] for site in sites)
    assert f"100.00% ({total:,}B) (heap allocation functions)" in printed
    # whoever called malloc comes first, with what it and all that came to it hold, and its place
    innermost = {}
    for site in sites:
        frame = site["stack"][0]
        if frame["function"]:
            name = (frame["function"], frame["line"])
            innermost[name] = innermost.get(name, 0) + site["live_bytes"]
    assert len(innermost) > 2
    for (function, line), size in innermost.items():
        assert re.search(rf"^->\d+\.\d+% \({size:,}B\) 0x[0-9a-f]+: {re.escape(function)} \(.*:{line}\)$", printed, re.M)
