/* SPDX-License-Identifier: MIT */
/*
 * program.h: whether a file that is about to be executed can take the agent along.
 */
#ifndef AGENT_PRELOAD_PROGRAM_H
#define AGENT_PRELOAD_PROGRAM_H

enum program_verdict {
	PROGRAM_UNKNOWN, /* not there, not readable, or a format that we do not know */
	PROGRAM_CAN,
	PROGRAM_CANNOT, /* static, another C library, another architecture or word size */
};

/* Remembers the loader of this process, which has to be the program's too. May be called again. */
void program_find(void);

/*
 * Follows "#!" as the kernel does. Signal safe, allocates nothing, leaves no descriptor open. The
 * second form looks for name along PATH as execvp does.
 */
enum program_verdict program_judge_at(int dirfd, const char *path);
enum program_verdict program_judge_name(const char *name);
/* Takes fd's file offset nowhere. */
enum program_verdict program_judge_fd(int fd);

#endif
