/* SPDX-License-Identifier: MIT */
/*
 * inject-remote.h: one thread of another process, stopped, made to do something, and let go.
 *
 *	remote_init → remote_stop → remote_syscall*, remote_run* → remote_release → remote_deinit
 */
#ifndef PROCESS_INJECT_REMOTE_H
#define PROCESS_INJECT_REMOTE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "process/inject-check.h"
#include "process/inject-regs.h"
#include "process/inject-wait.h"
#include "process/maps.h"

struct remote {
	struct regs regs; /* first, for it is aligned */
	pid_t pid, tid;
	int mem; /* /proc/PID/mem */
	struct inject_facts facts;
	uint64_t gadget_syscall, gadget_sigreturn;
	uint64_t frame;  /* on the thread's own stack, for remote_syscall */
	int signal;      /* tells of the end of remote_run; 0 if there is none that would do */
	int held_signal; /* came meanwhile, and is delivered at the release */
	bool seized, stopped, sent, lost;
	uint64_t stopped_at_ns;
	struct inject_wait wait;
};

/* Finds what is needed for the rest. -ENOTSUP if the instructions are not there. */
int remote_init(struct remote *remote, pid_t pid, const struct inject_facts *facts,
		const struct maps *maps);
void remote_deinit(struct remote *remote);

/*
 * Stops a thread, one that sleeps if there is one. -ETIMEDOUT if none could be stopped, -ENOSPC if there
 * is no room on its stack, -EBUSY if somebody else traces it.
 */
int remote_stop(struct remote *remote, const struct maps *maps);
/* The stopped thread makes a system call; its result is in ret. */
int remote_syscall(struct remote *remote, long number, const uint64_t arguments[6], int64_t *ret);
/* It runs a function on another stack, which ends at top; resume is where the function returns to. */
int remote_run(struct remote *remote, uint64_t function, uint64_t top, uint64_t resume,
	       uint64_t finished_at, uint32_t finished);
/* It goes on where it was. Returns for how long it was stopped, in nanoseconds. */
uint64_t remote_release(struct remote *remote);

int remote_read(struct remote *remote, uint64_t address, void *buffer, size_t size);
int remote_write(struct remote *remote, uint64_t address, const void *bytes, size_t size);

#endif
