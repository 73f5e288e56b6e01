/* SPDX-License-Identifier: MIT */
/*
 * The allocator keeps memory that the program freed, in whole pages, so that it could go back. Why it keeps
 * it decides what helps: a block above it, a threshold that one large block has raised, or only that glibc
 * gives back nothing but the top of a heap. Each remedy gets the figure of this process: what
 * malloc_trim(0) would return is counted page by page, what a pin holds is counted behind the pin, what a
 * lower mmap threshold gives is in holes of at least that size. MALLOC_ARENA_MAX gives something only if
 * the arenas had their peaks at different times, which the sum of their peaks and the program's own peak tell.
 *
 * Where the arenas could not be read, only the sum is known, and the advice is a way to find out.
 */
#include "base/strbuf.h"
#include "base/units.h"
#include "profile/label.h"
#include "profile/verdict-rule.h"

/* glibc's M_MMAP_THRESHOLD before anything has raised it. */
static const uint64_t THRESHOLD_DEFAULT = 128 << 10;
/* A heap this part of which is in no live block, where nothing better is known. */
static const double KEPT_SHARE = 0.3;
/* A pin that holds less of what is kept is no explanation. */
static const double PIN_SHARE = 0.2;
/* An arena that keeps this part of all explains it alone. */
static const double MOST_SHARE = 0.9;
/* What blocks need beside what was asked for: headers, rounding, thread caches. */
static const double HEAP_SLACK = 1.15;

/* What holes explain better. */
static uint64_t left_by_holes(const struct evidence *evidence)
{
	const uint64_t holes = verdict_rule_holes.stake(evidence);

	return evidence->heap.trimmable - MIN(holes, evidence->heap.trimmable);
}

static uint64_t stake_retention(const struct evidence *evidence)
{
	const uint64_t kept = evidence->ledger ? ledger_kept_bytes(evidence->ledger) : 0;
	uint64_t bytes = left_by_holes(evidence);

	if (!evidence->heap.known && evidence->has_agent &&
	    (double)kept >= KEPT_SHARE * (double)evidence->rss)
		bytes = kept;
	return evidence_is_material(evidence, bytes) ? bytes : 0;
}

static const char *allocator_name(const struct evidence *evidence)
{
	if (!evidence->heap.most)
		return "the allocator";
	if (evidence->heap.most->allocator == ARENAS_FAST)
		return "memtrace's allocator";
	return arenas_allocator_name(evidence->heap.most->allocator);
}

static int say_kept(const struct evidence *evidence, struct verdict *verdict)
{
	const struct evidence_heap *heap = &evidence->heap;
	char kept[UNITS_MAX], rss[UNITS_MAX], live[UNITS_MAX];

	return verdict_say(verdict,
			   "%s of %s resident were freed by the program and are kept by %s; %s are "
			   "live",
			   units_format_bytes(heap->free_resident, kept),
			   units_format_bytes(evidence->rss, rss), allocator_name(evidence),
			   units_format_bytes(evidence->live, live));
}

static int say_where(const struct evidence *evidence, struct verdict *verdict)
{
	const struct evidence_heap *heap = &evidence->heap;
	char most[UNITS_MAX];

	if (!heap->most || heap->n_arenas < 2)
		return 0;
	units_format_bytes(heap->most->free_resident, most);
	if ((double)heap->most->free_resident >= MOST_SHARE * (double)heap->free_resident)
		return verdict_say(verdict, "%s of it in one of its %zu arenas, %s %u", most,
				   heap->n_arenas, arena_kind_name(heap->most->kind),
				   heap->most->id);
	return verdict_say(verdict, "it is spread over %zu of %zu arenas, none keeps more than %s",
			   heap->n_keeping, heap->n_arenas, most);
}

/* Age and place of a pin's block, if it was sampled: " from open_session (x.c:3), 3h old". */
static int describe_pin(const struct evidence *evidence, struct strbuf *text)
{
	const struct arena_pin *pin = evidence->heap.pin;
	const struct profile_block *block =
		evidence_find_block(evidence, pin->address, MAX(pin->size, (uint64_t)1));
	char age[UNITS_MAX];
	int r;

	if (!block)
		return 0;
	strbuf_adds(text, ", allocated by ");
	r = label_site(evidence->profile, &evidence->profile->sites[block->site], text);
	if (r < 0)
		return r;
	return strbuf_addf(text, ", %s old", units_format_duration(MAX(block->age_s, 0.0), age));
}

static bool pin_matters(const struct evidence *evidence)
{
	return evidence->heap.pin &&
	       (double)evidence->heap.pin->holds >= PIN_SHARE * (double)evidence->heap.trimmable;
}

static int say_pin(const struct evidence *evidence, struct verdict *verdict)
{
	const struct arena_pin *pin = evidence->heap.pin;
	_cleanup_(strbuf_deinit) struct strbuf who = {};
	char holds[UNITS_MAX], bytes[UNITS_MAX];
	int r;

	if (!pin_matters(evidence))
		return 0;
	r = describe_pin(evidence, &who);
	if (r < 0)
		return r;
	units_format_bytes(pin->holds, holds);
	units_format_bytes(pin->bytes, bytes);
	if (pin->n_blocks > 1)
		return verdict_say(verdict,
				   "%s of it lie below %s in %lu blocks, the first at %#lx%s",
				   holds, bytes, pin->n_blocks, pin->address, strbuf_text(&who));
	return verdict_say(verdict, "%s of it lie below one block of %s at %#lx%s", holds, bytes,
			   pin->address, strbuf_text(&who));
}

static int advise_pin(const struct evidence *evidence, struct verdict *verdict)
{
	const struct arena_pin *pin = evidence->heap.pin;
	_cleanup_(strbuf_deinit) struct strbuf who = {};
	char bytes[UNITS_MAX];
	int r;

	if (!pin_matters(evidence))
		return 0;
	r = describe_pin(evidence, &who);
	if (r < 0)
		return r;
	return verdict_advise(verdict, pin->holds,
			      "free %s of %s at %#lx%s, or allocate it before the rest: the heap "
			      "then shrinks by itself",
			      pin->n_blocks > 1 ? "the blocks" : "the block",
			      units_format_bytes(pin->bytes, bytes), pin->address,
			      strbuf_text(&who));
}

static bool threshold_was_raised(const struct evidence *evidence)
{
	const struct arenas *arenas = evidence->arenas;

	/* glibc raises both together; who sets one by hand switches that off */
	return arenas && arenas->mmap_threshold != ARENAS_UNKNOWN &&
	       arenas->mmap_threshold > THRESHOLD_DEFAULT &&
	       arenas->trim_threshold == 2 * arenas->mmap_threshold;
}

/* In holes that only blocks above the original threshold can have left. */
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
	return evidence_is_material(evidence, bytes) ? bytes : 0;
}

/* A place whose blocks are of the size that the threshold was raised to: within a page and a header. */
static const struct profile_site *who_raised(const struct evidence *evidence)
{
	const struct profile *profile = evidence->profile;
	const double threshold = (double)evidence->arenas->mmap_threshold;

	for (size_t i = 0; i < profile->n_sites; i++) {
		const struct profile_site *site = &profile->sites[i];
		double mean = site->allocated_blocks ? (double)site->allocated_bytes /
							       (double)site->allocated_blocks
						     : 0;

		if (site->kind == MT_SITE_MALLOC && site->freed_blocks > 0 && mean <= threshold &&
		    mean >= threshold - 2 * 4096)
			return site;
	}
	return NULL;
}

static int say_threshold(const struct evidence *evidence, struct verdict *verdict)
{
	const uint64_t kept = kept_by_threshold(evidence);
	_cleanup_(strbuf_deinit) struct strbuf who = {};
	const struct profile_site *site;
	char raised[UNITS_MAX], bytes[UNITS_MAX];
	int r = 0;

	if (kept == 0)
		return 0;
	units_format_bytes(evidence->arenas->mmap_threshold, raised);
	site = who_raised(evidence);
	if (site) {
		strbuf_adds(&who, ", from ");
		r = label_site(evidence->profile, site, &who);
	}
	if (r < 0)
		return r;
	return verdict_say(
		verdict,
		"a freed block of %s%s raised glibc's mmap threshold from 128 KiB to its "
		"size: %s are in holes that blocks of 128 KiB and more left in the heap",
		raised, strbuf_text(&who), units_format_bytes(kept, bytes));
}

static int advise_threshold(const struct evidence *evidence, struct verdict *verdict)
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

static int advise_trim(const struct evidence *evidence, struct verdict *verdict)
{
	const uint64_t trimmable = evidence->heap.trimmable;
	const struct profile_process *process = &evidence->profile->process;

	if (evidence->heap.most && evidence->heap.most->allocator != ARENAS_GLIBC &&
	    evidence->heap.most->allocator != ARENAS_FAST)
		return verdict_advise(verdict, trimmable, "have %s return its free pages",
				      allocator_name(evidence));
	if (!evidence->running)
		return verdict_advise(verdict, trimmable,
				      "call malloc_trim(0) when a peak is over");
	return verdict_advise(
		verdict, trimmable,
		"call malloc_trim(0) when a peak is over; at once: memtrace trim --yes %u",
		process->pid);
}

/*
 * What one arena would have needed is about the program's own peak. If the arenas' peaks add up to no more,
 * they came together, and fewer arenas would keep as much.
 */
static uint64_t gain_of_fewer_arenas(const struct evidence *evidence)
{
	const struct evidence_heap *heap = &evidence->heap;
	const uint64_t peak = evidence->profile->heap.peak_live_bytes;
	double needed;

	if (!evidence->has_agent || peak == PROFILE_UNKNOWN || peak == 0 ||
	    heap->peak_system == PROFILE_UNKNOWN)
		return PROFILE_UNKNOWN;
	needed = HEAP_SLACK * (double)peak;
	if ((double)heap->peak_system <= needed)
		return 0;
	return MIN((uint64_t)((double)heap->peak_system - needed), heap->free_resident);
}

static int judge_arena_max(const struct evidence *evidence, struct verdict *verdict)
{
	const struct evidence_heap *heap = &evidence->heap;
	uint64_t gain;

	if (heap->n_thread_arenas < 2 || !heap->most || heap->most->allocator != ARENAS_GLIBC)
		return 0;
	gain = gain_of_fewer_arenas(evidence);
	if (gain != PROFILE_UNKNOWN && evidence_is_material(evidence, gain))
		return verdict_advise(
			verdict, gain,
			"start it with MALLOC_ARENA_MAX=1: its %zu arenas had their peaks "
			"at different times",
			heap->n_arenas);
	if (gain != PROFILE_UNKNOWN)
		return verdict_say(verdict, "MALLOC_ARENA_MAX would give nothing: the arenas had "
					    "their peaks together, and one would keep as much");
	return verdict_say(
		verdict,
		"nothing shows that MALLOC_ARENA_MAX would help: what is kept was in use "
		"once, in one arena or in %zu",
		heap->n_arenas);
}

static int judge_unread(const struct evidence *evidence, struct verdict *verdict)
{
	const uint64_t kept = ledger_kept_bytes(evidence->ledger);
	const char *refused = evidence->arenas ? evidence->arenas->refused : NULL;
	char bytes[UNITS_MAX], rss[UNITS_MAX];
	int r;

	verdict->confidence = 0.5;
	units_format_bytes(kept, bytes);
	units_format_bytes(evidence->rss, rss);
	r = verdict_say(verdict, "%s of %s resident are in the heap but in no live block", bytes,
			rss);
	if (r >= 0 && refused)
		r = verdict_say(verdict, "%s", refused);
	if (r < 0)
		return r;
	switch (evidence->profile->agent.allocator) {
	case MT_ALLOCATOR_JEMALLOC:
		return verdict_advise(
			verdict, PROFILE_UNKNOWN,
			"start it with MALLOC_CONF=dirty_decay_ms:1000,muzzy_decay_ms:0 "
			"and see what comes back; what does not is in partly used slabs");
	case MT_ALLOCATOR_TCMALLOC:
		return verdict_advise(verdict, PROFILE_UNKNOWN,
				      "call MallocExtension_ReleaseFreeMemory() and see what comes "
				      "back; what does not is in partly used spans");
	case MT_ALLOCATOR_MIMALLOC:
		return verdict_advise(
			verdict, PROFILE_UNKNOWN,
			"call mi_collect(true) in each thread and see what comes back");
	default:
		return verdict_advise(
			verdict, PROFILE_UNKNOWN,
			"let the program call malloc_trim(0) and see what comes back");
	}
}

static int judge_retention(const struct evidence *evidence, struct verdict *verdict)
{
	int r;

	verdict->code = VERDICT_RETENTION;
	if (!evidence->heap.known)
		return judge_unread(evidence, verdict);
	verdict->confidence = 0.95;
	r = say_kept(evidence, verdict);
	if (r >= 0)
		r = say_where(evidence, verdict);
	if (r >= 0)
		r = say_threshold(evidence, verdict);
	if (r >= 0)
		r = say_pin(evidence, verdict);
	if (r >= 0)
		r = advise_trim(evidence, verdict);
	if (r >= 0)
		r = advise_threshold(evidence, verdict);
	/* with a raised threshold each buffer's neighbour is a pin: none of them is the cause */
	if (r >= 0 && kept_by_threshold(evidence) == 0)
		r = advise_pin(evidence, verdict);
	return r < 0 ? r : judge_arena_max(evidence, verdict);
}

const struct verdict_rule verdict_rule_retention = {stake_retention, judge_retention,
						    "were freed and are kept by the allocator"};
