/* SPDX-License-Identifier: MIT */
/*
 * The few lines at the end of a run, on a terminal that belongs to somebody else's program: what is
 * outstanding, the three heaviest places, and where the rest is.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "base/map.h"
#include "profile/label.h"
#include "render/text.h"
#include "render/words.h"

enum { SHORT_PLACES = 3, FIGURE_WIDTH = 10 /* columns: "1023.9 KiB" */ };

/* Sites that read the same in a line are one place: they differ further out. */
struct place {
	const char *label; /* in names */
	uint32_t kind;     /* enum mt_site_kind */
	uint64_t bytes, blocks;
	double variance;
};

struct places {
	struct string_pool *names;
	struct map by_label; /* pointer in names, and whether it is a mapping: index */
	struct place *places;
	size_t n_places;
};

static void places_deinit(struct places *places)
{
	string_pool_free(places->names);
	map_deinit(&places->by_label);
	free(places->places);
}

static int add_row(struct places *places, const struct profile *profile, const struct view_row *row)
{
	const struct profile_site *site = &profile->sites[row->site];
	_cleanup_(strbuf_deinit) struct strbuf label = {};
	uint64_t *index;
	int r;

	if (label_site(profile, site, &label) < 0)
		return -ENOMEM;
	const char *name = string_pool_add(places->names, strbuf_text(&label));
	if (!name)
		return -ENOMEM;
	r = map_add(&places->by_label, (uintptr_t)name << 2 | site->kind, places->n_places, &index);
	if (r < 0)
		return r;
	if (r > 0) {
		if (GROW(places->places, places->n_places) < 0)
			return -ENOMEM;
		places->places[places->n_places++] =
			(struct place){.label = name, .kind = site->kind};
	}
	struct place *place = &places->places[*index];

	place->bytes += row->live_bytes;
	place->blocks += row->live_blocks;
	place->variance += row->live_stderr * row->live_stderr;
	return 0;
}

static int compare_places(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->bytes != y->bytes)
		return x->bytes < y->bytes ? 1 : -1;
	return strcmp(x->label, y->label);
}

static int collect_places(const struct profile *profile, const struct view *view,
			  struct places *places)
{
	int r = 0;

	places->names = string_pool_new();
	if (!places->names)
		return -ENOMEM;
	for (size_t i = 0; r >= 0 && i < view->n_rows; i++)
		r = add_row(places, profile, &view->rows[i]);
	if (places->n_places > 0)
		qsort(places->places, places->n_places, sizeof(*places->places), compare_places);
	return r;
}

/* Columns of " ± 1.5 KiB" behind a figure; 0 where it is exact. */
static size_t error_width(const struct render_options *options, const struct place *place)
{
	_cleanup_(strbuf_deinit) struct strbuf exact = {}, estimate = {};

	words_add_bytes(&exact, options, place->bytes, 0);
	words_add_bytes(&estimate, options, place->bytes, sqrt(place->variance));
	return words_columns(strbuf_text(&estimate)) - words_columns(strbuf_text(&exact));
}

/* errors: columns for what error_width counts. */
static int add_place(struct strbuf *buffer, const struct render_options *options,
		     const struct place *place, size_t errors)
{
	_cleanup_(strbuf_deinit) struct strbuf bytes = {};
	const size_t own = error_width(options, place);

	words_add_bytes(&bytes, options, place->bytes, sqrt(place->variance));
	size_t columns = words_columns(strbuf_text(&bytes)) - own;
	strbuf_adds(buffer, "  ");
	strbuf_add_repeated(buffer, ' ', FIGURE_WIDTH - MIN((size_t)FIGURE_WIDTH, columns));
	words_add_styled(buffer, options, WORDS_STRONG, strbuf_text(&bytes));
	strbuf_add_repeated(buffer, ' ', errors - own);
	strbuf_addf(buffer, "  %s, ", place->label);
	if (place->kind == MT_SITE_MMAP)
		words_add_count(buffer, place->blocks, "mapping", "mappings");
	else if (place->kind == MT_SITE_PAGES)
		words_add_count(buffer, place->blocks, "page", "pages");
	else
		words_add_count(buffer, place->blocks, "block", "blocks");
	return strbuf_addc(buffer, '\n');
}

static int add_places(struct strbuf *buffer, const struct render_options *options,
		      const struct profile *profile, const struct view *view,
		      const struct places *places)
{
	const size_t n_shown = MIN(places->n_places, (size_t)SHORT_PLACES);
	size_t errors = 0;
	int r = 0;

	for (size_t i = 0; i < n_shown; i++)
		errors = MAX(errors, error_width(options, &places->places[i]));
	strbuf_adds(buffer, "  ");
	words_add_bytes(buffer, options, view->total_bytes, profile->heap.live_stderr);
	strbuf_adds(buffer, " outstanding in ");
	words_add_count(buffer, places->n_places, "place", "places");
	strbuf_adds(buffer, n_shown < places->n_places ? ", the heaviest:\n" : ":\n");
	for (size_t i = 0; r >= 0 && i < n_shown; i++)
		r = add_place(buffer, options, &places->places[i], errors);
	return r;
}

static int add_verdict(struct strbuf *buffer, const struct profile *profile)
{
	_cleanup_(verdict_deinit) struct verdict verdict = {};
	int r = verdict_judge(profile, NULL, profile->arenas, &verdict);

	if (r >= 0 && verdict_code_name(verdict.code))
		strbuf_addf(buffer, ": %s", verdict_code_name(verdict.code));
	return r < 0 ? r : buffer->error;
}

int render_short(const struct profile *profile, const struct render_options *options,
		 const char *session, FILE *out)
{
	_cleanup_(strbuf_deinit) struct strbuf buffer = {};
	_cleanup_(places_deinit) struct places places = {};
	_cleanup_(view_deinit) struct view view = {};
	int r = view_make(profile, options, VIEW_OUTSTANDING, 0, &view);

	if (r < 0)
		return r;
	r = collect_places(profile, &view, &places);
	if (r < 0)
		return r;
	strbuf_adds(&buffer, "memtrace: ");
	text_add_process(&buffer, profile, options);
	r = add_verdict(&buffer, profile);
	if (r < 0)
		return r;
	strbuf_addc(&buffer, '\n');
	if (view.total_bytes == 0)
		strbuf_adds(&buffer, "  nothing is outstanding\n");
	else
		r = add_places(&buffer, options, profile, &view, &places);
	if (r < 0)
		return r;
	if (session)
		strbuf_addf(&buffer, "  all of it: memtrace report %s\n", session);
	if (buffer.error < 0)
		return buffer.error;
	fputs(strbuf_text(&buffer), out);
	return words_finish(out);
}
