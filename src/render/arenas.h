/* SPDX-License-Identifier: MIT */
/*
 * arenas.h: what the allocators of a process hold, drawn: a row for each arena, and what keeps free
 * memory from going back.
 */
#ifndef RENDER_ARENAS_H
#define RENDER_ARENAS_H

#include "base/strbuf.h"
#include "render/render.h"

enum arenas_sort {
	ARENAS_SORT_FREE, /* free and resident */
	ARENAS_SORT_USED,
	ARENAS_SORT_TRIMMABLE,
	ARENAS_SORT_ID,
};

struct arenas_options {
	enum arenas_sort sort;
	unsigned top; /* rows and pins; 0: as many as the form is for */
	const struct render_options *render;
};

/* -ENODATA: the profile has no arenas. The rest as in render.h. */
int render_arenas_text(const struct profile *profile, const struct arenas_options *options,
		       FILE *out);
int render_arenas_csv(const struct profile *profile, const struct arenas_options *options,
		      FILE *out);
/* Process, arenas and allocator of schema memtrace/1; options do not matter. */
int render_arenas_json(const struct profile *profile, const struct arenas_options *options,
		       FILE *out);

/* "main", "5", "own mappings": what the table and the text call the arena. */
void arenas_add_name(const struct arena *arena, struct strbuf *buffer);

/* The name of a thread as far as it is known; NULL if not. */
const char *arenas_thread_name(const struct profile *profile, uint32_t tid);

#endif
