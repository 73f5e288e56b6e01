/* SPDX-License-Identifier: MIT */
/* rebuild.h: the heap of a child that was forked behind our back, in the middle of a change. */
#ifndef HEAP_REBUILD_H
#define HEAP_REBUILD_H

/*
 * Makes all that is linked anew. The process has one thread, all locks are free. What another thread was
 * about to change is lost to this process.
 */
void rebuild_all(void);

#endif
