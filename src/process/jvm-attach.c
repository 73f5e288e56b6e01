/* SPDX-License-Identifier: MIT */
/*
 * jvm-attach.c: HotSpot listens at /tmp/.java_pidN, N being its pid as it sees it, below the /tmp that it
 * sees. It does so once it finds, on SIGQUIT, a file .attach_pidN of its user in its working folder or in
 * /tmp. A request is a version and five strings, each ended by a zero; the answer is a number in a line,
 * then text up to the end of the connection.
 *
 * It answers only its own user and root, and to root of another user namespace it does not: so root takes
 * the process's user and group for the moment of the connection, in this thread only (glibc's functions
 * would do it in all).
 *
 * Each wait has the same end, the deadline. A machine that is stopped, or at a safepoint for long, is left
 * alone then; it finds the connection closed.
 */
#include "process/jvm-attach.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/macro.h"
#include "process/hotspot.h"

enum { STATUS_MAX = 64 << 10, ANSWER_MAX = 64 << 20, PIECE = 64 << 10, POLL_MS = 5 };

struct target {
	pid_t pid, ns_pid;
	uid_t uid; /* effective */
	gid_t gid;
	bool handles_quit;
	int tmp_fd; /* its /tmp */
	uint64_t deadline_ns;
};

static int left_ms(const struct target *target)
{
	const uint64_t now = clock_ns(CLOCK_MONOTONIC);

	return now >= target->deadline_ns ? 0 : (int)((target->deadline_ns - now) / 1000000) + 1;
}

/* What stands behind "\nName:" in status; NULL if nothing does. */
static const char *find_line(const char *status, const char *name)
{
	const char *line = strstr(status, name);

	return line ? line + strlen(name) : NULL;
}

/* Of ids the effective one: real, effective, saved, of the file system. */
static unsigned second_number(const char *text)
{
	char *end;

	(void)strtoul(text, &end, 10);
	return (unsigned)strtoul(end, NULL, 10);
}

static int read_status(struct target *target)
{
	_cleanup_free_ char *text = NULL;
	const char *uids, *gids, *caught, *pids;
	char path[64];
	int r;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)target->pid);
	r = file_read(path, STATUS_MAX, &text, NULL);
	if (r < 0)
		return r == -ENOENT ? -ESRCH : r;
	uids = find_line(text, "\nUid:");
	gids = find_line(text, "\nGid:");
	caught = find_line(text, "\nSigCgt:");
	pids = find_line(text, "\nNSpid:");
	if (!uids || !gids || !caught)
		return -EBADMSG;
	target->uid = second_number(uids);
	target->gid = second_number(gids);
	target->handles_quit = strtoull(caught, NULL, 16) & 1ull << (SIGQUIT - 1);
	target->ns_pid = target->pid;
	/* one number for each namespace, its own last */
	while (pids && (*pids == '\t' || *pids == ' ')) {
		char *end;

		target->ns_pid = (pid_t)strtol(pids, &end, 10);
		pids = end;
	}
	return 0;
}

static bool is_openj9(const struct maps *maps)
{
	for (size_t i = 0; i < maps->n_mappings; i++)
		if (strstr(maps->mappings[i].path, "/libj9vm"))
			return true;
	return false;
}

/* Whether SIGQUIT makes it listen, and nothing else. */
static int check_signal(const struct space *space, const struct target *target, struct strbuf *why)
{
	_cleanup_(hotspot_freep) struct hotspot *hotspot = NULL;
	int r;

	if (!target->handles_quit) {
		strbuf_adds(why, "it does not handle SIGQUIT (-Xrs, or it has just been started)");
		return -EOPNOTSUPP;
	}
	r = hotspot_open(space, &hotspot);
	if (r < 0) {
		strbuf_adds(why, "its options cannot be read, so that it is not asked");
		return r == -EAGAIN || r == -ENODATA ? -EOPNOTSUPP : r;
	}
	if (hotspot_flag_is(hotspot, "DisableAttachMechanism", true)) {
		strbuf_adds(why, "it was started with -XX:+DisableAttachMechanism");
		return -EOPNOTSUPP;
	}
	return 0;
}

/* 1 if it listens, 0 if not yet. */
static int is_listening(const struct target *target, const char *name)
{
	struct stat st;

	if (fstatat(target->tmp_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	/* anybody may put something there */
	return S_ISSOCK(st.st_mode) && (st.st_uid == target->uid || st.st_uid == 0) ? 1 : -EPERM;
}

static int wait_for_socket(const struct target *target, const char *name)
{
	const struct timespec pause = {.tv_nsec = POLL_MS * 1000000};

	for (;;) {
		const int r = is_listening(target, name);

		if (r != 0)
			return r;
		if (left_ms(target) == 0)
			return -ETIMEDOUT;
		if (kill(target->pid, 0) < 0 && errno == ESRCH)
			return -ESRCH;
		nanosleep(&pause, NULL);
	}
}

/* Makes it listen. */
static int wake(const struct target *target, const char *socket_name)
{
	_cleanup_close_ int fd = -EBADF;
	char name[64];
	int r;

	snprintf(name, sizeof(name), ".attach_pid%d", (int)target->ns_pid);
	fd = openat(target->tmp_fd, name, O_CREAT | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	/* the file has to be the machine's user's; root's serves newer ones, too */
	if (geteuid() != target->uid && fchown(fd, target->uid, target->gid) < 0 && geteuid() != 0)
		r = -errno;
	else
		r = kill(target->pid, SIGQUIT) < 0 ? -errno : wait_for_socket(target, socket_name);
	(void)unlinkat(target->tmp_fd, name, 0);
	return r;
}

/* This thread's user and group. */
static void become(uid_t uid, gid_t gid)
{
	/* back to root first the user, whose right the rest is */
	if (uid == 0)
		(void)syscall(SYS_setresuid, -1, uid, -1);
	(void)syscall(SYS_setresgid, -1, gid, -1);
	if (uid != 0)
		(void)syscall(SYS_setresuid, -1, uid, -1);
}

static int connect_to(const struct target *target, const char *name)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const uid_t uid = geteuid();
	const gid_t gid = getegid();
	const bool is_other = uid == 0 && (target->uid != uid || target->gid != gid);
	int r;

	if (fd < 0)
		return -errno;
	/* by way of the open folder: its own path may be too long for an address */
	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s", target->tmp_fd,
		 name);
	if (is_other)
		become(target->uid, target->gid);
	r = connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
	if (is_other)
		become(uid, gid);
	return r < 0 ? r : TAKE_FD(fd);
}

static int wait_for(const struct target *target, int fd, short events)
{
	struct pollfd poll_fd = {.fd = fd, .events = events};
	int n;

	do
		n = poll(&poll_fd, 1, left_ms(target));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return n == 0 ? -ETIMEDOUT : 0;
}

static int send_all(const struct target *target, int fd, const char *bytes, size_t size)
{
	while (size > 0) {
		const ssize_t n = send(fd, bytes, size, MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN) {
			const int r = wait_for(target, fd, POLLOUT);

			if (r < 0)
				return r;
			continue;
		}
		if (n < 0)
			return -errno;
		bytes += n;
		size -= (size_t)n;
	}
	return 0;
}

static int send_request(const struct target *target, int fd, const char *command)
{
	_cleanup_(strbuf_deinit) struct strbuf request = {};

	strbuf_add(&request, "1\0jcmd", sizeof("1\0jcmd"));
	/* the command, and two arguments that are empty */
	strbuf_add(&request, command, strlen(command) + 1);
	strbuf_add(&request, "\0", 2);
	if (!request.text)
		return -ENOMEM;
	return send_all(target, fd, request.text, request.length);
}

static int receive(const struct target *target, int fd, struct strbuf *ret)
{
	_cleanup_free_ char *piece = malloc(PIECE);

	if (!piece)
		return -ENOMEM;
	while (ret->length < ANSWER_MAX) {
		int r = wait_for(target, fd, POLLIN);
		ssize_t n;

		/* one that never stops is as good as one that never begins */
		if (r >= 0 && left_ms(target) == 0)
			r = -ETIMEDOUT;
		if (r < 0)
			return r;
		n = recv(fd, piece, PIECE, 0);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return 0;
		strbuf_add(ret, piece, (size_t)n);
	}
	return -EFBIG;
}

/* Takes the first line, which says whether it could be done, off the answer. */
static int take_answer(const struct strbuf *answer, char **ret, struct strbuf *why)
{
	const char *text = strbuf_text(answer), *rest = strchr(text, '\n');

	if (answer->length == 0) {
		strbuf_adds(why, "it closed the connection: it answers only its own user");
		return -EACCES;
	}
	if (!rest) {
		strbuf_adds(why, "its answer makes no sense");
		return -EBADMSG;
	}
	rest++;
	if (strtol(text, NULL, 10) != 0) {
		strbuf_addf(why, "it cannot do that: %.*s",
			    (int)MIN(strcspn(rest, "\n"), (size_t)160), rest);
		return -EBADMSG;
	}
	*ret = strdup(rest);
	return *ret ? 0 : -ENOMEM;
}

static int exchange(const struct target *target, const char *socket_name, const char *command,
		    char **ret, struct strbuf *why)
{
	_cleanup_(strbuf_deinit) struct strbuf answer = {};
	_cleanup_close_ int fd = connect_to(target, socket_name);
	int r;

	if (fd < 0)
		return fd;
	r = send_request(target, fd, command);
	if (r >= 0)
		r = receive(target, fd, &answer);
	/* it closed before it read everything: the same as an empty answer */
	if (r == -EPIPE || r == -ECONNRESET)
		r = 0;
	return r < 0 ? r : take_answer(&answer, ret, why);
}

static void explain(int r, uint64_t limit_ns, struct strbuf *why)
{
	if (why->length > 0)
		return;
	if (r == -ETIMEDOUT)
		strbuf_addf(why, "it did not answer within %.3g s", (double)limit_ns / 1e9);
	else if (r == -EPERM || r == -EACCES)
		strbuf_adds(why, "only its own user or root may ask it");
	else if (r == -ECONNREFUSED)
		strbuf_adds(why, "nobody listens at its socket");
	else
		strbuf_addf(why, "%s", strerror(-r));
}

static int ask(const struct space *space, struct target *target, const char *command, char **ret,
	       struct strbuf *why)
{
	char path[64], name[64];
	int r = read_status(target);

	if (r < 0)
		return r;
	if (is_openj9(space->maps)) {
		strbuf_adds(why, "it is an OpenJ9, which is asked in another way");
		return -EOPNOTSUPP;
	}
	snprintf(path, sizeof(path), "/proc/%d/root/tmp", (int)target->pid);
	target->tmp_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (target->tmp_fd < 0)
		return -errno;
	snprintf(name, sizeof(name), ".java_pid%d", (int)target->ns_pid);
	r = is_listening(target, name);
	if (r == 0) {
		r = check_signal(space, target, why);
		if (r >= 0)
			r = wake(target, name);
	} else if (r == -EPERM) {
		strbuf_addf(why, "what stands at /tmp/%s is not its socket", name);
	}
	return r < 0 ? r : exchange(target, name, command, ret, why);
}

int jvm_attach_ask(const struct space *space, const char *command, uint64_t limit_ns, char **ret,
		   struct strbuf *why)
{
	struct target target = {
		.pid = space->pid,
		.tmp_fd = -EBADF,
		.deadline_ns = clock_ns(CLOCK_MONOTONIC) + limit_ns,
	};
	int r = space->pid ? ask(space, &target, command, ret, why) : -ESRCH;

	cleanup_close(&target.tmp_fd);
	if (r < 0)
		explain(r, limit_ns, why);
	return r;
}
