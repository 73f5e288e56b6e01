/* SPDX-License-Identifier: MIT */
/*
 * threadend.c: see threadend.h.
 *
 * Other keys' destructors free and allocate too, and those of C++ thread_local objects ran before. To be
 * behind as many as possible the destructor asks to be called again until the last round that POSIX
 * grants (PTHREAD_DESTRUCTOR_ITERATIONS), by setting its value anew; the value counts the rounds.
 *
 * Context: threadend_register is called inside malloc, signal handlers included. The key is made at the
 * start of the process, when few are in use: the first 32 have their values in the thread's own block,
 * so that pthread_setspecific does not allocate. A later one is not used.
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
	KEYS_WITHOUT_ALLOCATION = 32, /* PTHREAD_KEY_2NDLEVEL_SIZE of glibc */
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
	if (pthread_key_create(&key, end) != 0)
		return;
	if (key >= KEYS_WITHOUT_ALLOCATION) {
		(void)pthread_key_delete(key);
		return;
	}
	key_made = true;
}

void threadend_register(void)
{
	int saved = errno;

	if (key_made && !pthread_getspecific(key))
		(void)pthread_setspecific(key, (void *)1);
	errno = saved;
}
