#!/bin/bash
# Lets every fuzz harness of a build folder search for SECONDS: usage: run.sh BUILD SECONDS [NAME…]
#
# As many harnesses run at once as there are processors. Ends with "N passed, N failed", a harness being one. What a harness found, the input included, is shown
# and kept in BUILD/found; what it discovered on the way is thrown away.
set -u
cd "$(dirname "$0")/../.." || exit 1
build=$(realpath "$1")
seconds=$2
shift 2

# run_one PROGRAM: prints its line; what it found is in the log
run_one() {
	local program=$1 name work
	name=${program##*/fuzz-}
	work=$(mktemp -d)
	# inputs are small on purpose: what matters in these formats is in the first kilobytes
	if timeout $((seconds + 60)) "$program" -max_total_time="$seconds" -max_len=65536 -timeout=10 \
		-rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix="$build/found/$name-" \
		"$work" "tests/fuzz/corpus/$name" >"$build/fuzz-$name.log" 2>&1; then
		printf '%-10s %s runs, no finding\n' "$name" \
			"$(sed -nE 's/^stat::number_of_executed_units: +//p' "$build/fuzz-$name.log")"
	else
		printf '%-10s FINDING, kept in %s\n' "$name" "$build/found"
		tail -n 60 "$build/fuzz-$name.log"
	fi
	rm -r "$work"
}

ninja -C "$build" -j "$(nproc)" fuzz-harnesses >"$build/fuzz.log" 2>&1 || {
	cat "$build/fuzz.log"
	exit 1
}
mkdir -p "$build/found"
programs=()
for program in "$build"/tests/fuzz/fuzz-*; do
	[[ -x $program && -f $program ]] || continue
	if (($# > 0)) && [[ " $* " != *" ${program##*/fuzz-} "* ]]; then
		continue
	fi
	programs+=("$program")
done
export build seconds
export -f run_one
results=$(mktemp)
# shellcheck disable=SC2016 # the inner shell's words
printf '%s\0' "${programs[@]}" | xargs -0 -r -n 1 -P "$(nproc)" bash -c 'run_one "$1"' bash | tee "$results"
passed=$(grep -c 'runs, no finding$' "$results")
failed=$((${#programs[@]} - passed))
rm -f "$results"
printf '%d passed, %d failed\n' "$passed" "$failed"
((failed == 0 && passed > 0))
