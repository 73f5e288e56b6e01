/* SPDX-License-Identifier: MIT */
/*
 * check.h: for programs that are tests by themselves because they run under the agent: a condition that
 * does not hold is printed, and the program ends with status 1 without any of exit's handlers.
 */
#ifndef TESTS_UNIT_PRELOAD_CHECK_H
#define TESTS_UNIT_PRELOAD_CHECK_H

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			int errno_ = errno;                                                        \
                                                                                                   \
			fprintf(stderr, "%s:%d: %s (errno: %s)\n", __FILE__, __LINE__, #condition, \
				strerror(errno_));                                                 \
			_exit(1);                                                                  \
		}                                                                                  \
	} while (0)

#endif
