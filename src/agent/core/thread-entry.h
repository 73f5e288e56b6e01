/* SPDX-License-Identifier: MIT */
/*
 * thread-entry.h: the region's table of threads: entries taken, named, ended and handed on. Entry 0
 * stands for threads that found no room; nothing is written to it.
 */
#ifndef AGENT_CORE_THREAD_ENTRY_H
#define AGENT_CORE_THREAD_ENTRY_H

#include <stdbool.h>
#include <stdint.h>

/* After writer_create. */
void thread_entry_init(void);

/* A fresh entry, or one that belonged to an ended thread; 0 if there is none. */
uint32_t thread_entry_take(int tid, uint64_t now_ns);

/* Reads the calling thread's name; puts an event if it changed and announce is set. */
void thread_entry_read_name(uint32_t entry, int tid, bool announce, uint64_t now_ns);
/* From now on names are not read: the call for it may not be allowed. */
void thread_entry_confine(void);

/* is_blank: nothing of the thread was recorded, so that nobody will miss its entry. */
void thread_entry_end(uint32_t entry, bool is_blank, uint64_t now_ns);

/* Puts an event about a thread into the ring. */
void thread_entry_put_event(int type, uint32_t entry, int tid, uint64_t now_ns);

/*
 * In a forked child: all entries are of threads that are not in it, but the caller's, which was the given
 * one in the parent. Returns the caller's entry.
 */
uint32_t thread_entry_after_fork(uint32_t entry, int tid, uint64_t now_ns);

#endif
