/* SPDX-License-Identifier: MIT */
/*
 * confine.c: see confine.h.
 *
 * Programs also ask for a filter that cannot be, to learn whether filters are supported: so only success
 * counts. Filters that were there before the program began are not noticed; nor are those put in place
 * by instructions of the program's own, as sandboxes of browsers do, in processes that do not fork
 * any more.
 *
 * Context: any thread; the program called these functions itself.
 */
#include "agent/preload/confine.h"

#include <errno.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "agent/core/core.h"
#include "agent/core/sys.h"
#include "agent/preload/boot.h"
#include "agent/preload/linkmap.h"
#include "agent/preload/say.h"
#include "base/macro.h"
#include "heap/heap.h"

enum {
	SECCOMP_SET_MODE_STRICT_ = 0, /* linux/seccomp.h */
	SECCOMP_SET_MODE_FILTER_ = 1,
};

long (*confine_next_syscall)(long number, ...);
static bool in_force;

void confine_find(void)
{
	confine_next_syscall = linkmap_find_next("syscall", NULL);
}

bool confine_is_in_force(void)
{
	return in_force;
}

static bool puts_filter(long number, long a, long b)
{
	if (number == SYS_prctl)
		return a == PR_SET_SECCOMP;
	return number == SYS_seccomp &&
	       (a == SECCOMP_SET_MODE_STRICT_ || a == SECCOMP_SET_MODE_FILTER_);
}

long confine_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	bool puts = puts_filter(number, a, b);
	long r;

	if (boot_mode == BOOT_NEW)
		(void)boot();
	if (!confine_next_syscall)
		confine_find();
	if (puts)
		core_claim_child();
	r = sys_call6(number, a, b, c, d, e, f);
	if (puts && r >= 0) {
		in_force = true;
		core_confine();
		heap_set_confined();
		say("a seccomp filter is in force: children are not recorded", NULL);
	}
	if ((unsigned long)r < -4095UL)
		return r;
	errno = (int)-r;
	return -1;
}

_export_ int prctl(int option, ...)
{
	unsigned long a, b, c, d;
	va_list list;

	/* as libc does: the kernel wants to see all four, whether the program gave them or not */
	va_start(list, option);
	a = va_arg(list, unsigned long);
	b = va_arg(list, unsigned long);
	c = va_arg(list, unsigned long);
	d = va_arg(list, unsigned long);
	va_end(list);
	return (int)confine_syscall(SYS_prctl, option, (long)a, (long)b, (long)c, (long)d, 0);
}
