/* SPDX-License-Identifier: MIT */
/*
 * cmd-attach.c: `memtrace attach PID`: observes a process that has the agent until Ctrl-C, the end of
 * --duration or its own end, then writes a session and reports. Nothing in the process is touched.
 *
 * What can be read of the region when the process is gone depends on how it was opened: a mapping
 * outlives the process, a copy does not. So a profile is taken at the beginning, too, and used if
 * there is no later one.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "cli/capture.h"
#include "cli/print.h"
#include "cli/recent.h"
#include "cli/record-options.h"
#include "cli/signals.h"
#include "cli/target.h"
#include "cli/verb.h"

struct values {
	struct record_values record;
	bool no_inject;
	struct print_values print;
};

static const struct values defaults = {.print = PRINT_DEFAULTS};

static const struct option_spec options[] = {
	{"no-inject", 0, NULL, offsetof(struct values, no_inject), &option_flag,
	 "never put anything into the process"},
	{NULL},
};

static const struct option_group groups[] = {
	{record_options, offsetof(struct values, record), "Options"},
	{options, 0, NULL},
	{NULL},
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Waits for Ctrl-C, the process's end or the duration. Returns 1 if the process has ended, else 0. */
static int wait_for_end(int pidfd, const struct signals *signals, uint64_t duration_ns)
{
	uint64_t end_ns = now_ns() + duration_ns;

	for (;;) {
		struct pollfd fds[] = {{pidfd, POLLIN, 0}, {signals->fd, POLLIN, 0}};
		uint64_t now = now_ns(), left_ns = end_ns > now ? end_ns - now : 0;
		struct timespec left = {(time_t)(left_ns / 1000000000u),
					(long)(left_ns % 1000000000u)};
		int n = ppoll(fds, 2, duration_ns ? &left : NULL, NULL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		signals_consume(signals);
		return (fds[0].revents & POLLIN) && !(fds[1].revents & POLLIN);
	}
}

static int observe(const struct values *values, pid_t pid, struct region *region,
		   struct profile **ret)
{
	_cleanup_(origin_deinit) struct origin origin = {.root_fd = -EBADF};
	_cleanup_(names_deinit) struct names names = {};
	_cleanup_(signals_deinit) struct signals signals;
	_cleanup_close_ int pidfd = -EBADF;
	struct profile *last;
	bool ended;
	int r;

	r = signals_init_ending(&signals);
	if (r < 0)
		return r;
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pidfd < 0)
		return -errno;
	origin_init(&origin, pid);
	r = capture(region, &origin, true, &names, ret);
	if (r < 0)
		return r;
	if (values->record.duration_ns == 0)
		log_notice("attach: observing %d (%s); Ctrl-C ends it", (int)pid,
			   origin.has_info ? origin.info.comm : "?");
	r = wait_for_end(pidfd, &signals, values->record.duration_ns);
	if (r < 0)
		return r;
	ended = r > 0;
	if (ended)
		origin_forget_usage(&origin);
	else
		origin_refresh(&origin);
	r = capture(region, &origin, !ended, &names, &last);
	if (r < 0) {
		log_warning("attach: %d has ended; the report is of when it was attached to",
			    (int)pid);
		return 0;
	}
	if (ended && last->process.state == PROFILE_RUNNING)
		last->process.state = PROFILE_EXITED;
	profile_free(*ret);
	*ret = last;
	return 0;
}

static void warn_about_ignored(const struct record_values *values, pid_t pid)
{
	if (values->sample[0] || values->max_memory)
		log_warning(
			"attach: %d has its agent since it was started: --sample and --max-memory "
			"stay as they are there",
			(int)pid);
}

static int attach_main(const void *values_, int n_operands, char **operands)
{
	const struct values *values = values_;
	_cleanup_(strbuf_deinit) struct strbuf error = {};
	_cleanup_free_ char *default_path = NULL;
	const char *path = values->record.output;
	struct profile *profile = NULL;
	struct region *region;
	pid_t pid;
	int r;

	log_set_quiet(values->record.quiet);
	r = target_need_pid(operands[0], &pid, &error);
	if (r >= 0)
		r = capture_open_pid(pid, &region, &error);
	if (r < 0) {
		log_error("attach: %s", strbuf_text(&error));
		return STATUS_FAILED;
	}
	warn_about_ignored(&values->record, pid);
	r = observe(values, pid, region, &profile);
	region_free(region);
	if (r < 0) {
		log_error("attach: %d: cannot be observed: %s; try again", (int)pid, strerror(-r));
		profile_free(profile);
		return STATUS_FAILED;
	}
	if (!path && capture_default_path(profile->process.comm ?: "", pid, &default_path) >= 0)
		path = default_path;
	r = path ? capture_write("attach", profile, path) : -ENOMEM;
	if (r >= 0)
		(void)recent_add(path);
	if (!values->record.quiet)
		print_short(profile, &values->print, r >= 0 ? path : NULL);
	profile_free(profile);
	return r < 0 ? STATUS_FAILED : STATUS_DONE;
}

const struct verb verb_attach = {
	.name = "attach",
	.operands = "[OPTION…] PID",
	.summary = "observe a running process that has the agent, then report",
	.description =
		"Observes the process PID until Ctrl-C, for the time of --duration, or until it ends; then\n"
		"writes a session file and a short report. The process goes on. It must have been started\n"
		"with `memtrace run`, or be a child of one that was.\n",
	.groups = groups,
	.values_size = sizeof(struct values),
	.defaults = &defaults,
	.min_operands = 1,
	.max_operands = 1,
	.main = attach_main,
};
