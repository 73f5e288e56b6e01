/* SPDX-License-Identifier: MIT */
/*
 * census.h: a census, drawn: classes of objects, or texts and words. 0, -ENOMEM, or -errno of the stream.
 */
#ifndef RENDER_CENSUS_H
#define RENDER_CENSUS_H

#include <stdio.h>

#include "profile/census.h"
#include "render/render.h"

int render_objects_text(const struct census *census, const struct render_options *options,
			FILE *out);
int render_objects_csv(const struct census *census, const struct render_options *options,
		       FILE *out);
/* Schema memtrace/1: process, and objects with classes. */
int render_objects_json(const struct census *census, const struct render_options *options,
			FILE *out);

int render_strings_text(const struct census *census, const struct render_options *options,
			FILE *out);
int render_strings_csv(const struct census *census, const struct render_options *options,
		       FILE *out);
/* Schema memtrace/1: process, and strings with rows. */
int render_strings_json(const struct census *census, const struct render_options *options,
			FILE *out);

#endif
