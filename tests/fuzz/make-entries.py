#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""make-entries.py FOLDER: writes the seeds of fuzz-entries, the debug information of a small program in each version."""

import os
import subprocess
import sys
import tempfile

SOURCE = """
namespace shop {
struct box { int weight; int more() const { return weight * 3; } };
static inline int half(int x) { return x > 9 ? x / 2 : x; }
static inline int third(int x) { box b{half(x)}; return b.more() + half(x + 1); }
__attribute__((noinline)) int cold(int x);
int cold(int x) { if (__builtin_expect(x > 7, 0)) __builtin_trap(); return third(x); }
}
extern "C" void _start() { static volatile int sink; sink = shop::cold(sink) + shop::third(sink); for (;;); }
"""
KINDS = {"version-5": ["-gdwarf-5"], "version-4": ["-gdwarf-4"], "version-3": ["-gdwarf-3", "-gstrict-dwarf"],
         "types": ["-gdwarf-4", "-fdebug-types-section"], "wide": ["-gdwarf-5", "-gdwarf64"]}


def section(program, name):
    with tempfile.NamedTemporaryFile() as out:
        subprocess.run(["objcopy", "-O", "binary", f"--only-section={name}", "--set-section-flags", f"{name}=alloc",
                        program, out.name], check=True, stderr=subprocess.DEVNULL)
        return out.read()


def main(folder):
    with tempfile.TemporaryDirectory() as work:
        program = os.path.join(work, "program")
        for name, flags in KINDS.items():
            subprocess.run(["g++", "-O2", "-nostdlib", "-static", "-no-pie", "-x", "c++", "-", "-o", program, *flags],
                           input=SOURCE, text=True, check=True)
            abbreviations, entries = section(program, ".debug_abbrev"), section(program, ".debug_info")
            lists = section(program, ".debug_rnglists") or section(program, ".debug_ranges")
            with open(os.path.join(folder, name), "wb") as file:
                file.write(len(abbreviations).to_bytes(2, "little") + len(lists).to_bytes(2, "little"))
                file.write(abbreviations + lists + entries)


if __name__ == "__main__":
    main(sys.argv[1])
