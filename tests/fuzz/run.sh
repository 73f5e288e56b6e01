#!/bin/bash
# Lets every fuzz harness of a build folder search for SECONDS: usage: run.sh BUILD SECONDS [NAME…]
#
# Ends with "N passed, N failed", a harness being one. What a harness found, the input included, is shown
# and kept in BUILD/found; what it discovered on the way is thrown away.
set -u
cd "$(dirname "$0")/../.." || exit 1
build=$(realpath "$1")
seconds=$2
shift 2
passed=0 failed=0

ninja -C "$build" -j "$(nproc)" fuzz-harnesses >"$build/fuzz.log" 2>&1 || {
	cat "$build/fuzz.log"
	exit 1
}
mkdir -p "$build/found"
for program in "$build"/tests/fuzz/fuzz-*; do
	[[ -x $program && -f $program ]] || continue
	name=${program##*/fuzz-}
	if (($# > 0)) && [[ " $* " != *" $name "* ]]; then
		continue
	fi
	work=$(mktemp -d)
	# inputs are small on purpose: what matters in these formats is in the first kilobytes
	if timeout $((seconds + 60)) "$program" -max_total_time="$seconds" -max_len=65536 -timeout=10 \
		-rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix="$build/found/$name-" \
		"$work" "tests/fuzz/corpus/$name" >"$build/fuzz-$name.log" 2>&1; then
		passed=$((passed + 1))
		printf '%-10s %s runs, no finding\n' "$name" \
			"$(sed -nE 's/^stat::number_of_executed_units: +//p' "$build/fuzz-$name.log")"
	else
		failed=$((failed + 1))
		printf '%-10s FINDING, kept in %s\n' "$name" "$build/found"
		tail -n 60 "$build/fuzz-$name.log"
	fi
	rm -r "$work"
done
printf '%d passed, %d failed\n' "$passed" "$failed"
((failed == 0 && passed > 0))
