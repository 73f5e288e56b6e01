# SPDX-License-Identifier: MIT
"""What run says to those who run tests: exit status, one line, JUnit, GitHub, suppressions."""

import re
import xml.etree.ElementTree as ElementTree

import pytest

LEAK = r"""
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void *volatile kept;

__attribute__((noinline)) static void leak_some(size_t size)
{
	kept = malloc(size);
}

int main(int argc, char **argv)
{
	setlocale(LC_ALL, "C.UTF-8");
	tzset();
	printf("%s\n", localeconv()->decimal_point);
	for (int i = 1; i < argc; i++)
		leak_some((size_t)atoi(argv[i]));
	return 0;
}
"""

JUDGE = ("run", "-q", "--sample=all", "--fail-on-leak", "-o", "s.memtrace")


@pytest.fixture
def program(compile_c):
    return compile_c(LEAK, "-g", name="leaky")


def test_success_is_one_line(memtrace, program):
    done = memtrace(*JUDGE, program)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"memtrace: run: no leaks: 0 B outstanding at the end \(.* suppressed\), 0 B allowed\n", done.stderr)
    assert memtrace("run", "-q", "-o", "s.memtrace", program).stderr == ""


def test_what_libraries_keep_counts_if_asked(memtrace, program):
    done = memtrace(*JUDGE, "--no-default-suppressions", program)
    assert done.returncode == 99 and "(0 B suppressed)" in done.stderr


def test_unused_suppressions_are_named(memtrace, program, tmp_path):
    (tmp_path / "known").write_text("leak:^leak_some$\nleak:^long gone$\n")
    done = memtrace(*JUDGE, "--suppressions=known", program, 1000)
    assert done.returncode == 0
    assert "--suppressions=known: 1 of 2 matched nothing: ^long gone$" in done.stderr


@pytest.mark.parametrize("sizes, failures", [((), 0), ((1000, 5000), 1)])
def test_junit(memtrace, program, tmp_path, sizes, failures):
    done = memtrace(*JUDGE, "--junit=j.xml", program, *sizes)
    assert done.returncode == (99 if failures else 0)
    suite = ElementTree.parse(tmp_path / "j.xml").getroot().find("testsuite")
    assert suite.get("name") == "memtrace: leaky"
    assert (suite.get("tests"), suite.get("failures")) == ("1", str(failures))
    case, = suite.findall("testcase")
    if failures:
        assert "leak_some" in case.get("name")
        assert case.find("failure").get("message") == "5.9 KiB in 2 blocks are outstanding"
        assert "main" in case.find("failure").text
    else:
        assert case.get("name") == "no leaks"


def test_junit_is_read_by_those_who_read_junit(memtrace, program, tmp_path):
    junitparser = pytest.importorskip("junitparser")
    memtrace(*JUDGE, "--junit=j.xml", program, 1000, 5000)
    memtrace(*JUDGE, "--junit=good.xml", program)
    read = junitparser.JUnitXml.fromfile(str(tmp_path / "j.xml"))
    read += junitparser.JUnitXml.fromfile(str(tmp_path / "good.xml"))
    read.update_statistics()
    assert (read.tests, read.failures, read.errors, read.skipped) == (2, 1, 0, 0)
    failed, = [case for suite in read for case in suite if not case.is_passed]
    assert isinstance(failed.result[0], junitparser.Failure) and "leak_some" in failed.name
    assert failed.result[0].message == "5.9 KiB in 2 blocks are outstanding"


def test_junit_without_a_place(memtrace, program):
    done = memtrace(*JUDGE, "--junit=/nowhere/j.xml", program)
    assert done.returncode == 1 and "give another place" in done.stderr


def test_github(memtrace, program, tmp_path, monkeypatch):
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path))
    done = memtrace("run", "-q", "--sample=all", "--github", "-o", "s.memtrace", program, 1000)
    # nobody asked to fail
    assert done.returncode == 0
    line, = [line for line in done.stderr.splitlines() if line.startswith("::")]
    found = re.fullmatch(r"::error file=leaky\.c,line=(\d+),title=memory leak::leak_some .*%0A1000 B in 1 block is outstanding", line)
    assert LEAK.splitlines()[int(found[1]) - 1].strip() == "kept = malloc(size);"
    assert "leaks: 1000 B outstanding" in done.stderr


@pytest.mark.parametrize("command", [("/bin/true",), ("/bin/ls", "/"), ("/usr/bin/python3", "-S", "-c", "print(1)"),
                                     ("/usr/bin/sort", "/dev/null"), ("/usr/bin/meson", "--version")])
def test_programs_that_are_well(memtrace, command):
    done = memtrace(*JUDGE[:3], "--no-follow", *JUDGE[3:], "--", *command, timeout=180)
    assert done.returncode in (0, 99), done.stderr
    kept = re.search(r"([\d.]+) (B|KiB|MiB) outstanding", done.stderr)
    assert kept[2] != "MiB", done.stderr
