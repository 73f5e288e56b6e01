/* SPDX-License-Identifier: MIT */
/*
 * fork.h: children that were forked without heap_before_fork (a raw clone). They are noticed where it
 * hurts: a lock is held by a thread that does not exist there.
 */
#ifndef HEAP_FORK_H
#define HEAP_FORK_H

/* From now on children can be told from their parent. Called when there is a second thread. */
void fork_watch(void);

/*
 * If this is a child that has not been prepared, frees all locks and forgets the other threads' caches.
 * What a lock protected may have been halfway through a change: this is the best that can be done.
 */
void fork_adopt_child(void);

#endif
