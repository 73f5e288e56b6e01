/* SPDX-License-Identifier: MIT */
/*
 * json.h: the report as a tree, for renderers that put something around it.
 */
#ifndef RENDER_JSON_H
#define RENDER_JSON_H

#include <jansson.h>

#include "profile/ledger.h"
#include "render/render.h"

/*
 * What render_json prints. Frames that are the same in several stacks are the same node. The caller drops
 * the reference. -ENOMEM.
 */
int json_make_report(const struct profile *profile, const struct render_options *options,
		     json_t **ret);

/* Frames that were made already, so that those of several stacks are the same node. */
struct json_frames {
	const struct profile *profile;
	json_t **nodes; /* by index in the profile's frames */
};

/* profile has to outlive it. 0 or -ENOMEM. */
int json_frames_init(struct json_frames *frames, const struct profile *profile);
void json_frames_deinit(struct json_frames *frames);

/* The member "stack" of a site, at most options->depth frames. */
json_t *json_make_stack(struct json_frames *frames, const struct render_options *options,
			const struct profile_site *site);

/* The member "process". */
json_t *json_make_process(const struct profile *profile);
/* The members "memory" and "mappings"; ledger may be NULL. */
json_t *json_make_memory(const struct profile_process *process, const struct ledger *ledger);
json_t *json_make_mappings(const struct ledger *ledger);

/* The members process, agent and heap. */
json_t *json_make_summary(const struct profile *profile);

/* Writes with an indentation of one, drops the reference: 0 or -errno. */
int json_write(json_t *report, FILE *out);
/* The members "arenas" and "allocator" of a report: null if nothing is known. NULL: no memory. */
json_t *json_make_arenas(const struct profile *profile);
json_t *json_make_allocator(const struct profile *profile);
/* The member "course": null if nobody watched. NULL: no memory. */
json_t *json_make_course(const struct profile *profile);
/* What is known of the Java machine; null if it is none. */
json_t *json_make_java(const struct profile *profile);

#endif
