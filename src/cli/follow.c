/* SPDX-License-Identifier: MIT */
/*
 * follow.c: the event loop of `run`. Sources are the listening socket, connections that have not spoken
 * yet, a pidfd for each process that handed a region over and for the program itself, signals, and the
 * clock of --duration.
 *
 * Order matters in one place: a process that calls exec hands over a second region and may end at once.
 * So whenever anything ended, what waits at the socket is taken first; then the older region is seen to
 * be superseded before its session would be written.
 *
 * Regions are accepted from this user. To root other users' processes may belong as well (a server that
 * dropped its privileges), but only as descendants of what is followed: the socket's name is no secret.
 */
#include "cli/follow.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "cli/family.h"
#include "cli/followed.h"
#include "cli/observe.h"
#include "cli/progress-line.h"

enum {
	N_EVENTS = 16,
	GRACE_MS = 100,
	ENDING_MS = 10000, /* for the memory of killed processes to be freed */
	ANCESTORS_MAX = 64,
	STAT_FILE_MAX = 4096
};

static int watch_fd(struct follower *follower, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

	return epoll_ctl(follower->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

/* One that is not watched, or not open, is nothing to it. */
static void unwatch_fd(struct follower *follower, int fd)
{
	(void)epoll_ctl(follower->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

int follower_init(struct follower *follower, const struct follow_settings *settings,
		  struct signals *signals)
{
	int r;

	*follower = (struct follower){.settings = *settings,
				      .signals = signals,
				      .root_fd = -EBADF,
				      .timer_fd = -EBADF,
				      .epoll_fd = -EBADF};
	r = listener_init(&follower->listener);
	if (r < 0)
		return r;
	follower->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (follower->epoll_fd < 0)
		return -errno;
	r = watch_fd(follower, follower->listener.fd);
	if (r >= 0)
		r = watch_fd(follower, follower->listener.epoll_fd);
	if (r >= 0)
		r = watch_fd(follower, signals->fd);
	return r;
}

void follower_deinit(struct follower *follower)
{
	while (follower->processes)
		followed_remove(follower, follower->processes);
	listener_deinit(&follower->listener);
	names_deinit(&follower->names);
	cleanup_close(&follower->epoll_fd);
	cleanup_close(&follower->timer_fd);
	cleanup_close(&follower->root_fd);
	profile_free(follower->root_profile);
	free(follower->root_path);
	free(follower->heaviest_path);
}

static bool has_ended(int pidfd)
{
	struct pollfd poll_fd = {.fd = pidfd, .events = POLLIN};

	/* without a pidfd the process was gone before it could be watched */
	return pidfd < 0 || poll(&poll_fd, 1, 0) > 0;
}

static struct followed *find(struct follower *follower, pid_t pid)
{
	for (struct followed *process = follower->processes; process; process = process->next)
		if (process->origin.pid == pid)
			return process;
	return NULL;
}

/* Whether pid is the program, something that is followed, or a descendant of one. */
static bool is_family(struct follower *follower, pid_t pid)
{
	for (int i = 0; i < ANCESTORS_MAX && pid > 1; i++) {
		struct procinfo info;

		if (pid == follower->root || find(follower, pid))
			return true;
		if (procinfo_read_brief(pid, &info) < 0)
			return false;
		pid = info.ppid;
		procinfo_deinit(&info);
	}
	return false;
}

static bool is_welcome(struct follower *follower, const struct handover *handover)
{
	if (follower->over || handover->pid <= 0)
		return false;
	if (handover->uid == geteuid())
		return true;
	return geteuid() == 0 && is_family(follower, handover->pid);
}

static void receive(struct follower *follower, const struct handover *handover)
{
	struct followed *before = find(follower, handover->pid);
	struct region *region;
	int pidfd, r;

	if (!is_welcome(follower, handover))
		return;
	r = region_open_fd(handover->fd, &region);
	if (r < 0) {
		log_warning(
			"run: process %d handed over what is no usable region (%s); it is not followed",
			(int)handover->pid, strerror(-r));
		return;
	}
	pidfd = (int)syscall(SYS_pidfd_open, handover->pid, 0);
	if (before && handover->pid != follower->root && has_ended(before->pidfd)) {
		/* its pid is in use again already, or it ended right after it called exec */
		followed_finish(follower, before, NULL);
		before = NULL;
	}
	if (before) {
		followed_supersede(before, region);
		cleanup_close(&pidfd);
	} else {
		before = followed_add(follower, handover->pid, region, pidfd);
		if (!before || (pidfd >= 0 && watch_fd(follower, pidfd) < 0))
			log_warning("run: process %d cannot be followed: %s; it goes on without",
				    (int)handover->pid, strerror(errno));
	}
	if (before && follower->settings.verbose)
		log_notice("run: process %d (%s) is recorded", (int)handover->pid,
			   before->origin.has_info ? before->origin.info.comm : "?");
}

static void receive_all(struct follower *follower)
{
	struct handover handover;

	while (listener_next(&follower->listener, &handover)) {
		receive(follower, &handover);
		close(handover.fd);
	}
}

/* Children that ended. The program itself is finished by whoever knows its status. */
static void finish_ended(struct follower *follower)
{
	struct followed *next;

	for (struct followed *process = follower->processes; process; process = next) {
		next = process->next;
		if (process->origin.pid != follower->root && has_ended(process->pidfd))
			followed_finish(follower, process, NULL);
	}
}

/* The duration has passed: what is known now is what is reported, and recording stops. */
static void stop_all(struct follower *follower)
{
	struct followed *next;

	follower->over = true;
	receive_all(follower);
	for (struct followed *process = follower->processes; process; process = next) {
		next = process->next;
		followed_stop(follower, process);
	}
}

static int start_clock(struct follower *follower)
{
	struct itimerspec when = {
		.it_value.tv_sec = (time_t)(follower->settings.duration_ns / 1000000000u),
		.it_value.tv_nsec = (long)(follower->settings.duration_ns % 1000000000u),
	};

	if (follower->settings.duration_ns == 0)
		return 0;
	follower->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (follower->timer_fd < 0 || timerfd_settime(follower->timer_fd, 0, &when, NULL) < 0)
		return -errno;
	return watch_fd(follower, follower->timer_fd);
}

/*
 * Field 11 of stat counts the minor faults of children that were waited for: no process lives without
 * one, so zero means that there were none. Asked while the program is a zombie, before it is reaped.
 */
static bool waited_for_nobody(pid_t pid)
{
	_cleanup_free_ char *text = NULL;
	char path[64];
	const char *at;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (file_read(path, STAT_FILE_MAX, &text, NULL) < 0)
		return false;
	at = strrchr(text, ')');
	for (int field = 2; at && field < 11; field++)
		at = strchr(at + 1, ' ');
	return at && strtoul(at, NULL, 10) == 0;
}

static int reap(struct follower *follower)
{
	struct follow_end *end = &follower->end;
	pid_t r;

	end->alone = waited_for_nobody(follower->root);
	do
		r = wait4(follower->root, &end->status, 0, &end->usage);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : 0;
}

static bool is_one_ending(const struct follower *follower)
{
	for (struct followed *process = follower->processes; process; process = process->next)
		if (procinfo_is_ending(process->origin.pid))
			return true;
	return false;
}

/* Takes what comes within that time. False if nothing came. */
static bool take_late(struct follower *follower, int ms)
{
	struct epoll_event events[N_EVENTS];
	const int n = epoll_wait(follower->epoll_fd, events, N_EVENTS, ms);

	receive_all(follower);
	finish_ended(follower);
	return n > 0;
}

/*
 * The program has ended. Its children that are ending as well, or that have just begun and are about to
 * hand their region over, get a moment; without any there is nothing to wait for.
 */
static void settle(struct follower *follower)
{
	const uint64_t end_ns = clock_ns(CLOCK_MONOTONIC) + ENDING_MS * 1000000ull;
	struct followed *root;

	receive_all(follower);
	root = find(follower, follower->root);
	if (root)
		followed_finish(follower, root, &follower->end);
	finish_ended(follower);
	for (int i = 0; i < N_EVENTS && family_find(follower->listener.name, NULL, 0) > 0; i++)
		if (!take_late(follower, GRACE_MS))
			break;
	while (is_one_ending(follower) && clock_ns(CLOCK_MONOTONIC) < end_ns)
		(void)take_late(follower, GRACE_MS);
	finish_ended(follower);
}

/* Looks at those whose time it is. Returns milliseconds until the next one's, -1 if there is none. */
static int observe_all(struct follower *follower)
{
	uint64_t now_ns, next_ns = UINT64_MAX, due_ns;

	for (struct followed *process = follower->processes; process; process = process->next) {
		due_ns = followed_observe(process, clock_ns(CLOCK_MONOTONIC));
		next_ns = MIN(next_ns, due_ns);
	}
	if (next_ns == UINT64_MAX)
		return -1;
	now_ns = clock_ns(CLOCK_MONOTONIC);
	return next_ns > now_ns ? (int)MIN((next_ns - now_ns) / 1000000 + 1, (uint64_t)INT_MAX) : 0;
}

/* Two descriptors a process; the program itself, which is started already, keeps its limit. */
static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

int follower_watch(struct follower *follower, pid_t root)
{
	bool running = true;
	int r;

	raise_descriptor_limit();
	follower->root = root;
	follower->root_fd = (int)syscall(SYS_pidfd_open, root, 0);
	if (follower->root_fd < 0)
		return -errno;
	r = watch_fd(follower, follower->root_fd);
	if (r >= 0)
		r = start_clock(follower);
	if (r < 0)
		return r;
	while (running) {
		struct epoll_event events[N_EVENTS];
		int n = epoll_wait(follower->epoll_fd, events, N_EVENTS, observe_all(follower));

		if (n < 0 && errno != EINTR)
			return -errno;
		receive_all(follower);
		for (int i = 0; i < n; i++) {
			if (events[i].data.fd == follower->signals->fd) {
				signals_forward(follower->signals, root);
			} else if (events[i].data.fd == follower->timer_fd) {
				stop_all(follower);
				cleanup_close(&follower->timer_fd);
				follower->timer_fd = -EBADF;
			} else if (events[i].data.fd == follower->root_fd) {
				running = false;
			}
		}
		finish_ended(follower);
	}
	/* nobody is left to pass them on to; what stays readable would wake settle over and over */
	unwatch_fd(follower, follower->root_fd);
	unwatch_fd(follower, follower->signals->fd);
	unwatch_fd(follower, follower->timer_fd);
	r = reap(follower);
	if (!follower->settings.quiet)
		progress_line_install();
	if (r >= 0)
		settle(follower);
	return r;
}
