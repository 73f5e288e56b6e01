/* SPDX-License-Identifier: MIT */
/*
 * threadend.h: learning that a thread ends, through the destructor of a pthread key.
 */
#ifndef AGENT_PRELOAD_THREADEND_H
#define AGENT_PRELOAD_THREADEND_H

/* Makes the key. */
void threadend_init(void);

/* The calling thread has state that wants to be given back at its end. Keeps errno. */
void threadend_register(void);

#endif
