#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes a C header of the page: what stands before the report's data, and what stands behind it."""

import pathlib
import sys


def literal(text):
    """A C string literal, a line of text a line."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return "\n".join(f'\t"{line}"' for line in escaped.replace("\n", "\\n\n").split("\n"))


def main(page, style, script, output):
    text = pathlib.Path(page).read_text(encoding="utf-8")
    text = text.replace("@STYLE@", pathlib.Path(style).read_text(encoding="utf-8").strip())
    text = text.replace("@SCRIPT@", pathlib.Path(script).read_text(encoding="utf-8").strip())
    head, tail = text.split("@DATA@")
    pathlib.Path(output).write_text("/* SPDX-License-Identifier: MIT */\n"
                                    f"static const char page_head[] =\n{literal(head)};\n"
                                    f"static const char page_tail[] =\n{literal(tail)};\n", encoding="utf-8")


main(*sys.argv[1:])
