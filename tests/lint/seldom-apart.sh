#!/bin/sh
# What the agent gives back of its code (shed.c) lies between two marks, and what it needs again does not.
# usage: seldom-apart.sh AGENT NM
set -eu

at() { # SYMBOL: its address
	"$nm" "$agent" | awk -v name="$1" '$3 == name { print $1; found = 1 } END { exit !found }'
}

between() { # SYMBOL
	address=$(at "$1")
	[ "$(printf '%s\n%s\n%s\n' "$begin" "$address" "$end" | sort)" = "$(printf '%s\n%s\n%s' "$begin" "$address" "$end")" ]
}

agent=$1 nm=$2 failed=0
begin=$(at seldom_begin)
end=$(at seldom_end)
for symbol in core_start writer_create exec_find recall_trace eh_frame_find; do
	between "$symbol" || { echo "$symbol is not among what is seldom run" >&2; failed=1; }
done
for symbol in malloc slow_allocated core_allocated unwind_trace sys_madvise shed_pages recall_own_bytes heap_alloc_slow; do
	! between "$symbol" || { echo "$symbol is among what is seldom run" >&2; failed=1; }
done
exit $failed
