/* SPDX-License-Identifier: MIT */
/*
 * jvm-attach.h: asks a running Java machine, as jcmd does: over a unix socket that it opens when it is
 * asked for the first time. Needs no Java here.
 *
 * What that does to it: a file .attach_pidN in its /tmp for some milliseconds, SIGQUIT once, and one thread
 * ("Attach Listener") that stays. That is done only where all of these hold, since SIGQUIT ends a process
 * that does not expect it: it is HotSpot, it handles SIGQUIT, and it was not started with
 * -XX:+DisableAttachMechanism. Commands then do what they do:
 *
 *	Thread.print			stops all threads while their stacks are printed: milliseconds
 *	GC.class_histogram -all		stops all threads while the heap is walked: up to a second a GiB of it.
 *					Without -all it would be a full collection before
 *	VM.native_memory summary	counts what was counted; does not stop
 *	Compiler.perfmap		writes /tmp/perf-PID.map (JDK 17 and newer)
 *	GC.run				a full collection: only if the user says so
 *	System.trim_native_heap		malloc_trim (JDK 18 and newer, and 17.0.9)
 */
#ifndef PROCESS_JVM_ATTACH_H
#define PROCESS_JVM_ATTACH_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/strbuf.h"
#include "process/space.h"

/* How long a Java machine has to answer, unless the user says otherwise. */
static const uint64_t JVM_ATTACH_LIMIT_NS = 1000000000;

/*
 * Sends a command of jcmd's and returns all of the answer, zero terminated; the caller frees. Never blocks
 * for longer than limit_ns. On failure why says in a few words what stands in the way:
 * -EOPNOTSUPP (no HotSpot, or started so that it does not answer), -EACCES, -EPERM, -ETIMEDOUT, -ESRCH,
 * -EBADMSG (it answered that it could not do it).
 */
int jvm_attach_ask(const struct space *space, const char *command, uint64_t limit_ns, char **ret,
		   struct strbuf *why);

#endif
