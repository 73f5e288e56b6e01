/* SPDX-License-Identifier: MIT */
/*
 * observe-faults.c: see the header. What the kernel has sampled is taken out some times a second, which
 * is when stacks are followed; nothing else happens until the end.
 */
#include "cli/observe-faults.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/macro.h"
#include "cli/capture.h"
#include "cli/observe.h"
#include "cli/signals.h"
#include "profile/faultlog.h"

enum { LOOK_MS = 100, SETTING_MAX = 64 };

struct watching {
	struct origin origin;
	struct faults *faults;
	struct stackwalk *walk;
	struct faultlog *log;
	struct series *series;
	struct signals signals;
	int pidfd;
	bool ended;
};

static void watching_deinit(struct watching *watching)
{
	faults_close(watching->faults);
	faultlog_free(watching->log);
	stackwalk_free(watching->walk);
	series_free(watching->series);
	origin_deinit(&watching->origin);
	cleanup_close(&watching->pidfd);
}

static void explain(pid_t pid, int error_number, struct strbuf *error)
{
	_cleanup_free_ char *level = NULL;

	if (error_number == -ENOSYS || error_number == -ENOENT || error_number == -EOPNOTSUPP) {
		strbuf_addf(error,
			    "%d: this kernel has no perf events, so page faults cannot be seen; "
			    "attach without --no-inject",
			    (int)pid);
		return;
	}
	if (error_number != -EACCES && error_number != -EPERM) {
		capture_explain_pid(pid, error_number, error);
		return;
	}
	(void)file_read("/proc/sys/kernel/perf_event_paranoid", SETTING_MAX, &level, NULL);
	strbuf_addf(
		error,
		"%d: the kernel does not let page faults be seen (kernel.perf_event_paranoid is "
		"%.*s, or a container forbids it); run memtrace as root, set that to 2, or attach "
		"without --no-inject",
		(int)pid, level ? (int)strcspn(level, "\n") : 1, level ?: "?");
}

static int visit(const struct faults_sample *sample, void *userdata)
{
	struct watching *watching = userdata;

	return faultlog_add(watching->log, sample);
}

static int look(struct watching *watching)
{
	return faults_consume(watching->faults, visit, watching);
}

static void look_at_size(struct watching *watching)
{
	const struct region_snapshot nothing = {
		.header = *faultlog_header(watching->log),
		.taken_ns = clock_ns(CLOCK_MONOTONIC),
	};

	if (watching->series)
		(void)observe_counted(watching->series, &nothing, watching->origin.pid);
}

static int wait_for_end(struct watching *watching, uint64_t duration_ns)
{
	const uint64_t began_ns = clock_ns(CLOCK_MONOTONIC);
	uint64_t next_ns = began_ns;
	int r = 0;

	while (r >= 0) {
		struct pollfd fds[] = {{watching->pidfd, POLLIN, 0},
				       {watching->signals.fd, POLLIN, 0},
				       {faults_fd(watching->faults), POLLIN, 0}};
		const uint64_t now_ns = clock_ns(CLOCK_MONOTONIC);

		if (duration_ns && now_ns >= began_ns + duration_ns)
			return 0;
		if (now_ns >= next_ns) {
			look_at_size(watching);
			next_ns = now_ns + series_interval_ns(now_ns - began_ns, 0);
		}
		if (poll(fds, 3, LOOK_MS) < 0 && errno != EINTR)
			return -errno;
		watching->ended = fds[0].revents & POLLIN;
		r = look(watching);
		if (watching->ended || (fds[1].revents & POLLIN)) {
			signals_consume(&watching->signals);
			break;
		}
	}
	return r;
}

static int finish(struct watching *watching, struct profile **ret)
{
	_cleanup_(region_snapshot_deinit) struct region_snapshot snapshot = {};
	_cleanup_(names_deinit) struct names names = {};
	struct origin *origin = &watching->origin;
	struct memory *memory = NULL;
	int r;

	if (watching->ended)
		origin_forget_usage(origin);
	else
		origin_refresh(origin);
	(void)memory_open_pid(origin->pid, &memory);
	r = faultlog_snapshot(watching->log, watching->ended ? NULL : memory, &snapshot);
	memory_free(memory);
	if (r < 0)
		return r;
	snapshot.header.lost_allocations = faults_lost(watching->faults);
	r = capture_snapshot(&snapshot, origin, !watching->ended, &names, ret);
	if (r >= 0 && watching->series)
		(void)series_finish(watching->series, *ret);
	if (r >= 0 && watching->ended && (*ret)->process.state == PROFILE_RUNNING)
		(*ret)->process.state = PROFILE_EXITED;
	return r;
}

static int begin(struct watching *watching, pid_t pid)
{
	int r;

	watching->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (watching->pidfd < 0)
		return -errno;
	origin_init(&watching->origin, pid);
	r = stackwalk_new(pid, &watching->walk);
	if (r >= 0)
		r = faultlog_new(pid, watching->walk, &watching->log);
	if (r >= 0)
		r = faults_open(pid, &watching->faults);
	return r;
}

int observe_faults(pid_t pid, uint64_t duration_ns, struct profile **ret, struct strbuf *error)
{
	_cleanup_(watching_deinit) struct watching watching = {
		.pidfd = -EBADF,
		.origin = {.root_fd = -EBADF},
		.series = series_new(),
	};
	int r = begin(&watching, pid);

	if (r < 0) {
		explain(pid, r, error);
		return r;
	}
	r = signals_init_ending(&watching.signals);
	if (r >= 0) {
		log_notice("attach: observing page faults of %d (%s)%s%s", (int)pid,
			   watching.origin.has_info ? watching.origin.info.comm : "?",
			   duration_ns ? "" : "; Ctrl-C ends it",
			   faults_only_user(watching.faults)
				   ? "; memory that system calls fill is not seen without root"
				   : "");
		r = wait_for_end(&watching, duration_ns);
		if (r >= 0)
			r = finish(&watching, ret);
		signals_deinit(&watching.signals);
	}
	if (r < 0)
		strbuf_addf(error, "%d: cannot be observed: %s; try again", (int)pid, strerror(-r));
	return r;
}
