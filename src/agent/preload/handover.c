/* SPDX-License-Identifier: MIT */
/*
 * handover.c: see handover.h.
 *
 * Context: the thread of a process's first recorded event, inside malloc, maybe in a child that shares
 * nothing with its parent any more. Raw system calls: libc's connect and sendmsg are cancellation
 * points, and other preloaded libraries (proxies, fakeroot) have their own idea of them.
 *
 * The socket does not block: where the tool is stopped and its queue is full, connect gives EAGAIN, and
 * the region is not handed over, but can still be found as long as the process lives.
 */
#include "agent/preload/handover.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "agent/core/sys.h"
#include "agent/preload/boot.h"

static int connect_to_tool(int sock)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t length = offsetof(struct sockaddr_un, sun_path) + 1 + boot_config.socket_length;

	memcpy(address.sun_path + 1, boot_config.socket, boot_config.socket_length);
	return (int)sys_call3(SYS_NR_connect, sock, (long)&address, (long)length);
}

static int send_descriptor(int sock, int fd)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec data = {.iov_base = (char[]){HANDOVER_MESSAGE},
			     .iov_len = strlen(HANDOVER_MESSAGE)};
	struct msghdr message = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	long r;

	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	r = sys_call3(SYS_NR_sendmsg, sock, (long)&message, MSG_NOSIGNAL | MSG_DONTWAIT);
	return r < 0 ? (int)r : 0;
}

int handover_send(int fd)
{
	int sock, r;

	if (boot_config.socket_length == 0)
		return -ENOENT;
	sock = (int)sys_call3(SYS_NR_socket, AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
			      0);
	if (sock < 0)
		return sock;
	r = connect_to_tool(sock);
	if (r == 0)
		r = send_descriptor(sock, fd);
	(void)sys_call3(SYS_NR_close, sock, 0, 0);
	return r;
}
