/* SPDX-License-Identifier: MIT */
/*
 * table.h: the tables of a region, entry by entry. Only the files that take a region's entries out use it.
 */
#ifndef REGION_TABLE_H
#define REGION_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "region/abi.h"
#include "region/source.h"

/* -EPROTO unless each table lies within the region and has entries that this version can read. */
int tables_check(const struct mt_header *header);

/*
 * How many entries of a table can be read if the region says n: that many, within what the table holds,
 * what the source has, and what can be filled at all. A file of a terabyte that is one hole does not
 * take a terabyte to read.
 */
uint64_t table_used(const struct source *source, const struct mt_table *table, uint64_t n);

/*
 * Looks at the entry with that index, whose known part is at bytes, without alignment. stable is false
 * if it changed whenever it was copied; bytes are then the last copy. Below 0: stop, and the reason.
 */
typedef int (*table_visitor)(void *context, uint64_t index, const void *bytes, bool stable);

/* Visits the first n entries, or as many as table_used gives. */
int table_visit(struct source *source, const struct mt_table *table, uint64_t n,
		table_visitor visitor, void *context);
/* Visits entries first … end - 1, which are below what table_used gave. */
int table_visit_range(struct source *source, const struct mt_table *table, uint64_t first,
		      uint64_t end, table_visitor visitor, void *context);

/* How many sums n entries have. */
size_t table_sums_of(uint64_t n);
/*
 * Visits those of the first n entries, which are not more than table_used gave, whose sum is not the one that
 * was kept, and keeps it; 0 is never kept for what was seen.
 */
int table_visit_changed(struct source *source, const struct mt_table *table, uint64_t n,
			uint64_t *sums, table_visitor visitor, void *context);

#endif
