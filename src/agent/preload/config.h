/* SPDX-License-Identifier: MIT */
/*
 * config.h: what the environment asks of the agent.
 *
 *	MEMTRACE_ALLOCATOR=fast|system	fast by default
 *	MEMTRACE_SAMPLE=auto|watched|all|BYTES|off
 *					auto by default; watched is auto for somebody who looks on; off leaves the allocator alone, without a
 *					recorder: what benchmarks compare with
 *	MEMTRACE_MAX_MEMORY=BYTES	64 MiB by default; region and private tables together
 *	MEMTRACE_SOCKET=NAME		abstract socket that takes the region, without its leading zero
 *	MEMTRACE_FOLLOW=0|1		1 by default: children keep the agent
 *	MEMTRACE_DEBUG=0|1		1 makes the agent say on stderr what it decided
 *
 * An empty value is an absent one.
 */
#ifndef AGENT_PRELOAD_CONFIG_H
#define AGENT_PRELOAD_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	CONFIG_SOCKET_MAX = 107, /* bytes of an abstract name: sun_path without the leading zero */
};

struct config {
	bool system; /* leave the program its own allocator */
	bool follow;
	bool debug;
	uint32_t sampling;                  /* enum mt_sampling */
	uint64_t interval;                  /* bytes, for MT_SAMPLING_INTERVAL */
	bool watched;                       /* for MT_SAMPLING_AUTO */
	uint64_t max_memory;                /* bytes */
	char socket[CONFIG_SOCKET_MAX + 1]; /* zero terminated, "" for none */
	size_t socket_length;
};

/* The variables above, for whoever takes them out of an environment; the last one is NULL. */
extern const char *const config_variables[];

/*
 * Reads environ, which ends with NULL and may be NULL. Returns 0, or -EINVAL and in ret_bad the entry
 * that makes no sense; ret then holds the entries before it, and of those after it only debug.
 */
int config_read(char *const *environ, struct config *ret, const char **ret_bad);

/* The value of entry ("NAME=value") if its name is name, otherwise NULL. */
const char *config_value(const char *entry, const char *name);

#endif
