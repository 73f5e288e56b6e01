/* SPDX-License-Identifier: MIT */
/*
 * core-identity.c: a thread that goes on with the state of one that has ended, because libc gave it the same thread
 * pointer. Context: any thread, inside malloc, signals possible.
 *
 * An embedder's countdown runs out in the one though the other may have used up most of it, and that is a sample as
 * good as any: to draw anew instead would lose one for each thread, which is most of what threads that live
 * for few bytes allocate. So the interval of the distance that was gone is kept, and all else is the new thread's.
 */
#include "agent/core/core-door.h"
#include "agent/core/core.h"

void core_check_identity(void)
{
	struct thread *thread = core_enter();

	if (!thread)
		return;
	const uint32_t interval = thread->interval;
	const bool armed = thread->armed;

	thread_check_identity(thread);
	thread->interval = interval;
	thread->armed = armed;
	thread_leave(thread);
}
