/* SPDX-License-Identifier: MIT */
/*
 * print.c: from options to a renderer. The choices of each table stand in the order of the enumeration
 * that they are cast to.
 */
#include "cli/print.h"

#include <errno.h>
#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/log.h"
#include "base/macro.h"
#include "cli/verb.h"

enum { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };

static const char *const formats[] = {"text",  "json", "csv",        "folded",
				      "pprof", "html", "flamegraph", NULL};
static int (*const renderers[])(const struct profile *, const struct render_options *, FILE *) = {
	render_text,  render_json, render_csv,        render_folded,
	render_pprof, render_html, render_flamegraph,
};
static const char *const colors[] = {"auto", "always", "never", NULL};
static const char *const bys[] = {"site", "function", "module", "thread", "size", "age", NULL};
static const char *const sorts[] = {"live", "growth", "allocated", "blocks", "age", NULL};

_Static_assert(ARRAY_SIZE(renderers) == ARRAY_SIZE(formats) - 1, "choices of --format");
_Static_assert(RENDER_BY_AGE == ARRAY_SIZE(bys) - 2, "choices of --by");
_Static_assert(RENDER_SORT_AGE == ARRAY_SIZE(sorts) - 2, "choices of --sort");

enum { TOP_DEFAULT = 10 };

#define AT(member) offsetof(struct print_values, member)

const struct option_spec print_options[] = {
	{"format", 0, "FORMAT", AT(format), &option_choice,
	 "text (default), json, csv, folded, pprof, html or flamegraph (SVG)", formats},
	{"by", 0, "KEY", AT(by), &option_choice,
	 "group by site (default), function, module, thread, size or age", bys},
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
	{"color", 0, "WHEN", AT(color), &option_choice,
	 "auto (default: on a terminal, unless NO_COLOR is set), always or never", colors},
	{NULL},
};

bool print_use_colour(int color, FILE *stream)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	if (color != COLOR_AUTO)
		return color == COLOR_ALWAYS;
	if (no_color && no_color[0])
		return false;
	return isatty(fileno(stream)) && !(term && strcmp(term, "dumb") == 0);
}

unsigned print_width(FILE *stream)
{
	struct winsize size;

	if (ioctl(fileno(stream), TIOCGWINSZ, &size) < 0)
		return 0;
	return size.ws_col;
}

static void fill_options(const struct print_values *values, FILE *stream,
			 struct render_options *ret)
{
	*ret = (struct render_options){
		.sort = (enum render_sort)values->sort,
		.by = (enum render_by)values->by,
		.top = values->top,
		.depth = values->depth,
		.min_bytes = values->min_bytes,
		.since_s = values->since_s,
		.older_s = values->older_s,
		.top_only = values->top_given,
		.colour = print_use_colour(values->color, stream),
		.utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0,
		.width = print_width(stream),
	};
}

/* Names that are in a session file already are left out where none are asked for. */
static void drop_names(struct profile *profile)
{
	for (size_t i = 0; i < profile->n_frames; i++)
		profile->frames[i] = (struct profile_frame){.why = "not asked for"};
}

int print_compile_grep(const char *verb, const char *text, regex_t *ret)
{
	char why[128];
	int r = regcomp(ret, text, REG_EXTENDED | REG_NOSUB);

	if (r == 0)
		return STATUS_DONE;
	regerror(r, ret, why, sizeof(why));
	log_error("%s: --grep=%s: %s; see regex(7)", verb, text, why);
	return STATUS_USAGE;
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
	if (values->no_symbolize)
		drop_names(profile);
	if (values->grep) {
		r = print_compile_grep(verb, values->grep, &grep);
		if (r != STATUS_DONE)
			return r;
		options.grep = &grep;
	}
	r = renderers[values->format](profile, &options, stdout);
	if (values->grep)
		regfree(&grep);
	if (r < 0 && !ferror(stdout)) {
		log_error("%s: the report cannot be drawn: %s; try with less (--top)", verb,
			  strerror(-r));
		return STATUS_FAILED;
	}
	return verb_finish_output();
}

void print_short(const struct profile *profile, const struct print_values *values,
		 const char *session)
{
	struct render_options options;

	fill_options(values, stderr, &options);
	(void)render_short(profile, &options, session, stderr);
	fflush(stderr);
}
