# SPDX-License-Identifier: MIT
"""What glibc keeps and why: the verdict, and whether its advice gives what it promises when it is followed."""

import re
import shutil
import subprocess

import pytest

import leaks
from procfs import let_it_calm_down, resident
from stages import advises, assert_near, code, promise, says, staged

# looked at from outside, and with the agent that watches the program's own allocator
GLIBC = pytest.mark.parametrize("run", [None, ["--allocator=system", "--sample=all"]], ids=["outside", "agent"])
MIB = 1 << 20


@pytest.mark.skipif(not shutil.which("jcmd"), reason="no JDK")
def test_java_whose_inflaters_were_collected_is_retention(tmp_path):
    command = ["java", "-Xms128m", "-Xmx128m", "-XX:+UseSerialGC", "-cp", leaks.VICTIMS, "CaseInflaters"]
    with staged(command, folder=tmp_path) as stage:
        let_it_calm_down(stage.pid)
        report = stage.report()
        kept = resident(stage.pid)
        subprocess.run(["jcmd", str(stage.pid), "System.trim_native_heap"], check=True, capture_output=True,
                       timeout=180)
        gained = kept - resident(stage.pid)
    assert code(report) == "retention"
    assert gained > 50 * MIB
    assert_near(promise(report, "malloc_trim"), gained)
    assert says(report, "MALLOC_ARENA_MAX")
    assert not advises(report, "MALLOC_ARENA_MAX")
    with staged(command, env={"MALLOC_ARENA_MAX": "1"}, folder=tmp_path) as stage:
        assert resident(stage.pid) > 0.9 * kept


@GLIBC
def test_a_pinned_top_is_retention_and_trimming_gives_what_is_promised(tmp_path, run):
    with staged("pinned-top", run=run, folder=tmp_path) as stage:
        report = stage.report()
        gained = stage.tell("trim")
    assert code(report) == "retention"
    assert gained > 290 * MIB
    assert_near(promise(report, "malloc_trim"), gained)
    if run is not None:
        assert says(report, "open_session (")


def test_arenas_names_who_allocated_what_pins(tmp_path, memtrace):
    with staged("pinned-top", run=["--allocator=system", "--sample=all"], folder=tmp_path, settle=1) as stage:
        done = memtrace("arenas", stage.pid)
        assert done.returncode == 0, done.stderr
    assert re.search(r"MiB in main, by a block of \d+ B at 0x[0-9a-f]+, from open_session "
                     r"\(.*case-pinned-top\.c:\d+\), [1-9][\d.]* m?s old$", done.stdout, re.M), done.stdout


@GLIBC
def test_freeing_the_pin_gives_what_it_holds(tmp_path, run):
    with staged("pinned-top", 5000, run=run, folder=tmp_path) as stage:
        report = stage.report()
        gained = stage.tell("free")
    assert_near(promise(report, "free the block"), gained)


@GLIBC
def test_a_small_pin_has_to_be_allocated_earlier(tmp_path, run):
    with staged("pinned-top", run=run, folder=tmp_path) as stage:
        report = stage.report()
        kept = resident(stage.pid)
        # the thread's cache keeps the block
        assert stage.tell("free") < MIB
    with staged("pinned-top", "early", run=run, folder=tmp_path) as stage:
        assert_near(promise(report, "allocate the block"), kept - resident(stage.pid))


@GLIBC
def test_a_raised_threshold_is_found_and_setting_it_gives_what_is_promised(tmp_path, run):
    with staged("threshold", run=run, folder=tmp_path) as stage:
        report = stage.report()
        kept = resident(stage.pid)
        gained = stage.tell("trim")
    assert code(report) == "retention"
    assert says(report, "raised glibc's mmap threshold from 128 KiB")
    assert_near(promise(report, "malloc_trim"), gained)
    if run is not None:
        assert says(report, "from send_big (")
    with staged("threshold", run=run, env={"GLIBC_TUNABLES": "glibc.malloc.mmap_threshold=131072"},
                folder=tmp_path) as stage:
        assert_near(promise(report, "mmap_threshold=131072"), kept - resident(stage.pid))


def test_arenas_names_who_raised_the_threshold(tmp_path, memtrace):
    with staged("threshold", run=["--allocator=system", "--sample=all"], folder=tmp_path) as stage:
        done = memtrace("arenas", stage.pid)
        assert done.returncode == 0, done.stderr
    assert re.search(r"raised from 128\.0 KiB, when the program freed such a block from send_big \(", done.stdout)


@GLIBC
def test_holes_are_fragmentation_with_their_sizes(tmp_path, run):
    with staged("holes", run=run, folder=tmp_path, settle=1) as stage:
        report = stage.report()
        kept = resident(stage.pid)
        gained = stage.tell("trim")
    assert code(report) == "fragmentation"
    assert says(report, "1,499 holes") or says(report, "1,500 holes")
    assert says(report, "64.0 KiB each")
    assert says(report, "of 100.0 KiB on average")
    assert_near(promise(report, "malloc_trim"), gained)
    with staged("holes", run=run, env={"GLIBC_TUNABLES": "glibc.malloc.mmap_threshold=65536"},
                folder=tmp_path) as stage:
        assert_near(promise(report, "mmap_threshold=65536"), kept - resident(stage.pid))


@GLIBC
def test_shared_pages_are_fragmentation_and_trimming_is_not_advised(tmp_path, run):
    with staged("slabs", run=run, folder=tmp_path) as stage:
        report = stage.report()
        kept = resident(stage.pid)
        assert stage.tell("trim") < 2 * MIB
    assert code(report) == "fragmentation"
    assert says(report, "nothing is to be gained from malloc_trim")
    assert not advises(report, "malloc_trim")
    with staged("slabs", "apart", run=run, folder=tmp_path) as stage:
        assert_near(promise(report, "allocate what stays apart"), kept - resident(stage.pid))


def test_rounding_up_to_pages_is_fragmentation(tmp_path):
    run = ["--allocator=system", "--sample=all"]
    with staged("rounding", run=run, folder=tmp_path, settle=1) as stage:
        report = stage.report()
        taken = resident(stage.pid)
    assert code(report) == "fragmentation"
    assert says(report, " blocks has a mapping of its own")
    with staged("rounding", "without", run=run, folder=tmp_path) as stage:
        assert_near(promise(report, "mmap threshold"), taken - resident(stage.pid))


@pytest.mark.parametrize("run", [None, [], ["--allocator=system"]], ids=["outside", "fast", "system"])
def test_the_command_in_the_advice_does_what_it_promises(tmp_path, run):
    with staged("pinned-top", run=run, folder=tmp_path) as stage:
        advice = stage.report()["verdict"]["advice"][0]
        kept = resident(stage.pid)
        command = advice["action"].split("at once: ")[1]
        assert command == f"memtrace trim --yes {stage.pid}"
        subprocess.run([leaks.MEMTRACE, *command.split()[1:]], check=True, capture_output=True, timeout=180)
        assert_near(advice["expected_bytes"], kept - resident(stage.pid))
