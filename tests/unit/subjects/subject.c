/* SPDX-License-Identifier: MIT */
/*
 * subject.c: what test-symbolizer.c finds names for, compiled in many ways. The test knows lines by the
 * words that stand in them.
 */
#include "subject.h"

#include <stdlib.h>

int subject(int x);

INLINE int middle(int x)
{
	return innermost(x + 1) + 1; /* calls innermost */
}

KEEP int outer(int x);
KEEP int outer(int x)
{
	if (x > 100)
		return 1;
	return middle(x) * 2; /* calls middle */
}

static KEEP int local(int x)
{
	PROBE(local);
	return x + 2;
}

/* One function, as a library would name it twice. */
KEEP int __subject_implementation(int x);
KEEP int __subject_implementation(int x)
{
	PROBE(alias);
	return x + 3;
}
int subject_public(int x) __attribute__((alias("__subject_implementation"), used));

KEEP __attribute__((cold)) void give_up(void);
KEEP __attribute__((cold)) void give_up(void)
{
	abort();
}

/* The unlikely half is moved away from the other by gcc, which a probe in it would prevent. */
/* Known by its alias, and with a cold half that has no other name. */
KEEP int __two_implementation(int x);
KEEP int __two_implementation(int x)
{
	if (x == 44)
		give_up();
	return x - 3;
}

int two_public(int x) __attribute__((alias("__two_implementation"), used));

KEEP int with_cold_part(int x);
KEEP int with_cold_part(int x)
{
	if (__builtin_expect(x == 4711, 0))
		give_up(); /* the cold half */
	return x;
}

/* Nobody calls it, and the linker may throw it away. */
int unused(int x);
int unused(int x)
{
	return x - 1;
}

#ifndef __clang__
KEEP int with_nested(int x);
KEEP int with_nested(int x)
{
	KEEP int nested(int y)
	{
		PROBE(nested);
		return x + y;
	}

	return nested(x) + nested(x + 1);
}
#else
#define with_nested outer
#endif

int subject(int x)
{
	return outer(x) + local(x) + subject_public(x) + with_cold_part(x) + two_public(x) +
	       with_nested(x);
}

#ifndef SUBJECT_LIBRARY
int main(int argc, char **argv)
{
	return subject(argc) == 0;
}
#endif
