/* SPDX-License-Identifier: MIT */
/*
 * diff.h: what changed between two profiles, drawn. Of the options top (10 in text, all in JSON), depth,
 * min_bytes (of the change), grep, colour, utf8 and width hold. Each returns as render_text does.
 */
#ifndef RENDER_DIFF_H
#define RENDER_DIFF_H

#include "profile/diff.h"
#include "render/render.h"

int render_diff_text(const struct profile *old, const struct profile *new, const struct diff *diff,
		     const struct render_options *options, FILE *out);
/* { "schema", "version", "old", "new" (process, heap, memory of each), "diff": { …, "sites" } } */
int render_diff_json(const struct profile *old, const struct profile *new, const struct diff *diff,
		     const struct render_options *options, FILE *out);

#endif
