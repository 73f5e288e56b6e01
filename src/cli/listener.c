/* SPDX-License-Identifier: MIT */
/*
 * listener.c: a connection's message is nearly always there when it is accepted, since the kernel keeps
 * both while we are busy and an agent never waits for us. Where it is not, the connection is kept until
 * it comes. At most LISTENER_N_PENDING are kept: a peer that connects and says nothing loses its place.
 */
#include "cli/listener.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"

static const char magic[8] = {'M', 'T', 'R', 'E', 'G', 'I', 'O', 'N'};

static int bind_name(struct listener *listener)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	uint64_t random;
	socklen_t length;

	if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return -errno;
	snprintf(listener->name, sizeof(listener->name), "memtrace-%d-%016llx", (int)getpid(),
		 (unsigned long long)random);
	memcpy(address.sun_path + 1, listener->name, strlen(listener->name));
	length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(listener->name));
	if (bind(listener->fd, (struct sockaddr *)&address, length) < 0)
		return -errno;
	return listen(listener->fd, SOMAXCONN) < 0 ? -errno : 0;
}

int listener_init(struct listener *listener)
{
	int r;

	for (int i = 0; i < LISTENER_N_PENDING; i++)
		listener->pending[i] = -EBADF;
	listener->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	listener->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (listener->fd < 0 || listener->epoll_fd < 0)
		r = -errno;
	else
		r = bind_name(listener);
	if (r < 0)
		listener_deinit(listener);
	return r;
}

void listener_deinit(struct listener *listener)
{
	cleanup_close(&listener->fd);
	cleanup_close(&listener->epoll_fd);
	listener->fd = listener->epoll_fd = -EBADF;
	for (int i = 0; i < LISTENER_N_PENDING; i++) {
		cleanup_close(&listener->pending[i]);
		listener->pending[i] = -EBADF;
	}
}

static void drop(struct listener *listener, int slot)
{
	/* closing takes it out of the epoll set, too */
	close(listener->pending[slot]);
	listener->pending[slot] = -EBADF;
}

static int free_slot(struct listener *listener)
{
	static int oldest;

	for (int i = 0; i < LISTENER_N_PENDING; i++)
		if (listener->pending[i] < 0)
			return i;
	oldest = (oldest + 1) % LISTENER_N_PENDING;
	drop(listener, oldest);
	return oldest;
}

/* Takes the descriptors out of a message; all but the first are closed. */
static int take_descriptor(struct msghdr *message)
{
	int taken = -EBADF;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (taken < 0)
				taken = fd;
			else
				close(fd);
		}
	}
	return taken;
}

static int receive(int connection, struct handover *ret)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(4 * sizeof(int))];
	char bytes[sizeof(magic)];
	struct iovec vector = {bytes, sizeof(bytes)};
	struct msghdr message = {.msg_iov = &vector,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof(control)};
	struct ucred peer;
	socklen_t length = sizeof(peer);
	_cleanup_close_ int fd = -EBADF;
	ssize_t n = recvmsg(connection, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);

	if (n < 0)
		return -errno;
	fd = take_descriptor(&message);
	if (n != (ssize_t)sizeof(magic) || memcmp(bytes, magic, sizeof(magic)) != 0 || fd < 0)
		return -EPROTO;
	if (getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0)
		return -errno;
	*ret = (struct handover){.fd = TAKE_FD(fd), .pid = peer.pid, .uid = peer.uid};
	return 0;
}

/* Keeps a connection whose message is still to come. */
static void keep(struct listener *listener, int connection)
{
	int slot = free_slot(listener);
	struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)slot};

	if (epoll_ctl(listener->epoll_fd, EPOLL_CTL_ADD, connection, &event) < 0)
		close(connection);
	else
		listener->pending[slot] = connection;
}

static bool is_early(int r)
{
	return r == -EAGAIN || r == -EINTR;
}

static bool next_of_pending(struct listener *listener, struct handover *ret)
{
	struct epoll_event event;

	while (epoll_wait(listener->epoll_fd, &event, 1, 0) == 1) {
		int slot = (int)event.data.u32;
		int r = receive(listener->pending[slot], ret);

		if (is_early(r))
			continue;
		drop(listener, slot);
		if (r >= 0)
			return true;
	}
	return false;
}

static bool next_of_new(struct listener *listener, struct handover *ret)
{
	for (;;) {
		int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), r;

		if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
			continue;
		if (fd < 0)
			return false;
		r = receive(fd, ret);
		if (is_early(r))
			keep(listener, fd);
		else
			close(fd);
		if (r >= 0)
			return true;
	}
}

int listener_next(struct listener *listener, struct handover *ret)
{
	return next_of_pending(listener, ret) || next_of_new(listener, ret);
}
