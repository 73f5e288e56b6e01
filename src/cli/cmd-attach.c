/* SPDX-License-Identifier: MIT */
/*
 * cmd-attach.c: `memtrace attach PID`: observes a process until Ctrl-C, the end of --duration or its own
 * end, then writes a session and reports. In a process that has the agent nothing is touched. Into any
 * other the image is injected, and at the end its slots are put back; unless the process has gone, or
 * memtrace has been killed: then it goes on recording, for nobody, until `memtrace detach`.
 *
 * Root maps the region, and the mapping outlives the process. Others can only copy it while the process
 * lives, so they do it whenever they look, each second, and if the process ends the newest copy is what is
 * reported.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/macro.h"
#include "cli/capture.h"
#include "cli/control.h"
#include "cli/java-inspect.h"
#include "cli/observe-faults.h"
#include "cli/observe.h"
#include "cli/print.h"
#include "cli/record-options.h"
#include "cli/signals.h"
#include "cli/target.h"
#include "cli/verb.h"
#include "process/inject.h"

struct values {
	struct record_values record;
	bool no_inject;
	struct print_values print;
};

static const struct values defaults = {.print = PRINT_DEFAULTS};

static const struct option_spec options[] = {
	{"no-inject", 0, NULL, offsetof(struct values, no_inject), &option_flag,
	 "put nothing into the process: watch its page faults instead"},
	{NULL},
};

static const struct option_group groups[] = {
	{record_options, offsetof(struct values, record), "Options"},
	{options, 0, NULL},
	{NULL},
};

enum { NS_PER_S = 1000000000 };

struct observation {
	struct origin origin;
	struct region *region;
	struct region_snapshot snapshot; /* the newest; empty until there is one */
	struct series *series;           /* NULL: no memory for one */
	uint64_t began_ns, next_look_ns, next_names_ns;
	uint64_t next_mark; /* event from which on marks were not seen */
	struct signals signals;
	int pidfd;
	bool injected; /* by us: we leave it as it was */
	bool ended;    /* the process, not the observation */
};

static void observation_deinit(struct observation *observation)
{
	origin_deinit(&observation->origin);
	region_snapshot_deinit(&observation->snapshot);
	series_free(observation->series);
	cleanup_close(&observation->pidfd);
}

static int take_snapshot(struct observation *observation)
{
	struct region_snapshot snapshot;
	int r = region_snapshot(observation->region, 0, &snapshot);

	if (r < 0)
		return r;
	region_snapshot_deinit(&observation->snapshot);
	observation->snapshot = snapshot;
	return 0;
}

/*
 * What is seen goes into the series. Where only copies can be had, the newest one is kept as well: it is
 * what is left if the process ends now.
 */
static void look(struct observation *observation)
{
	const uint64_t spent_ns = observe_spent_ns();
	const bool copy = !region_outlives(observation->region);
	uint64_t now_ns;

	if (copy)
		(void)take_snapshot(observation);
	if (observation->series)
		observe_marks(observation->series, observation->region, &observation->next_mark);
	if (observation->series && copy)
		(void)observe_counted(observation->series, &observation->snapshot,
				      observation->origin.pid);
	else if (observation->series)
		(void)observe_region(observation->series, observation->region,
				     observation->origin.pid);
	now_ns = clock_ns(CLOCK_MONOTONIC);
	observation->next_look_ns = now_ns + series_interval_ns(now_ns - observation->began_ns,
								observe_spent_ns() - spent_ns);
}

static void look_if_due(struct observation *observation)
{
	const uint64_t now_ns = clock_ns(CLOCK_MONOTONIC);

	if (observation->origin.java)
		observation->next_names_ns =
			java_names_look(observation->origin.java, observation->region, now_ns);
	else
		observation->next_names_ns = UINT64_MAX;
	if (now_ns >= observation->next_look_ns)
		look(observation);
}

/* Until there is something to do. */
static struct timespec next_timeout(const struct observation *observation, uint64_t end_ns)
{
	uint64_t now_ns = clock_ns(CLOCK_MONOTONIC),
		 next_ns = MIN(end_ns, observation->next_look_ns);

	next_ns = MIN(next_ns, observation->next_names_ns);
	uint64_t left_ns = next_ns > now_ns ? next_ns - now_ns : 0;

	return (struct timespec){(time_t)(left_ns / NS_PER_S), (long)(left_ns % NS_PER_S)};
}

/* Waits for Ctrl-C, the process's end or the duration. */
static int wait_for_end(struct observation *observation, uint64_t duration_ns)
{
	observation->began_ns = observation->next_look_ns = clock_ns(CLOCK_MONOTONIC);
	uint64_t end_ns = duration_ns ? observation->began_ns + duration_ns : UINT64_MAX;

	for (;;) {
		struct pollfd fds[] = {{observation->pidfd, POLLIN, 0},
				       {observation->signals.fd, POLLIN, 0}};
		struct timespec timeout = next_timeout(observation, end_ns);
		int n = ppoll(fds, 2, &timeout, NULL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0 && clock_ns(CLOCK_MONOTONIC) < end_ns) {
			look_if_due(observation);
			continue;
		}
		observation->ended = fds[0].revents & POLLIN;
		signals_consume(&observation->signals);
		return 0;
	}
}

static void say_outcome(const char *what, pid_t pid, const struct inject_outcome *outcome)
{
	log_notice("attach: %s %d: stopped thread %d for %.2f ms%s; %u modules, %u slots", what,
		   (int)pid, (int)outcome->tid, (double)outcome->stopped_ns / 1e6,
		   outcome->n_stops > 1 ? " at most" : "", outcome->n_modules, outcome->n_patched);
	if (getenv("MEMTRACE_DEBUG"))
		log_notice(
			"attach: %d: stopped %u times; until it stood still %.3f ms, at work beside it "
			"%.3f ms",
			(int)pid, outcome->n_stops, (double)outcome->stopping_ns / 1e6,
			(double)outcome->working_ns / 1e6);
	if (outcome->n_unpatched)
		log_warning("attach: %d: %u slots could not be changed: calls through them are not "
			    "seen",
			    (int)pid, outcome->n_unpatched);
}

static void fill_options(const struct record_values *values, struct inject_options *ret)
{
	*ret = (struct inject_options){.sampling = MT_SAMPLING_AUTO,
				       .max_memory = values->max_memory};
	if (strcmp(values->sample, "all") == 0) {
		ret->sampling = MT_SAMPLING_ALL;
	} else if (values->sample[0] >= '0' && values->sample[0] <= '9') {
		ret->sampling = MT_SAMPLING_INTERVAL;
		ret->interval = strtoull(values->sample, NULL, 10);
	}
}

/*
 * Makes the process record. 1 if it has been made to, 0 if it did already; -ENODATA if that is not wished;
 * or -errno and the line.
 */
static int make_record(const struct values *values, pid_t pid, struct strbuf *error)
{
	struct inject_outcome outcome;
	struct inject_options wanted;
	int r = target_has_agent(pid);

	/* who opens the region says what is wrong; what is left of a recording that has ended is no agent */
	if (r < 0 || (r > 0 && control_is_leftover(pid) <= 0))
		return 0;
	if (values->no_inject)
		return -ENODATA;
	fill_options(&values->record, &wanted);
	r = inject_attach(pid, &wanted, &outcome, error);
	if (r < 0)
		return r;
	say_outcome("recording in", pid, &outcome);
	return 1;
}

static void end_recording(pid_t pid)
{
	_cleanup_(strbuf_deinit) struct strbuf error = {};
	struct inject_outcome outcome;
	int r = inject_detach(pid, &outcome, &error);

	if (r >= 0)
		say_outcome("left", pid, &outcome);
	else if (r != -ESRCH)
		log_warning("attach: %s; it goes on recording until `memtrace detach %d`",
			    strbuf_text(&error), (int)pid);
}

static void leave_process(struct observation *observation)
{
	if (observation->injected && !observation->ended)
		end_recording(observation->origin.pid);
	observation->injected = false;
}

static int observe_with_signals(const struct values *values, struct observation *observation,
				struct profile **ret)
{
	_cleanup_(profile_freep) struct profile *seen = NULL;
	_cleanup_(names_deinit) struct names names = {};
	struct origin *origin = &observation->origin;
	int r;

	observation->pidfd = (int)syscall(SYS_pidfd_open, origin->pid, 0);
	if (observation->pidfd < 0)
		return -errno;
	r = take_snapshot(observation);
	if (r < 0)
		return r;
	if (values->record.duration_ns == 0)
		log_notice("attach: observing %d (%s); Ctrl-C ends it", (int)origin->pid,
			   origin->has_info ? origin->info.comm : "?");
	r = wait_for_end(observation, values->record.duration_ns);
	if (r < 0)
		return r;
	if (take_snapshot(observation) < 0)
		log_warning("attach: %d has ended; the report is of the last second before",
			    (int)origin->pid);
	if (observation->series) {
		observe_marks(observation->series, observation->region, &observation->next_mark);
		(void)observe_counted(observation->series, &observation->snapshot, origin->pid);
	}
	if (observation->ended) {
		origin_forget_usage(origin);
	} else {
		(void)capture_look(&observation->snapshot, origin, &seen);
		origin_refresh(origin);
	}
	/* before names are looked up for long: until then it is slower than it has to be */
	leave_process(observation);
	r = capture_seen(&observation->snapshot, origin, !observation->ended, seen, &names, ret);
	if (r >= 0 && !observation->ended)
		r = java_inspect(origin->pid, *ret);
	if (r >= 0 && observation->series && series_finish(observation->series, *ret) < 0)
		log_warning("attach: no memory for the course of %d; the session goes without",
			    (int)origin->pid);
	if (r >= 0 && observation->ended && (*ret)->process.state == PROFILE_RUNNING)
		(*ret)->process.state = PROFILE_EXITED;
	return r;
}

static int observe(const struct values *values, pid_t pid, bool injected, struct region *region,
		   struct profile **ret)
{
	_cleanup_(observation_deinit) struct observation observation = {
		.pidfd = -EBADF, .injected = injected, .series = series_new()};
	int r = signals_init_ending(&observation.signals);

	observation.region = region;
	origin_init(&observation.origin, pid);
	if (r >= 0)
		r = observe_with_signals(values, &observation, ret);
	leave_process(&observation);
	signals_deinit(&observation.signals);
	return r;
}

static void warn_about_ignored(const struct record_values *values, pid_t pid)
{
	if (values->sample[0] || values->max_memory)
		log_warning(
			"attach: %d records already: --sample and --max-memory stay as they are there",
			(int)pid);
}

/* By the agent's region, with the agent put there before if need be, or without any. */
static int observe_somehow(const struct values *values, pid_t pid, struct profile **ret,
			   struct strbuf *error)
{
	_cleanup_(region_freep) struct region *region = NULL;
	int r = make_record(values, pid, error);
	const bool injected = r > 0;

	if (r == -ENODATA)
		return observe_faults(pid, values->record.duration_ns, ret, error);
	if (r >= 0)
		r = capture_open_pid(pid, &region, error);
	if (r < 0)
		return r;
	if (!injected)
		warn_about_ignored(&values->record, pid);
	r = observe(values, pid, injected, region, ret);
	if (*ret)
		return 0;
	strbuf_addf(error, "%d: cannot be observed: %s; try again", (int)pid, strerror(-r));
	return r < 0 ? r : -EIO;
}

static int attach_main(const void *values_, int n_operands, char **operands)
{
	const struct values *values = values_;
	_cleanup_(profile_freep) struct profile *profile = NULL;
	_cleanup_(strbuf_deinit) struct strbuf error = {};
	_cleanup_free_ char *path = NULL;
	pid_t pid;
	int r;

	log_set_quiet(values->record.quiet);
	r = target_need_pid(operands[0], &pid, &error);
	if (r >= 0)
		r = observe_somehow(values, pid, &profile, &error);
	if (r < 0) {
		log_error("attach: %s", strbuf_text(&error));
		return STATUS_FAILED;
	}
	r = capture_keep("attach", profile, values->record.output, &path);
	if (!values->record.quiet)
		print_short(profile, &values->print, path);
	return r < 0 ? STATUS_FAILED : STATUS_DONE;
}

const struct verb verb_attach = {
	.name = "attach",
	.operands = "[OPTION…] PID",
	.summary = "record in a running process for a while, then report",
	.description =
		"Observes the process PID until Ctrl-C, for the time of --duration, or until it ends; then\n"
		"writes a session file and a short report. The process goes on. If it was not started with\n"
		"`memtrace run`, its calls of malloc and mmap are led through code that is put into it: one\n"
		"of its threads is stopped for that, mostly for less than a millisecond, and again at the\n"
		"end, when the calls go their old way. What was allocated before is not known.\n"
		"With --no-inject nothing is put into it: the kernel tells who touches new pages, which also\n"
		"serves for static programs, Go, musl, and any allocator.\n",
	.syntax = {groups},
	.values_size = sizeof(struct values),
	.defaults = &defaults,
	.min_operands = 1,
	.max_operands = 1,
	.main = attach_main,
};
