# SPDX-License-Identifier: MIT
"""What run sees over time: growth of places, the course of RSS, peaks, and moments of a session."""

import json
import os
import shutil

import pytest

import leaks

# For six seconds: a leak of 20,000 bytes each 20 ms, a table that turns over, and a peak in between.
PROGRAM = r"""
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static char *table[500], *volatile kept, *burst[10];

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

__attribute__((noinline)) static void leak(void)
{
	kept = memset(malloc(20000), 1, 20000);
}

__attribute__((noinline)) static void replace(unsigned i)
{
	free(table[i % 500]);
	table[i % 500] = memset(malloc(4000), 1, 4000);
}

__attribute__((noinline)) static void peak(unsigned i)
{
	burst[i] = memset(malloc(3000000), 1, 3000000);
}

int main(void)
{
	const double start = now();
	unsigned i, n = 0;

	for (i = 0; i < 300; i++) {
		for (unsigned k = 0; k < 40; k++)
			replace(n++);
		leak();
		if (i >= 60 && i < 70)
			peak(i - 60);
		if (i == 140)
			for (unsigned k = 0; k < 10; k++)
				free(burst[k]);
		while (now() < start + 0.02 * (i + 1))
			usleep(500);
	}
	return 0;
}
"""


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    folder = tmp_path_factory.mktemp("course")
    (folder / "p.c").write_text(PROGRAM)
    leaks.subprocess.run(["cc", "-g", "-O1", "-o", folder / "p", folder / "p.c"], check=True, timeout=180)
    return leaks.run([folder / "p"], folder, "--sample=all")[1][0]


def by_function(report):
    return {site["stack"][0]["function"]: site for site in report["sites"] if site["stack"]}


def test_growth_of_each_place_is_known(session):
    report = leaks.report(session)
    sites = by_function(report)
    leak, turning = sites["leak"], sites["replace"]
    # a million bytes a second, but the machine may be busy
    assert 3e5 < leak["growth_bytes_per_s"] < 3e6
    assert 0 < leak["growth_low_bytes_per_s"] <= leak["growth_bytes_per_s"] <= leak["growth_high_bytes_per_s"]
    assert abs(turning["growth_bytes_per_s"]) < leak["growth_bytes_per_s"] / 5
    assert report["course"]["watched_s"] > 5
    assert report["course"]["live"]["peak_bytes"] > 30e6
    assert report["verdict"]["code"] == "leak"
    assert "leak (" in report["verdict"]["because"][0]
    ranked = leaks.report(session, "--sort=growth")["sites"]
    assert ranked[0]["stack"][0]["function"] == "leak"


def test_a_place_that_turns_over_is_seen_with_its_frees(session):
    course = leaks.report(session)["course"]
    lives = [moment["live_bytes"] for moment in course["moments"]]
    # 12,000 blocks of 4,000 bytes went through the table, and 500 are there
    assert max(lives) < 45e6
    assert course["survival"][-1]["live_bytes"] < course["survival"][-1]["allocated_bytes"] / 2


def test_the_peak_is_told_by_who_held_it(memtrace, session):
    now, peak = (by_function(leaks.report(session, *options)) for options in ((), ("--at=peak",)))
    assert now["peak"]["live_bytes"] == 0
    assert peak["peak"]["live_bytes"] == 30_000_000
    assert peak["replace"]["live_blocks"] == 500
    done = memtrace("report", "--at=peak", session)
    assert "after the start: 3" in done.stderr and "live" in done.stderr
    assert "undecided" in done.stdout
    assert memtrace("report", "--at=lunch", session).returncode == 2


def test_moments_of_one_session_are_compared(memtrace, session):
    done = memtrace("diff", "--at=1s", "--to=5s", "--format=json", session)
    assert done.returncode == 0, done.stderr
    diff = json.loads(done.stdout)["diff"]
    first = diff["sites"][0]
    assert first["stack"][0]["function"] == "leak"
    assert 3e5 < first["growth_bytes_per_s"] < 3e6
    done = memtrace("diff", session)
    assert done.returncode == 2 and "--at=T" in done.stderr


def test_the_text_shows_the_course(memtrace, session):
    text = memtrace("report", session).stdout
    assert "Course     RSS" in text
    assert "Survival   of what was allocated" in text
    assert "grows by" in text


def test_without_a_series_there_is_no_moment(memtrace, tmp_path, compile_c):
    program = compile_c("#include <unistd.h>\nint main(void) { write(1, \"ready\\n\", 6); pause(); }")
    with leaks.subprocess.Popen([leaks.MEMTRACE, "run", "--quiet", program], cwd=tmp_path, stdout=leaks.subprocess.PIPE,
                                text=True) as tool:
        try:
            assert tool.stdout.readline() == "ready\n"
            pid = leaks.subprocess.run(["pgrep", "-P", str(tool.pid)], capture_output=True, text=True,
                                       check=True).stdout.split()[0]
            done = memtrace("report", "--at=peak", pid)
            assert done.returncode == 1 and "nobody watched" in done.stderr
            assert "is known of sessions" in memtrace("report", "--sort=growth", pid).stderr
        finally:
            leaks.subprocess.run(["kill", pid], check=True)
            tool.wait(timeout=180)


def test_the_page_has_a_timeline(session, tmp_path):
    browser = shutil.which("chromium")
    if not browser:
        pytest.skip("chromium is not installed")
    page = tmp_path / "report.html"
    with page.open("wb") as out:
        leaks.subprocess.run([leaks.MEMTRACE, "report", "--format=html", session], stdout=out, check=True, timeout=180)
    done = leaks.subprocess.run([browser, "--headless", "--no-sandbox", "--disable-gpu",
                                 f"--user-data-dir={tmp_path}/profile", "--virtual-time-budget=4000", "--dump-dom",
                                 page.as_uri()], capture_output=True, text=True, check=True, timeout=180)
    assert 'class="line rss" d="M' in done.stdout
    assert 'class="line live" d="M' in done.stdout
    assert "grew by" in done.stdout


MARKS = r"""
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "memtrace.h"

static char *table[100];

__attribute__((noinline)) static void fill(void)
{
	for (int i = 0; i < 100; i++)
		table[i] = memset(malloc(100000), 1, 100000);
}

int main(void)
{
	usleep(300000);
	fill();
	MEMTRACE_MARK("filled");
	usleep(600000);
	for (int i = 0; i < 90; i++)
		free(table[i]);
	MEMTRACE_MARK("dropped");
	/* many more events than the ring holds */
	for (int i = 0; i < 300000; i++) {
		void *volatile block = malloc(20);

		free(block);
	}
	usleep(200000);
	return 0;
}
"""


def test_a_moment_that_the_program_has_marked(memtrace, compile_c, tmp_path):
    program = compile_c(MARKS, "-g", "-O1", "-I", os.path.join(leaks.SOURCE, "..", "..", "include"))
    session = tmp_path / "marks.memtrace"
    assert memtrace("run", "--quiet", "--sample=all", "-o", session, "--", program).returncode == 0
    report = leaks.report(session)
    assert [mark["name"] for mark in report["course"]["marks"]] == ["filled", "dropped"]
    assert 'Marks      "filled" after' in memtrace("report", session).stdout
    filled = json.loads(memtrace("report", "--format=json", "--at=mark:filled", session).stdout)
    assert filled["heap"]["live_bytes"] == 100 * 100000
    assert [mark["name"] for mark in filled["course"]["marks"]] == ["filled"]
    change = json.loads(memtrace("diff", "--format=json", "--at=mark:filled", "--to=mark:dropped", session).stdout)
    # and a small block of the loop, maybe
    assert change["diff"]["live_bytes"] == pytest.approx(-90 * 100000, abs=100)
    unknown = memtrace("report", "--at=mark:other", session)
    assert unknown.returncode == 1 and 'it has marked "filled", "dropped"' in unknown.stderr
