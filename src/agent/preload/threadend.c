/* SPDX-License-Identifier: MIT */
/*
 * threadend.c: see threadend.h.
 *
 * Other keys' destructors free and allocate too, and those of C++ thread_local objects ran before. To be
 * behind as many as possible the destructor asks to be called again until the last round that POSIX
 * grants (PTHREAD_DESTRUCTOR_ITERATIONS), by setting its value anew; the value counts the rounds. And it
 * has the highest key that libc keeps in the thread's own block (so that pthread_setspecific does not
 * allocate), since libc goes through the keys in their order: all lower ones are taken for a moment when
 * it is made. Without one (others were faster) ends of threads go unnoticed.
 *
 * Context: threadend_register is called inside malloc, signal handlers included; threadend_init once, at
 * the start of the process.
 */
#include "agent/preload/threadend.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/core/core.h"
#include "agent/preload/boot.h"
#include "heap/heap.h"

enum {
	LAST_KEY = 31, /* PTHREAD_KEY_2NDLEVEL_SIZE - 1 of glibc */
	LAST_ROUND = PTHREAD_DESTRUCTOR_ITERATIONS,
};

static pthread_key_t key;
static bool key_made;

static void end(void *value)
{
	uintptr_t round = (uintptr_t)value;

	if (round < LAST_ROUND) {
		(void)pthread_setspecific(key, (void *)(round + 1));
		return;
	}
	if (boot_mode == BOOT_FAST)
		heap_thread_end();
	core_thread_ending();
}

void threadend_init(void)
{
	pthread_key_t keys[LAST_KEY + 1];
	unsigned n = 0;

	while (n <= LAST_KEY && pthread_key_create(&keys[n], end) == 0)
		if (keys[n++] >= LAST_KEY)
			break;
	if (n > 0 && keys[n - 1] == LAST_KEY) {
		key = keys[--n];
		key_made = true;
	}
	while (n > 0)
		(void)pthread_key_delete(keys[--n]);
}

void threadend_register(void)
{
	int saved = errno;

	if (key_made && !pthread_getspecific(key))
		(void)pthread_setspecific(key, (void *)1);
	errno = saved;
}
