/* SPDX-License-Identifier: MIT */
/*
 * arenas.c: the table of `memtrace arenas`, for people and for programs. For people free memory is told
 * as what it costs: what is resident, and what went back to the kernel already.
 */
#include "render/arenas.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "base/units.h"
#include "profile/label.h"
#include "profile/pins.h"
#include "render/table.h"
#include "render/text.h"
#include "render/words.h"

enum { ROWS_IN_TEXT = 20, PINS_IN_TEXT = 8, MMAP_THRESHOLD_AT_FIRST = 128 << 10 };

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

static void name_arena(const struct arena *arena, struct strbuf *buffer)
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

	name_arena(arena, &own_name);
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

struct ranked_pin {
	const struct arena *arena;
	const struct arena_pin *pin;
};

static int compare_pins(const void *a, const void *b)
{
	const struct ranked_pin *one = a, *other = b;

	return one->pin->holds > other->pin->holds ? -1 : one->pin->holds < other->pin->holds;
}

/* "arena 5 keeps 38.0 MiB for 3 blocks of 412 B in all: session_put (cache.c:88), 3 h old" */
static void add_pin(struct strbuf *buffer, const struct profile *profile,
		    const struct render_options *options, const struct ranked_pin *ranked)
{
	const struct arena_pin *pin = ranked->pin;
	struct pin_owner owner;
	char size[UNITS_MAX];

	strbuf_adds(buffer, "  ");
	words_add_bytes(buffer, options, pin->holds, 0);
	strbuf_adds(buffer, ranked->arena->kind == ARENA_THREAD ? " in arena " : " in ");
	name_arena(ranked->arena, buffer);
	if (pin->n_blocks == 1)
		strbuf_addf(buffer, ", by a block of %s at 0x%" PRIx64,
			    units_format_bytes(pin->size, size), pin->address);
	else
		strbuf_addf(buffer, ", by %" PRIu64 " blocks of %s in all, the first at 0x%" PRIx64,
			    pin->n_blocks, units_format_bytes(pin->bytes, size), pin->address);
	if (pin_owner_find(profile, pin, &owner)) {
		strbuf_adds(buffer, ", from ");
		label_site(profile, &profile->sites[owner.site], buffer);
		if (owner.age_s >= 0) {
			strbuf_adds(buffer, ", ");
			words_add_duration(buffer, options, owner.age_s);
			strbuf_adds(buffer, " old");
		}
	}
	strbuf_addc(buffer, '\n');
}

static int add_pins(struct strbuf *buffer, const struct profile *profile,
		    const struct arenas_options *options)
{
	const struct arenas *arenas = profile->arenas;
	size_t n = 0, shown = options->top ? options->top : PINS_IN_TEXT;
	_cleanup_free_ struct ranked_pin *pins = NULL;

	for (size_t i = 0; i < arenas->n_arenas; i++)
		n += arenas->arenas[i].n_pins;
	if (!n)
		return 0;
	pins = calloc(n, sizeof(*pins));
	if (!pins)
		return -ENOMEM;
	n = 0;
	for (size_t i = 0; i < arenas->n_arenas; i++)
		for (size_t j = 0; j < arenas->arenas[i].n_pins; j++)
			pins[n++] =
				(struct ranked_pin){&arenas->arenas[i], &arenas->arenas[i].pins[j]};
	qsort(pins, n, sizeof(*pins), compare_pins);
	strbuf_addc(buffer, '\n');
	words_add_styled(buffer, options->render, WORDS_STRONG, "Free memory that blocks hold");
	strbuf_adds(buffer, "\n\n");
	for (size_t i = 0; i < n && i < shown; i++)
		add_pin(buffer, profile, options->render, &pins[i]);
	if (n > shown)
		strbuf_addf(buffer, "  and %zu more\n", n - shown);
	return 0;
}

static void add_raiser(struct strbuf *buffer, const struct profile *profile)
{
	const struct profile_site *site = pins_find_raiser(profile);

	strbuf_adds(buffer, ": raised from 128.0 KiB, when the program freed such a block");
	if (!site)
		return;
	strbuf_adds(buffer, " from ");
	label_site(profile, site, buffer);
}

static void add_stops(struct strbuf *buffer, const struct render_options *options,
		      const struct arenas *arenas)
{
	if (arenas->n_stops == 0)
		return;
	strbuf_adds(buffer, "\n  To be read, the process was stopped ");
	words_add_count(buffer, arenas->n_stops, "time", "times");
	strbuf_adds(buffer, arenas->n_stops == 1 ? ", for " : ", for at most ");
	words_add_duration(buffer, options, (double)arenas->longest_stop_ns / 1e9);
	strbuf_adds(buffer, ".\n");
}

static void add_thresholds(struct strbuf *buffer, const struct render_options *options,
			   const struct profile *profile)
{
	const struct arenas *arenas = profile->arenas;

	if (arenas->mmap_threshold == ARENAS_UNKNOWN)
		return;
	strbuf_adds(buffer, "\n  Blocks from ");
	words_add_bytes(buffer, options, arenas->mmap_threshold, 0);
	strbuf_adds(buffer, " on get a mapping of their own");
	if (arenas->fixed_thresholds)
		strbuf_adds(buffer, ", as the program or its environment asked for");
	else if (arenas->mmap_threshold > MMAP_THRESHOLD_AT_FIRST)
		add_raiser(buffer, profile);
	if (arenas->trim_threshold < UINT64_MAX / 2) {
		strbuf_adds(buffer, "; an arena's top goes back from ");
		words_add_bytes(buffer, options, arenas->trim_threshold, 0);
		strbuf_adds(buffer, " on");
	}
	strbuf_adds(buffer, ".\n");
}

static void add_doubts(struct strbuf *buffer, const struct render_options *options,
		       const struct arenas *arenas, const struct arena *sum)
{
	if (sum->unread && sum->unread != ARENAS_UNKNOWN) {
		strbuf_adds(buffer, "\n  ");
		words_add_bytes(buffer, options, sum->unread, 0);
		strbuf_adds(buffer, " that could not be told apart into blocks count as in use.\n");
	}
	if (arenas->refused)
		strbuf_addf(buffer, "\n  Not everything was read: %s.\n", arenas->refused);
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
	r = add_pins(&tail, profile, options);
	if (r < 0)
		return r;
	add_thresholds(&tail, options->render, profile);
	add_stops(&tail, options->render, profile->arenas);
	add_doubts(&tail, options->render, arenas, &sum);
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
