/* SPDX-License-Identifier: MIT */
/*
 * java-answers.h: the answers of a Java machine to commands of jcmd's, read into rows of a profile. They are
 * text for people, and come from the process: lines that are not understood are passed over, and there is a
 * bound on how many rows an answer makes.
 */
#ifndef PROFILE_JAVA_ANSWERS_H
#define PROFILE_JAVA_ANSWERS_H

#include <stddef.h>
#include <stdint.h>

#include "profile/profile.h"

/* A thread's id as the machine knows it, and in the namespace of the tool. */
struct java_translation {
	uint32_t inner, outer;
};

/*
 * Thread.print: names of threads. An id that is among ids is translated; ids may be NULL. Here and below: 0 or
 * -ENOMEM.
 */
int java_read_threads(struct profile *profile, const char *text, const struct java_translation *ids,
		      size_t n_ids);

/* GC.class_histogram: how many objects there are of the classes that own native memory. */
int java_read_classes(struct profile *profile, const char *text);

/*
 * VM.native_memory summary or detail: what each category has reserved, committed, and of that from malloc;
 * of detail also the places that hold most.
 */
int java_read_tracking(struct profile *profile, const char *text);

/* What a category has reserved. */
struct java_range {
	char name[32]; /* the category's */
	uint64_t start, end;
};

/*
 * The map of VM.native_memory detail; none in an answer without one. The caller frees. Ranges are what the
 * process says: not empty, below 2^47, and no more than that.
 */
int java_read_ranges(const char *text, struct java_range **ret, size_t *ret_n);

#endif
