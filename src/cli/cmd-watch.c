/* SPDX-License-Identifier: MIT */
/*
 * cmd-watch.c: `memtrace watch PID --when CONDITION`: waits until something is so, writes a session, calls for
 * help, and goes on.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/units.h"
#include "cli/capture.h"
#include "cli/signals.h"
#include "cli/target.h"
#include "cli/verb.h"
#include "cli/watch-sample.h"

struct values {
	const char *when, *exec, *folder;
	uint64_t every_ns, over_ns, pause_ns;
	unsigned count;
	bool quiet;
};

static const struct values defaults = {
	.folder = ".",
	.every_ns = UINT64_C(5000000000),
	.over_ns = UINT64_C(60000000000),
	.pause_ns = UINT64_C(600000000000),
};

#define AT(member) offsetof(struct values, member)

static const struct option_spec options[] = {
	{"when", 'w', "CONDITION", AT(when), &option_text,
	 "what to wait for: 'rss > 70%', 'growth > 1M/s', 'live > 2G and threads > 100', any figure of the "
	 "JSON report by its path"},
	{"exec", 'x', "COMMAND", AT(exec), &option_text,
	 "run by the shell, with MEMTRACE_PID, MEMTRACE_SESSION and MEMTRACE_WHY"},
	{"folder", 0, "DIR", AT(folder), &option_text,
	 "where sessions are written (the current one)"},
	{"every", 0, "T", AT(every_ns), &option_duration, "look every T (5s)"},
	{"over", 0, "T", AT(over_ns), &option_duration, "growth is that of the last T (1m)"},
	{"pause", 0, "T", AT(pause_ns), &option_duration, "after a session, none for T (10m)"},
	{"count", 'n', "N", AT(count), &option_count, "end after N sessions"},
	{"quiet", 'q', NULL, AT(quiet), &option_flag,
	 "say nothing but errors and names of sessions"},
	{NULL},
};

static const struct option_group groups[] = {{options, 0, "Options"}, {NULL}};

struct watch {
	const struct values *values;
	pid_t pid;
	struct condition condition;
	struct signals signals;
	double quiet_until_s;
	unsigned n_written;
};

/* In the child. */
static void become_command(const struct watch *watch, const char *session, const char *why)
{
	char pid[32];

	signals_restore(&watch->signals);
	snprintf(pid, sizeof(pid), "%d", (int)watch->pid);
	if (setenv("MEMTRACE_PID", pid, 1) == 0 && setenv("MEMTRACE_SESSION", session, 1) == 0 &&
	    setenv("MEMTRACE_WHY", why, 1) == 0)
		execl("/bin/sh", "sh", "-c", watch->values->exec, (char *)NULL);
	_exit(127);
}

static void run_command(const struct watch *watch, const char *session, const char *why)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		become_command(watch, session, why);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (pid < 0 || status != 0)
		log_error("watch: the command %s; watching goes on",
			  pid < 0 ? "could not be started" : "failed");
}

/* "DIR/memtrace.COMM.PID.TIME.memtrace" */
static int session_path(const struct watch *watch, const struct profile *profile, char **ret)
{
	_cleanup_free_ char *name = NULL;
	time_t now = time(NULL);
	struct tm local;
	char stamp[32];
	int r = capture_default_path(profile->process.comm ?: "", watch->pid, &name);

	if (r < 0)
		return r;
	if (!localtime_r(&now, &local) || !strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%S", &local))
		return -EINVAL;
	/* in front of the last part of the default name */
	name[strlen(name) - strlen(".memtrace")] = 0;
	return asprintf(ret, "%s/%s.%s.memtrace", watch->values->folder, name, stamp) < 0 ? -ENOMEM
											  : 0;
}

/* The condition holds. What cannot be written is said; watching goes on all the same. */
static void fire(struct watch *watch, const char *why)
{
	_cleanup_(profile_freep) struct profile *profile = NULL;
	_cleanup_(strbuf_deinit) struct strbuf error = {};
	_cleanup_free_ char *path = NULL, *kept = NULL;

	if (!watch->values->quiet)
		log_notice("watch: %d: %s", (int)watch->pid, why);
	watch->quiet_until_s = clock_s(CLOCK_MONOTONIC) + (double)watch->values->pause_ns / 1e9;
	watch->n_written++;
	if (capture_pid(watch->pid, true, &profile, &error) < 0) {
		log_error("watch: %s", strbuf_text(&error));
		return;
	}
	if (session_path(watch, profile, &path) < 0 ||
	    capture_keep("watch", profile, path, &kept) < 0)
		return;
	puts(kept);
	(void)fflush(stdout);
	if (watch->values->exec)
		run_command(watch, kept, why);
}

/* 0: go on; -ESRCH: the process has ended; others were said. */
static int look(struct watch *watch)
{
	_cleanup_(watch_sample_deinit) struct watch_sample sample;
	_cleanup_(strbuf_deinit) struct strbuf why = {};
	struct condition_source source = {.get = watch_sample_get, .data = &sample};
	double now = clock_s(CLOCK_MONOTONIC);
	int r = watch_sample_init(&sample, watch->pid);

	if (r < 0)
		return r;
	source.limit = watch_sample_limit(&sample);
	r = condition_holds(&watch->condition, &source, now, (double)watch->values->over_ns / 1e9,
			    &why);
	if (r == -ENOENT) {
		log_error(
			"watch: there is no figure '%s'; \"memtrace report --format=json %d\" shows all",
			strbuf_text(&why), (int)watch->pid);
		return r;
	}
	if (r < 0)
		return r;
	if (r > 0 && now >= watch->quiet_until_s)
		fire(watch, strbuf_text(&why));
	return 0;
}

static int watch_process(struct watch *watch)
{
	const struct values *values = watch->values;
	struct pollfd wait = {.fd = watch->signals.fd, .events = POLLIN};
	int timeout = (int)MIN(values->every_ns / 1000000, (uint64_t)INT32_MAX);
	int r;

	do {
		r = look(watch);
		if (r == -ESRCH) {
			if (!values->quiet)
				log_notice("watch: %d has ended", (int)watch->pid);
			return STATUS_DONE;
		}
		if (r < 0) {
			_cleanup_(strbuf_deinit) struct strbuf error = {};

			capture_explain_pid(watch->pid, r, &error);
			if (r != -ENOENT)
				log_error("watch: %s", strbuf_text(&error));
			return STATUS_FAILED;
		}
		if (values->count && watch->n_written >= values->count)
			return STATUS_DONE;
	} while (poll(&wait, 1, timeout) == 0);
	/* asked to end */
	signals_consume(&watch->signals);
	return STATUS_DONE;
}

static void watch_deinit(struct watch *watch)
{
	condition_deinit(&watch->condition);
}

static int watch_main(const void *values_, int n_operands, char **operands)
{
	_cleanup_(watch_deinit) struct watch watch = {.values = values_};
	_cleanup_(strbuf_deinit) struct strbuf error = {};
	int r, status;

	if (!watch.values->when) {
		log_error("watch: what for? give --when, such as --when='rss > 70%%'");
		return STATUS_USAGE;
	}
	r = condition_init(&watch.condition, watch.values->when, &error);
	if (r < 0) {
		log_error("watch: --when=%s", error.length ? error.text : strerror(-r));
		return STATUS_USAGE;
	}
	if (target_need_pid(operands[0], &watch.pid, &error) < 0) {
		log_error("watch: %s", strbuf_text(&error));
		return STATUS_FAILED;
	}
	if (kill(watch.pid, 0) < 0 && errno == ESRCH) {
		log_error(
			"watch: %d: there is no such process; \"memtrace ps\" lists those that are worth "
			"a look",
			(int)watch.pid);
		return STATUS_FAILED;
	}
	r = signals_init_ending(&watch.signals);
	if (r < 0) {
		log_error("watch: signals cannot be waited for: %s", strerror(-r));
		return STATUS_FAILED;
	}
	status = watch_process(&watch);
	signals_deinit(&watch.signals);
	return status;
}

const struct verb verb_watch = {
	.name = "watch",
	.operands = "--when CONDITION [OPTION…] PID",
	.summary = "write a session when memory does what you wait for",
	.description =
		"Looks at the process PID now and then. When the condition holds it writes a session file,\n"
		"prints its name, runs a command, and goes on until the process ends.\n",
	.syntax = {groups},
	.values_size = sizeof(struct values),
	.defaults = &defaults,
	.min_operands = 1,
	.max_operands = 1,
	.main = watch_main,
};
