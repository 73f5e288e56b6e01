/* SPDX-License-Identifier: MIT */
/*
 * json.h: the report as a tree, for renderers that put something around it.
 */
#ifndef RENDER_JSON_H
#define RENDER_JSON_H

#include <jansson.h>

#include "render/render.h"

/*
 * What render_json prints. Frames that are the same in several stacks are the same node. The caller drops
 * the reference. -ENOMEM.
 */
int json_make_report(const struct profile *profile, const struct render_options *options,
		     json_t **ret);

#endif
