/* SPDX-License-Identifier: MIT */
/*
 * print.c: from options to a renderer. The choices of each table stand in the order of the enumeration
 * that they are cast to.
 */
#include "cli/print.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/macro.h"
#include "cli/stream.h"
#include "cli/verb.h"

static const char *const formats[] = {"text", "json",       "csv",    "folded", "pprof",
				      "html", "flamegraph", "massif", NULL};
static int (*const renderers[])(const struct profile *, const struct render_options *, FILE *) = {
	render_text,  render_json, render_csv,        render_folded,
	render_pprof, render_html, render_flamegraph, render_massif,
};
static const char *const bys[] = {"site", "function", "module", "thread",
				  "size", "age",      "tag",    NULL};
static const char *const sorts[] = {"live", "growth", "allocated", "blocks", "age", NULL};

_Static_assert(ARRAY_SIZE(renderers) == ARRAY_SIZE(formats) - 1, "choices of --format");
_Static_assert(RENDER_BY_TAG == ARRAY_SIZE(bys) - 2, "choices of --by");
_Static_assert(RENDER_SORT_AGE == ARRAY_SIZE(sorts) - 2, "choices of --sort");

enum { TOP_DEFAULT = 10 };

#define AT(member) offsetof(struct print_values, member)

const struct option_spec print_options[] = {
	{"format", 0, "FORMAT", AT(format), &option_choice,
	 "text (default), json, csv, folded, pprof, html, flamegraph (SVG) or massif", formats},
	{"by", 0, "KEY", AT(by), &option_choice,
	 "group by site (default), function, module, thread, size, age or tag", bys},
	{"sort", 0, "KEY", AT(sort), &option_choice,
	 "order by live (default), growth, allocated, blocks or age", sorts},
	{"top", 0, "[=N]", AT(top), &option_count, "only the N heaviest sites (10)",
	 .set_offset = AT(top_given), .if_left_out = TOP_DEFAULT},
	{"depth", 0, "N", AT(depth), &option_count, "at most N frames of each stack"},
	{"min", 0, "SIZE", AT(min_bytes), &option_size, "leave out sites that hold less than SIZE"},
	{"grep", 0, "REGEX", AT(grep), &option_text,
	 "only sites with a frame that matches the extended expression"},
	{"since", 0, "T", AT(since_s), &option_age, "only blocks that are younger than T"},
	{"older", 0, "T", AT(older_s), &option_age, "only blocks that are older than T"},
	{"no-symbolize", 0, NULL, AT(no_symbolize), &option_flag, "addresses instead of names"},
	STREAM_COLOR_OPTION(AT(color)),
	{NULL},
};

static void fill_options(const struct print_values *values, FILE *stream,
			 struct render_options *ret)
{
	*ret = stream_options(values->color, stream);
	ret->sort = (enum render_sort)values->sort;
	ret->by = (enum render_by)values->by;
	ret->top = values->top;
	ret->depth = values->depth;
	ret->min_bytes = values->min_bytes;
	ret->since_s = values->since_s;
	ret->older_s = values->older_s;
	ret->top_only = values->top_given;
}

/* Names that are in a session file already are left out where none are asked for. */
static void drop_names(struct profile *profile)
{
	for (size_t i = 0; i < profile->n_frames; i++)
		profile->frames[i] = (struct profile_frame){.why = "not asked for"};
}

int print_profile(const char *verb, struct profile *profile, const struct print_values *values)
{
	struct render_options options;
	regex_t grep;
	int r;

	if (renderers[values->format] == render_pprof && isatty(STDOUT_FILENO)) {
		log_error("%s: pprof's form is not for a terminal; redirect it, as in "
			  "--format=pprof > heap.pb.gz",
			  verb);
		return STATUS_USAGE;
	}
	fill_options(values, stdout, &options);
	if (options.sort == RENDER_SORT_GROWTH && profile->n_moments == 0)
		log_warning(
			"%s: growth is known of sessions that `run` or `attach` has written, and not "
			"of this; the order is by what is live",
			verb);
	if (values->no_symbolize)
		drop_names(profile);
	if (values->grep) {
		r = stream_compile_grep(verb, values->grep, &grep);
		if (r != STATUS_DONE)
			return r;
		options.grep = &grep;
	}
	r = renderers[values->format](profile, &options, stdout);
	if (values->grep)
		regfree(&grep);
	return stream_finish(verb, "the report", "try with less (--top)", r);
}

void print_short(const struct profile *profile, const struct print_values *values,
		 const char *session)
{
	struct render_options options;

	fill_options(values, stderr, &options);
	(void)render_short(profile, &options, session, stderr);
	fflush(stderr);
}
