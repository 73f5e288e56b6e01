#!/bin/sh
# The freestanding core, linked together, leaves nothing undefined.
# Usage: core-imports-nothing.sh LIBCORE.a LD NM
set -eu
library=$1
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT

"${2:-ld}" -r -o "$directory/core.o" --whole-archive "$library"
undefined=$("${3:-nm}" -u "$directory/core.o")
if [ -n "$undefined" ]; then
	echo "agent/core imports:"
	echo "$undefined"
	exit 1
fi
