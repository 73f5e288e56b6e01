/* SPDX-License-Identifier: MIT */
/*
 * arenas.c: the table of `memtrace arenas`, for people and for programs. For people free memory is told
 * as what it costs: what is resident, and what went back to the kernel already.
 */
#include "render/arenas.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "profile/label.h"
#include "render/arenas-below.h"
#include "render/table.h"
#include "render/text.h"
#include "render/words.h"

enum { ROWS_IN_TEXT = 20 };

static const struct table_column columns[] = {
	{"allocator", NULL, TABLE_TEXT},
	{"id", NULL, TABLE_COUNT},
	{"kind", NULL, TABLE_TEXT},
	{"address", NULL, TABLE_HEX},
	{"name", "arena", TABLE_TEXT},
	{"system", "memory", TABLE_BYTES},
	{"in_use", "in use", TABLE_BYTES},
	{"in_use_blocks", "blocks", TABLE_COUNT},
	{"free", NULL, TABLE_BYTES},
	{"free_resident", "free, resident", TABLE_BYTES},
	{"returned", "returned", TABLE_BYTES},
	{"cached", "cached", TABLE_BYTES},
	{"top", "top", TABLE_BYTES},
	{"trimmable", "trimmable", TABLE_BYTES},
	{"metadata", NULL, TABLE_BYTES},
	{"resident", NULL, TABLE_BYTES},
	{"peak_system", "peak", TABLE_BYTES},
	{"heaps", "heaps", TABLE_COUNT},
	{"threads", "threads", TABLE_TEXT},
};

/* An unknown part makes the sum unknown. */
static void add(uint64_t *sum, uint64_t value)
{
	*sum = *sum == ARENAS_UNKNOWN || value == ARENAS_UNKNOWN ? ARENAS_UNKNOWN : *sum + value;
}

static void add_arena(struct arena *sum, const struct arena *arena)
{
	add(&sum->system, arena->system);
	add(&sum->in_use, arena->in_use);
	add(&sum->in_use_blocks, arena->in_use_blocks);
	add(&sum->free, arena->free);
	add(&sum->free_resident, arena->free_resident);
	add(&sum->cached, arena->cached);
	add(&sum->top, arena->top);
	add(&sum->trimmable, arena->trimmable);
	add(&sum->metadata, arena->metadata);
	add(&sum->resident, arena->resident);
	add(&sum->n_heaps, arena->n_heaps);
	add(&sum->unread, arena->unread);
}

static uint64_t returned(const struct arena *arena)
{
	if (arena->free == ARENAS_UNKNOWN || arena->free_resident == ARENAS_UNKNOWN ||
	    arena->free_resident > arena->free)
		return ARENAS_UNKNOWN;
	return arena->free - arena->free_resident;
}

void arenas_add_name(const struct arena *arena, struct strbuf *buffer)
{
	switch (arena->kind) {
	case ARENA_MAIN:
		strbuf_adds(buffer, "main");
		break;
	case ARENA_MMAPPED:
		strbuf_adds(buffer, "own mappings");
		break;
	case ARENA_FAST:
		strbuf_adds(buffer, "memtrace's heap");
		break;
	case ARENA_THREAD:
		strbuf_addf(buffer, "%u", arena->id);
		break;
	}
}

/* How many of the arena's threads have the name of the first. */
static size_t count_namesakes(const struct profile *profile, const struct arena *arena,
			      const char *name)
{
	size_t n = 0;

	for (size_t i = 0; i < arena->n_tids; i++) {
		const char *other = arenas_thread_name(profile, arena->tids[i]);

		n += other && strcmp(other, name) == 0;
	}
	return n;
}

/* "4711 worker", "12 worker", "12, 3 of them worker": a number alone if there are no names. */
static void name_threads(const struct profile *profile, const struct arena *arena,
			 struct strbuf *buffer)
{
	const char *name = arena->n_tids ? arenas_thread_name(profile, arena->tids[0]) : NULL;
	size_t n;

	if (!arena->n_tids)
		return;
	strbuf_addf(buffer, "%zu", arena->n_tids == 1 ? arena->tids[0] : arena->n_tids);
	if (!name)
		return;
	n = count_namesakes(profile, arena, name);
	if (n < arena->n_tids)
		strbuf_addf(buffer, ", %zu of them", n);
	strbuf_addc(buffer, ' ');
	label_add_clean(buffer, name);
}

static void add_row(struct table *table, const struct profile *profile, const struct arena *arena,
		    const char *name)
{
	_cleanup_(strbuf_deinit) struct strbuf own_name = {}, threads = {};

	arenas_add_name(arena, &own_name);
	name_threads(profile, arena, &threads);
	table_add_text(table, arenas_allocator_name(arena->allocator));
	table_add_number(table, arena->id);
	table_add_text(table, arena_kind_name(arena->kind));
	table_add_number(table, arena->address);
	table_add_text(table, name ? name : strbuf_text(&own_name));
	table_add_number(table, arena->system);
	table_add_number(table, arena->in_use);
	table_add_number(table, arena->in_use_blocks);
	table_add_number(table, arena->free);
	table_add_number(table, arena->free_resident);
	table_add_number(table, returned(arena));
	table_add_number(table, arena->cached);
	table_add_number(table, arena->top);
	table_add_number(table, arena->trimmable);
	table_add_number(table, arena->metadata);
	table_add_number(table, arena->resident);
	table_add_number(table, arena->peak_system ? arena->peak_system : ARENAS_UNKNOWN);
	table_add_number(table, arena->n_heaps);
	table_add_text(table, threads.length ? strbuf_text(&threads) : NULL);
}

static uint64_t sort_key(const struct arena *arena, enum arenas_sort sort)
{
	switch (sort) {
	case ARENAS_SORT_USED:
		return arena->in_use;
	case ARENAS_SORT_TRIMMABLE:
		return arena->trimmable;
	case ARENAS_SORT_ID:
		return UINT64_MAX - arena->id;
	default:
		return arena->free_resident;
	}
}

static int compare_arenas(const void *a, const void *b, void *sort)
{
	const struct arena *one = *(const struct arena *const *)a;
	const struct arena *other = *(const struct arena *const *)b;
	uint64_t one_key = sort_key(one, *(enum arenas_sort *)sort);
	uint64_t other_key = sort_key(other, *(enum arenas_sort *)sort);

	if (one_key != other_key)
		return one_key > other_key ? -1 : 1;
	return one < other ? -1 : one > other;
}

/* Pointers in the order that is asked for; the caller frees. */
static const struct arena **sort_arenas(const struct arenas *arenas, enum arenas_sort sort)
{
	const struct arena **sorted = calloc(arenas->n_arenas + 1, sizeof(const struct arena *));

	for (size_t i = 0; sorted && i < arenas->n_arenas; i++)
		sorted[i] = &arenas->arenas[i];
	if (sorted && arenas->n_arenas)
		qsort_r((void *)sorted, arenas->n_arenas, sizeof(const struct arena *),
			compare_arenas, &sort);
	return sorted;
}

static struct arena sum_of(const struct arenas *arenas)
{
	struct arena sum = {.peak_system = ARENAS_UNKNOWN};

	for (size_t i = 0; i < arenas->n_arenas; i++)
		add_arena(&sum, &arenas->arenas[i]);
	return sum;
}

static void add_head(struct strbuf *buffer, const struct profile *profile,
		     const struct render_options *options, const struct arena *sum)
{
	text_add_process(buffer, profile, options);
	strbuf_adds(buffer, "\n\n");
	strbuf_adds(buffer, "  The allocator has ");
	words_add_bytes(buffer, options, sum->system, 0);
	strbuf_adds(buffer, ", ");
	words_add_bytes(buffer, options, sum->resident, 0);
	strbuf_adds(buffer, " of it resident: ");
	words_add_bytes(buffer, options, sum->in_use_resident, 0);
	strbuf_adds(buffer, " in use, ");
	words_add_bytes(buffer, options, sum->free_resident, 0);
	strbuf_adds(buffer, " free.\n");
	if (sum->trimmable != ARENAS_UNKNOWN) {
		strbuf_addf(buffer, "  %s would give back ",
			    arenas_trim_name(profile->arenas->arenas[0].allocator));
		words_add_bytes(buffer, options, sum->trimmable, 0);
		strbuf_adds(buffer, ".\n");
	}
	strbuf_addc(buffer, '\n');
}

static int print_table(const struct profile *profile, const struct arenas_options *options,
		       const struct arena *sum, FILE *out)
{
	_cleanup_free_ const struct arena **sorted = sort_arenas(profile->arenas, options->sort);
	size_t n = profile->arenas->n_arenas, shown = options->top ? options->top : ROWS_IN_TEXT;
	struct arena rest = {.peak_system = ARENAS_UNKNOWN};
	_cleanup_(table_deinit) struct table table;
	char name[40];

	table_init(&table, columns, ARRAY_SIZE(columns));
	if (!sorted)
		return -ENOMEM;
	shown = shown + 1 >= n ? n : shown;
	for (size_t i = 0; i < shown; i++)
		add_row(&table, profile, sorted[i], NULL);
	for (size_t i = shown; i < n; i++)
		add_arena(&rest, sorted[i]);
	snprintf(name, sizeof(name), "%zu others", n - shown);
	if (shown < n)
		add_row(&table, profile, &rest, name);
	if (n > 1)
		add_row(&table, profile, sum, "total");
	return table_print_text(&table, options->render, out);
}

int render_arenas_text(const struct profile *profile, const struct arenas_options *options,
		       FILE *out)
{
	_cleanup_(strbuf_deinit) struct strbuf head = {}, tail = {};
	const struct arenas *arenas = profile->arenas;
	struct arena sum;
	int r;

	if (!arenas || !arenas->n_arenas)
		return -ENODATA;
	sum = sum_of(arenas);
	for (size_t i = 0; i < arenas->n_arenas; i++)
		add(&sum.in_use_resident, arenas->arenas[i].in_use_resident);
	add_head(&head, profile, options->render, &sum);
	r = arenas_add_below(&tail, profile, options, &sum);
	if (r < 0)
		return r;
	if (head.error < 0 || tail.error < 0)
		return -ENOMEM;
	fputs(strbuf_text(&head), out);
	r = print_table(profile, options, &sum, out);
	fputs(strbuf_text(&tail), out);
	return r < 0 ? r : words_finish(out);
}

int render_arenas_csv(const struct profile *profile, const struct arenas_options *options,
		      FILE *out)
{
	_cleanup_free_ const struct arena **sorted = NULL;
	_cleanup_(table_deinit) struct table table;
	int r;

	table_init(&table, columns, ARRAY_SIZE(columns));
	if (!profile->arenas || !profile->arenas->n_arenas)
		return -ENODATA;
	sorted = sort_arenas(profile->arenas, options->sort);
	if (!sorted)
		return -ENOMEM;
	for (size_t i = 0; i < profile->arenas->n_arenas; i++)
		if (!options->top || i < options->top)
			add_row(&table, profile, sorted[i], NULL);
	r = table_print_csv(&table, out);
	return r < 0 ? r : words_finish(out);
}
