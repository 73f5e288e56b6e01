#!/usr/bin/env python3
"""Who may include whom (docs/ARCHITECTURE.md): the folder is the layer.

usage: check-includes.py SRC

Prints every include below SRC that its layer does not allow, and every file that does not include its
own header first, then system headers, then the project's.
"""
import re
import sys
from pathlib import Path

# folder: what its files may include of the project, besides the folder itself. A name that ends in .h
# is one header, any other is a folder. The most specific key counts: a file's own before its folder's.
MAY_INCLUDE = {
    "base": [],
    "base/macro.h": None,
    "region": ["base"],
    "region/abi.h": ["base/macro.h"],
    "region/ring.h": ["base/macro.h", "region/abi.h"],
    "heap": ["base/macro.h"],
    "agent/core": ["base/macro.h", "region/abi.h", "region/ring.h"],
    "agent/preload": ["agent/core", "heap/heap.h", "heap/inline.h", "heap/recorded.h", "base/macro.h", "region/abi.h"],
    "region/inject-abi.h": ["base/macro.h"],
    "agent/inject": ["agent/core", "base/macro.h", "region/abi.h", "region/inject-abi.h"],
    "process": ["base", "region/abi.h", "region/inject-abi.h"],
    "process/fast-arenas.c": ["base", "process", "heap/published.h"],
    "process/fast-blocks.c": ["base", "process", "heap/published.h"],
    "process/fast-heap.c": ["base", "process", "heap/published.h"],
    "process/fast-pieces.c": ["base", "process", "heap/published.h"],
    "symbolize": ["base", "process/memory.h"],
    "profile": ["base", "region", "process", "symbolize/symbolizer.h"],
    "render": ["base", "profile", "region/abi.h"],
    "cli": ["base", "region", "process", "symbolize", "profile", "render"],
}

# foreign headers that only some places may include
ONLY_IN = {
    r"(elfutils/.*|dwarf\.h)": ["symbolize"],
    r"(gelf|libelf)\.h": ["symbolize", "process"],
    r"(demangle|libiberty/.*)\.h": ["symbolize"],
    r"libunwind.*\.h": ["process"],
    r"(ncurses.*/.*|ncurses\.h|curses\.h)": ["cli/screen.c"],
    r"(zstd|lz4|zlib)\.h": ["profile", "render"],
    r"jansson\.h": ["render"],
}

# Headers that the build makes.
GENERATED = ["render/page.h", "render/pprof.pb-c.h"]

# The freestanding code takes types and constants, no functions.
FREESTANDING = re.compile(
    r"(stddef|stdint|stdbool|stdarg|stdalign|limits|float|elf|cpuid|x86intrin|immintrin)\.h|(linux|asm|asm-generic)/.*")
FREESTANDING_LAYERS = ["agent/core", "agent/inject"]


def layer_of(name):
    parts = name.split("/")
    return "/".join(parts[:2]) if parts[0] == "agent" else parts[0]


def is_in(name, places):
    return any(name == place or name.startswith(place + "/") for place in places)


def project_include_is_allowed(name, header):
    if name in MAY_INCLUDE:
        allowed = MAY_INCLUDE[name]
        return allowed is not None and is_in(header, allowed)
    layer = layer_of(name)
    return layer in MAY_INCLUDE and is_in(header, MAY_INCLUDE[layer] + [layer])


def check_order(name, includes):
    """own header, system, project: numbered 0, 1, 2 and not falling"""
    own = name[:-2] + ".h"
    order = [0 if header == own else 1 if bracket == "<" else 2 for _, bracket, header in includes]
    for (line, _, header), before, here in zip(includes[1:], order, order[1:]):
        if here < before:
            yield line, f"{header} stands behind headers that it goes before: own, system, project"


def check(source, path):
    name = str(path.relative_to(source))
    includes = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        match = re.match(r'\s*#\s*include\s+([<"])([^>"]+)[>"]', line)
        if match:
            includes.append((number, match[1], match[2]))
    for number, bracket, header in includes:
        if bracket == '"':
            if not (source / header).exists() and header not in GENERATED:
                yield number, f'"{header}" is not written from src/'
            elif not project_include_is_allowed(name, header):
                yield number, f"{layer_of(name)} may not include {header}"
            continue
        for pattern, places in ONLY_IN.items():
            if re.fullmatch(pattern, header) and not is_in(name, places):
                yield number, f"<{header}> belongs to {', '.join(places)}"
        if layer_of(name) in FREESTANDING_LAYERS and not FREESTANDING.fullmatch(header):
            yield number, f"<{header}>: {layer_of(name)} is freestanding"
    yield from check_order(name, includes)


def main():
    source = Path(sys.argv[1]).resolve()
    files = sorted(path for path in source.rglob("*") if path.suffix in (".c", ".h"))
    found = 0
    for path in files:
        for number, message in check(source, path):
            print(f"{path.relative_to(source.parent)}:{number}: {message}")
            found += 1
    print(f"{len(files)} files, {found} findings")
    return 1 if found or not files else 0


if __name__ == "__main__":
    sys.exit(main())
