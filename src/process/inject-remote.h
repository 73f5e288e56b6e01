/* SPDX-License-Identifier: MIT */
/*
 * inject-remote.h: a thread of another process that is stopped, made to do something, and let go.
 *
 *	remote_init → remote_stop → remote_syscall*, remote_spawn, remote_run* → remote_release → remote_deinit
 *
 * It is a thread of the process's own, which is missed while it stands still, or one that it has been made
 * to create (inject-errand.c), which nobody misses.
 */
#ifndef PROCESS_INJECT_REMOTE_H
#define PROCESS_INJECT_REMOTE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "process/inject-check.h"
#include "process/inject-regs.h"
#include "process/maps.h"

struct remote;

/* Whether a stopped thread is one that may be used; its registers are read. */
typedef bool (*remote_suits)(struct remote *remote, const struct maps *maps, const void *userdata);

struct remote {
	struct regs regs; /* first, for it is aligned */
	pid_t pid, tid;
	int mem; /* /proc/PID/mem */
	struct inject_facts facts;
	uint64_t gadget_syscall, gadget_sigreturn;
	uint64_t
		frame; /* where the stack pointer is in remote_syscall: leads back, or to the end */
	uint64_t leave;  /* of ours: the code that ends it */
	int signal;      /* tells of the end of remote_run; 0 if there is none that would do */
	int held_signal; /* came meanwhile, and is delivered at the release */
	bool seized, stopped, sent, lost;
	/* threads that did not stop in time, and may do so yet; and when they were told to */
	struct remote_late {
		pid_t tid;
		uint64_t told_ns;
	} late[8];
	unsigned n_late;
	bool ours;          /* created by remote_spawn */
	bool away;          /* the function took too long; the thread comes back by itself */
	long syscall;       /* that the thread is in; -1: none */
	remote_suits suits; /* NULL: any thread */
	const void *suits_userdata;
	uint32_t run_ms;                    /* how long a function may take; 0: the default */
	uint64_t stopped_at_ns, seen_at_ns; /* when it was told to stop, and when it had */
};

/* Finds what is needed for the rest. -ENOTSUP if the instructions are not there. */
int remote_init(struct remote *remote, pid_t pid, const struct inject_facts *facts,
		const struct maps *maps);
void remote_deinit(struct remote *remote);

/*
 * Stops a thread, one that sleeps if there is one. -ETIMEDOUT if none could be stopped, -ENOSPC if there
 * is no room on its stack, -EBUSY if somebody else traces it, -EXFULL if no thread was one that suits.
 * except is left alone: a thread of ours, or 0.
 */
int remote_stop(struct remote *remote, const struct maps *maps, pid_t except);
/* Threads that had not stopped in time go on. Waits that long for those that have still not. */
void remote_leave_late(struct remote *remote, uint64_t ms);
/* The stopped thread makes a system call; its result is in ret. */
int remote_syscall(struct remote *remote, long number, const uint64_t arguments[6], int64_t *ret);
/*
 * It creates a thread for errands, which stands still until remote_adopt has it. park is where a struct
 * of regs_make_park is; tls is what the thread pointer points to. The thread's id, in the process's
 * namespace, is in ret; -EAGAIN and others if the process may have no more threads.
 */
int remote_spawn(struct remote *remote, uint64_t park, uint64_t tls, pid_t *ret);
/*
 * Takes that thread over into ret, which shares the descriptor of remote and is not to be deinitialised.
 * remote may have been released.
 */
int remote_adopt(const struct remote *remote, pid_t id, uint64_t park, struct remote *ret);
/*
 * It runs a function on another stack, which ends at top; resume is where the function returns to in a
 * thread of the process's own. -ETIMEDOUT: it still runs; such a thread, when released, finishes it and then
 * goes on where it was.
 */
int remote_run(struct remote *remote, uint64_t function, uint64_t top, uint64_t resume,
	       uint64_t finished_at, uint32_t finished);
/* It goes on with the function, from a stop that the function has made itself, until that word says so. */
int remote_continue(struct remote *remote, uint64_t finished_at, uint32_t finished);
/* It goes on where it was. Returns for how long it was stopped, in nanoseconds. */
uint64_t remote_release(struct remote *remote);
/* A thread of ours ends, and has ended when this returns, unless it takes very long. */
void remote_dismiss(struct remote *remote);

/* Exactly size bytes of the process, whatever their protection is. 0 or -errno. */
int remote_read(struct remote *remote, uint64_t address, void *buffer, size_t size);
int remote_write(struct remote *remote, uint64_t address, const void *bytes, size_t size);

/* For the files of this part alone. */
enum { REMOTE_OPTIONS = 1 /* PTRACE_O_TRACESYSGOOD */ };
/* The next stop of the thread, as waitpid has it. -ESRCH if it has ended, -ETIMEDOUT. */
int remote_wait(struct remote *remote, uint64_t end_ns, int *ret_status);
int remote_resume(struct remote *remote, int request, int signal);
/* Whether it is a stop that ptrace itself has made, not a signal. */
bool remote_is_event(int status);

#endif
