/* SPDX-License-Identifier: MIT */
/*
 * The few lines at the end of a run, on a terminal that belongs to somebody else's program: what is
 * outstanding, the three heaviest places, and where the rest is.
 */
#include "base/macro.h"
#include "profile/label.h"
#include "profile/places.h"
#include "render/text.h"
#include "render/words.h"

enum { FIGURE_WIDTH = 10 /* columns: "1023.9 KiB" */ };

static int collect_places(const struct profile *profile, const struct view *view,
			  struct places *places)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < view->n_rows; i++)
		r = places_add(places, profile, &profile->sites[view->rows[i].site]);
	places_finish(places);
	return r;
}

/* Columns of " ± 1.5 KiB" behind a figure; 0 where it is exact. */
static size_t error_width(const struct render_options *options, const struct profile_site *place)
{
	_cleanup_(strbuf_deinit) struct strbuf exact = {}, estimate = {};

	words_add_bytes(&exact, options, place->live_bytes, 0);
	words_add_bytes(&estimate, options, place->live_bytes, place->live_stderr);
	return words_columns(strbuf_text(&estimate)) - words_columns(strbuf_text(&exact));
}

/* errors: columns for what error_width counts. */
static int add_place(struct strbuf *buffer, const struct render_options *options,
		     const struct profile *profile, const struct profile_site *place, size_t errors)
{
	_cleanup_(strbuf_deinit) struct strbuf bytes = {};
	const size_t own = error_width(options, place);

	words_add_bytes(&bytes, options, place->live_bytes, place->live_stderr);
	size_t columns = words_columns(strbuf_text(&bytes)) - own;
	strbuf_adds(buffer, "  ");
	strbuf_add_repeated(buffer, ' ', FIGURE_WIDTH - MIN((size_t)FIGURE_WIDTH, columns));
	words_add_styled(buffer, options, WORDS_STRONG, strbuf_text(&bytes));
	strbuf_add_repeated(buffer, ' ', errors - own);
	strbuf_adds(buffer, "  ");
	label_site(profile, place, buffer);
	strbuf_adds(buffer, ", ");
	if (place->kind == MT_SITE_MMAP)
		words_add_count(buffer, place->live_blocks, "mapping", "mappings");
	else if (place->kind == MT_SITE_PAGES)
		words_add_count(buffer, place->live_blocks, "page", "pages");
	else
		words_add_count(buffer, place->live_blocks, "block", "blocks");
	return strbuf_addc(buffer, '\n');
}

static int add_places(struct strbuf *buffer, const struct render_options *options,
		      const struct profile *profile, const struct view *view,
		      const struct places *places)
{
	const size_t n_shown = MIN(places->n, (size_t)PLACES_HEAVIEST);
	size_t errors = 0;
	int r = 0;

	for (size_t i = 0; i < n_shown; i++)
		errors = MAX(errors, error_width(options, places->heaviest[i]));
	strbuf_adds(buffer, "  ");
	words_add_bytes(buffer, options, view->total_bytes, profile->heap.live_stderr);
	strbuf_adds(buffer, " outstanding in ");
	words_add_count(buffer, places->n, "place", "places");
	strbuf_adds(buffer, n_shown < places->n ? ", the heaviest:\n" : ":\n");
	for (size_t i = 0; r >= 0 && i < n_shown; i++)
		r = add_place(buffer, options, profile, places->heaviest[i], errors);
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
