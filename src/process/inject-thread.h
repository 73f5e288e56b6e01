/* SPDX-License-Identifier: MIT */
/*
 * inject-thread.h: a thread of the tool that traces.
 */
#ifndef PROCESS_INJECT_THREAD_H
#define PROCESS_INJECT_THREAD_H

/* Calls function(data) on a thread of its own and returns what it returns. SIGALRM comes to that thread. */
int inject_thread_call(int (*function)(void *data), void *data);

#endif
