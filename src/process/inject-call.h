/* SPDX-License-Identifier: MIT */
/*
 * inject-call.h: functions of a process's allocator called for the tool, by a thread of the process that is
 * stopped for that outside of the allocator (inject-outside.h). Nothing is left behind in the process.
 */
#ifndef PROCESS_INJECT_CALL_H
#define PROCESS_INJECT_CALL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/strbuf.h"
#include "process/inject.h"
#include "region/inject-abi.h"

enum { INJECT_CALLS_MAX = 1024, INJECT_CALLS_DATA_MAX = 256 << 10, INJECT_KNOWN_MAX = 4 };

/* A function that no module exports, by its address; the module that it is in counts as the allocator. */
struct inject_known {
	const char *name;
	uint64_t address;
};

struct inject_calls {
	const char *function[INJECT_CALLS_MAX]; /* by name; a module that comes first has it */
	struct inject_call calls[INJECT_CALLS_MAX];
	uint8_t pointers[INJECT_CALLS_MAX]; /* bit n: argument n is an offset in data */
	size_t n_calls;
	struct inject_known known[INJECT_KNOWN_MAX];
	size_t n_known;
	uint8_t data[INJECT_CALLS_DATA_MAX]; /* what the functions read and write */
	size_t data_size;
	uint64_t data_at; /* where data was in the process: pointers count from there afterwards */
	uint32_t run_ms;  /* how long all of it may take; 0: the default, 10 s */
};

/* Makes them one after the other and puts their results and data in. 0, or -errno and the line in error. */
int inject_calls_make(pid_t pid, struct inject_calls *calls, struct inject_outcome *ret,
		      struct strbuf *error);

#endif
