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

/* What it consists of: the text of /proc/PID/status, and the class of the program's file. */
int inject_check_status(pid_t pid, const char *status, struct strbuf *error);
int inject_check_class(pid_t pid, unsigned char class, struct strbuf *error);

/* Why a process may not be traced, the first that is true; none: something else forbids it. */
struct inject_denial {
	uid_t uid; /* the process's */
	bool is_other, is_undumpable, is_yama;
};
void inject_explain_denial(pid_t pid, const struct inject_denial *denial, struct strbuf *error);

/* The line for an error that turned up later. */
void inject_explain(pid_t pid, int error_number, struct strbuf *error);

#endif
