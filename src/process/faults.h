/* SPDX-License-Identifier: MIT */
/*
 * faults.h: page faults of another process as they happen, each with the registers and the upper end of
 * the stack of the thread that touched the page. Nothing enters the process and nothing in it stops: the
 * kernel samples (perf_event_open(2)), for whatever allocator there is, or none. It works on one's own
 * processes while kernel.perf_event_paranoid is 2 or less.
 *
 * One fault in a period is sampled. The period is 1, doubles whenever samples come faster than they are
 * to be followed, and halves when they have become few; each sample says how many faults it stands for.
 * (The kernel's own way to keep a frequency lets the period jump by a thousand with programs that work in
 * bursts.)
 */
#ifndef PROCESS_FAULTS_H
#define PROCESS_FAULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "process/sample-regs.h"

enum { FAULTS_STACK_MAX = 8192 }; /* bytes of stack with each sample */

struct faults; /* opaque */

struct faults_sample {
	uint32_t tid;
	uint64_t time_ns;                /* CLOCK_MONOTONIC */
	uint64_t address;                /* that was touched */
	uint64_t weight;                 /* faults that it stands for */
	uint64_t registers[SAMPLE_REGS]; /* as sample-regs.h numbers them */
	const void *stack;               /* from the stack pointer upwards */
	size_t stack_size;
};

/*
 * Begins to watch all threads of pid, and those that they start. -EACCES or -EPERM: the kernel forbids it;
 * -ENOSYS, -ENOENT: it cannot; -ESRCH.
 */
int faults_open(pid_t pid, struct faults **ret);
struct faults *faults_close(struct faults *faults);

/* Becomes readable (poll) when there is something to consume. */
int faults_fd(const struct faults *faults);

/* Hands every sample that is there to visit, until that returns negative. */
int faults_consume(struct faults *faults,
		   int (*visit)(const struct faults_sample *sample, void *userdata),
		   void *userdata);

/* Faults that the kernel had no room for, so far. */
uint64_t faults_lost(const struct faults *faults);
/* Whether faults inside of system calls, read(2) into new memory, are left out: that takes a privilege. */
bool faults_only_user(const struct faults *faults);

#endif
