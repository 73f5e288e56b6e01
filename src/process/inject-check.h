/* SPDX-License-Identifier: MIT */
/*
 * inject-check.h: what stands in the way of injection, found out before anything is touched.
 */
#ifndef PROCESS_INJECT_CHECK_H
#define PROCESS_INJECT_CHECK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/strbuf.h"

struct inject_facts {
	bool filtered;    /* a filter of system calls is in force */
	uint64_t caught;  /* signals that have a handler: bit n - 1 */
	uint64_t ignored; /* signals that are ignored */
	uint64_t pending; /* for the process */
	uint32_t n_threads;
};

/* 0, or -errno and the line in error. */
int inject_check(pid_t pid, struct inject_facts *ret, struct strbuf *error);

/* The line for an error that turned up later. */
void inject_explain(pid_t pid, int error_number, struct strbuf *error);

#endif
