/* SPDX-License-Identifier: MIT */
/*
 * jvm-code.h: which Java method, and which line of it, an address of a Java machine belongs to: a pc in
 * compiled code, inlined methods included; the instruction of an interpreted method, or a method, as the
 * agent records interpreted frames. Read from the machine's memory, which is not disturbed; so it has to be
 * asked while the code is there.
 */
#ifndef PROCESS_JVM_CODE_H
#define PROCESS_JVM_CODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/map.h"
#include "process/hotspot.h"

struct jvm_frame {
	const char
		*method;  /* "java.util.zip.Inflater.init", or what a stub is called; never NULL */
	const char *file; /* "Inflater.java"; NULL if unknown */
	uint32_t line;    /* 0 if unknown */
	bool inlined;     /* into the next frame */
};

enum { JVM_FRAMES_MAX = 32 };

struct jvm_code; /* opaque */

/* Both have to outlive it; the pool owns the strings. -ENODATA: this version does not tell what is needed. */
int jvm_code_open(const struct hotspot *hotspot, struct string_pool *pool, struct jvm_code **ret);
struct jvm_code *jvm_code_free(struct jvm_code *code);
DEFINE_CLEANUP(struct jvm_code *, jvm_code_free)

/*
 * The calls that stand at address (one less than a return address), innermost first: at most
 * JVM_FRAMES_MAX. Returns how many; 0 if it is none of the machine's, or its code is gone.
 */
size_t jvm_code_find(struct jvm_code *code, uint64_t address, struct jvm_frame *ret);

#endif
