/* SPDX-License-Identifier: MIT */
/*
 * exec.h: programs that this one starts, and what they get to see of the agent.
 */
#ifndef AGENT_PRELOAD_EXEC_H
#define AGENT_PRELOAD_EXEC_H

/* Finds the C library's functions. May be called again. */
void exec_find(void);

/* Takes the agent out of an environment where it stands: for a program whose children go without. */
void exec_strip_environment(char **environment);

#endif
