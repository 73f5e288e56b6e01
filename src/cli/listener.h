/* SPDX-License-Identifier: MIT */
/*
 * listener.h: where agents hand their regions over: an abstract unix socket, so that no file is left
 * behind and a program in a chroot reaches it too. An agent connects, sends eight bytes with the
 * region's descriptor, and is gone; who it was, the kernel says (SO_PEERCRED).
 */
#ifndef CLI_LISTENER_H
#define CLI_LISTENER_H

#include <sys/types.h>

enum { LISTENER_NAME_MAX = 64, LISTENER_N_PENDING = 128 };

struct listener {
	int fd;       /* poll it: readable when somebody connects */
	int epoll_fd; /* poll it as well: the connections whose message has not come yet */
	char name[LISTENER_NAME_MAX];    /* without the leading zero byte */
	int pending[LISTENER_N_PENDING]; /* accepted; -1 where free */
};

struct handover {
	int fd; /* the region's; the receiver closes it */
	pid_t pid;
	uid_t uid;
};

/* Listens under an abstract name that nobody else has. 0 or -errno; then there is nothing to be undone. */
int listener_init(struct listener *listener);
void listener_deinit(struct listener *listener);

/* The next region that was handed over: 1, or 0 if none is there now, until one of the descriptors is readable. */
int listener_next(struct listener *listener, struct handover *ret);

#endif
