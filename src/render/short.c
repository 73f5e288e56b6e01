/* SPDX-License-Identifier: MIT */
/*
 * The few lines at the end of a run, on a terminal that belongs to somebody else's program: what is
 * outstanding, the three heaviest places, and where the rest is.
 */
#include <string.h>

#include "base/units.h"
#include "profile/label.h"
#include "render/text.h"
#include "render/words.h"

enum { SHORT_SITES = 3 };

static int add_sites(struct strbuf *buffer, const struct profile *profile,
		     const struct render_options *options, const struct view *view)
{
	for (size_t i = 0; i < view->n_rows; i++) {
		const struct view_row *row = &view->rows[i];
		const struct profile_site *site = &profile->sites[row->site];
		_cleanup_(strbuf_deinit) struct strbuf bytes = {};

		words_add_bytes(&bytes, options, row->live_bytes, row->live_stderr);
		strbuf_adds(buffer, "  ");
		strbuf_add_repeated(buffer, ' ',
				    words_columns(strbuf_text(&bytes)) < 10
					    ? 10 - words_columns(strbuf_text(&bytes))
					    : 0);
		words_add_styled(buffer, options, WORDS_STRONG, strbuf_text(&bytes));
		strbuf_adds(buffer, "  ");
		label_site(profile, site, buffer);
		strbuf_adds(buffer, ", ");
		words_add_count(buffer, row->live_blocks,
				site->kind == MT_SITE_MMAP ? "mapping" : "block",
				site->kind == MT_SITE_MMAP ? "mappings" : "blocks");
		strbuf_addc(buffer, '\n');
	}
	return buffer->error;
}

static int add_verdict(struct strbuf *buffer, const struct profile *profile)
{
	_cleanup_(verdict_deinit) struct verdict verdict = {};
	int r = verdict_judge(profile, NULL, &verdict);

	if (r >= 0 && verdict_code_name(verdict.code))
		strbuf_addf(buffer, ": %s", verdict_code_name(verdict.code));
	return r < 0 ? r : buffer->error;
}

int render_short(const struct profile *profile, const struct render_options *options,
		 const char *session, FILE *out)
{
	_cleanup_(strbuf_deinit) struct strbuf buffer = {};
	_cleanup_(view_deinit) struct view view = {};
	int r;

	if (!options)
		options = &view_default_options;
	r = view_make(profile, options, VIEW_OUTSTANDING, SHORT_SITES, &view);
	if (r < 0)
		return r;
	strbuf_adds(&buffer, "memtrace: ");
	text_add_process(&buffer, profile, options);
	r = add_verdict(&buffer, profile);
	if (r < 0)
		return r;
	strbuf_addc(&buffer, '\n');
	if (view.total_bytes == 0) {
		strbuf_adds(&buffer, "  nothing is outstanding\n");
	} else {
		const size_t n_places = view.n_rows + view.n_more;

		strbuf_adds(&buffer, "  ");
		words_add_bytes(&buffer, options, view.total_bytes, profile->heap.live_stderr);
		strbuf_adds(&buffer, " outstanding in ");
		words_add_count(&buffer, n_places, "place", "places");
		strbuf_addf(&buffer, "%s\n",
			    n_places > 1 && view.n_more > 0 ? ", the heaviest:" : ":");
		r = add_sites(&buffer, profile, options, &view);
		if (r < 0)
			return r;
	}
	if (session)
		strbuf_addf(&buffer, "  all of it: memtrace report %s\n", session);
	if (buffer.error < 0)
		return buffer.error;
	fputs(strbuf_text(&buffer), out);
	return words_finish(out);
}
