/* SPDX-License-Identifier: MIT */
/*
 * A site is a line of figures and its stack below, innermost call first, the places in one column. What
 * starts every program and thread is left off the outer end: it is the same everywhere. Frames of a stack
 * share the width: names are shortened, places are not, because the place is what one opens in an editor.
 */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/units.h"
#include "profile/estimate.h"
#include "profile/java.h"
#include "profile/label.h"
#include "render/text.h"
#include "render/words.h"

enum {
	STACK_INDENT = 7,
	NAME_MAX_COLUMNS = 46, /* of a name, for the places to stand below one another */
	NAME_MIN_COLUMNS = 24, /* shorter ones say nothing */
	THREADS_MAX = 3,
};

/* How many locations, from the inside, are worth showing. */
static uint32_t shown_locations(const struct profile *profile, const struct profile_site *site)
{
	uint32_t n = site->n_locations;

	while (n > 1) {
		const struct profile_location *location =
			profile_location_get(profile, site, n - 1);

		if (!label_is_start(profile->frames[location->first_frame].function))
			break;
		n--;
	}
	return n;
}

struct line {
	struct strbuf name, place;
	bool inlined;
};

static void line_deinit(struct line *line)
{
	strbuf_deinit(&line->name);
	strbuf_deinit(&line->place);
}

static int line_make(const struct profile *profile, const struct profile_location *location,
		     const struct profile_frame *frame, struct line *line)
{
	int r = label_short_function(profile, location, frame, &line->name);

	line->inlined = frame->inlined;
	return r < 0 ? r : label_place(profile, location, frame, &line->place);
}

/* Over the frames of a stack, innermost first. */
struct walk {
	const struct profile *profile;
	const struct profile_site *site;
	unsigned depth;
	uint32_t n_locations;
	uint32_t location, frame;
	unsigned n_frames;
};

static void walk_begin(struct walk *walk, const struct profile *profile,
		       const struct profile_site *site, unsigned depth)
{
	*walk = (struct walk){profile, site, depth, shown_locations(profile, site)};
}

/* NULL at the end, which is behind the frames that depth leaves out. */
static const struct profile_frame *walk_next(struct walk *walk, const struct profile_location **ret)
{
	if (walk->location >= walk->n_locations)
		return NULL;
	const struct profile_location *location =
		profile_location_get(walk->profile, walk->site, walk->location);
	const struct profile_frame *frame =
		&walk->profile->frames[location->first_frame + walk->frame];

	if (++walk->frame >= location->n_frames) {
		walk->frame = 0;
		walk->location++;
	}
	walk->n_frames++;
	*ret = location;
	return frame;
}

static bool is_shown(const struct walk *walk)
{
	return walk->depth == 0 || walk->n_frames <= walk->depth;
}

/* Columns for names, such that the places stand below one another if that can be had. */
static size_t name_columns(const struct profile *profile, const struct profile_site *site,
			   const struct render_options *options, size_t limit)
{
	const struct profile_location *location;
	const struct profile_frame *frame;
	size_t columns = 0;
	struct walk walk;

	walk_begin(&walk, profile, site, options->depth);
	while ((frame = walk_next(&walk, &location)) && is_shown(&walk)) {
		_cleanup_(line_deinit) struct line line = {};
		_cleanup_(strbuf_deinit) struct strbuf name = {};

		if (line_make(profile, location, frame, &line) < 0 ||
		    words_add_name(&name, options, strbuf_text(&line.name), limit) < 0)
			return NAME_MIN_COLUMNS;
		columns = MAX(columns, words_columns(strbuf_text(&name)));
	}
	return MIN(columns, (size_t)NAME_MAX_COLUMNS);
}

int text_add_stack(struct strbuf *buffer, const struct profile *profile,
		   const struct render_options *options, const struct profile_site *site)
{
	const size_t place_room = 30;
	size_t limit = SIZE_MAX, columns;
	const struct profile_location *location;
	const struct profile_frame *frame;
	unsigned n_hidden = 0;
	struct walk walk;

	if (options->width > 0)
		limit = options->width > STACK_INDENT + place_room + NAME_MIN_COLUMNS
				? options->width - STACK_INDENT - place_room
				: NAME_MIN_COLUMNS;
	columns = name_columns(profile, site, options, limit);
	walk_begin(&walk, profile, site, options->depth);
	while ((frame = walk_next(&walk, &location))) {
		_cleanup_(line_deinit) struct line line = {};
		size_t start = buffer->length;

		if (!is_shown(&walk)) {
			n_hidden++;
			continue;
		}
		if (line_make(profile, location, frame, &line) < 0)
			return -ENOMEM;
		strbuf_add_repeated(buffer, ' ', STACK_INDENT);
		words_add_name(buffer, options, strbuf_text(&line.name), limit);
		if (line.place.length > 0) {
			words_pad(buffer, start, STACK_INDENT + columns + 2);
			words_add_styled(buffer, options, WORDS_DIM, line.place.text);
		}
		strbuf_addc(buffer, '\n');
	}
	if (n_hidden > 0) {
		strbuf_add_repeated(buffer, ' ', STACK_INDENT);
		strbuf_addf(buffer, "%s %u more\n", options->utf8 ? "…" : "...", n_hidden);
	}
	if (site->flags & MT_STACK_GAP) {
		strbuf_add_repeated(buffer, ' ', STACK_INDENT);
		strbuf_adds(buffer,
			    "(Java frames are missing where Java is called: they could not be "
			    "followed)\n");
	}
	if (site->flags & MT_STACK_TRUNCATED) {
		strbuf_add_repeated(buffer, ' ', STACK_INDENT);
		strbuf_adds(buffer, "(the outer end of the stack could not be followed)\n");
	}
	return buffer->error;
}

static int add_ages(struct strbuf *buffer, const struct render_options *options,
		    const struct view_row *row)
{
	_cleanup_(strbuf_deinit) struct strbuf young = {}, old = {};

	if (row->oldest_age_s < 0)
		return 0;
	words_add_duration(&young, options, row->youngest_age_s);
	words_add_duration(&old, options, row->oldest_age_s);
	strbuf_adds(buffer, ", ");
	if (strcmp(strbuf_text(&young), strbuf_text(&old)) != 0)
		strbuf_addf(buffer, "%s to ", strbuf_text(&young));
	return strbuf_addf(buffer, "%s old", strbuf_text(&old));
}

/* Who holds it, unless that is nobody but the main thread. */
static int add_threads(struct strbuf *buffer, const struct profile *profile,
		       const struct profile_site *site)
{
	const uint32_t *refs = profile->thread_refs + site->first_thread;
	const uint32_t n = site->n_threads, shown = n > THREADS_MAX ? THREADS_MAX - 1 : n;

	if (n == 0 || (n == 1 && profile->threads[refs[0]].tid == profile->process.pid))
		return 0;
	strbuf_adds(buffer, n == 1 ? ", thread " : ", threads ");
	for (uint32_t i = 0; i < shown; i++) {
		const struct profile_thread *thread = &profile->threads[refs[i]];

		if (i > 0)
			strbuf_adds(buffer, i + 1 == n ? " and " : ", ");
		label_add_clean(buffer, java_name_of(profile, thread));
	}
	if (n > shown)
		strbuf_addf(buffer, " and %u more", n - shown);
	return buffer->error;
}

static const char *mapping_kind(uint32_t flags)
{
	if (flags & MT_MAP_BRK)
		return " of the program break";
	if (flags & MT_MAP_FILE)
		return " of files";
	if (flags & MT_MAP_SHARED)
		return " of shared memory";
	if (flags & MT_MAP_STACK)
		return " for stacks";
	return "";
}

/* Widths of sizes and of their errors, so that both stand below one another. */
struct figure_columns {
	size_t bytes, error;
};

static int format_figure(struct strbuf *bytes, struct strbuf *error,
			 const struct render_options *options, const struct view_row *row)
{
	char text[UNITS_MAX];

	strbuf_reset(bytes);
	strbuf_reset(error);
	words_add_bytes(bytes, options, row->live_bytes, 0);
	if (row->live_stderr >= 0.5)
		strbuf_addf(error, " %s %s", options->utf8 ? "±" : "+-",
			    units_format_bytes(estimate_round(row->live_stderr), text));
	return bytes->error < 0 ? bytes->error : error->error;
}

static struct figure_columns find_columns(const struct render_options *options,
					  const struct view *view)
{
	_cleanup_(strbuf_deinit) struct strbuf bytes = {}, error = {};
	struct figure_columns columns = {};

	for (size_t i = 0; i < view->n_rows; i++) {
		if (format_figure(&bytes, &error, options, &view->rows[i]) < 0)
			break;
		columns.bytes = MAX(columns.bytes, words_columns(strbuf_text(&bytes)));
		columns.error = MAX(columns.error, words_columns(strbuf_text(&error)));
	}
	return columns;
}

static int add_figure(struct strbuf *buffer, const struct render_options *options,
		      const struct view_row *row, const struct figure_columns *columns)
{
	_cleanup_(strbuf_deinit) struct strbuf bytes = {}, error = {};
	int r = format_figure(&bytes, &error, options, row);

	if (r < 0)
		return r;
	size_t n_bytes = words_columns(strbuf_text(&bytes));
	size_t n_error = words_columns(strbuf_text(&error));

	strbuf_add_repeated(buffer, ' ', columns->bytes - MIN(columns->bytes, n_bytes));
	words_add_styled(buffer, options, WORDS_STRONG, strbuf_text(&bytes));
	strbuf_adds(buffer, strbuf_text(&error));
	return strbuf_add_repeated(buffer, ' ', columns->error - MIN(columns->error, n_error));
}

/* Only what is certain: most places go up and down by chance. */
static int add_growth(struct strbuf *buffer, const struct profile_site *site)
{
	if (isnan(site->growth) || (site->growth_low <= 0 && site->growth_high >= 0))
		return 0;
	strbuf_adds(buffer, site->growth < 0 ? ", shrinks by " : ", grows by ");
	return words_add_rate(buffer, site->growth, site->growth, site->growth);
}

static int add_head(struct strbuf *buffer, const struct profile *profile,
		    const struct render_options *options, const struct view *view, size_t i,
		    const struct figure_columns *columns)
{
	const struct view_row *row = &view->rows[i];
	const struct profile_site *site = &profile->sites[row->site];
	_cleanup_(strbuf_deinit) struct strbuf cell = {};
	char freed[UNITS_MAX];

	strbuf_addf(buffer, "%3zu.  ", i + 1);
	add_figure(buffer, options, row, columns);
	words_add_share(&cell, row->live_bytes, view->total_bytes);
	strbuf_addf(buffer, "  %7s  ", strbuf_text(&cell));
	if (site->kind == MT_SITE_MMAP) {
		words_add_count(buffer, row->live_blocks, "mapping", "mappings");
		strbuf_adds(buffer, mapping_kind(site->map_flags));
	} else if (site->kind == MT_SITE_PAGES) {
		words_add_count(buffer, row->live_blocks, "page", "pages");
	} else {
		words_add_count(buffer, row->live_blocks, "block", "blocks");
		if (site->flags & MT_STACK_POOL)
			strbuf_adds(buffer, " of a pool");
	}
	if (site->tag) {
		strbuf_adds(buffer, ", tag ");
		label_add_clean(buffer, site->tag);
	}
	add_ages(buffer, options, row);
	add_threads(buffer, profile, site);
	/* below a thousandth of an estimate it is what rounding left */
	if (site->freed_bytes > (site->live_stderr > 0 ? site->live_bytes / 1000 : 0))
		strbuf_addf(buffer, ", %s freed", units_format_bytes(site->freed_bytes, freed));
	add_growth(buffer, site);
	strbuf_addc(buffer, '\n');
	return buffer->error < 0 ? buffer->error : cell.error;
}

int text_add_sites(struct strbuf *buffer, const struct profile *profile,
		   const struct render_options *options, const struct view *view)
{
	const struct figure_columns columns = find_columns(options, view);
	char bytes[UNITS_MAX];
	int r = 0;

	for (size_t i = 0; i < view->n_rows && r >= 0; i++) {
		if (i > 0)
			strbuf_addc(buffer, '\n');
		r = add_head(buffer, profile, options, view, i, &columns);
		if (r >= 0)
			r = text_add_stack(buffer, profile, options,
					   &profile->sites[view->rows[i].site]);
	}
	if (r < 0)
		return r;
	if (view->n_rows == 0)
		strbuf_adds(buffer, "  none\n");
	if (view->n_more > 0) {
		strbuf_addc(buffer, '\n');
		strbuf_addf(buffer, "  and %s in ", units_format_bytes(view->more_bytes, bytes));
		words_add_count(buffer, view->n_more, "more place", "more places");
		strbuf_addf(buffer, " (--top=%zu shows all)\n", view->n_rows + view->n_more);
	}
	return buffer->error;
}
