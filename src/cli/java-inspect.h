/* SPDX-License-Identifier: MIT */
/*
 * java-inspect.h: what a Java machine says of itself: its options, read from its memory; names of threads,
 * counts of objects and Native Memory Tracking, asked for as jcmd does (process/jvm-attach.h says what that
 * does to it).
 */
#ifndef CLI_JAVA_INSPECT_H
#define CLI_JAVA_INSPECT_H

#include <sys/types.h>

#include "profile/profile.h"

/*
 * Adds to the profile of a living process, whose areas are there. Counts of objects are left out where the
 * Java heap is so large that walking it would stop the machine for long. What could not be found out
 * is noted with the reason. Takes some 50 ms, and 1 s at most for each answer that does not come, of which
 * the first is the last. Does nothing if the process is no Java machine. 0 or -ENOMEM.
 */
int java_inspect(pid_t pid, struct profile *profile);

#endif
