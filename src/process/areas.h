/* SPDX-License-Identifier: MIT */
/*
 * areas.h: ranges of addresses of which somebody knows more than /proc/PID/maps says: the stack of a
 * thread, the heap of a Java machine, the arenas of another allocator. Each finder (threads.h,
 * runtimes.h) adds what it is sure of. An area may be a part of a mapping or stretch over several.
 */
#ifndef PROCESS_AREAS_H
#define PROCESS_AREAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "process/memory.h"

enum area_kind {
	AREA_STACK,        /* of a living thread: its stack, thread-local storage and descriptor */
	AREA_STACK_ENDED,  /* of a thread that has ended and was not joined */
	AREA_STACK_CACHED, /* of a thread that is gone: libc keeps the stack for the next one */
	AREA_HEAP,         /* of an allocator that cannot be looked into */
	AREA_IMAGE,        /* anonymous parts of the program and its libraries */
	AREA_JVM_HEAP,     /* what -Xmx bounds */
	AREA_JVM_CODE,
	AREA_JVM_CLASSES, /* compressed class space and the archive of classes */
	AREA_JVM,         /* metaspace, the collector's tables, the compilers' memory */
	AREA_V8,
	AREA_GO,
	AREA_PYTHON,
	AREA_PHP,
	AREA_RUBY,
	AREA_MEMTRACE, /* the fast allocator's and the recorder's own */
	AREA_N_KINDS,
};

enum { AREA_LABEL_MAX = 56 };

struct area {
	uint64_t start, end;
	uint64_t guard;             /* stacks: bytes from start on that cannot be touched */
	uint64_t resident, swapped; /* bytes of [start, end) */
	uint32_t kind;              /* enum area_kind */
	uint32_t tid;               /* stacks: the thread that has it, 0 if none */
	char label[AREA_LABEL_MAX]; /* in words, zero terminated: the thread's name, the space's */
};

struct areas {
	struct area *areas;
	size_t n_areas;
};

void areas_deinit(struct areas *areas);
/* A zeroed entry at the end; NULL if there is no memory. */
struct area *areas_add(struct areas *areas);
/*
 * Puts them in order of address and cuts off what overlaps: of two, the one that was added first keeps
 * all of it. Entries of which nothing is left are dropped.
 */
int areas_settle(struct areas *areas);
/* Fills resident and swapped of all. */
int areas_measure(struct areas *areas, struct memory *memory);

/* Bytes of [start, end) that are resident and swapped; either may be NULL. */
int areas_count_pages(struct memory *memory, uint64_t start, uint64_t end, uint64_t *ret_resident,
		      uint64_t *ret_swapped);

/* Reads it if all of it is resident. */
bool areas_read(struct memory *memory, uint64_t address, void *buffer, size_t size);

#endif
