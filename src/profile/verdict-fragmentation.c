/* SPDX-License-Identifier: MIT */
/*
 * Free memory that lies between live blocks where it serves nobody. Either in holes that nothing fits which
 * the program asks for: nearly all of the holes are smaller than the blocks that make up half of the
 * heap, and the heap grows beside them. Or in pages that a few live blocks share with it: no page is
 * free as a whole, and nothing that an allocator can be told gives it back. Or inside blocks, where each
 * has a mapping of its own and the last page is hardly used.
 */
#include "base/units.h"
#include "profile/verdict-rule.h"

/* Of the holes' bytes, in holes that are too small. */
static const double MISFIT_SHARE = 0.8;
static const uint64_t HOLES_MIN = 100;
/* Blocks of their own mappings: rounding, of what they take. */
static const double ROUNDING_SHARE = 0.15;
static const uint64_t PAGE = 4096;
/*
 * glibc's header of a block with a mapping of its own, how many of them it allows, and from which size on
 * they are worth a system call.
 */
static const uint64_t MAPPED_HEADER = 16, MAPPINGS_MAX = 65536, THRESHOLD_MIN = 16384;

struct fit {
	struct arena_sizes_count holes, misfits, in_use;
	/* the size that half of the bytes in use are in blocks of at least, and the mean of those */
	uint64_t wanted, wanted_mean, large_blocks;
};

static struct fit measure_fit(const struct evidence *evidence)
{
	const struct arena_sizes *sizes = &evidence->arenas->sizes;
	struct arena_sizes_count large;
	struct fit fit = {
		.holes = arena_sizes_total(sizes->holes),
		.in_use = arena_sizes_total(sizes->in_use),
		.wanted = arena_sizes_median(sizes->in_use),
	};

	if (fit.wanted > 0) {
		large = arena_sizes_from(sizes->in_use, fit.wanted);
		fit.large_blocks = large.blocks;
		fit.wanted_mean = large.bytes / MAX(large.blocks, (uint64_t)1);
	}
	fit.misfits = arena_sizes_below(sizes->holes, fit.wanted);
	return fit;
}

static uint64_t stake_holes(const struct evidence *evidence)
{
	struct fit fit;
	uint64_t bytes;

	if (!evidence->heap.known)
		return 0;
	fit = measure_fit(evidence);
	if (fit.misfits.blocks < HOLES_MIN || fit.in_use.bytes < fit.holes.bytes ||
	    (double)fit.misfits.bytes < MISFIT_SHARE * (double)fit.holes.bytes)
		return 0;
	bytes = MIN(fit.misfits.bytes, evidence->heap.trimmable);
	return evidence_is_material(evidence, bytes) ? bytes : 0;
}

/*
 * With a threshold at the size of the holes neither they nor what lies between them would be in the heap. A
 * block of its own mapping takes whole pages, which takes from the gain.
 */
static uint64_t gain_of_threshold(const struct fit *fit)
{
	const uint64_t taken = ALIGN_UP(fit->wanted_mean + MAPPED_HEADER, PAGE);
	const uint64_t lost = fit->large_blocks * (taken - fit->wanted_mean);

	if (fit->large_blocks > MAPPINGS_MAX)
		return 0;
	return fit->misfits.bytes - MIN(lost, fit->misfits.bytes);
}

static int advise_apart(const struct fit *fit, struct verdict *verdict)
{
	const uint64_t mean = fit->misfits.bytes / fit->misfits.blocks;
	const uint64_t gain = gain_of_threshold(fit);
	char size[UNITS_MAX], wanted[UNITS_MAX];
	int r;

	units_format_bytes(mean, size);
	units_format_bytes(fit->wanted_mean, wanted);
	r = verdict_advise(
		verdict, fit->misfits.bytes,
		"let blocks of %s and of %s not share a heap: one size for both, or a pool "
		"for each",
		size, wanted);
	if (r < 0 || gain < fit->misfits.bytes / 2 || mean < THRESHOLD_MIN)
		return r;
	return verdict_advise(
		verdict, gain,
		"or start it with GLIBC_TUNABLES=glibc.malloc.mmap_threshold=%lu, so that "
		"each of them has a mapping of its own",
		ALIGN_DOWN(mean, PAGE));
}

static int judge_holes(const struct evidence *evidence, struct verdict *verdict)
{
	const struct fit fit = measure_fit(evidence);
	const uint64_t mean = fit.misfits.bytes / fit.misfits.blocks;
	char bytes[UNITS_MAX], holes[UNITS_MAX], size[UNITS_MAX], wanted[UNITS_MAX],
		live[UNITS_MAX];
	int r;

	verdict->code = VERDICT_FRAGMENTATION;
	verdict->confidence = 0.85;
	units_format_bytes(fit.misfits.bytes, bytes);
	units_format_count(fit.misfits.blocks, holes);
	units_format_bytes(mean, size);
	units_format_bytes(fit.wanted_mean, wanted);
	r = verdict_say(verdict, "%s lie free in %s holes between live blocks, of %s each", bytes,
			holes, size);
	if (r >= 0)
		r = verdict_say(
			verdict,
			"half of the %s in use are in larger blocks, of %s on average, and no hole holds "
			"one of them: the heap grows beside its holes",
			units_format_bytes(fit.in_use.bytes, live), wanted);
	if (r >= 0)
		r = verdict_advise(
			verdict, stake_holes(evidence),
			"call malloc_trim(0), which returns the whole pages in the holes; "
			"they stay as addresses");
	if (r < 0)
		return r;
	return advise_apart(&fit, verdict);
}

const struct verdict_rule verdict_rule_holes = {stake_holes, judge_holes,
						"lie free in holes that nothing fits"};

static uint64_t stake_pages(const struct evidence *evidence)
{
	const struct evidence_heap *heap = &evidence->heap;
	uint64_t other = heap->trimmable + heap->idle_tops + heap->cached;
	uint64_t bytes = heap->free_resident - MIN(other, heap->free_resident);

	return heap->known && evidence_is_material(evidence, bytes) ? bytes : 0;
}

/* glibc's whole pages lie at its top then, and ours go back by themselves; others keep them until they are told. */
static int advise_pages(enum arenas_allocator allocator, uint64_t bytes, uint64_t median,
			struct verdict *verdict)
{
	const bool keeps = allocator != ARENAS_GLIBC && allocator != ARENAS_FAST;
	const char *how = keeps ? "; what goes is returned by " : "";
	const char *by = keeps ? arenas_trim_name(allocator) : "";
	char size[UNITS_MAX];

	if (!median)
		return verdict_advise(
			verdict, bytes,
			"allocate what stays apart from what goes: a pool or an arena for the "
			"long-lived blocks%s%s",
			how, by);
	units_format_bytes(median, size);
	return verdict_advise(
		verdict, bytes,
		"allocate what stays apart from what goes: a pool or an arena for the "
		"long-lived blocks (half of them by bytes are of %s or more)%s%s",
		size, how, by);
}

static int judge_pages(const struct evidence *evidence, struct verdict *verdict)
{
	const struct evidence_heap *heap = &evidence->heap;
	const uint64_t bytes = stake_pages(evidence);
	const enum arenas_allocator allocator = heap->most ? heap->most->allocator : ARENAS_GLIBC;
	const bool is_glibc = heap->most && allocator == ARENAS_GLIBC;
	const uint64_t median = arena_sizes_median(evidence->arenas->sizes.in_use);
	char shared[UNITS_MAX], live[UNITS_MAX], trim[UNITS_MAX];
	int r;

	verdict->code = VERDICT_FRAGMENTATION;
	verdict->confidence = 0.9;
	units_format_bytes(bytes, shared);
	units_format_bytes(evidence->live, live);
	r = verdict_say(
		verdict,
		"%s are free, but in pages that live blocks share (%s): of each page in the heap "
		"%.0f %% are in use",
		shared, arenas_shared_name(allocator),
		100.0 * (double)heap->in_use_resident /
			(double)MAX(heap->in_use_resident + bytes, (uint64_t)1));
	if (r >= 0)
		r = verdict_say(verdict, "%s are live, in blocks that outlived their neighbours",
				live);
	units_format_bytes(heap->trimmable, trim);
	if (r >= 0)
		r = verdict_say(verdict,
				"nothing is to be gained from %s (%s)%s: no whole page is free",
				is_glibc ? "malloc_trim" : arenas_trim_name(allocator), trim,
				is_glibc ? ", MALLOC_ARENA_MAX or a threshold" : "");
	if (r < 0)
		return r;
	return advise_pages(allocator, bytes, median, verdict);
}

const struct verdict_rule verdict_rule_pages = {stake_pages, judge_pages,
						"are free in pages that live blocks share"};

/* Whole pages against what was asked for, which only the agent knows. */
static uint64_t stake_rounding(const struct evidence *evidence)
{
	const struct evidence_heap *heap = &evidence->heap;
	uint64_t bytes;

	if (!heap->known || !evidence->has_agent || heap->in_use <= evidence->live)
		return 0;
	bytes = heap->in_use - evidence->live;
	if (heap->mapped_alone < heap->in_use / 2 ||
	    (double)bytes < ROUNDING_SHARE * (double)heap->in_use)
		return 0;
	return evidence_is_material(evidence, bytes) ? bytes : 0;
}

static int judge_rounding(const struct evidence *evidence, struct verdict *verdict)
{
	const struct evidence_heap *heap = &evidence->heap;
	const uint64_t n = evidence->arenas->n_mmaps;
	char taken[UNITS_MAX], live[UNITS_MAX], count[UNITS_MAX], bytes[UNITS_MAX];
	int r;

	verdict->code = VERDICT_FRAGMENTATION;
	verdict->confidence = 0.85;
	units_format_bytes(heap->mapped_alone, taken);
	units_format_bytes(evidence->live, live);
	units_format_bytes(stake_rounding(evidence), bytes);
	r = verdict_say(
		verdict,
		"%s were asked for and %s are taken: each of %s blocks has a mapping of its "
		"own, and its last page is hardly used",
		live, taken, n == ARENAS_UNKNOWN ? "the" : units_format_count(n, count));
	if (r < 0)
		return r;
	return verdict_advise(verdict, stake_rounding(evidence),
			      "raise the mmap threshold again (mallopt(M_MMAP_THRESHOLD), "
			      "GLIBC_TUNABLES=glibc.malloc.mmap_threshold=131072), so that blocks "
			      "share pages");
}

const struct verdict_rule verdict_rule_rounding = {stake_rounding, judge_rounding,
						   "are rounding of blocks up to whole pages"};
