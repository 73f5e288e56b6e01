/* SPDX-License-Identifier: MIT */
/*
 * cleanup.h: scope guards. A variable that is declared with one of them is released when its scope is
 * left, whichever way; TAKE_PTR and TAKE_FD hand the thing on and disarm the guard. They keep errno.
 *
 *	_cleanup_free_ char *text = NULL;
 *	_cleanup_close_ int fd = -EBADF;
 *	_cleanup_(strbuf_deinit) struct strbuf buffer = {};      any f(struct foo *) serves as it is
 *	_cleanup_(region_freep) struct region *region = NULL;    made by DEFINE_CLEANUP, below
 *
 * Not for agent and heap.
 */
#ifndef BASE_CLEANUP_H
#define BASE_CLEANUP_H

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(function) __attribute__((cleanup(function)))

/* Hands on the pointer or the descriptor in the variable, which then holds none. */
#define TAKE_PTR(pointer)                                       \
	({                                                      \
		__typeof__(pointer) *_take_place = &(pointer);  \
		__typeof__(pointer) _take_value = *_take_place; \
		*_take_place = NULL;                            \
		_take_value;                                    \
	})
#define TAKE_FD(fd)                             \
	({                                      \
		int *_take_place = &(fd);       \
		int _take_value = *_take_place; \
		*_take_place = -EBADF;          \
		_take_value;                    \
	})

/*
 * For a type whose destructor takes the pointer, as foo_free(struct foo *) does: defines foo_freep for
 * _cleanup_. It stands in the header that declares foo_free, once.
 */
#define DEFINE_CLEANUP(type, function)                          \
	static inline void function##p(__typeof__(type) *place) \
	{                                                       \
		if (*place)                                     \
			function(*place);                       \
	}

static inline void cleanup_free(void *place)
{
	/* free keeps errno since glibc 2.33 only */
	int saved = errno;

	free(*(void **)place);
	errno = saved;
}
#define _cleanup_free_ _cleanup_(cleanup_free)

static inline void cleanup_close(const int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	errno = saved;
}
#define _cleanup_close_ _cleanup_(cleanup_close)

static inline void cleanup_fclose(FILE **stream)
{
	int saved = errno;

	if (*stream)
		fclose(*stream);
	errno = saved;
}
#define _cleanup_fclose_ _cleanup_(cleanup_fclose)

static inline void cleanup_closedir(DIR **dir)
{
	int saved = errno;

	if (*dir)
		closedir(*dir);
	errno = saved;
}
#define _cleanup_closedir_ _cleanup_(cleanup_closedir)

#endif
