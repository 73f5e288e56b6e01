/* SPDX-License-Identifier: MIT */
/*
 * followed.h: one process that handed a region over, and what becomes of it at its end.
 */
#ifndef CLI_FOLLOWED_H
#define CLI_FOLLOWED_H

#include "cli/follow.h"
#include "profile/series.h"

struct followed {
	struct followed *next;
	struct origin origin;
	struct region *region;
	int pidfd;                       /* negative if the process was gone already */
	struct series *series;           /* NULL: no memory for one */
	uint64_t next_mark;              /* event from which on marks were not seen */
	uint64_t began_ns, next_look_ns; /* CLOCK_MONOTONIC */
};

/* Looks at the process if it is time to. Returns when it will be time again. */
uint64_t followed_observe(struct followed *process, uint64_t now_ns);

/* Takes region and pidfd over, also on failure (NULL: no memory). */
struct followed *followed_add(struct follower *follower, pid_t pid, struct region *region,
			      int pidfd);
void followed_remove(struct follower *follower, struct followed *process);

/* The same process, another program: what it recorded before exec is gone with its memory. */
void followed_supersede(struct followed *process, struct region *region);

/* It has ended: writes its session and removes it. end is NULL for what is not our own child. */
void followed_finish(struct follower *follower, struct followed *process,
		     const struct follow_end *end);
/* It goes on, but recording ends now: writes its session, tells its agent, removes it. */
void followed_stop(struct follower *follower, struct followed *process);

#endif
