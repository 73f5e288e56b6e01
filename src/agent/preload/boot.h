/* SPDX-License-Identifier: MIT */
/*
 * boot.h: how the agent gets started, and what all of it knows about the process afterwards.
 *
 * There is no order in which a preloaded library can count on being first: the first allocation may
 * come from the loader or another library's constructor. So every slow path asks boot(), which decides
 * the mode (pure computation that several threads may repeat) and then starts recording once.
 */
#ifndef AGENT_PRELOAD_BOOT_H
#define AGENT_PRELOAD_BOOT_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/preload/config.h"
#include "base/macro.h"

enum boot_mode {
	BOOT_NEW,    /* nothing is decided */
	BOOT_FAST,   /* the heap serves the program */
	BOOT_SYSTEM, /* the program's own allocator does, observed or (agent off) not */
};

/* BOOT_NEW changes to one of the others once and never again. Any thread may read it. */
extern enum boot_mode boot_mode;

/* What the environment asked for; valid when boot_mode is decided. */
extern struct config boot_config;

/* Decides the mode and starts recording if that was not done. Keeps errno. */
enum boot_mode boot(void);

/* Whether the heap serves the program. Decided here at the first call of the process. */
static _always_inline_ bool boot_is_fast(void);

/* The path that this library was loaded by, for LD_PRELOAD; NULL if it was not loaded so. */
const char *boot_agent_path(void);

/* Whether address is in this library's code. */
static _always_inline_ bool boot_is_own_code(uintptr_t address);

/* Whether address is in the code of the library that allocates for the program (system mode). */
static _always_inline_ bool boot_is_backend_code(uintptr_t address);

struct boot_range {
	uintptr_t start, end;
};
extern struct boot_range boot_own_code, boot_backend_code;

static _always_inline_ bool boot_is_own_code(uintptr_t address)
{
	return address - boot_own_code.start < boot_own_code.end - boot_own_code.start;
}

static _always_inline_ bool boot_is_backend_code(uintptr_t address)
{
	return address - boot_backend_code.start < boot_backend_code.end - boot_backend_code.start;
}

static _always_inline_ bool boot_is_fast(void)
{
	enum boot_mode mode = boot_mode;

	return (likely(mode != BOOT_NEW) ? mode : boot()) == BOOT_FAST;
}

#endif
