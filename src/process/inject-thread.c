/* SPDX-License-Identifier: MIT */
/*
 * inject-thread.c: tracing ends with the thread that traces.
 *
 * A thread that could not be stopped in time stays traced, and when it comes out of the kernel at last it
 * stands still for its tracer. The kernel lets it go when the tracer, which is one thread and not its
 * process, ends. So whatever may have happened, nothing is traced when inject_thread_call returns.
 */
#include "process/inject-thread.h"

#include <pthread.h>
#include <signal.h>

struct call {
	int (*function)(void *data);
	void *data;
	int result;
};

static void *run(void *call_)
{
	struct call *call = call_;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	call->result = call->function(call->data);
	return NULL;
}

int inject_thread_call(int (*function)(void *data), void *data)
{
	struct call call = {function, data, 0};
	pthread_t thread;
	sigset_t set, old;
	int r;

	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &set, &old);
	r = -pthread_create(&thread, NULL, run, &call);
	if (r == 0) {
		pthread_join(thread, NULL);
		r = call.result;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return r;
}
