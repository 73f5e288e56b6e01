/* SPDX-License-Identifier: MIT */
/*
 * cmd-run.c: `memtrace run PROGRAM`: the program under the agent, and what it left when it is over.
 *
 * Before anything is started it is asked whether the agent can work in it; after that, whatever goes
 * wrong on our side, the program lives its life and its status is ours.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/units.h"
#include "cli/agent-path.h"
#include "cli/family.h"
#include "cli/follow.h"
#include "cli/launch.h"
#include "cli/leakcheck.h"
#include "cli/print.h"
#include "cli/progress-line.h"
#include "cli/recent.h"
#include "cli/record-options.h"
#include "cli/run-top.h"
#include "cli/suppress.h"
#include "cli/verb.h"
#include "process/program.h"

struct values {
	struct record_values record;
	const char *allocator;
	bool no_follow, top;
	struct leakcheck leaks; /* fail, allowed, junit, github: options; the rest from them */
	const char *suppressions;
	bool without_known;
	struct print_values print; /* for the short report: defaults */
};

static const struct values defaults = {.allocator = "fast", .print = PRINT_DEFAULTS};

#define AT(member) offsetof(struct values, member)

static const struct option_spec options[] = {
	{"allocator", 0, "fast|system|LIBRARY.so", AT(allocator), &option_text,
	 "memtrace's own (default), the program's, or a library's"},
	{"top", 0, NULL, AT(top), &option_flag,
	 "show it on the screen of memtrace top; its output goes to a file"},
	{"no-follow", 0, NULL, AT(no_follow), &option_flag, "do not record child processes"},
	{"fail-on-leak", 0, "[=SIZE]", AT(leaks.allowed), &option_size,
	 "exit with 99 if more than SIZE (0) is outstanding at the end",
	 .set_offset = AT(leaks.fail)},
	{"suppressions", 0, "FILE", AT(suppressions), &option_text,
	 "leave out of that what FILE names, in lines leak:PATTERN"},
	{"no-default-suppressions", 0, NULL, AT(without_known), &option_flag,
	 "count what libraries are known to allocate once and for good"},
	{"junit", 0, "FILE", AT(leaks.junit), &option_text,
	 "write the outcome to FILE as JUnit's XML"},
	{"github", 0, NULL, AT(leaks.github), &option_flag,
	 "print leaks as annotations of a GitHub workflow"},
	{NULL},
};

static const struct option_group groups[] = {
	{record_options, AT(record), "Options"},
	{options, 0, NULL},
	{NULL},
};

/* Why a program cannot be recorded, and the way out. */
static const struct {
	const char *why, *way_out;
} unfit[] = {
	[PROGRAM_STATIC] = {"is statically linked, so that no agent can be loaded into it",
			    "link it dynamically, or start it and see who touches its pages: "
			    "memtrace attach --no-inject PID"},
	[PROGRAM_OTHER_LIBC] = {"runs on another C library than glibc, which cannot load the agent",
				"build it for glibc"},
	[PROGRAM_OTHER_CLASS] = {"is made for another machine or word size than this memtrace",
				 "use a memtrace that was built for it"},
	[PROGRAM_SETUID] = {"is set-user-ID, set-group-ID or has capabilities, so that the loader "
			    "ignores the agent",
			    "run a copy without them, which root may start as any user"},
	[PROGRAM_OWN_MALLOC] =
		{"brings its own malloc in its main program, of which a preloaded agent "
		 "sees nothing",
		 "build it without, or with that allocator as a shared library "
		 "(--allocator=system does not help here)"},
	[PROGRAM_SANITIZER] = {"was built with a sanitizer, which brings its own malloc",
			       "build it without"},
	[PROGRAM_NOT_EXECUTABLE] = {"is not executable", "chmod +x it, or name its interpreter"},
	[PROGRAM_NOT_FOUND] = {"there is no such program", "check its name, or give its path"},
};

static int refuse(const char *name, const struct program *program)
{
	const char *detail = program->detail;

	log_error("run: %s%s%s%s: %s%s%s%s; %s", program->path ?: name,
		  program->interpreter ? " (run by " : "", program->interpreter ?: "",
		  program->interpreter ? ")" : "", unfit[program->fit].why, detail ? " (" : "",
		  detail ?: "", detail ? ")" : "", unfit[program->fit].way_out);
	return STATUS_FAILED;
}

static int complain_exec(const char *path, int r)
{
	log_error("run: %s: cannot be started: %s; %s", path, strerror(-r),
		  r == -ENOEXEC ? "it is no program" : "nothing was recorded");
	return STATUS_FAILED;
}

struct preparation {
	struct program program;
	char *agent, *library;
	struct suppressions suppressions;
};

static void preparation_deinit(struct preparation *preparation)
{
	program_deinit(&preparation->program);
	free(preparation->agent);
	free(preparation->library);
	suppressions_deinit(&preparation->suppressions);
}

/* Everything that can be found out before the program is touched. Returns an exit status. */
static int prepare(const struct values *values, const char *name, struct preparation *preparation)
{
	_cleanup_(strbuf_deinit) struct strbuf error = {};
	const char *allocator = values->allocator;
	int r = 0;

	if (access("/proc/self/maps", F_OK) < 0) {
		log_error("run: /proc is not mounted; mount it: mount -t proc proc /proc");
		return STATUS_FAILED;
	}
	if (values->suppressions)
		r = suppressions_read(values->suppressions, &preparation->suppressions, &error);
	if (r >= 0 && strcmp(allocator, "fast") != 0 && strcmp(allocator, "system") != 0)
		r = agent_path_find_library(allocator, &preparation->library, &error);
	if (r >= 0)
		r = agent_path_find(&preparation->agent, &error);
	if (r < 0) {
		log_error("run: %s", error.length ? error.text : strerror(-r));
		return STATUS_FAILED;
	}
	r = program_examine(name, &preparation->program);
	if (r < 0) {
		log_error("run: %s: cannot be looked at: %s; check its path", name, strerror(-r));
		return STATUS_FAILED;
	}
	if (preparation->program.fit != PROGRAM_FITS)
		return refuse(name, &preparation->program);
	return STATUS_DONE;
}

static int exit_status(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* One line for all children, one for what still runs. */
static void print_others(const struct values *values, const struct follower *follower)
{
	enum { MAX = 5 };
	_cleanup_(strbuf_deinit) struct strbuf list = {}, words = {};
	pid_t pids[MAX];
	unsigned n = values->no_follow ? 0 : family_find(follower->listener.name, pids, MAX);
	char size[UNITS_MAX];

	if (follower->n_leaked == 0)
		strbuf_adds(&words, "most is held by");
	else
		strbuf_addf(&words, "%u of them leak%s", follower->n_leaked,
			    follower->n_leaked == 1 ? "s:" : ", the most");
	if (follower->n_children > 0)
		log_notice("%u child process%s left session files; %s %s (%s)",
			   follower->n_children, follower->n_children == 1 ? "" : "es",
			   strbuf_text(&words), follower->heaviest_path,
			   units_format_bytes(follower->heaviest_bytes, size));
	if (follower->n_failed > 1)
		log_error("run: the same goes for the session files of %u child processes",
			  follower->n_failed);
	for (unsigned i = 0; i < n && i < MAX; i++)
		strbuf_addf(&list, "%s%d", i ? ", " : "", (int)pids[i]);
	if (n > 0)
		log_notice(
			"%u process%s outlive%s the program and go%s on being recorded (%s%s); see "
			"\"memtrace attach %s\"",
			n, n == 1 ? "" : "es", n == 1 ? "s" : "", n == 1 ? "es" : "",
			strbuf_text(&list), n > MAX ? ", …" : "", n == 1 ? list.text : "PID");
}

static void explain_no_record(const struct follower *follower, const char *path)
{
	if (follower->root_replaced)
		log_error(
			"run: %s: replaced itself by a program that cannot be recorded; run that one "
			"to see why",
			path);
	else
		log_error("run: %s: left no record; MEMTRACE_DEBUG=1 lets the agent say why", path);
}

static int judge_leak(const struct values *values, struct suppressions *suppressions,
		      const struct profile *profile, int status)
{
	struct leakcheck check = values->leaks;

	check.quiet = values->record.quiet;
	check.suppressed = values->suppressions;
	suppressions->without_known = values->without_known;
	return leakcheck_judge(&check, suppressions, profile, status);
}

/* The program is over: what is to be said, in this order. Returns the exit status. */
static int conclude(const struct values *values, struct preparation *preparation,
		    struct follower *follower)
{
	int status = exit_status(follower->end.status);

	if (!follower->root_profile)
		explain_no_record(follower, preparation->program.path);
	else if (!values->record.quiet)
		print_short(follower->root_profile, &values->print, follower->root_path);
	if (follower->root_path || follower->heaviest_path)
		(void)recent_add(follower->root_path ?: follower->heaviest_path);
	print_others(values, follower);
	if (leakcheck_is_wanted(&values->leaks))
		status = judge_leak(values, &preparation->suppressions, follower->root_profile,
				    status);
	return status;
}

static int start(const struct values *values, const struct preparation *preparation,
		 char **operands, const struct follower *follower, const struct run_top *top,
		 pid_t *ret)
{
	const struct launch launch = {
		.path = preparation->program.path,
		.argv = operands,
		.agent = preparation->agent,
		.library = preparation->library,
		.allocator = strcmp(values->allocator, "fast") == 0 ? "fast" : "system",
		.sample = values->record.sample[0] ? values->record.sample
			  : top                    ? "watched"
						   : "auto",
		.socket = follower->listener.name,
		.max_memory = values->record.max_memory,
		.follow = !values->no_follow,
		.signals = follower->signals,
		.output_fd = top ? top->output_fd : 0,
	};

	return launch_start(&launch, ret);
}

static int complain_preparation(int r)
{
	log_error("run: what is needed to follow a program cannot be had: %s; it was not started",
		  strerror(-r));
	return STATUS_FAILED;
}

static int run_followed(const struct values *values, struct preparation *preparation,
			char **operands, struct signals *signals, const struct run_top *top)
{
	const struct follow_settings settings = {
		.output = values->record.output,
		.duration_ns = values->record.duration_ns,
		.verbose = values->record.verbose,
		.quiet = values->record.quiet,
	};
	_cleanup_(follower_deinit) struct follower follower;
	int r = follower_init(&follower, &settings, signals), status;
	pid_t pid;

	if (r < 0)
		return complain_preparation(r);
	r = start(values, preparation, operands, &follower, top, &pid);
	if (r < 0)
		return complain_exec(preparation->program.path, r);
	if (top)
		run_top_tell(top, pid);
	r = follower_watch(&follower, pid);
	if (r >= 0)
		return conclude(values, preparation, &follower);
	log_error("run: the program cannot be watched any more: %s; it goes on", strerror(-r));
	return waitpid(pid, &status, 0) == pid ? exit_status(status) : STATUS_FAILED;
}

static int run_prepared(const struct values *values, struct preparation *preparation,
			char **operands, const struct run_top *top)
{
	_cleanup_(signals_deinit) struct signals signals;
	int r = signals_init_forwarding(&signals);

	if (r < 0)
		return complain_preparation(r);
	return run_followed(values, preparation, operands, &signals, top);
}

/* Everything that run_top passes on. */
struct recording {
	const struct values *values;
	struct preparation *preparation;
	char **operands;
};

static int record(void *context, const struct run_top *top)
{
	const struct recording *recording = context;

	return run_prepared(recording->values, recording->preparation, recording->operands, top);
}

static int run_main(const void *values_, int n_operands, char **operands)
{
	const struct values *values = values_;
	_cleanup_(preparation_deinit) struct preparation preparation = {};
	int status;

	log_set_quiet(values->record.quiet);
	/* the terminal is the program's, until its end */
	progress_line_remove();
	status = prepare(values, operands[0], &preparation);
	if (status != STATUS_DONE)
		return status;
	if (values->top) {
		struct recording recording = {values, &preparation, operands};

		return run_top(operands[0], record, &recording);
	}
	return run_prepared(values, &preparation, operands, NULL);
}

const struct verb verb_run = {
	.name = "run",
	.operands = "[OPTION…] [--] PROGRAM [ARG…]",
	.summary = "start a program and report on it at its end",
	.description =
		"Starts PROGRAM with the agent. At its end its session goes to a file, and a short report to\n"
		"stderr. The exit status is the program's, 128+N if signal N ended it; 1 if it could not be\n"
		"started.\n",
	.syntax = {groups, .stop_at_operand = true},
	.values_size = sizeof(struct values),
	.defaults = &defaults,
	.min_operands = 1,
	.max_operands = -1,
	.main = run_main,
};
