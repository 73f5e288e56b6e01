/* SPDX-License-Identifier: MIT */
/*
 * java.h: what is known of a Java machine, read: its options, its threads, and which objects of its heap hold
 * how much native memory.
 */
#ifndef PROFILE_JAVA_H
#define PROFILE_JAVA_H

#include <stdbool.h>
#include <stdint.h>

#include "profile/profile.h"

/* Adds a row; name is copied into the profile's pool. 0 or -ENOMEM. */
int java_add(struct profile *profile, enum profile_java_kind kind, const char *name, uint64_t first,
	     uint64_t second);

/* The first row of that kind and name; NULL if there is none. */
const struct profile_java *java_find_row(const struct profile *profile, enum profile_java_kind kind,
					 const char *name);

/* Whether the process is one. */
bool java_is_machine(const struct profile *profile);
/* The value of an option or the like; or_else if it is not known. */
uint64_t java_fact(const struct profile *profile, const char *name, uint64_t or_else);
/* "G1", "ZGC" and so on; NULL if it is not known. */
const char *java_collector(const struct profile *profile);

/* A thread's whole name; the kernel cuts what it keeps at 15 bytes. NULL if the machine did not tell. */
const char *java_thread_name(const struct profile *profile, uint32_t tid);
/* The same, or what the kernel has. Never NULL. */
const char *java_name_of(const struct profile *profile, const struct profile_thread *thread);

/* A class whose objects own native memory. */
struct java_native {
	const char *class_name;
	const char *where;                /* the native functions, for people */
	const char *ended_by;             /* what frees the memory */
	uint64_t n_objects;               /* in the Java heap; PROFILE_UNKNOWN */
	uint64_t native_bytes;            /* of live blocks; 0 if none are known */
	uint64_t n_native;                /* objects whose memory is allocated, by its blocks */
	const struct profile_site *worst; /* NULL: none */
};
enum { JAVA_NATIVES = 3 };
enum java_native_class { JAVA_INFLATER, JAVA_DEFLATER, JAVA_BUFFER };

/*
 * Whether there may be objects whose memory was allocated before anybody recorded: then n_objects and native_bytes
 * are not of the same ones.
 */
bool java_began_before(const struct profile *profile);

void java_find_natives(const struct profile *profile, struct java_native ret[JAVA_NATIVES]);

/* Whether a frame is Java's own: a method that comes with the machine, or a stub that it has made. */
bool java_is_own(const struct profile_location *location, const struct profile_frame *frame);

/*
 * The innermost Java frame of a stack that is not the JDK's own: who asked for it. False if there is none.
 */
bool java_find_caller(const struct profile *profile, const struct profile_site *site,
		      const struct profile_location **ret_location,
		      const struct profile_frame **ret_frame);

#endif
