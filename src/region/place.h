/* SPDX-License-Identifier: MIT */
/*
 * place.h: where in another process its region is. Only source.c uses it.
 */
#ifndef REGION_PLACE_H
#define REGION_PLACE_H

#include <stdint.h>
#include <sys/types.h>

struct place {
	uint64_t start;     /* address in the process */
	uint64_t first_end; /* of the first of the mappings that it consists of */
	uint64_t size;      /* of all of them, bytes */
};

/* -ENODATA if the process has no region; -ESRCH, -EPERM, -ENOMEM. */
int place_find(pid_t pid, struct place *ret);

/* A descriptor of the memory behind it, which the caller closes; only root gets one. */
int place_open(pid_t pid, const struct place *place);

/* The pid that the process has in its own namespace, 0 if that cannot be read. */
pid_t place_inner_pid(pid_t pid);

#endif
