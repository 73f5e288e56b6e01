# SPDX-License-Identifier: MIT
"""The keys of `memtrace top` that move, turn the tree round and change how often it looks."""

import re

import pytest

import leaks
from terminal import Terminal

UP, PAGE_UP, PAGE_DOWN = "\033OA", "\033[5~", "\033[6~"


@pytest.fixture(name="screen")
def open_screen(grow, tmp_path):
    screen = Terminal([leaks.MEMTRACE, "top", "--interval=250ms", grow.pid], cwd=tmp_path)
    screen.wait_for("[Sites]", "leak (victims/grow.c")
    yield screen
    assert screen.close() == 0


def test_plus_and_minus_change_the_interval(screen):
    screen.wait_for("every 0.25 s")
    for key, pace in (("+", "0.5"), ("+", "1"), ("-", "0.5"), ("-", "0.25"), ("-", "0.25")):
        screen.press(key)
        screen.wait_for(f"every {pace} s")


def test_the_tree_has_two_ends(screen):
    screen.press("2")
    screen.wait_for("CALLS (c: from the allocation)", "main")
    screen.press("c")
    screen.wait_for("ALLOCATED BY, CALLED BY (c: from the start)", "leak")
    screen.press("c")
    screen.wait_for("CALLS (c: from the allocation)")


def test_help_has_two_keys(screen):
    for key in "?h":
        screen.press(key)
        screen.wait_for("Any key closes this")
        screen.press("x")
        screen.wait_for("[Sites]", gone=["Any key closes this"])


def test_moving_by_lines_and_pages(grow, tmp_path):
    screen = Terminal([leaks.MEMTRACE, "top", "--view=maps", grow.pid], rows=16, cwd=tmp_path)
    screen.wait_for("ADDRESS", "libc.so.6")

    def rows():
        return re.findall(r"[r-][w-][x-][ps] +([0-9a-f]+)  ", screen.text())

    def press(key, is_done):
        screen.press(key)
        screen.wait_until(lambda: is_done(rows()))
    head = rows()[0]
    press(PAGE_DOWN, lambda lines: head not in lines)
    below = rows()[0]
    press("kkkkk", lambda lines: below in lines[1:])
    press("jjjjj" + PAGE_DOWN, lambda lines: below not in lines)
    press(PAGE_UP * 3, lambda lines: lines[0] == head)
    press(PAGE_DOWN + UP * 8, lambda lines: below in lines and lines[0] != below)
    assert screen.close() == 0


SIGNAL_BEFORE_WAITING = """
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>
/* What comes when all was looked at, and nothing is waited for yet. */
static void raise_once(int timeout)
{
	static int is_told;

	if (timeout < 0 && !is_told && access("tell", F_OK) == 0) {
		is_told = 1;
		raise(SIGTERM);
	}
}
int poll(struct pollfd *fds, nfds_t n, int timeout)
{
	raise_once(timeout);
	return (int)syscall(SYS_poll, fds, n, timeout);
}
int ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask)
{
	raise_once(timeout ? 0 : -1);
	return (int)syscall(SYS_ppoll, fds, n, timeout, mask, 8);
}
"""


def test_a_signal_just_before_it_waits_ends_it(compile_c, memtrace, tmp_path):
    """Where nothing else would wake it: a session does not change."""
    shim = compile_c(SIGNAL_BEFORE_WAITING, "-shared", "-fPIC", name="shim.so")
    assert memtrace("run", "-q", "-o", "s.memtrace", "--", f"{leaks.VICTIMS}/leak-malloc").returncode == 0
    screen = Terminal([leaks.MEMTRACE, "top", "s.memtrace"], cwd=tmp_path, env={"LD_PRELOAD": str(shim)})
    screen.wait_for("[Sites]", "q leaves")
    (tmp_path / "tell").touch()
    screen.press("3")
    screen.wait_for("[Ledger]")
    assert screen.close(key=None) == 0


LOOK_THAT_TAKES_LONG = """
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
/* A look begins with who the process is, and goes on when it may. */
int open64(const char *path, int flags, ...)
{
	static int is_done;

	if (!is_done && strncmp(path, "/proc/", 6) == 0 && strstr(path, "/cmdline") && access("hold", F_OK) == 0) {
		is_done = 1;
		close((int)syscall(SYS_openat, AT_FDCWD, "held", O_CREAT | O_WRONLY, 0600));
		while (access("go", F_OK) != 0)
			usleep(1000);
	}
	return (int)syscall(SYS_openat, AT_FDCWD, path, flags, 0600);
}
"""


def test_a_look_that_ends_in_a_pause_is_not_shown(grow, compile_c, tmp_path):
    shim = compile_c(LOOK_THAT_TAKES_LONG, "-shared", "-fPIC", name="shim.so")
    screen = Terminal([leaks.MEMTRACE, "top", "--interval=250ms", grow.pid], cwd=tmp_path, env={"LD_PRELOAD": str(shim)})
    screen.wait_for("make_cache", "leak (victims/grow.c")
    (tmp_path / "hold").touch()
    screen.wait_until((tmp_path / "held").exists)
    screen.press(" ")
    screen.wait_for("PAUSED")
    grow.step()
    (tmp_path / "go").touch()
    screen.read(1)
    assert "976.6 KiB" not in screen.text()
    screen.press(" ")
    screen.wait_for("976.6 KiB", gone=["PAUSED"])
    assert screen.close() == 0
