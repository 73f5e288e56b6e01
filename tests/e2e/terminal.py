# SPDX-License-Identifier: MIT
"""A program in a terminal emulator: keys in, screen out."""

import os
import select
import signal
import termios
import time

import pexpect
import pyte

# No machine is so slow that what comes at all takes longer.
PATIENCE_S = 120


class Screen(pyte.Screen):
    """With what ncurses uses and pyte does not know: lines between the margins move up or down."""

    def move_lines(self, change, count):
        top = self.margins.top if self.margins else 0
        row, self.cursor.y = self.cursor.y, top
        change(count)
        self.cursor.y = row

    def scroll_up(self, count=None, **_):
        self.move_lines(self.delete_lines, count)

    def scroll_down(self, count=None, **_):
        self.move_lines(self.insert_lines, count)


class Stream(pyte.ByteStream):
    csi = pyte.ByteStream.csi | {"S": "scroll_up", "T": "scroll_down"}
    events = pyte.ByteStream.events | {"scroll_up", "scroll_down"}


def heed_the_keyboard():
    """Whoever was started in the background of a shell without job control ignores Ctrl-C, and so do his children."""
    for number in (signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)


def found(word, text):
    return word in text if isinstance(word, str) else word.search(text)


def new_settings():
    """Those of a terminal that nobody has changed yet; the program's own it may have changed as soon as it runs."""
    ours, theirs = os.openpty()
    try:
        return termios.tcgetattr(theirs)
    finally:
        os.close(ours)
        os.close(theirs)


class Terminal:
    """Runs a command on a screen of columns by rows."""

    def __init__(self, command, columns=100, rows=30, env=None, cwd=None):
        self.screen = Screen(columns, rows)
        self.stream = Stream(self.screen)
        environment = os.environ | {"TERM": "screen-256color", "LC_ALL": "C.UTF-8"} | (env or {})
        self.process = pexpect.spawn(command[0], command[1:], dimensions=(rows, columns), env=environment, cwd=cwd,
                                     timeout=PATIENCE_S, preexec_fn=heed_the_keyboard)
        self.process.delaybeforesend = None
        self.settings = new_settings()

    def read(self, seconds=0.05):
        """Takes what the program prints until it has been quiet for so long."""
        while True:
            try:
                self.stream.feed(self.process.read_nonblocking(65536, timeout=seconds))
            except pexpect.TIMEOUT:
                return True
            except pexpect.EOF:
                self.drain()
                return False

    def drain(self):
        """What the kernel had not yet passed on when the program ended: pexpect asks only whether something is there."""
        while select.select([self.process.child_fd], [], [], 1)[0]:
            try:
                self.stream.feed(os.read(self.process.child_fd, 65536))
            except OSError:
                return  # the other end is closed, and everything was read

    def text(self):
        return "\n".join(line.rstrip() for line in self.screen.display).rstrip()

    def wait_for(self, *words, seconds=PATIENCE_S, gone=()):
        """
        Waits until all words are on the screen (regular expressions that are compiled are found in a line), and none of
        those that should be gone. A screen may be drawn in two goes: whatever is looked at afterwards is to be waited for.
        """
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            alive = self.read()
            text = self.text()
            if all(found(word, text) for word in words) and not any(found(word, text) for word in gone):
                return text
            if not alive:
                break
        raise AssertionError(f"{words} did not come, or {gone} did not go:\n{self.text()}")

    def wait_until(self, is_done, seconds=PATIENCE_S):
        """Waits until is_done() of what is on the screen."""
        end = time.monotonic() + seconds
        while not is_done():
            assert self.read() and time.monotonic() < end, f"it did not come:\n{self.text()}"

    def press(self, keys):
        self.process.send(keys)

    def resize(self, columns, rows):
        self.screen.resize(rows, columns)
        self.process.setwinsize(rows, columns)

    def colours(self):
        return {cell.fg for row in self.screen.buffer.values() for cell in row.values()} - {"default"}

    def kill(self):
        """However it is; pexpect's own way gives it a tenth of a second to die."""
        if self.process.isalive():
            self.process.kill(signal.SIGKILL)
            self.process.wait()
        self.process.close(force=True)

    def close(self, key="q"):
        """Presses a key that ends it; returns the exit status."""
        if key:
            self.press(key)
        end = time.monotonic() + PATIENCE_S
        while self.read():
            assert time.monotonic() < end, f"it did not end:\n{self.text()}"
        self.process.wait()
        assert self.process.signalstatus is None, f"signal {self.process.signalstatus}:\n{self.text()}"
        return self.process.exitstatus
