#!/bin/bash
# Each header compiles alone, and twice, but for those that need one that the build makes:
# usage: check-headers.sh SRC COMPILER…
set -u
src=$1
shift
status=0
n=0
cd "$src" || exit 1
while IFS= read -r header; do
	grep -q '^#include "render/pprof.pb-c.h"' "$header" && continue
	n=$((n + 1))
	printf '#include "%s"\n#include "%s"\n' "$header" "$header" |
		"$@" -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Wno-unused-parameter -Werror -fsyntax-only -I . -x c - || {
		printf 'src/%s: does not compile alone\n' "$header"
		status=1
	}
done < <(find . -name '*.h' -printf '%P\n' | sort)
printf '%d headers\n' "$n"
((n > 0)) || exit 1
exit $status
