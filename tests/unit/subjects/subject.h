/* SPDX-License-Identifier: MIT */
/* subject.h: a function that is inlined from another file. */
#include "probe.h"

INLINE int innermost(int x)
{
	PROBE(innermost);
	return x * 3;
}
