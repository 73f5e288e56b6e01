#!/bin/sh
# The agent exports what its version script lists and imports what agent-imports.txt allows; it needs no
# library but libc (and the loader, which is a part of it), and its TLS is of the initial-exec kind.
#
# usage: agent-symbols.sh LIBRARY EXPORTS-MAP IMPORTS-LIST
set -eu
library=$1 map=$2 imports=$3
status=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

complain() {
	echo "agent-symbols: $1" >&2
	sed 's/^/  /' "$2" >&2
	status=1
}

sed -n 's/^[[:space:]]*\([A-Za-z_][A-Za-z_0-9]*\);$/\1/p' "$map" | sort >"$work/allowed"
nm -D --defined-only "$library" | awk '{ print $3 }' | sort >"$work/exported"
comm -13 "$work/allowed" "$work/exported" >"$work/extra"
comm -23 "$work/allowed" "$work/exported" >"$work/missing"
[ -s "$work/extra" ] && complain "exported, but not in $map:" "$work/extra"
[ -s "$work/missing" ] && complain "in $map, but not exported:" "$work/missing"

sed -n 's/^\([A-Za-z_][A-Za-z_0-9]*\).*/\1/p' "$imports" | sort >"$work/may"
nm -D --undefined-only "$library" | awk '{ print $2 }' | sed 's/@.*//' | sort -u >"$work/imported"
comm -13 "$work/may" "$work/imported" >"$work/extra"
[ -s "$work/extra" ] && complain "imported, but not in $imports:" "$work/extra"

readelf -dW "$library" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' |
	grep -v -e '^libc\.so\.' -e '^ld-linux' >"$work/needed" || true
[ -s "$work/needed" ] && complain "needed besides libc:" "$work/needed"

# a module or offset relocation is the mark of TLS that is allocated at first use
readelf -rW "$library" | grep -e TLSDESC -e DTPMOD >"$work/dynamic" || true
[ -s "$work/dynamic" ] && complain "thread-local variables that are not initial-exec:" "$work/dynamic"
exit $status
