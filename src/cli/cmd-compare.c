/* SPDX-License-Identifier: MIT */
/*
 * cmd-compare.c: `memtrace compare -- PROGRAM`: the same work under each of several allocators.
 *
 * One run of each is done before what counts, so that files are in memory for all. What is live at the end
 * is the program's own and the same under all of them: it is measured once, with the agent.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/macro.h"
#include "cli/compare-report.h"
#include "cli/target.h"
#include "cli/verb.h"
#include "process/program.h"

struct values {
	const char *with;
	unsigned rounds;
	const char *input;
	int format;
	bool no_live, show_output;
};

/* Words in front of the program where it is recorded, and the end. */
enum { N_FIXED = 16 };

static const struct values defaults = {.rounds = 5};

static const char *const formats[] = {"text", "json", NULL};

#define AT(member) offsetof(struct values, member)

static const struct option_spec options[] = {
	{"with", 0, "LIST", AT(with), &option_text,
	 "allocators, separated by commas: glibc, jemalloc, tcmalloc, mimalloc, fast, system or a "
	 "library, each with settings behind it as in glibc:MALLOC_ARENA_MAX=2 (all that are installed)"},
	{"rounds", 'n', "N", AT(rounds), &option_count, "run each N times (5)"},
	{"input", 0, "FILE", AT(input), &option_text, "what PROGRAM reads from (nothing)"},
	{"show-output", 0, NULL, AT(show_output), &option_flag, "let PROGRAM print"},
	{"no-live", 0, NULL, AT(no_live), &option_flag,
	 "do not run once more with the agent to see what is live at the end"},
	{"format", 0, "text|json", AT(format), &option_choice, "how to print", .choices = formats},
	{NULL},
};

static const struct option_group groups[] = {{options, 0, "Options"}, {NULL}};

struct work {
	const struct values *values;
	struct variants variants;
	struct program program;
	char **operands;
	struct run_result *results;
};

static void work_deinit(struct work *work)
{
	variants_deinit(&work->variants);
	program_deinit(&work->program);
	free(work->results);
}

static volatile sig_atomic_t interrupted;

static void interrupt(int signal)
{
	interrupted = 1;
}

static int run_variant(const struct work *work, size_t index, struct run_result *ret)
{
	const struct variant *variant = &work->variants.list[index];
	_cleanup_free_ char **environment = NULL;
	struct run_order order = {
		.path = work->program.path,
		.argv = work->operands,
		.input = work->values->input,
		.show = work->values->show_output,
	};
	int r = variant_environment(variant, environ, &environment);

	order.environment = environment;
	if (r >= 0)
		r = run_measure(&order, ret);
	for (char **entry = environment; entry && *entry; entry++)
		free(*entry);
	if (r < 0) {
		log_error("compare: %s: cannot be started: %s", work->program.path, strerror(-r));
		return r;
	}
	if (!interrupted && ret->status != 0) {
		bool by_signal = WIFSIGNALED(ret->status);

		log_error(
			"compare: under %s %s ended %s %d; what fails cannot be compared, run it alone "
			"to see why (or --show-output)",
			variant->name, work->program.path, by_signal ? "by signal" : "with status",
			by_signal ? WTERMSIG(ret->status) : WEXITSTATUS(ret->status));
		return -ECANCELED;
	}
	return 0;
}

static void progress(const struct work *work, unsigned round, size_t index)
{
	if (!isatty(STDERR_FILENO))
		return;
	if (round == 0)
		fprintf(stderr, "\r\033[Kwarming up: %s", work->variants.list[index].name);
	else
		fprintf(stderr, "\r\033[Kround %u of %u: %s", round, work->values->rounds,
			work->variants.list[index].name);
}

/* Round 0 does not count. Returns how many are whole, or a negative errno. */
static int run_rounds(struct work *work)
{
	size_t n = work->variants.n;

	for (unsigned round = 0; round <= work->values->rounds; round++) {
		for (size_t i = 0; i < n; i++) {
			/* who is first changes */
			size_t index = (i + round) % n;
			struct run_result result;
			int r;

			progress(work, round, index);
			r = run_variant(work, index, &result);
			if (interrupted)
				return round > 0 ? (int)round - 1 : 0;
			if (r < 0)
				return r;
			if (round > 0)
				work->results[(round - 1) * n + index] = result;
		}
	}
	return (int)work->values->rounds;
}

/* In the child: memtrace itself, which records the program. argv has room behind the fixed words. */
static void become_recorder(const struct work *work, const char *session, const char **argv)
{
	const char *const fixed[] = {"memtrace",           "run",      "--quiet", "--no-follow",
				     "--allocator=system", "--output", session,   "--"};
	size_t n = 0;

	_Static_assert(ARRAY_SIZE(fixed) < N_FIXED, "room for them");
	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++)
		argv[n++] = fixed[i];
	for (char **operand = work->operands; *operand; operand++)
		argv[n++] = *operand;
	argv[n] = NULL;
	if (freopen(work->values->input ?: "/dev/null", "r", stdin) &&
	    freopen("/dev/null", "w", stdout) && freopen("/dev/null", "w", stderr))
		execv("/proc/self/exe", (char *const *)argv);
	_exit(127);
}

/* UINT64_MAX if it cannot be had; that is said. */
static uint64_t measure_live(const struct work *work)
{
	_cleanup_(profile_freep) struct profile *profile = NULL;
	_cleanup_(strbuf_deinit) struct strbuf error = {};
	_cleanup_free_ const char **argv = NULL;
	_cleanup_free_ char *name = NULL;
	char folder[] = "/tmp/memtrace-compare-XXXXXX", session[sizeof(folder) + 16];
	uint64_t live = UINT64_MAX;
	size_t n = 0;
	pid_t pid;

	while (work->operands[n])
		n++;
	argv = calloc(n + N_FIXED, sizeof(*argv));
	if (!argv || work->program.fit != PROGRAM_FITS || !mkdtemp(folder))
		return live;
	snprintf(session, sizeof(session), "%s/session", folder);
	pid = fork();
	if (pid == 0)
		become_recorder(work, session, argv);
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	if (pid > 0 && target_load(session, false, &profile, &name, &error) == 0)
		live = profile->heap.live_bytes;
	(void)unlink(session);
	(void)rmdir(folder);
	return live;
}

static int print_comparison(const struct work *work, size_t n_rounds)
{
	const struct comparison comparison = {
		.command = work->operands,
		.variants = &work->variants,
		.n_rounds = n_rounds,
		.results = work->results,
		.live_bytes =
			work->values->no_live || interrupted ? UINT64_MAX : measure_live(work),
	};
	int r;

	if (isatty(STDERR_FILENO))
		fputs("\r\033[K", stderr);
	r = work->values->format == 0 ? compare_print_text(&comparison, stdout)
				      : compare_print_json(&comparison, stdout);
	if (r < 0) {
		log_error("compare: cannot print: %s", strerror(-r));
		return STATUS_FAILED;
	}
	return verb_finish_output();
}

static int prepare(struct work *work)
{
	_cleanup_(strbuf_deinit) struct strbuf error = {};
	int r = variants_init(&work->variants, work->values->with, &error);

	if (r < 0) {
		log_error("compare: %s", error.length ? error.text : strerror(-r));
		return r == -EINVAL ? STATUS_USAGE : STATUS_FAILED;
	}
	r = program_examine(work->operands[0], &work->program);
	if (r < 0 || !work->program.path || work->program.fit == PROGRAM_NOT_FOUND ||
	    work->program.fit == PROGRAM_NOT_EXECUTABLE) {
		log_error("compare: %s: %s; check its name, or give its path", work->operands[0],
			  r < 0 ? strerror(-r)
				: "there is no such program, or it is not executable");
		return STATUS_FAILED;
	}
	if (work->program.fit != PROGRAM_FITS) {
		log_error("compare: %s: ignores a preloaded allocator; \"memtrace run\" says why",
			  work->program.path);
		return STATUS_FAILED;
	}
	work->results = calloc(work->values->rounds * work->variants.n, sizeof(*work->results));
	return work->results ? STATUS_DONE : STATUS_FAILED;
}

static int compare_main(const void *values_, int n_operands, char **operands)
{
	const struct values *values = values_;
	_cleanup_(work_deinit) struct work work = {.values = values, .operands = operands};
	struct sigaction action = {.sa_handler = interrupt};
	int status, n;

	if (values->rounds > COMPARE_MAX_ROUNDS) {
		log_error("compare: --rounds: at most %d", (int)COMPARE_MAX_ROUNDS);
		return STATUS_USAGE;
	}
	status = prepare(&work);
	if (status != STATUS_DONE)
		return status;
	/* Ctrl-C reaches the program too; what is whole by then is shown */
	sigaction(SIGINT, &action, NULL);
	n = run_rounds(&work);
	if (n < 0)
		return STATUS_FAILED;
	if (n == 0) {
		log_error("compare: interrupted before a round was whole");
		return STATUS_FAILED;
	}
	return print_comparison(&work, (size_t)n);
}

const struct verb verb_compare = {
	.name = "compare",
	.operands = "[OPTION…] [--] PROGRAM [ARG…]",
	.summary = "run a program under several allocators and compare",
	.description =
		"Runs PROGRAM under each allocator in turn, several times, and compares time, memory at the\n"
		"peak and memory at the end. What differs by no more than the noise is not called a\n"
		"difference. The first allocator is what the others are compared with.\n",
	.syntax = {groups, .stop_at_operand = true},
	.values_size = sizeof(struct values),
	.defaults = &defaults,
	.min_operands = 1,
	.max_operands = -1,
	.main = compare_main,
};
