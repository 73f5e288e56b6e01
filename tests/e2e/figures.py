# SPDX-License-Identifier: MIT
"""Figures that a test has compared, for people who run it with -s."""


def show(what, **figures):
    """One line: what, and name value, …; bytes with separators."""
    text = ", ".join(f"{name.replace('_', ' ')} {value:,}" if isinstance(value, int) else
                     f"{name.replace('_', ' ')} {value}" for name, value in figures.items())
    print(f"\n  {what}: {text}", flush=True)


def show_promise(what, promised, seen):
    """How near a promise came to what then happened."""
    show(what, promised=promised, seen=seen, ratio=f"{seen / promised:.4f}" if promised else "-")
