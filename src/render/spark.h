/* SPDX-License-Identifier: MIT */
/*
 * spark.h: a course of figures as one line of text.
 */
#ifndef RENDER_SPARK_H
#define RENDER_SPARK_H

#include <stddef.h>

#include "base/strbuf.h"
#include "render/render.h"

/*
 * values at times, ascending, in so many columns of equal time; a column shows the highest that falls into it, or
 * what was before. NAN is not known. The lowest line is 0. Adds nothing if nothing is known.
 */
int spark_add(struct strbuf *buffer, const struct render_options *options, const double *times,
	      const double *values, size_t n, size_t columns);

#endif
