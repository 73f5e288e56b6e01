# SPDX-License-Identifier: MIT
"""
Whole screens of `memtrace top`, compared with those in screens/, of a session that is the same each time
(tests/support/session-maker.c). After a change that is meant, look at them and keep them:

    MEMTRACE_SCREENS=write pytest tests/e2e/test_screens.py; git diff tests/e2e/screens

A screen stands below the name of its view; in the files of styles it stands with what is emphasised in it: below each
line B is bold, R reverse, and a small letter the first of a colour.
"""

import os
import pathlib
import subprocess
import time

import pytest

import leaks
from terminal import PATIENCE_S, Terminal

FOLDER = pathlib.Path(__file__).parent / "screens"
MAKER = f"{leaks.BUILD}/tests/support/session-maker"
ENTER, ESCAPE, DOWN = "\r", "\033", "\033OB"
# What is pressed, what the screen is called, and a word that it has and the one before has not.
VIEWS = (("", "Sites", "ALLOCATED BY"), (ENTER, "Sites, a stack", "allocated in all"), (ESCAPE + ">", "Sites by growth", "*GROWTH"),
         ("ggg", "Sites by thread", "BY thread"), ("g<", "Sites again", "*LIVE"), ("/parse\r", "Sites, filtered", "only /parse/"),
         (ESCAPE + "2", "Tree", "[Tree]"), ("c", "Tree from the allocation", "CALLED BY"),
         ("3", "Ledger", "[Ledger]"), ("4", "Arenas", "[Arenas]"), ("5", "Maps", "[Maps]"),
         ("6", "Threads", "[Threads]"), ("7", "Timeline", "[Timeline]"), ("8", "Events", "[Events]"), ("?", "Help", "Any key closes this"),
         ("xa", "What needs a process", "needs a running process"))


@pytest.fixture(name="session", scope="module")
def make_session(tmp_path_factory):
    path = tmp_path_factory.mktemp("session") / "leaky.memtrace"
    subprocess.run([MAKER, path], check=True)
    return path


def styles(row, columns):
    """A letter for each cell that is not plain."""
    def letter(cell):
        if cell.reverse:
            return "R"
        colour = "y" if cell.fg == "brown" else cell.fg[0]
        return colour if cell.fg != "default" else "B" if cell.bold else " "
    return "".join(letter(row[i]) for i in range(columns)).rstrip()


def draw(screen, with_styles):
    lines = []
    for number, line in enumerate(screen.screen.display):
        lines.append("|" + line.rstrip())
        emphasis = styles(screen.screen.buffer[number], screen.screen.columns) if with_styles else ""
        if emphasis:
            lines.append(":" + emphasis)
    return "\n".join(lines) + "\n"


def settle(screen, with_styles, expected):
    """What is on the screen once it is what is expected, or does not become that."""
    end = time.monotonic() + (PATIENCE_S if expected else 0.3)
    screen.read(0.02)
    while draw(screen, with_styles) != expected and time.monotonic() < end:
        screen.read()
    return draw(screen, with_styles)


def compare(session, name, columns, rows, env, views=VIEWS, with_styles=False):
    path, write = FOLDER / name, os.environ.get("MEMTRACE_SCREENS") == "write"
    text = "" if write else path.read_text(encoding="utf-8")
    expected = dict(part.split("\n", 1) for part in text.split("==== ")[1:])
    screen = Terminal([leaks.MEMTRACE, "top", str(session)], columns=columns, rows=rows, env=env)
    found = {}
    for keys, view, word in views:
        for key in keys if keys.startswith(("g", "x")) else [keys]:
            screen.press(key)
            screen.read(0.02)
        screen.wait_for(word)
        found[view] = settle(screen, with_styles, expected.get(view))
        assert write or found[view] == expected.get(view), f"{view}: MEMTRACE_SCREENS=write keeps what it looks like now"
    assert screen.close() == 0
    if write:
        path.write_text("".join(f"==== {view}\n{lines}" for view, lines in found.items()), encoding="utf-8")
    return found


@pytest.mark.parametrize("columns,rows", [(80, 24), (200, 60)])
@pytest.mark.parametrize("charset", ["utf8", "ascii"])
def test_views(session, columns, rows, charset):
    found = compare(session, f"{columns}x{rows}-{charset}.txt", columns, rows,
                    {"LC_ALL": "C.UTF-8" if charset == "utf8" else "C"})
    assert charset == "utf8" or all(lines.isascii() and "~@" not in lines for lines in found.values())


@pytest.mark.parametrize("palette,env", [("colour", {}), ("mono", {"NO_COLOR": "1"})])
def test_styles(session, palette, env):
    views = [(key, view, word) for key, view, word in VIEWS if view in ("Sites", "Ledger", "Timeline")]
    compare(session, f"80x24-{palette}.txt", 80, 24, env, views, with_styles=True)
