/* SPDX-License-Identifier: MIT */
/*
 * maps-rows.c: rows by mapping, owner or path, in the order that is asked for. A mapping may have parts of
 * several owners: by owner each part counts where it belongs; by mapping and path it counts as a whole,
 * and its name is that of its largest part.
 */
#include "render/maps-rows.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "profile/label.h"

void maps_rows_deinit(struct maps_rows *rows)
{
	for (size_t i = 0; i < rows->n_rows; i++)
		free(rows->rows[i].name);
	free(rows->rows);
	free(rows->rest.name);
	*rows = (struct maps_rows){};
}

static const struct ledger_part *main_part(const struct ledger *ledger,
					   const struct ledger_mapping *mapping)
{
	for (uint32_t i = 0; i < mapping->n_parts; i++) {
		const struct ledger_part *part = &ledger->parts[mapping->first_part + i];

		if (part->label == mapping->label)
			return part;
	}
	return &ledger->parts[mapping->first_part];
}

static bool is_heap(enum ledger_owner owner)
{
	return owner <= LEDGER_HEAP_OTHER;
}

static int name_stack(const struct ledger_part *part, const struct mapping *mapping,
		      struct strbuf *name)
{
	strbuf_adds(name, mapping->read ? "stack" : "guard of stack");
	if (part->tid) {
		strbuf_adds(name, " of ");
		label_add_clean(name, part->label);
		return strbuf_addf(name, " (%u)", part->tid);
	}
	if (part->label[0])
		strbuf_adds(name, ", ");
	return label_add_clean(name, part->label);
}

/* What a part is, in words: "stack of worker (4711)", "malloc, arena 3", "Java heap". */
static int name_part(const struct ledger_part *part, const struct mapping *mapping,
		     struct strbuf *name)
{
	if (part->owner == LEDGER_STACKS || part->owner == LEDGER_STACKS_FREE)
		return name_stack(part, mapping, name);
	if (part->owner == LEDGER_IMAGES && part->label[0])
		return label_add_clean(name, part->label);
	strbuf_adds(name, is_heap(part->owner) ? "malloc" : ledger_owner_label(part->owner));
	if (part->label[0])
		strbuf_adds(name, ", ");
	return label_add_clean(name, part->label);
}

/* Files say by their path what they are. */
static int name_mapping(const struct ledger *ledger, const struct ledger_mapping *entry,
			struct strbuf *name)
{
	const struct mapping *mapping = entry->mapping;
	int r;

	if (mapping->path[0] == '/') {
		r = label_add_clean(name, mapping->path);
		return mapping->deleted ? strbuf_adds(name, " (deleted)") : r;
	}
	r = name_part(main_part(ledger, entry), mapping, name);
	if (mapping->path[0]) {
		strbuf_addc(name, ' ');
		r = label_add_clean(name, mapping->path);
	}
	return r;
}

static int add_mappings(const struct ledger *ledger, struct maps_rows *rows)
{
	rows->rows = calloc(ledger->maps.n_mappings + 1, sizeof(*rows->rows));
	if (!rows->rows)
		return -ENOMEM;
	for (size_t i = 0; i < ledger->maps.n_mappings; i++) {
		const struct ledger_mapping *mapping = &ledger->mappings[i];
		struct maps_row *row = &rows->rows[rows->n_rows++];
		struct strbuf name = {};
		int r = name_mapping(ledger, mapping, &name);

		if (r >= 0)
			r = strbuf_steal(&name, &row->name);
		strbuf_deinit(&name);
		if (r < 0)
			return r;
		row->mapping = mapping;
		row->owner = ledger_owner_name(mapping->owner);
		row->n_mappings = 1;
		for (uint32_t k = 0; k < mapping->n_parts; k++)
			ledger_line_add(&row->sum, &ledger->parts[mapping->first_part + k].usage);
	}
	return 0;
}

static int add_owners(const struct ledger *ledger, struct maps_rows *rows)
{
	size_t counts[LEDGER_N_OWNERS] = {};

	/* a mapping counts once for each owner that has a part in it */
	for (size_t i = 0; i < ledger->n_parts; i++)
		counts[ledger->parts[i].owner] +=
			i == 0 || ledger->parts[i].owner != ledger->parts[i - 1].owner ||
			ledger->parts[i].mapping != ledger->parts[i - 1].mapping;
	rows->rows = calloc(LEDGER_N_OWNERS, sizeof(*rows->rows));
	if (!rows->rows)
		return -ENOMEM;
	for (enum ledger_owner owner = 0; owner < LEDGER_N_OWNERS; owner++) {
		struct maps_row *row = &rows->rows[rows->n_rows];

		if (counts[owner] == 0 && owner != LEDGER_UNEXPLAINED)
			continue;
		row->name = strdup(ledger_owner_label(owner));
		if (!row->name)
			return -ENOMEM;
		row->owner = ledger_owner_name(owner);
		row->n_mappings = counts[owner];
		row->sum = ledger->lines[owner];
		rows->n_rows++;
	}
	return 0;
}

static int compare_paths(const void *a, const void *b)
{
	const struct maps_row *x = a, *y = b;

	return strcmp(x->mapping->mapping->path, y->mapping->mapping->path);
}

/* Rows of one path become one; what has no path is one row, too. */
static int merge_paths(struct maps_rows *rows)
{
	size_t n = 0;

	qsort(rows->rows, rows->n_rows, sizeof(*rows->rows), compare_paths);
	for (size_t i = 0; i < rows->n_rows; i++) {
		struct maps_row *row = &rows->rows[i];
		const char *path = row->mapping->mapping->path;

		free(row->name);
		row->name = NULL;
		if (n > 0 && compare_paths(&rows->rows[n - 1], row) == 0) {
			ledger_line_add(&rows->rows[n - 1].sum, &row->sum);
			rows->rows[n - 1].n_mappings++;
			continue;
		}
		rows->rows[n] = *row;
		rows->rows[n].name = strdup(path[0] ? path : "anonymous memory");
		if (!rows->rows[n++].name)
			return -ENOMEM;
	}
	rows->n_rows = n;
	for (size_t i = 0; i < n; i++) {
		rows->rows[i].mapping = NULL;
		rows->rows[i].owner = NULL;
	}
	return 0;
}

static uint64_t key_of(const struct maps_row *row, enum maps_sort sort)
{
	switch (sort) {
	case MAPS_SORT_RSS:
		return row->sum.resident;
	case MAPS_SORT_PSS:
		return row->sum.pss;
	case MAPS_SORT_DIRTY:
		return row->sum.private_dirty;
	case MAPS_SORT_SWAP:
		return row->sum.swapped;
	default:
		return row->sum.virtual;
	}
}

static int compare_rows(const void *a, const void *b, void *sort)
{
	const struct maps_row *x = a, *y = b;
	const enum maps_sort by = *(const enum maps_sort *)sort;
	const uint64_t p = key_of(x, by), q = key_of(y, by);

	if (by == MAPS_SORT_ADDRESS)
		return x->mapping < y->mapping ? -1 : 1;
	if (by != MAPS_SORT_NAME && p != q)
		return p < q ? 1 : -1;
	if (strcmp(x->name, y->name) != 0)
		return strcmp(x->name, y->name);
	return x->mapping < y->mapping ? -1 : x->mapping > y->mapping;
}

/* Sums up the rows that are too small or too many. */
static int cut(const struct maps_options *options, struct maps_rows *rows)
{
	size_t n = 0;

	for (size_t i = 0; i < rows->n_rows; i++) {
		struct maps_row *row = &rows->rows[i];

		if ((options->top == 0 || n < options->top) &&
		    row->sum.resident >= options->min_bytes) {
			struct maps_row kept = *row;

			*row = rows->rows[n];
			rows->rows[n++] = kept;
			continue;
		}
		ledger_line_add(&rows->rest.sum, &row->sum);
		rows->rest.n_mappings += row->n_mappings;
	}
	while (rows->n_rows > n)
		free(rows->rows[--rows->n_rows].name);
	if (rows->rest.n_mappings > 0)
		rows->rest.name = strdup("what is left out");
	return rows->rest.n_mappings > 0 && !rows->rest.name ? -ENOMEM : 0;
}

int maps_rows_make(const struct ledger *ledger, const struct maps_options *options,
		   struct maps_rows *ret)
{
	_cleanup_(maps_rows_deinit) struct maps_rows rows = {};
	enum maps_sort sort = options->sort;
	int r;

	r = options->by == MAPS_BY_OWNER ? add_owners(ledger, &rows) : add_mappings(ledger, &rows);
	if (r >= 0 && options->by == MAPS_BY_PATH)
		r = merge_paths(&rows);
	if (r < 0)
		return r;
	/* what is put together has no address */
	if (sort == MAPS_SORT_ADDRESS && options->by != MAPS_BY_MAPPING)
		sort = MAPS_SORT_RSS;
	qsort_r(rows.rows, rows.n_rows, sizeof(*rows.rows), compare_rows, &sort);
	r = cut(options, &rows);
	if (r < 0)
		return r;
	*ret = rows;
	rows = (struct maps_rows){};
	return 0;
}
