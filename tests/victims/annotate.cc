/* SPDX-License-Identifier: MIT */
/* The same header in C++: a tag that ends with its scope. */
#include <memtrace.h>

#include <stdlib.h>

static __attribute__((noinline)) void *in_scope()
{
	memtrace::tag tag("scope");

	return malloc(3000);
}

static void *volatile kept[2];

int main()
{
	kept[0] = in_scope();
	kept[1] = malloc(4000);
	MEMTRACE_MARK("end");
}
