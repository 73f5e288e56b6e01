# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# bash completion for memtrace. Verbs, options and their choices are those that `memtrace --help` and
# `memtrace VERB --help` print, so they are never others than the tool has.

_memtrace_verbs() {
	memtrace --help 2>/dev/null | sed -nE '/^Verbs:/,/^$/s/^  ([a-z]+) .*/\1/p'
}

_memtrace_options() {
	memtrace "$1" --help 2>/dev/null | grep -oE -- '--[a-z][a-z-]*(\[?=)?' | sed -E 's/\[?=$/=/' | sort -u
}

# The words behind "--option VALUE" in a verb's help that are choices: "live (default), growth or age".
_memtrace_choices() {
	memtrace "$1" --help 2>/dev/null |
		awk -v option="--$2[= []" '
			$0 ~ option { found = 1 }
			found && $0 ~ /^ *(-[a-zA-Z], )?--/ && $0 !~ option { exit }
			found { print }' |
		sed -E 's/^ *(-[a-zA-Z], )?--[^ ]+//; s/\([^)]*\)//g; s/;.*//' | tr ',' '\n' | sed -E 's/ (or|and) /\n/g' |
		grep -oE '[a-z][a-z-]+ *$' | tr -d ' '
}

_memtrace_pids() {
	local dir
	for dir in /proc/[0-9]*; do
		[[ -O $dir ]] && printf '%s\n' "${dir#/proc/}"
	done
}

_memtrace() {
	local current=$2 verb=${COMP_WORDS[1]} previous=${COMP_WORDS[COMP_CWORD - 1]}
	COMPREPLY=()

	if ((COMP_CWORD == 1)); then
		mapfile -t COMPREPLY < <(compgen -W "$(_memtrace_verbs) --help --version" -- "$current")
		return
	fi
	# bash parts --option=VALUE into three words
	if [[ $current == = ]]; then
		current=
	elif [[ $previous == = ]]; then
		previous=${COMP_WORDS[COMP_CWORD - 2]}
	fi
	case $previous in
	--format | --by | --sort | --view | --color | --sample | --allocator)
		mapfile -t COMPREPLY < <(compgen -W "$(_memtrace_choices "$verb" "${previous#--}")" -- "$current")
		return
		;;
	--output | -o | --exe | --suppressions | --input)
		compopt -o default 2>/dev/null
		return
		;;
	esac
	if [[ $current == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_memtrace_options "$verb")" -- "$current")
		[[ ${COMPREPLY[0]-} == *= ]] && compopt -o nospace 2>/dev/null
		return
	fi
	case $verb in
	run | compare)
		mapfile -t COMPREPLY < <(compgen -c -- "$current")
		compopt -o default 2>/dev/null
		;;
	help) mapfile -t COMPREPLY < <(compgen -W "$(_memtrace_verbs)" -- "$current") ;;
	ps) ;;
	attach | detach | snapshot | trim | watch)
		mapfile -t COMPREPLY < <(compgen -W "$(_memtrace_pids)" -- "$current")
		;;
	*)
		mapfile -t COMPREPLY < <(
			compgen -W "$(_memtrace_pids)" -- "$current"
			compgen -f -X '!*.memtrace' -- "$current"
			compgen -d -- "$current"
		)
		;;
	esac
}

complete -F _memtrace memtrace
