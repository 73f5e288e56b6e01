/* SPDX-License-Identifier: MIT */
/*
 * For spreadsheets and scripts: a line a site with its innermost call spelled out and the whole stack in
 * one cell, or a line a group.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "profile/label.h"
#include "render/group.h"
#include "render/table.h"
#include "render/words.h"

static const struct table_column site_columns[] = {
	{"id", NULL, TABLE_TEXT},
	{"kind", NULL, TABLE_TEXT},
	{"live_bytes", NULL, TABLE_BYTES},
	{"live_bytes_stderr", NULL, TABLE_ERROR},
	{"live_blocks", NULL, TABLE_COUNT},
	{"allocated_bytes", NULL, TABLE_BYTES},
	{"allocated_blocks", NULL, TABLE_COUNT},
	{"freed_bytes", NULL, TABLE_BYTES},
	{"freed_blocks", NULL, TABLE_COUNT},
	{"oldest_age_s", NULL, TABLE_SECONDS},
	{"youngest_age_s", NULL, TABLE_SECONDS},
	{"function", NULL, TABLE_TEXT},
	{"file", NULL, TABLE_TEXT},
	{"line", NULL, TABLE_COUNT},
	{"module", NULL, TABLE_TEXT},
	{"stack", NULL, TABLE_TEXT},
	{"growth_bytes_per_s", NULL, TABLE_ERROR},
};

static int add_stack(struct strbuf *stack, const struct profile *profile,
		     const struct render_options *options, const struct profile_site *site)
{
	uint32_t n = site->n_locations;

	if (options->depth > 0)
		n = MIN(n, options->depth);
	for (uint32_t i = 0; i < n; i++) {
		const struct profile_location *location = profile_location_get(profile, site, i);

		for (uint32_t f = 0; f < location->n_frames; f++) {
			if (stack->length > 0)
				strbuf_addc(stack, ';');
			label_function(profile, location,
				       &profile->frames[location->first_frame + f], stack);
		}
	}
	return stack->error;
}

static void add_innermost(struct table *table, const struct profile *profile,
			  const struct profile_site *site)
{
	const struct profile_location *location;
	const struct profile_frame *frame;

	if (site->n_locations == 0) {
		for (int i = 0; i < 4; i++)
			table_add_text(table, NULL);
		return;
	}
	location = profile_location_get(profile, site, 0);
	frame = &profile->frames[location->first_frame];
	table_add_text(table, frame->function);
	table_add_text(table, frame->file);
	table_add_number(table, frame->line ? frame->line : PROFILE_UNKNOWN);
	table_add_text(table, location->module == PROFILE_NO_MODULE
				      ? NULL
				      : profile->modules[location->module].path);
}

static int print_sites(const struct profile *profile, const struct render_options *options,
		       const struct view *view, FILE *out)
{
	_cleanup_(table_deinit) struct table table;
	char id[20];
	int r = 0;

	table_init(&table, site_columns, ARRAY_SIZE(site_columns));
	for (size_t i = 0; i < view->n_rows && r >= 0; i++) {
		const struct view_row *row = &view->rows[i];
		const struct profile_site *site = &profile->sites[row->site];
		_cleanup_(strbuf_deinit) struct strbuf stack = {};

		if (add_stack(&stack, profile, options, site) < 0)
			return stack.error;
		snprintf(id, sizeof(id), "%016" PRIx64, site->id);
		table_add_text(&table, id);
		table_add_text(&table, profile_site_kind(site));
		table_add_number(&table, row->live_bytes);
		table_add_real(&table, row->live_stderr);
		table_add_number(&table, row->live_blocks);
		table_add_number(&table, site->allocated_bytes);
		table_add_number(&table, site->allocated_blocks);
		table_add_number(&table, site->freed_bytes);
		table_add_number(&table, site->freed_blocks);
		table_add_real(&table, row->oldest_age_s);
		table_add_real(&table, row->youngest_age_s);
		add_innermost(&table, profile, site);
		table_add_text(&table, strbuf_text(&stack));
		table_add_real(&table, site->growth);
		r = table_print_csv(&table, out);
	}
	return r < 0 ? r : table_print_csv(&table, out);
}

static int print_groups(const struct profile *profile, const struct render_options *options,
			const struct view *view, FILE *out)
{
	const struct table_column columns[] = {
		{groups_title(options->by), NULL, TABLE_TEXT},
		{"live_bytes", NULL, TABLE_BYTES},
		{"live_bytes_stderr", NULL, TABLE_ERROR},
		{"live_blocks", NULL, TABLE_COUNT},
	};
	_cleanup_(groups_deinit) struct groups groups = {};
	_cleanup_(table_deinit) struct table table;
	int r;

	table_init(&table, columns, ARRAY_SIZE(columns));
	r = groups_make(profile, options, view, &groups);
	if (r < 0)
		return r;
	for (size_t i = 0; i < groups.n_groups; i++) {
		table_add_text(&table, groups.groups[i].name);
		table_add_number(&table, estimate_round(groups.groups[i].live.bytes));
		table_add_real(&table, estimate_stderr(&groups.groups[i].live));
		table_add_number(&table, estimate_round(groups.groups[i].live.blocks));
	}
	return table_print_csv(&table, out);
}

int render_csv(const struct profile *profile, const struct render_options *options, FILE *out)
{
	_cleanup_(view_deinit) struct view view = {};
	int r = view_make(profile, options, VIEW_OUTSTANDING, 0, &view);

	if (r < 0)
		return r;
	r = options->by == RENDER_BY_SITE ? print_sites(profile, options, &view, out)
					  : print_groups(profile, options, &view, out);
	return r < 0 ? r : words_finish(out);
}
