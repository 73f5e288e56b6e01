# SPDX-License-Identifier: MIT
"""`memtrace top` in a terminal emulator: each view, each key, sizes, colours, and how it ends."""

import os
import re
import shutil
import signal
import subprocess
import termios
import time

import pytest

import leaks
from conftest import Grow
from procfs import only_child
from terminal import Terminal

UP, DOWN, TAB, ENTER, ESCAPE = "\033OA", "\033OB", "\t", "\r", "\033"


@pytest.fixture(name="top")
def open_top(grow, tmp_path):
    """top(OPTION…, columns=, rows=, env=): the screen of the growing program."""
    terminals = []

    def call(*options, **keywords):
        terminal = Terminal([leaks.MEMTRACE, "top", "--interval=250ms", *options, grow.pid], cwd=tmp_path, **keywords)
        terminals.append(terminal)
        return terminal
    yield call
    for terminal in terminals:
        terminal.kill()


def find_line(lines, text):
    return next(i for i, line in enumerate(lines) if text in line)


def test_the_first_screen_says_what_is_wrong_and_who_did_it(grow, top):
    screen = top()
    grow.step()
    # growth is known from the second look on, and the verdict is of the last look that was a thorough one
    text = screen.wait_for(re.compile(rf"^grow \(pid {grow.pid}\)  up .* own ", re.M),
                           re.compile(r"rss .* live 1\.1 MiB .* kept .* growth "),
                           re.compile(r"^  (leak|healthy), \d+ % sure: ", re.M),
                           re.compile(r"^\s+976\.6 KiB\s+1000 .*leak \(victims/grow\.c", re.M), "q leaves")
    lines = text.splitlines()
    assert re.match(rf"grow \(pid {grow.pid}\)  up .* own ", lines[0])
    assert re.search(r"rss .* live 1\.1 MiB .* kept .* growth ", lines[1])
    assert re.match(r"  (leak|healthy), \d+ % sure: ", lines[2])
    tabs = find_line(lines, "[Sites]")
    assert lines[tabs].startswith(" 1 [Sites]  2 Tree  3 Ledger  4 Arenas  5 Maps  6 Threads  7 Timeline  8 Events   ? help")
    assert lines[tabs + 1].split() == ["*LIVE", "BLOCKS", "GROWTH", "OLDEST", "LATELY", "ALLOCATED", "BY"]
    assert re.match(r"\s+976\.6 KiB\s+1000 ", lines[tabs + 2])
    assert "q leaves" in lines[-1]
    assert screen.close() == 0


def test_every_view_has_its_key(grow, top):
    screen = top()
    screen.wait_for("[Sites]", "leak (victims/grow.c")
    for key, name, words in (("2", "Tree", ["SHARE", "100.0 %", "main"]), ("3", "Ledger", ["OF ALL", "live blocks", "all of it"]),
                             ("4", "Arenas", ["ALLOCATOR"]), ("5", "Maps", ["PERM", "libc.so.6"]),
                             ("6", "Threads", ["HOLDS", grow.pid]), ("7", "Timeline", ["peak", "0 B"]),
                             ("8", "Events", ["EVENT", "malloc"]), ("1", "Sites", ["GROWTH"])):
        screen.press(key)
        screen.wait_for(f"[{name}]", *words)
    screen.press(TAB)
    screen.wait_for("[Tree]")
    screen.press("\033[Z")
    screen.wait_for("[Sites]")
    screen.press("?")
    screen.wait_for("Any key closes this", "median slope")
    screen.press("x")
    screen.wait_for("ALLOCATED BY", gone=["Any key closes this"])


def test_enter_opens_the_stack_with_its_source(grow, top):
    screen = top()
    screen.wait_for("make_cache", "leak (victims/grow.c")
    screen.press(ENTER)
    screen.wait_for("blocks;", "main", "return malloc(500000);")
    screen.press(ESCAPE)
    screen.wait_for("ALLOCATED BY")
    screen.press(DOWN + ENTER)
    screen.wait_for("kept[n_kept++] = calloc(1, 1000);")


def test_the_mark_turns_figures_into_differences(grow, top):
    screen = top()
    screen.wait_for("make_cache", "leak (victims/grow.c")
    screen.press("m")
    screen.wait_for("*SINCE", "+0 B")
    grow.step()
    screen.wait_for(re.compile(r"\+976\.6 KiB +\+1000 .*leak \(victims"))
    screen.press("M")
    screen.wait_for("*LIVE")


def test_sorting_filtering_grouping(grow, top):
    screen = top()
    screen.wait_for("make_cache", "leak (victims/grow.c")
    screen.press(">")
    screen.wait_for("*GROWTH", "sorted by growth")
    screen.press("<")
    screen.wait_for("*LIVE")
    screen.press("/make_c" + ENTER)
    screen.wait_for("make_cache", "only /make_c/", gone=["leak (victims"])
    screen.press(ESCAPE)
    screen.wait_for("leak (victims")
    screen.press("/(" + ENTER)
    screen.wait_for("is no regular expression")
    screen.press("g")
    screen.wait_for("BY function", "make_cache")
    screen.press("ggg")
    screen.wait_for("ALLOCATED BY")


def test_growth_is_at_the_head(grow, top):
    screen = top("--sort=growth")
    screen.wait_for("make_cache")
    # each step is seen by a look of its own
    for number in range(1, 9):
        grow.step()
        screen.wait_for(re.compile(rf" {number * 1000} .*leak \(victims/grow\.c"))
    screen.wait_for(re.compile(r"ALLOCATED BY *\n.*iB/s.*leak \(victims/grow\.c:19\)"),
                    re.compile(r"^.*\n.*growth \+\d"))


def test_pause_keeps_the_picture(grow, top):
    screen = top()
    screen.wait_for("make_cache", "leak (victims/grow.c")
    screen.press(" ")
    screen.wait_for("PAUSED")
    grow.step()
    time.sleep(0.6)
    screen.read()
    assert "976.6 KiB" not in screen.text()
    screen.press(" ")
    screen.wait_for("976.6 KiB", gone=["PAUSED"])


def test_the_mouse_selects_and_scrolls(grow, top):
    def report(button, row):
        screen.press("\033[M" + chr(32 + button) + chr(33 + 5) + chr(33 + row))

    def selected():
        screen.read()
        return next((i for i, row in screen.screen.buffer.items() if row[50].reverse), None)

    screen = top(rows=12)
    screen.wait_for("make_cache", "leak (victims/grow.c")
    lines = screen.text().splitlines()
    first, second = find_line(lines, "make_cache"), find_line(lines, "leak (victims/grow.c")
    screen.wait_until(lambda: selected() == first)
    report(0, second)
    screen.press(ENTER)
    screen.wait_for("leak  victims/grow.c")
    screen.press(ESCAPE)
    screen.wait_for("ALLOCATED BY")
    screen.wait_until(lambda: selected() == second)
    screen.press("5\033[1~")
    text = screen.wait_for("PERM", "libc.so.6", "q leaves")
    # by its address: how much of it is resident may change
    uppermost = text.splitlines()[find_line(text.splitlines(), "PERM") + 1].split("p ")[1].split()[0]
    for _ in range(8):
        report(65, 8)
    screen.wait_for("PERM", gone=[uppermost])
    for _ in range(8):
        report(64, 8)
    screen.wait_for(uppermost)
    assert screen.close() == 0


def test_the_agent_goes_in_and_out_by_keys(tmp_path):
    with subprocess.Popen([f"{leaks.VICTIMS}/grow"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as plain:
        assert plain.stdout.readline() == "ready\n"
        screen = Terminal([leaks.MEMTRACE, "top", "--interval=250ms", str(plain.pid)], cwd=tmp_path)
        screen.wait_for("The process has no agent", "Press a to put one into it")
        screen.press("d")
        screen.wait_for("nothing is being recorded; a begins with it")
        screen.press("a")
        screen.wait_for("recording: stopped thread", "d ends it")
        plain.stdin.write("\n")
        plain.stdin.flush()
        assert plain.stdout.readline() == "done\n"
        screen.wait_for("leak (victims/grow.c")
        screen.press("a")
        screen.wait_for("the agent is there already")
        screen.press("d")
        screen.wait_for("recording has ended")
        assert screen.close() == 0
        plain.stdin.close()
        assert plain.wait(timeout=180) == 0


def test_saving_writes_a_session(grow, top, memtrace, tmp_path):
    screen = top()
    screen.wait_for("leak (victims/grow.c")
    screen.press("s")
    screen.wait_for("saved as memtrace.grow.")
    name = f"memtrace.grow.{grow.pid}.memtrace"
    assert (tmp_path / name).exists()
    assert "make_cache" in memtrace("report", name).stdout


def test_the_end_of_a_long_list(tmp_path):
    with subprocess.Popen([leaks.MEMTRACE, "run", "-q", "--sample=all", "-o", tmp_path / "end.memtrace", "--",
                           f"{leaks.VICTIMS}/crowd", "500", "3"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True) as process:
        assert process.stdout.readline() == "ready\n"
        pid = str(only_child(process.pid))
        # where all but one are alike, their order does not change: what is selected stays where it is
        screen = Terminal([leaks.MEMTRACE, "top", "--sort=live", pid], cwd=tmp_path)
        screen.wait_for("allocate (victims/crowd.c", "main (victims/crowd.c", "144 B")
        screen.press("\033[4~")
        screen.wait_for("144 B", gone=["main (victims/crowd.c"])
        screen.press("/main" + ENTER + "\033[1~")
        screen.wait_for("main (victims/crowd.c")
        assert screen.close() == 0
        process.stdin.close()


@pytest.mark.parametrize("columns,rows", [(80, 24), (200, 60)])
def test_sizes(top, columns, rows):
    screen = top(columns=columns, rows=rows)
    text = screen.wait_for("make_cache (victims", "q leaves")
    assert all(len(line) <= columns for line in text.splitlines())
    screen.resize(30, 6)
    screen.wait_for("30x6 is too small")
    screen.resize(columns, rows)
    screen.wait_for("make_cache (victims", "q leaves")


def test_ascii_where_the_locale_is_not_utf8(top):
    screen = top(env={"LC_ALL": "C"})
    screen.wait_for("make_cache")
    screen.press("3")
    screen.wait_for("###", "[Ledger]", "q leaves")
    assert screen.text().isascii()


def test_colours_only_where_they_are_wanted(top):
    screen = top()
    screen.wait_for("make_cache")
    assert screen.colours()
    mono = top(env={"NO_COLOR": "1"})
    mono.wait_for("make_cache")
    assert not mono.colours()


def test_the_last_state_stays_when_the_process_ends(grow, top, tmp_path):
    screen = top()
    screen.wait_for("leak (victims/grow.c")
    grow.process.stdin.close()
    screen.wait_for("the process has ended", "leak (victims/grow.c")
    screen.press("s")
    screen.wait_for("saved as")
    assert screen.close() == 0


def is_as_before(settings, screen):
    """The terminal echoes and waits for lines again, the screen and the cursor are the normal ones."""
    now = termios.tcgetattr(screen.process.child_fd)
    return now[:4] == settings[:4] and 25 << 5 in screen.screen.mode


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGSEGV])
def test_signals_restore_the_screen_and_leave_the_target_alone(grow, top, number):
    screen = top()
    before = screen.settings
    screen.wait_for("leak (victims/grow.c")
    assert not is_as_before(before, screen)
    os.kill(screen.process.pid, number)
    while screen.read():
        pass
    assert is_as_before(before, screen)
    screen.process.wait()
    assert screen.process.signalstatus == (number if number == signal.SIGSEGV else None)
    grow.step()


def test_killed_it_leaves_the_target_alone(grow, top):
    screen = top()
    screen.wait_for("leak (victims/grow.c")
    os.kill(screen.process.pid, signal.SIGKILL)
    screen.process.wait()
    grow.step()
    top().wait_for("leak (victims/grow.c", "976.6 KiB")


def test_a_terminal_that_goes_away_ends_it(grow, top):
    screen = top()
    screen.wait_for("leak (victims/grow.c")
    os.close(screen.process.child_fd)
    screen.process.ptyproc.closed = screen.process.ptyproc.terminated = True
    assert os.waitpid(screen.process.pid, 0)[1] == 0
    grow.step()


def test_stopped_by_the_keyboard_and_continued(grow, tmp_path):
    # a shell with job control: without one nobody could continue it, and the key does nothing
    script = f"{leaks.MEMTRACE} top {grow.pid}; echo STOPPED; read line; fg; echo DONE $?"
    screen = Terminal(["bash", "-m", "-c", script], cwd=tmp_path)
    screen.wait_for("leak (victims/grow.c")
    screen.press("\x1a")
    screen.wait_for("STOPPED")
    assert is_as_before(screen.settings, screen)
    grow.step()
    screen.press("\r")
    screen.wait_for("leak (victims/grow.c", "976.6 KiB")
    screen.press("q")
    screen.wait_for("DONE 0")
    assert screen.close(key=None) == 0


def test_stopped_and_continued(grow, top):
    screen = top()
    screen.wait_for("leak (victims/grow.c")
    os.kill(screen.process.pid, signal.SIGSTOP)
    grow.step()
    os.kill(screen.process.pid, signal.SIGCONT)
    screen.wait_for("976.6 KiB")
    assert screen.close() == 0


def test_batch_prints_frames(grow, memtrace):
    done = memtrace("top", "--batch", "-n", "2", "--interval=100ms", grow.pid)
    assert done.returncode == 0
    assert done.stdout.count("[Sites]") == 2
    assert "make_cache (victims/grow.c:" in done.stdout
    assert "\033" not in done.stdout


def test_without_a_target_the_running_processes_are_offered(tmp_path):
    # a name that nobody else who runs has
    grow = Grow(tmp_path, shutil.copy(f"{leaks.VICTIMS}/grow", tmp_path / "only-one"))
    screen = Terminal([leaks.MEMTRACE, "top", "--interval=250ms"], cwd=tmp_path)
    lines = screen.wait_for("Which process?", "Enter shows it").splitlines()
    assert lines[1].split() == ["PID", "OWNER", "RESIDENT", "GROWTH", "AGENT", "COMMAND"]
    screen.press("/(" + ENTER)
    screen.wait_for("is no regular expression")
    screen.press(f"/^{tmp_path}/only-one$" + ENTER)
    text = screen.wait_for("only /", re.compile(rf"COMMAND\n\s*{grow.pid} .*iB .* yes +/.*\n\n"))
    assert not any(text.splitlines()[3:-1])
    screen.press(ENTER)
    screen.wait_for(f"only-one (pid {grow.pid})", "[Sites]", "make_cache")
    assert screen.close() == 0
    grow.step()
    assert grow.end() == 0


def test_no_process_is_chosen(tmp_path):
    for key in ("q", ESCAPE):
        screen = Terminal([leaks.MEMTRACE, "top"], cwd=tmp_path)
        screen.wait_for("Which process?")
        assert screen.close(key) == 0


def test_the_processes_as_text(grow, memtrace):
    done = memtrace("top", "--batch", "-n", "1", "--interval=100ms")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("Which process?")
    assert any(re.match(rf"\s*{grow.pid} .* yes .*grow$", line) for line in lines[2:])


PROGRAM = """
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
void *kept;
__attribute__((noinline)) static void keep_some(void) { kept = malloc(1234567); }
int main(void)
{
	char c;
	keep_some();
	puts("this is said");
	fflush(stdout);
	fprintf(stderr, "%zd read\\n", read(0, &c, 1));
	pause();
	return 7;
}
"""


def start_with_screen(compile_c, tmp_path):
    program = compile_c(PROGRAM, "-g", name="speaker")
    # wide enough for lines with the program's path not to be broken
    screen = Terminal([leaks.MEMTRACE, "run", "--top", "--sample=all", "-o", "end.memtrace", "--", str(program)],
                      columns=240, cwd=tmp_path)
    text = screen.wait_for("keep_some", re.compile(r"its output: memtrace\.speaker\.\d+\.out"), "q leaves",
                           re.compile(r"^speaker \(pid \d+\)"))
    pid = int(re.match(r"speaker \(pid (\d+)\)", text).group(1))
    output = re.search(r"its output: (memtrace\.speaker\.\d+\.out)", text).group(1)
    return screen, pid, tmp_path / output


def test_run_shows_the_program_that_it_starts(compile_c, tmp_path):
    screen, pid, output = start_with_screen(compile_c, tmp_path)
    screen.wait_until(lambda: output.read_text() == "this is said\n0 read\n")
    assert "this is said" not in screen.text()
    os.kill(pid, signal.SIGTERM)
    screen.wait_for("the process has ended", "keep_some")
    assert screen.close() == 128 + signal.SIGTERM
    assert "end.memtrace" in screen.text(), "the report is printed when the screen has gone"
    assert (tmp_path / "end.memtrace").exists()


def test_the_screen_of_run_can_be_left_before_the_program(compile_c, tmp_path):
    screen, pid, output = start_with_screen(compile_c, tmp_path)
    screen.press("q")
    screen.wait_for("goes on", output.name)
    os.kill(pid, 0)
    screen.press("\003")
    assert screen.close(key=None) == 128 + signal.SIGINT
    assert (tmp_path / "end.memtrace").exists()


def test_a_signal_to_the_screen_of_run_is_meant_for_the_program(compile_c, tmp_path):
    screen, pid, _ = start_with_screen(compile_c, tmp_path)
    os.kill(screen.process.pid, signal.SIGTERM)
    assert screen.close(key=None) == 128 + signal.SIGTERM
    assert not os.path.exists(f"/proc/{pid}")
    assert (tmp_path / "end.memtrace").exists()


def test_run_with_a_screen_needs_a_terminal(memtrace):
    done = memtrace("run", "--top", "--", "true")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1 and "--top" in done.stderr


def test_trim_asks_first(compile_c, tmp_path):
    program = compile_c("""
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static void *blocks[2000];
int main(void)
{
	for (int i = 0; i < 2000; i++)
		memset(blocks[i] = malloc(20000), 1, 20000);
	for (int i = 0; i < 1999; i++)
		free(blocks[i]);
	puts("ready");
	fflush(stdout);
	pause();
}
""", name="keeper")
    with subprocess.Popen([program], stdout=subprocess.PIPE, text=True) as keeper:
        try:
            assert keeper.stdout.readline() == "ready\n"
            screen = Terminal([leaks.MEMTRACE, "top", "--view=ledger", str(keeper.pid)], cwd=tmp_path)
            screen.wait_for("all of it")
            screen.press("t")
            screen.wait_for(re.compile(r"malloc_trim\(0\) gives back 3\d\.\d MiB"), "y does it")
            screen.press("n")
            screen.wait_for("explains the keys", gone=["y does it"])
            screen.press("t")
            screen.wait_for("y does it")
            screen.press("y")
            figures = re.compile(r"([\d.]+) MiB resident before, ([\d.]+) MiB after")
            before, after = figures.search(screen.wait_for(figures)).groups()
            assert float(before) - float(after) > 30
            assert screen.close() == 0
        finally:
            keeper.kill()


@pytest.mark.long
@pytest.mark.alone
def test_a_leak_beside_healthy_churn_comes_first(tmp_path):
    """1 MB a second beside 200 MB that come and go, sampled as `run --top` does by default: some ten seconds."""
    screen = Terminal([leaks.MEMTRACE, "run", "--top", "-o", "end.memtrace", "--", f"{leaks.VICTIMS}/churn", "300"],
                      columns=120, cwd=tmp_path)
    pid = int(re.search(r"pid (\d+)", screen.wait_for("[Sites]", "cache_1"))[1])
    screen.press(">")
    screen.wait_for("*GROWTH")
    heads = {}  # of the list, by what the first line says

    def is_told():
        """Three times in a row, with its growth within a half and the double: of samples that is known after a while."""
        lines = screen.text().splitlines()
        heads[lines[0]] = lines[find_line(lines, "ALLOCATED BY") + 1]
        growth = [re.search(r"([\d.]+) (KiB|MiB)/s.*leak_a_little", head) for head in [*heads.values()][-3:]]
        return len(growth) == 3 and all(
            found and 0.5 < float(found[1]) / (1024 if found[2] == "KiB" else 1) < 2 for found in growth)
    screen.wait_until(is_told)
    os.kill(pid, signal.SIGTERM)
    screen.wait_for("the process has ended")
    assert screen.close() == 128 + signal.SIGTERM


def test_a_process_without_the_agent(memtrace):
    with subprocess.Popen(["sleep", "60"]) as sleeper:
        try:
            done = memtrace("top", "--batch", "-n", "1", sleeper.pid)
            assert "The process has no agent" in done.stdout
            done = memtrace("top", "--batch", "-n", "1", "--view=ledger", sleeper.pid)
            assert "program and libraries" in done.stdout
        finally:
            sleeper.kill()


def test_refusals_are_one_line(memtrace):
    for arguments in (["999999999"], ["missing.memtrace"]):
        done = memtrace("top", "--batch", *arguments)
        assert done.returncode == 1
        assert len(done.stderr.splitlines()) == 1
    done = memtrace("top", str(os.getpid()))
    assert done.returncode == 1
    assert "not a terminal" in done.stderr
