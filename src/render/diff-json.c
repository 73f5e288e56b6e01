/* SPDX-License-Identifier: MIT */
/*
 * diff-json.c: the change for programs. What describes each of the two profiles has the members that the
 * report has.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "render/diff.h"
#include "render/json.h"
#include "render/words.h"

static json_t *or_null(const struct profile_site *site, uint64_t bytes)
{
	return site ? json_integer((json_int_t)bytes) : json_null();
}

static json_t *make_site(const struct profile *old, const struct profile *new,
			 const struct diff *diff, const struct diff_site *change,
			 const struct render_options *options, struct json_frames *frames)
{
	const struct profile_site *was = change->old == DIFF_NONE ? NULL : &old->sites[change->old];
	const struct profile_site *is = change->new == DIFF_NONE ? NULL : &new->sites[change->new];
	const struct profile_site *site =
		is ? is : &old->sites[change->old]; /* a row has at least one of them */
	json_t *growth = diff->same_process && diff->interval_s > 0.001
				 ? json_real((double)change->live_bytes / diff->interval_s)
				 : json_null();

	return json_pack("{s:o, s:s, s:o, s:o, s:I, s:f, s:I, s:I, s:I, s:b, s:o, s:o}", "id",
			 json_sprintf("%016" PRIx64, site->id), "kind", profile_site_kind(site),
			 "old_live_bytes", or_null(was, was ? was->live_bytes : 0),
			 "new_live_bytes", or_null(is, is ? is->live_bytes : 0), "live_bytes",
			 (json_int_t)change->live_bytes, "live_bytes_stderr", change->live_stderr,
			 "live_blocks", (json_int_t)change->live_blocks, "allocated_bytes",
			 (json_int_t)change->allocated_bytes, "allocated_blocks",
			 (json_int_t)change->allocated_blocks, "certain",
			 diff_site_is_certain(change), "growth_bytes_per_s", growth, "stack",
			 json_make_stack(&frames[is ? 1 : 0], options, site));
}

static int make_sites(const struct profile *old, const struct profile *new, const struct diff *diff,
		      const struct render_options *options, json_t **ret)
{
	struct json_frames frames[2] = {};
	json_t *sites = json_array();
	int r = json_frames_init(&frames[0], old);

	if (r >= 0)
		r = json_frames_init(&frames[1], new);
	for (size_t i = 0; r >= 0 && i < diff->n_sites; i++) {
		const struct diff_site *change = &diff->sites[i];

		if (options->top > 0 && json_array_size(sites) >= options->top)
			break;
		if ((change->live_bytes == 0 && change->allocated_bytes == 0) ||
		    (uint64_t)llabs(change->live_bytes) < options->min_bytes)
			continue;
		json_array_append_new(sites, make_site(old, new, diff, change, options, frames));
	}
	json_frames_deinit(&frames[0]);
	json_frames_deinit(&frames[1]);
	if (r < 0) {
		json_decref(sites);
		return r;
	}
	*ret = sites;
	return 0;
}

int render_diff_json(const struct profile *old, const struct profile *new, const struct diff *diff,
		     const struct render_options *options, FILE *out)
{
	json_t *sites, *report;
	int r;

	r = make_sites(old, new, diff, options, &sites);
	if (r < 0)
		return r;
	report = json_pack("{s:s, s:s, s:o, s:o, s:{s:b, s:f, s:I, s:f, s:I, s:I, s:o}}", "schema",
			   "memtrace/1", "version", MEMTRACE_VERSION, "old", json_make_summary(old),
			   "new", json_make_summary(new), "diff", "same_process",
			   diff->same_process, "interval_s", diff->interval_s, "live_bytes",
			   (json_int_t)diff->live_bytes, "live_bytes_stderr", diff->live_stderr,
			   "live_blocks", (json_int_t)diff->live_blocks, "allocated_bytes",
			   (json_int_t)diff->allocated_bytes, "sites", sites);
	if (!report)
		return -ENOMEM;
	return json_write(report, out);
}
