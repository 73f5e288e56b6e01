/* SPDX-License-Identifier: MIT */
/*
 * arenas-below.c: what is told below the table of arenas: the blocks that hold free memory, heaviest first,
 * when memory goes back by itself, and how far all of it was read.
 */
#include "render/arenas-below.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/units.h"
#include "profile/label.h"
#include "profile/pins.h"
#include "render/words.h"

enum { PINS_IN_TEXT = 8, MMAP_THRESHOLD_AT_FIRST = 128 << 10 };

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
	arenas_add_name(ranked->arena, buffer);
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

int arenas_add_below(struct strbuf *buffer, const struct profile *profile,
		     const struct arenas_options *options, const struct arena *sum)
{
	int r = add_pins(buffer, profile, options);

	if (r < 0)
		return r;
	add_thresholds(buffer, options->render, profile);
	add_stops(buffer, options->render, profile->arenas);
	add_doubts(buffer, options->render, profile->arenas, sum);
	return 0;
}
