# SPDX-License-Identifier: MIT
"""What the kernel says of a process's mappings, and whether memtrace says the same."""

import json
import re
import subprocess

import leaks
from figures import show

# Pss and what is private change with every process that maps the same library, memtrace's own among them.
FIELDS = {"rss_bytes": "Rss", "swap_bytes": "Swap", "anon_huge_bytes": "AnonHugePages"}


def read_smaps(pid):
    """{(start, end): {field: bytes}}"""
    mappings, current = {}, None
    with open(f"/proc/{pid}/smaps", encoding="utf-8", errors="replace") as file:
        for line in file:
            head = re.match(r"([0-9a-f]+)-([0-9a-f]+) ", line)
            if head:
                current = mappings.setdefault((int(head[1], 16), int(head[2], 16)), {})
            elif re.match(r"\w+: +\d+ kB", line):
                name, value = line.split()[:2]
                current[name[:-1]] = int(value) * 1024
    return mappings


def read_maps(pid, tool=leaks.MEMTRACE, env=None):
    done = subprocess.run([tool, "maps", "--format=json", str(pid)], capture_output=True, text=True, timeout=180,
                          check=False, env=env)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def figures(smaps):
    return {key: {name: mapping.get(field, 0) for name, field in FIELDS.items()} for key, mapping in smaps.items()}


def read_both(pid, tool=leaks.MEMTRACE, env=None):
    """smaps and memtrace's maps of one state: nothing has changed from before to after the reading."""
    for _ in range(60):
        before = figures(read_smaps(pid))
        report = read_maps(pid, tool, env)
        if figures(read_smaps(pid)) == before:
            return before, report
    raise AssertionError("the process does not stand still")


def assert_equal_smaps(pid, tool=leaks.MEMTRACE, env=None):
    """Every mapping, its parts, the ledger's lines and the totals equal smaps to the byte."""
    expected, report = read_both(pid, tool, env)
    got = {(int(m["start"], 16), int(m["end"], 16)): m for m in report["mappings"]}
    assert got.keys() == expected.keys()
    for key, mapping in expected.items():
        assert {name: got[key][name] for name in FIELDS} == mapping
        assert sum(part["resident_bytes"] for part in got[key]["parts"]) == mapping["rss_bytes"]
    memory = report["memory"]
    for name in ("rss_bytes", "swap_bytes"):
        assert memory[name] == sum(mapping[name] for mapping in expected.values())
    assert memory["pss_bytes"] == sum(mapping["pss_bytes"] for mapping in got.values())
    assert memory["vsz_bytes"] == sum(end - start for start, end in expected)
    assert sum(line["resident_bytes"] for line in memory["ledger"]) == memory["rss_bytes"]
    assert sum(line["virtual_bytes"] for line in memory["ledger"]) == memory["vsz_bytes"]
    return report


def owners(report):
    """{owner: resident bytes}"""
    return {line["owner"]: line["resident_bytes"] for line in report["memory"]["ledger"]}


def assert_explained(report, limit=0.01):
    memory = report["memory"]
    rss, unexplained = memory["rss_bytes"], memory["unexplained_bytes"]
    show(f"ledger of {' '.join(report['process']['cmdline'])[:50]}", resident=rss, unexplained=unexplained,
         share=f"{100 * unexplained / rss:.3f} %")
    assert memory["unexplained_bytes"] == owners(report)["unexplained"]
    assert memory["unexplained_bytes"] < limit * memory["rss_bytes"], [
        m for m in report["mappings"] if m["owner"] == "unexplained" and m["rss_bytes"]]
