/* SPDX-License-Identifier: MIT */
/*
 * maps.c: the table of `memtrace maps`, for people and for programs.
 */
#include "render/maps.h"

#include <errno.h>
#include <inttypes.h>

#include "base/strbuf.h"
#include "profile/label.h"
#include "render/maps-rows.h"
#include "render/table.h"
#include "render/text.h"
#include "render/words.h"

static const struct table_column columns[] = {
	{"start", NULL, TABLE_HEX},
	{"end", NULL, TABLE_HEX},
	{"address", "address", TABLE_TEXT},
	{"perms", "perms", TABLE_TEXT},
	{"size", "size", TABLE_BYTES},
	{"rss", "rss", TABLE_BYTES},
	{"pss", "pss", TABLE_BYTES},
	{"uss", "uss", TABLE_BYTES},
	{"private_dirty", "dirty", TABLE_BYTES},
	{"swap", "swap", TABLE_BYTES},
	{"anon_huge", "huge", TABLE_BYTES},
	{"mappings", "mappings", TABLE_COUNT},
	{"owner", NULL, TABLE_TEXT},
	{"path", NULL, TABLE_TEXT},
	{"name", "what it is", TABLE_TEXT},
};

static void add_place(struct table *table, const struct mapping *mapping, bool is_text)
{
	char address[48], perms[] = "----";

	if (!mapping) {
		table_add_number(table, PROFILE_UNKNOWN);
		table_add_number(table, PROFILE_UNKNOWN);
		table_add_text(table, NULL);
		table_add_text(table, NULL);
		return;
	}
	snprintf(address, sizeof(address), "%012" PRIx64 "-%012" PRIx64, mapping->start,
		 mapping->end);
	perms[0] = mapping->read ? 'r' : '-';
	perms[1] = mapping->write ? 'w' : '-';
	perms[2] = mapping->exec ? 'x' : '-';
	perms[3] = mapping->shared ? 's' : 'p';
	table_add_number(table, mapping->start);
	table_add_number(table, mapping->end);
	table_add_text(table, is_text ? address : NULL);
	table_add_text(table, perms);
}

/* Columns that have nothing to say are left out of text. */
struct shown {
	bool swap, huge, count, csv;
};

static uint64_t figure(uint64_t bytes, bool is_shown)
{
	return is_shown ? bytes : PROFILE_UNKNOWN;
}

static void add_row(struct table *table, const struct maps_row *row, const struct shown *shown)
{
	const struct mapping *mapping = row->mapping ? row->mapping->mapping : NULL;
	const struct ledger_line *sum = &row->sum;

	add_place(table, mapping, !shown->csv);
	table_add_number(table, sum->virtual);
	table_add_number(table, sum->resident);
	table_add_number(table, sum->pss);
	table_add_number(table, sum->uss);
	table_add_number(table, sum->private_dirty);
	table_add_number(table, figure(sum->swapped, shown->swap));
	table_add_number(table, figure(sum->anon_huge, shown->huge));
	table_add_number(table, shown->count ? row->n_mappings : PROFILE_UNKNOWN);
	table_add_text(table, row->owner);
	table_add_text(table, mapping && mapping->path[0] ? mapping->path : NULL);
	table_add_text(table, row->name);
}

int render_maps_csv(const struct profile *profile, const struct maps_options *options, FILE *out)
{
	const struct shown shown = {true, true, true, true};
	_cleanup_(ledger_deinit) struct ledger ledger = {};
	_cleanup_(maps_rows_deinit) struct maps_rows rows = {};
	_cleanup_(table_deinit) struct table table;
	int r;

	table_init(&table, columns, ARRAY_SIZE(columns));
	r = ledger_build(profile, &ledger);
	if (r >= 0)
		r = maps_rows_make(&ledger, options, &rows);
	if (r < 0)
		return r;
	for (size_t i = 0; i < rows.n_rows; i++)
		add_row(&table, &rows.rows[i], &shown);
	if (rows.rest.n_mappings > 0)
		add_row(&table, &rows.rest, &shown);
	r = table_print_csv(&table, out);
	return r < 0 ? r : words_finish(out);
}

static int print_head(const struct profile *profile, const struct maps_options *options,
		      const struct ledger *ledger, FILE *out)
{
	_cleanup_(strbuf_deinit) struct strbuf head = {};

	text_add_process(&head, profile, options->render);
	strbuf_adds(&head, ": ");
	words_add_bytes(&head, options->render, ledger->rss, 0);
	strbuf_adds(&head, " resident in ");
	words_add_count(&head, ledger->maps.n_mappings, "mapping", "mappings");
	strbuf_adds(&head, ", ");
	words_add_bytes(&head, options->render, ledger->lines[LEDGER_UNEXPLAINED].resident, 0);
	strbuf_adds(&head, " (");
	words_add_share(&head, ledger->lines[LEDGER_UNEXPLAINED].resident, ledger->rss);
	strbuf_adds(&head, ") unexplained\n\n");
	if (head.error < 0)
		return head.error;
	fputs(strbuf_text(&head), out);
	return 0;
}

int render_maps_text(const struct profile *profile, const struct maps_options *options, FILE *out)
{
	_cleanup_(ledger_deinit) struct ledger ledger = {};
	_cleanup_(maps_rows_deinit) struct maps_rows rows = {};
	_cleanup_(table_deinit) struct table table;
	char name[] = "total";
	struct maps_row total = {.name = name};
	struct shown shown = {};
	int r;

	table_init(&table, columns, ARRAY_SIZE(columns));
	r = ledger_build(profile, &ledger);
	if (r >= 0)
		r = maps_rows_make(&ledger, options, &rows);
	if (r >= 0)
		r = print_head(profile, options, &ledger, out);
	if (r < 0)
		return r;
	shown.swap = ledger.swap > 0;
	shown.huge = ledger.total.anon_huge > 0;
	shown.count = options->by != MAPS_BY_MAPPING;
	for (size_t i = 0; i < rows.n_rows; i++)
		add_row(&table, &rows.rows[i], &shown);
	if (rows.rest.n_mappings > 0)
		add_row(&table, &rows.rest, &shown);
	total.sum = ledger.total;
	total.n_mappings = ledger.maps.n_mappings;
	add_row(&table, &total, &shown);
	r = table_print_text(&table, options->render, out);
	return r < 0 ? r : words_finish(out);
}
