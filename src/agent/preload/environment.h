/* SPDX-License-Identifier: MIT */
/*
 * environment.h: taking the agent out of an environment: its entry in LD_PRELOAD and the MEMTRACE_
 * variables. Pure functions over arrays that end with NULL; nothing allocates.
 */
#ifndef AGENT_PRELOAD_ENVIRONMENT_H
#define AGENT_PRELOAD_ENVIRONMENT_H

#include <stdbool.h>
#include <stddef.h>

/* What a copy needs: pointers, with the NULL, and bytes for a shorter LD_PRELOAD. */
struct environment_size {
	size_t n_entries;
	size_t n_bytes;
	bool has_agent; /* there is something to take out */
};

/* agent_path: the entry of LD_PRELOAD that goes. Entries count as if all of them stayed. */
void environment_measure(char *const *environment, const char *agent_path,
			 struct environment_size *ret);

/*
 * Writes environment without the agent to ret_entries and ret_bytes, which are as large as measured.
 * ret_entries may be environment itself if ret_bytes is NULL: then LD_PRELOAD is shortened in place.
 */
void environment_strip(char *const *environment, const char *agent_path, char **ret_entries,
		       char *ret_bytes);

#endif
