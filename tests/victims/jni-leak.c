/* SPDX-License-Identifier: MIT */
/* jni-leak.c: the native half of JniLeak.java. Is declared here by hand: jni.h is not needed to build it. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

void Java_JniLeak_keep(void *env, void *type, int bytes);

static void *volatile kept;

static __attribute__((noinline)) void keep_block(size_t size)
{
	char *block = malloc(size);

	if (block) {
		memset(block, 1, size);
		kept = block;
	}
	__asm__ volatile("" ::: "memory"); /* no tail call */
}

__attribute__((visibility("default"))) void Java_JniLeak_keep(void *env, void *type, int bytes)
{
	keep_block((size_t)bytes);
	__asm__ volatile("" ::: "memory");
}
