/* SPDX-License-Identifier: MIT */
/*
 * hotspot.h: the frames of a Java machine (HotSpot) in this process. Compiled code has no unwind tables, and
 * no frame pointers unless it was started with -XX:+PreserveFramePointer. What it has is a header for
 * each piece of code, which says how large its frames are; where that stands, the machine publishes for
 * its debugger (gHotSpotVMStructs).
 */
#ifndef AGENT_CORE_HOTSPOT_H
#define AGENT_CORE_HOTSPOT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/macro.h"

/* How a frame is left. */
enum hotspot_kind {
	HOTSPOT_UNKNOWN, /* there is no code at that pc */
	HOTSPOT_COMPILED, /* sp + size; fp and the return address are below that, as calls leave them */
	HOTSPOT_INTERPRETED, /* fp; what it executes stands in the frame */
	HOTSPOT_STUB,        /* fp */
	HOTSPOT_ENTRY,       /* fp; called from C++ */
};

struct hotspot_frame {
	enum hotspot_kind kind;
	uint32_t size; /* bytes, of a compiled one */
	/* of a compiled one or a stub: where the 8 bytes of its header are that have the size; else 0 */
	uintptr_t fact;
};

/* Words of an interpreted frame, counted in bytes from its fp; the same in JDK 11 to 25. */
enum {
	HOTSPOT_SENDER_SP = -8,
	HOTSPOT_METHOD = -24,
	HOTSPOT_BYTECODE = -64, /* address of the instruction; 0 in a native method */
};

/*
 * Looks whether a Java machine has come into the process; called for a pc that is in no module. Does little
 * unless modules were loaded since it was last called. Any thread, inside malloc; takes no lock and asks
 * before it reads.
 */
void hotspot_look(uint64_t epoch);

/* Tells about the code that pc is in. */
struct hotspot_frame hotspot_find(uintptr_t pc);

/* Where C++ has called Java: the return address into the stub that does it. 0 if there is none. */
static inline uintptr_t hotspot_entry(void);

/* private to the inline functions */
struct hotspot_state {
	uintptr_t start, size; /* of all its code; size is 0 until all is known */
	uintptr_t entry;
};
extern _hidden_ struct hotspot_state hotspot_state;

/* Whether pc is in memory of its code. */
static _always_inline_ bool hotspot_has(uintptr_t pc)
{
	return pc - __atomic_load_n(&hotspot_state.start, __ATOMIC_RELAXED) <
	       __atomic_load_n(&hotspot_state.size, __ATOMIC_ACQUIRE);
}

static inline uintptr_t hotspot_entry(void)
{
	return hotspot_state.entry;
}

#endif
