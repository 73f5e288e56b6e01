/* SPDX-License-Identifier: MIT */
/*
 * foreign.h: what an allocator that stands in for libc's holds: jemalloc, tcmalloc, mimalloc.
 *
 * jemalloc and tcmalloc are asked: a thread of the process calls their own functions for statistics
 * (inject-call.h). mimalloc is read from outside.
 */
#ifndef PROCESS_FOREIGN_H
#define PROCESS_FOREIGN_H

#include "process/arenas.h"
#include "process/inject-call.h"
#include "process/space.h"

/*
 * Adds what such an allocator holds, if there is one. may_stop: the process, if one of its threads may be
 * stopped for that; else 0, and what has to be asked for is left out. Where something is left out,
 * ret->refused says why. -ENOMEM.
 */
int foreign_read(const struct space *space, pid_t may_stop, struct arenas *ret);

/* Has the calls know the functions of an allocator that is linked into the program. -ENOMEM. */
int foreign_know(const struct space *space, struct inject_calls *calls);

/* What is called, and what is made of the answers. */
int jemalloc_ask(struct inject_calls *calls);
int jemalloc_understand(const struct inject_calls *calls, struct arenas *ret);
int tcmalloc_ask(struct inject_calls *calls);
int tcmalloc_understand(const struct inject_calls *calls, struct arenas *ret);

/* One arena with all figures 0 or unknown. */
struct arena foreign_arena(enum arenas_allocator allocator, enum arena_kind kind);

/* A call with the first argument a text. -E2BIG if there is no room. */
struct inject_call *foreign_call(struct inject_calls *calls, const char *function,
				 const char *text);
/* Room of size bytes for an answer, zeroed, aligned to 8; its offset. UINT32_MAX if there is none. */
uint32_t foreign_room(struct inject_calls *calls, size_t size);
/* Argument n of the call that was added last is the address of what is at that offset. */
void foreign_point(struct inject_calls *calls, unsigned argument, uint32_t offset);

#endif
