#!/usr/bin/env python3
"""usage: embed.py IMAGE OUT.c: writes the image as an array of bytes, for the tool to be linked with."""
import sys
from pathlib import Path

data = Path(sys.argv[1]).read_bytes()
lines = [",".join(str(byte) for byte in data[i:i + 32]) for i in range(0, len(data), 32)]
Path(sys.argv[2]).write_text(
    "/* made by embed.py */\n#include <stddef.h>\n"
    "extern const unsigned char inject_bytes[];\nextern const size_t inject_bytes_size;\n"
    "_Alignas(16) const unsigned char inject_bytes[] = {\n" + ",\n".join(lines) + "};\n"
    "const size_t inject_bytes_size = sizeof(inject_bytes);\n", encoding="ascii")
