/* SPDX-License-Identifier: MIT */
/*
 * arenas-below.h: what is told below the table of arenas. Only arenas.c uses it.
 */
#ifndef RENDER_ARENAS_BELOW_H
#define RENDER_ARENAS_BELOW_H

#include "base/strbuf.h"
#include "render/arenas.h"

/* sum is that of all arenas. 0 or -ENOMEM; the buffer has an error of its own. */
int arenas_add_below(struct strbuf *buffer, const struct profile *profile,
		     const struct arenas_options *options, const struct arena *sum);

#endif
