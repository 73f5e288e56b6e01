/* SPDX-License-Identifier: MIT */
/*
 * follow.h: the program that `run` started and the processes that come from it: each hands its region
 * over, is watched until its end, and leaves a session file then.
 *
 * The life of one: handed over → (superseded by a newer region of the same process: it called exec) →
 * ended → its session is written, unless it recorded nothing or became a program without the agent.
 */
#ifndef CLI_FOLLOW_H
#define CLI_FOLLOW_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "cli/listener.h"
#include "cli/names.h"
#include "cli/origin.h"
#include "cli/signals.h"
#include "profile/profile.h"
#include "region/region.h"

/* What happened in the kernel's eyes when the program ended. */
struct follow_end {
	int status; /* as from wait(2) */
	struct rusage usage;
	bool alone; /* it never waited for a child: usage is its own */
};

struct follow_settings {
	const char *output;   /* -o, or NULL */
	uint64_t duration_ns; /* record no longer than that; 0: to the end */
	bool verbose;
	bool quiet; /* no progress either */
};

struct followed;

struct follower {
	struct follow_settings settings;
	struct listener listener;
	struct names names;
	int epoll_fd;
	int timer_fd;
	struct signals *signals;
	pid_t root;
	int root_fd;                  /* pidfd of the program */
	struct followed *processes;   /* list, the newest first */
	struct profile *root_profile; /* NULL until it is there, and if there is none */
	char *root_path;              /* of its session file; NULL if it could not be written */
	bool root_replaced;           /* became a program without the agent */
	bool over;                    /* the duration has passed: nothing new is followed */
	unsigned n_children;          /* that left a session file */
	unsigned n_failed;            /* whose session file could not be written */
	unsigned n_leaked;            /* of the children */
	uint64_t heaviest_bytes;      /* among them, or among the children if none leaked */
	char *heaviest_path;
	struct follow_end end;
};

/* Opens the socket, whose name the program's environment needs. On failure, too, it may be deinited. */
int follower_init(struct follower *follower, const struct follow_settings *settings,
		  struct signals *signals);
void follower_deinit(struct follower *follower);

/* The program runs: watches everything until it has ended and what it left is written. */
int follower_watch(struct follower *follower, pid_t root);

#endif
