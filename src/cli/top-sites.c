/* SPDX-License-Identifier: MIT */
/*
 * top-sites.c: outstanding memory by stack, or put together by function, module or thread. With a
 * baseline, live bytes and blocks are what came since.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/units.h"
#include "cli/top-list.h"
#include "cli/top.h"
#include "profile/label.h"
#include "render/group.h"
#include "render/words.h"

enum { SPARK = 16, SPARK_NARROW = 8, SOURCE_MAX = 4 * 1024 * 1024, SOURCE_AROUND = 2 };

/* On a narrow screen names need the room more. */
static unsigned spark_columns(const struct top *top)
{
	return top->options.width < TOP_NARROW ? SPARK_NARROW : SPARK;
}

static const char *sort_name(enum render_sort sort)
{
	static const char *const names[] = {"live", "growth", "allocated", "blocks", "age"};

	return names[sort];
}

static void add_duration_cell(const struct top *top, struct top_lines *lines, double seconds,
			      size_t columns)
{
	_cleanup_(strbuf_deinit) struct strbuf text = {};

	if (seconds >= 0)
		words_add_duration(&text, &top->options, seconds);
	top_lines_add_cell(lines, TOP_PLAIN, strbuf_text(&text), columns, true);
}

static int draw_row(void *top_, size_t index, struct top_lines *lines)
{
	struct top *top = top_;
	const struct profile_site *site = &top->shot->profile->sites[top->list->rows[index].site];
	const struct top_was *was = top_find_was(top, site);
	const int64_t live_bytes = (int64_t)site->live_bytes - (int64_t)(was ? was->live_bytes : 0);
	const int64_t live_blocks =
		(int64_t)site->live_blocks - (int64_t)(was ? was->live_blocks : 0);
	const struct top_growth growth = top_growth(top, site);
	_cleanup_(strbuf_deinit) struct strbuf text = {};
	char bytes[UNITS_MAX + 2], blocks[UNITS_MAX + 2];

	top_lines_begin(lines, site->id);
	top_lines_add_cell(lines, TOP_STRONG, top_format_bytes(top, live_bytes, bytes), 11, true);
	snprintf(blocks, sizeof(blocks), top->baseline.is_set ? "%+lld" : "%lld",
		 (long long)live_blocks);
	top_lines_add_cell(lines, TOP_PLAIN, blocks, 8, true);
	top_add_growth_cell(lines, &growth);
	add_duration_cell(top, lines, top_age(top, site), 8);
	top_lines_add(lines, TOP_PLAIN, "  ");
	top_add_spark(top, lines, top_series_of(top, site), spark_columns(top));
	label_site(top->shot->profile, site, &text);
	return top_lines_add(lines, TOP_PLAIN, "  %s%s", strbuf_text(&text),
			     site->kind == MT_SITE_MMAP ? " [mmap]" : "");
}

static void add_head_cell(const struct top *top, struct top_lines *lines, const char *text,
			  size_t columns, enum render_sort sort)
{
	char name[32];

	snprintf(name, sizeof(name), "%s%s", top->options.sort == sort ? "*" : "", text);
	top_lines_add_cell(lines, TOP_TITLE, name, columns, true);
}

static int draw_sites(struct top *top, struct top_lines *lines)
{
	int r = top_list_make(top);

	if (r < 0)
		return r;
	top_lines_begin(lines, TOP_NO_ITEM);
	add_head_cell(top, lines, top->baseline.is_set ? "SINCE" : "LIVE", 11, RENDER_SORT_LIVE);
	add_head_cell(top, lines, "BLOCKS", 8, RENDER_SORT_BLOCKS);
	add_head_cell(top, lines, "GROWTH", 13, RENDER_SORT_GROWTH);
	add_head_cell(top, lines, "OLDEST", 8, RENDER_SORT_AGE);
	top_lines_add(lines, TOP_TITLE, "  %-*.*s  ALLOCATED BY", (int)spark_columns(top),
		      (int)spark_columns(top), "LATELY");
	lines->fill = draw_row;
	lines->context = top;
	/* more come when they are near */
	for (size_t i = 0; i < top->list->n_rows && r >= 0; i++)
		r = top_lines_add_stub(lines, top->list->rows[i].id, i);
	if (top->list->n_rows == 0)
		top_lines_add_line(lines, TOP_DIM, "  %s",
				   top->filter[0] ? "nothing outstanding matches"
						  : "nothing is outstanding");
	return r;
}

static int draw_groups(struct top *top, struct top_lines *lines)
{
	const struct profile *profile = top->shot->profile;
	_cleanup_(groups_deinit) struct groups groups = {};
	_cleanup_(view_deinit) struct view view = {};
	char bytes[UNITS_MAX], count[UNITS_MAX];
	int r = view_make(profile, &top->options, VIEW_OUTSTANDING, 0, &view);

	if (r >= 0)
		r = groups_make(profile, &top->options, &view, &groups);
	if (r < 0)
		return r;
	top_lines_add_line(lines, TOP_TITLE, "%11s%10s  BY %s", "LIVE", "BLOCKS",
			   groups_title(top->options.by));
	for (size_t i = 0; i < groups.n_groups; i++) {
		const struct group *group = &groups.groups[i];

		top_lines_begin(lines, TOP_NO_ITEM);
		top_lines_add_cell(lines, TOP_STRONG,
				   units_format_bytes(estimate_round(group->live.bytes), bytes), 11,
				   true);
		top_lines_add_cell(lines, TOP_PLAIN,
				   units_format_count(estimate_round(group->live.blocks), count),
				   10, true);
		top_lines_add(lines, TOP_PLAIN, "  %s", group->name);
	}
	return 0;
}

static int draw(struct top *top, struct top_lines *lines)
{
	return top->options.by == RENDER_BY_SITE ? draw_sites(top, lines) : draw_groups(top, lines);
}

static bool press(struct top *top, int key, uint64_t item)
{
	switch (key) {
	case '<':
	case '>':
		top->options.sort = (top->options.sort + (key == '>' ? 1 : RENDER_SORT_AGE)) %
				    (RENDER_SORT_AGE + 1);
		snprintf(top->message, sizeof(top->message), "sorted by %s",
			 sort_name(top->options.sort));
		return true;
	case 'g':
		top->options.by = (top->options.by + 1) % (RENDER_BY_THREAD + 1);
		snprintf(top->message, sizeof(top->message), "grouped by %s",
			 groups_title(top->options.by));
		return true;
	default:
		return false;
	}
}

/* ---- one site ---- */

/* The lines around line of a file, if it can be read. */
static int add_source(struct top_lines *lines, const char *path, uint32_t line)
{
	_cleanup_free_ char *text = NULL;
	const uint32_t first = line > SOURCE_AROUND ? line - SOURCE_AROUND : 1;
	uint32_t number = 1;
	size_t size;

	if (!line || path[0] != '/' || file_read(path, SOURCE_MAX, &text, &size) < 0)
		return 0;
	for (char *at = text, *end; at && number <= line + SOURCE_AROUND; at = end, number++) {
		_cleanup_(strbuf_deinit) struct strbuf clean = {};

		end = strchr(at, '\n');
		if (end)
			*end++ = '\0';
		if (number < first)
			continue;
		for (char *tab = at; *tab; tab++)
			if (*tab == '\t')
				*tab = ' ';
		label_add_clean(&clean, at);
		top_lines_add_line(lines, number == line ? TOP_STRONG : TOP_DIM,
				   "        %s%5u  %s", number == line ? ">" : " ", number,
				   strbuf_text(&clean));
	}
	return 0;
}

static int add_frame(struct top *top, const struct profile_location *location,
		     const struct profile_frame *frame, bool *with_source, struct top_lines *lines)
{
	const struct profile *profile = top->shot->profile;
	_cleanup_(strbuf_deinit) struct strbuf name = {}, place = {};

	label_short_function(profile, location, frame, &name);
	label_place(profile, location, frame, &place);
	top_lines_begin(lines, TOP_NO_ITEM);
	top_lines_add(lines, TOP_STRONG, "    %s", strbuf_text(&name));
	top_lines_add(lines, TOP_DIM, "  %s%s", strbuf_text(&place),
		      frame->inlined ? " (inlined)" : "");
	/* the innermost source that is there says most; a second one helps */
	if (*with_source && frame->file && access(frame->file, R_OK) == 0) {
		add_source(lines, frame->file, frame->line);
		*with_source = false;
	}
	return 0;
}

int top_draw_site(struct top *top, uint64_t site_id, struct top_lines *lines)
{
	const struct profile *profile = top->shot->profile;
	const struct profile_site *site = top_find_site(profile, site_id);
	_cleanup_(strbuf_deinit) struct strbuf ages = {};
	char bytes[UNITS_MAX], allocated[UNITS_MAX];
	bool with_source = true;

	if (!site)
		return top_lines_add_line(lines, TOP_DIM,
					  "  nothing is outstanding there any more");
	top_lines_add_line(lines, TOP_STRONG, "  %s in %llu blocks; %s allocated in all",
			   units_format_bytes(site->live_bytes, bytes),
			   (unsigned long long)site->live_blocks,
			   units_format_bytes(site->allocated_bytes, allocated));
	if (site->oldest_age_s >= 0) {
		words_add_duration(&ages, &top->options, site->youngest_age_s);
		strbuf_adds(&ages, " to ");
		words_add_duration(&ages, &top->options, site->oldest_age_s);
		top_lines_add_line(lines, TOP_PLAIN, "  %s old", strbuf_text(&ages));
	}
	for (uint32_t i = 0; i < site->n_threads && i < 8; i++) {
		const struct profile_thread *thread =
			&profile->threads[profile->thread_refs[site->first_thread + i]];
		_cleanup_(strbuf_deinit) struct strbuf name = {};

		label_add_clean(&name, thread->name);
		top_lines_add_line(lines, TOP_DIM, "  held by thread %s (%u)", strbuf_text(&name),
				   thread->tid);
	}
	top_lines_add_gap(lines);
	for (uint32_t i = 0; i < site->n_locations; i++) {
		const struct profile_location *location = profile_location_get(profile, site, i);

		for (uint32_t f = 0; f < location->n_frames; f++)
			add_frame(top, location, &profile->frames[location->first_frame + f],
				  &with_source, lines);
	}
	return 0;
}

const struct top_view top_sites = {
	.name = "Sites",
	.n_heads = 1,
	.needs_agent = true,
	.draw = draw,
	.draw_detail = top_draw_site,
	.press = press,
};
