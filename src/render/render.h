/* SPDX-License-Identifier: MIT */
/*
 * render.h: a profile, drawn. Renderers write to a stream and look at nothing but the profile and the
 * options.
 */
#ifndef RENDER_RENDER_H
#define RENDER_RENDER_H

#include <regex.h>
#include <stdbool.h>
#include <stdio.h>

#include "profile/profile.h"

enum render_sort {
	RENDER_SORT_LIVE,
	RENDER_SORT_GROWTH,
	RENDER_SORT_ALLOCATED,
	RENDER_SORT_BLOCKS,
	RENDER_SORT_AGE
};
enum render_by {
	RENDER_BY_SITE,
	RENDER_BY_FUNCTION,
	RENDER_BY_MODULE,
	RENDER_BY_THREAD,
	RENDER_BY_SIZE,
	RENDER_BY_AGE,
	RENDER_BY_TAG
};

struct render_options {
	enum render_sort sort;
	enum render_by by;
	unsigned top;        /* rows; 0 = as many as the form is for: 10 in text, all elsewhere */
	unsigned depth;      /* frames a stack, 0 = all */
	uint64_t min_bytes;  /* leave out smaller sites */
	const regex_t *grep; /* any frame matches; NULL = all */
	double since_s, older_s; /* age of blocks; negative = no bound */
	bool top_only;           /* only the sites, without verdict and ledger */
	bool colour;
	bool utf8;
	unsigned width; /* columns of the terminal, 0 = no limit */
};

/* Each returns 0, -ENOMEM, or -errno of the stream. */
int render_text(const struct profile *profile, const struct render_options *options, FILE *out);
/* The few lines that run prints at the end. session is the file's name, or NULL. */
int render_short(const struct profile *profile, const struct render_options *options,
		 const char *session, FILE *out);
/* Schema memtrace/1 (docs/memtrace-1.schema.json). Filters and order hold for the sites, not for the totals. */
int render_json(const struct profile *profile, const struct render_options *options, FILE *out);
/* One line a row, as options->by says; bytes and seconds as plain numbers, a stack as "inner;…;outer". */
int render_csv(const struct profile *profile, const struct render_options *options, FILE *out);
/* "outer;…;inner bytes", one line a site: what flame graph programs read. */
int render_folded(const struct profile *profile, const struct render_options *options, FILE *out);
/* What pprof reads, gzipped: in use and allocated, space and objects, with labels thread, age and kind. */
int render_pprof(const struct profile *profile, const struct render_options *options, FILE *out);
/* A flame graph of what is outstanding, as an SVG image. */
int render_flamegraph(const struct profile *profile, const struct render_options *options,
		      FILE *out);
/* Live bytes over time and the tree of callers, in massif's form: for ms_print and massif-visualizer. */
int render_massif(const struct profile *profile, const struct render_options *options, FILE *out);
/* A page that needs no network: verdict, ledger, flame graph and sites, the heaviest 2,000 unless top says. */
int render_html(const struct profile *profile, const struct render_options *options, FILE *out);

#endif
