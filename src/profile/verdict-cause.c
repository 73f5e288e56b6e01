/* SPDX-License-Identifier: MIT */
/*
 * Why glibc keeps what it could give back. It shrinks a heap only from its end, so one block there keeps all
 * that lies below: a pin. And it has blocks above a threshold mapped one by one, which go back when they are
 * freed, but raises the threshold to the size of the first such block that is freed: from then on blocks up to
 * that size come from the heap, and stay there.
 */
#include "profile/verdict-cause.h"

#include "base/strbuf.h"
#include "base/units.h"
#include "profile/label.h"
#include "profile/pins.h"

/* glibc's M_MMAP_THRESHOLD before anything has raised it. */
static const uint64_t THRESHOLD_DEFAULT = 128 << 10;
/* Of what is kept, for a raised threshold to be the cause. */
static const double CAUSE_SHARE = 0.5;
/* A pin that holds less of what is kept is no explanation. */
static const double PIN_SHARE = 0.2;
/* More blocks than that are no pin, they are how the heap is used. */
static const uint64_t PIN_BLOCKS = 16;
/* Chunks up to this size go to the cache of the thread that frees them (MAX_TCACHE_SIZE of 64-bit glibc). */
static const uint64_t TCACHE_MAX = 1040;

static const struct profile_block *pin_block(const struct evidence *evidence)
{
	const struct arena_pin *pin = evidence->heap.pin;

	return evidence_find_block(evidence, pin->address, MAX(pin->size, (uint64_t)1));
}

/* " from open_session (x.c:3)" if the pin's block was sampled, else nothing. */
static int add_pin_place(const struct evidence *evidence, struct strbuf *text)
{
	const struct profile_block *block = pin_block(evidence);

	if (!block)
		return 0;
	strbuf_adds(text, " from ");
	return label_site(evidence->profile, &evidence->profile->sites[block->site], text);
}

static int add_pin_age(const struct evidence *evidence, struct strbuf *text)
{
	const struct profile_block *block = pin_block(evidence);
	char age[UNITS_MAX];

	if (!block)
		return 0;
	return strbuf_addf(text, ", %s old", units_format_duration(MAX(block->age_s, 0.0), age));
}

static bool threshold_was_raised(const struct evidence *evidence)
{
	const struct arenas *arenas = evidence->arenas;

	/* who sets one by hand means it */
	return arenas && arenas->mmap_threshold != ARENAS_UNKNOWN &&
	       arenas->mmap_threshold > THRESHOLD_DEFAULT && !arenas->fixed_thresholds;
}

/* What places with blocks between the two thresholds have freed; the agent's. */
static uint64_t freed_between(const struct evidence *evidence)
{
	const struct profile *profile = evidence->profile;
	uint64_t bytes = 0;

	for (size_t i = 0; i < profile->n_sites; i++) {
		const struct profile_site *site = &profile->sites[i];
		uint64_t mean = site->allocated_bytes / MAX(site->allocated_blocks, (uint64_t)1);

		if (site->kind == MT_SITE_MALLOC && mean >= THRESHOLD_DEFAULT &&
		    mean <= evidence->arenas->mmap_threshold)
			bytes += site->freed_bytes;
	}
	return bytes;
}

/*
 * In holes of sizes that only blocks between the two thresholds leave, or many small neighbours together. It
 * is the cause if most of what is kept lies there, and, where the agent was, such blocks were freed.
 */
static uint64_t kept_by_threshold(const struct evidence *evidence)
{
	const struct arena_sizes_count *holes;
	uint64_t bytes;

	if (!threshold_was_raised(evidence))
		return 0;
	holes = evidence->arenas->sizes.holes;
	bytes = arena_sizes_from(holes, THRESHOLD_DEFAULT).bytes -
		arena_sizes_from(holes, 2 * evidence->arenas->mmap_threshold).bytes;
	bytes = MIN(bytes, evidence->heap.trimmable);
	if (evidence->has_agent)
		bytes = MIN(bytes, freed_between(evidence));
	return (double)bytes >= CAUSE_SHARE * (double)evidence->heap.trimmable ? bytes : 0;
}

/* With a raised threshold each buffer's neighbour is a pin, and none of them is the cause. */
static bool pin_matters(const struct evidence *evidence)
{
	const struct arena_pin *pin = evidence->heap.pin;

	return pin && pin->n_blocks <= PIN_BLOCKS && kept_by_threshold(evidence) == 0 &&
	       (double)pin->holds >= PIN_SHARE * (double)evidence->heap.trimmable;
}

int cause_say_pin(const struct evidence *evidence, struct verdict *verdict)
{
	const struct arena_pin *pin = evidence->heap.pin;
	_cleanup_(strbuf_deinit) struct strbuf who = {};
	char holds[UNITS_MAX], bytes[UNITS_MAX];
	int r;

	if (!pin_matters(evidence))
		return 0;
	r = add_pin_place(evidence, &who);
	if (r >= 0)
		r = add_pin_age(evidence, &who);
	if (r < 0)
		return r;
	units_format_bytes(pin->holds, holds);
	units_format_bytes(pin->bytes, bytes);
	if (pin->n_blocks > 1)
		return verdict_say(
			verdict,
			"%s of it lie below %lu blocks of %s together, the first at %#lx%s", holds,
			pin->n_blocks, bytes, pin->address, strbuf_text(&who));
	return verdict_say(verdict, "%s of it lie below one block of %s at %#lx%s", holds, bytes,
			   pin->address, strbuf_text(&who));
}

/* A small block that is freed goes to its thread's cache, and pins as before. */
int cause_advise_pin(const struct evidence *evidence, struct verdict *verdict)
{
	const struct arena_pin *pin = evidence->heap.pin;
	_cleanup_(strbuf_deinit) struct strbuf who = {};
	const char *what, *it;
	int r;

	if (!pin_matters(evidence))
		return 0;
	r = add_pin_place(evidence, &who);
	if (r < 0)
		return r;
	what = pin->n_blocks > 1 ? "those blocks" : "the block";
	it = pin->n_blocks > 1 ? "them" : "it";
	if (pin->bytes / pin->n_blocks <= TCACHE_MAX)
		return verdict_advise(
			verdict, pin->holds,
			"allocate %s%s before the rest, or let %s be part of a larger "
			"one: the heap then shrinks by itself (to free %s is not enough: "
			"its thread's cache keeps %s in place)",
			what, strbuf_text(&who), it, it, it);
	return verdict_advise(verdict, pin->holds,
			      "free %s%s, or allocate %s before the rest: the heap then shrinks by "
			      "itself",
			      what, strbuf_text(&who), it);
}

int cause_say_threshold(const struct evidence *evidence, struct verdict *verdict)
{
	const uint64_t kept = kept_by_threshold(evidence);
	_cleanup_(strbuf_deinit) struct strbuf who = {};
	const struct profile_site *site;
	char raised[UNITS_MAX], bytes[UNITS_MAX];
	int r = 0;

	if (kept == 0)
		return 0;
	units_format_bytes(evidence->arenas->mmap_threshold, raised);
	site = pins_find_raiser(evidence->profile);
	if (site) {
		strbuf_adds(&who, ", from ");
		r = label_site(evidence->profile, site, &who);
	}
	if (r < 0)
		return r;
	return verdict_say(
		verdict,
		"a freed block of %s%s raised glibc's mmap threshold from 128 KiB to its "
		"size; blocks in between then came from the heap and left %s of holes there",
		raised, strbuf_text(&who), units_format_bytes(kept, bytes));
}

int cause_advise_threshold(const struct evidence *evidence, struct verdict *verdict)
{
	const uint64_t kept = kept_by_threshold(evidence);

	if (kept == 0)
		return 0;
	return verdict_advise(
		verdict, kept,
		"start it with GLIBC_TUNABLES=glibc.malloc.mmap_threshold=131072, or "
		"call mallopt(M_MMAP_THRESHOLD, 131072) first: what is that large then "
		"goes back when it is freed");
}
