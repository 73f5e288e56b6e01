/* SPDX-License-Identifier: MIT */
/*
 * signals.c: a signal of the terminal (Ctrl-C, hang-up) goes to the whole process group and comes from
 * the kernel; one that another process sent to memtrace alone has a sender. Only the latter is
 * forwarded: otherwise the program would be told twice.
 */
#include "cli/signals.h"

#include <errno.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/macro.h"

static const int kept_signals[] = {SIGINT, SIGQUIT, SIGPIPE, SIGCHLD};

_Static_assert(ARRAY_SIZE(kept_signals) == SIGNALS_N_KEPT, "one place for each");

static int take(struct signals *signals, const int *wanted, size_t n)
{
	sigset_t set;

	signals->fd = -EBADF;
	sigemptyset(&set);
	for (size_t i = 0; i < n; i++)
		sigaddset(&set, wanted[i]);
	if (sigprocmask(SIG_BLOCK, &set, &signals->mask) < 0)
		return -errno;
	signals->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return signals->fd < 0 ? -errno : 0;
}

int signals_init_forwarding(struct signals *signals)
{
	static const int forwarded[] = {SIGTERM, SIGHUP, SIGUSR1, SIGUSR2};

	for (size_t i = 0; i < ARRAY_SIZE(kept_signals); i++) {
		/* an ignored SIGCHLD, which can be inherited, would take the program's status away */
		struct sigaction action = {.sa_handler =
						   kept_signals[i] == SIGCHLD ? SIG_DFL : SIG_IGN};

		sigaction(kept_signals[i], &action, &signals->kept[i]);
	}
	return take(signals, forwarded, ARRAY_SIZE(forwarded));
}

int signals_init_ending(struct signals *signals)
{
	static const int ending[] = {SIGINT, SIGTERM};

	for (size_t i = 0; i < ARRAY_SIZE(kept_signals); i++)
		sigaction(kept_signals[i], NULL, &signals->kept[i]);
	return take(signals, ending, ARRAY_SIZE(ending));
}

void signals_restore(const struct signals *signals)
{
	for (size_t i = 0; i < ARRAY_SIZE(kept_signals); i++)
		sigaction(kept_signals[i], &signals->kept[i], NULL);
	sigprocmask(SIG_SETMASK, &signals->mask, NULL);
}

void signals_consume(const struct signals *signals)
{
	struct signalfd_siginfo info;

	while (read(signals->fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
	}
}

void signals_deinit(struct signals *signals)
{
	cleanup_close(&signals->fd);
	signals->fd = -EBADF;
	signals_restore(signals);
}

void signals_forward(const struct signals *signals, pid_t pid)
{
	struct signalfd_siginfo info;

	while (read(signals->fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		if (info.ssi_code <= 0)
			kill(pid, (int)info.ssi_signo);
}
