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
#include <string.h>

#include "base/units.h"
#include "profile/verdict-cause.h"
#include "profile/verdict-rule.h"

/* A heap this part of which is in no live block, where nothing better is known. */
static const double KEPT_SHARE = 0.3;
/* glibc's limit of arenas, on 64-bit. */
static const double ARENAS_PER_CPU = 8;
/* Of what is kept, for what cannot be trimmed to be worth a word. */
static const double REST_SHARE = 0.1;
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

/* Of an allocator that could not be read: all that is not in what the agent knows to be live. */
static uint64_t kept_unread(const struct evidence *evidence)
{
	const uint64_t heap = evidence_heap_resident(evidence);

	return heap - MIN(evidence->live, heap);
}

static uint64_t stake_retention(const struct evidence *evidence)
{
	const uint64_t kept = kept_unread(evidence);
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

/* malloc_trim(0) does not touch the ends of thread arenas, and no part of a page. */
static int say_rest(const struct evidence *evidence, struct verdict *verdict)
{
	const struct evidence_heap *heap = &evidence->heap;
	const uint64_t rest = heap->free_resident - MIN(heap->trimmable, heap->free_resident);
	char whole[UNITS_MAX], tops[UNITS_MAX], parts[UNITS_MAX];

	if ((double)rest < REST_SHARE * (double)heap->free_resident)
		return 0;
	if (heap->idle_tops == 0)
		return verdict_say(verdict,
				   "%s of it are whole pages that can go back, %s parts of pages "
				   "and caches of threads",
				   units_format_bytes(heap->trimmable, whole),
				   units_format_bytes(rest, parts));
	return verdict_say(
		verdict,
		"%s of it are whole pages that malloc_trim gives back, %s unused ends of "
		"arenas that it does not, %s parts of pages and caches of threads",
		units_format_bytes(heap->trimmable, whole),
		units_format_bytes(heap->idle_tops, tops),
		units_format_bytes(rest - MIN(heap->idle_tops, rest), parts));
}

/* glibc counts CPUs, not what a control group allows of them. */
static int say_limit(const struct evidence *evidence, struct verdict *verdict)
{
	const struct profile_process *process = &evidence->profile->process;
	const double cpus = process->cpu_limit / 1000.0;
	const size_t n = evidence->heap.n_thread_arenas;

	if (!evidence->heap.most || evidence->heap.most->allocator != ARENAS_GLIBC)
		return 0;
	if (cpus <= 0 || cpus >= process->n_cpus || (double)n <= ARENAS_PER_CPU * cpus)
		return 0;
	return verdict_say(
		verdict,
		"its control group allows it %.1f CPUs, but glibc sees %u and permits %.0f "
		"arenas; it has %zu",
		cpus, process->n_cpus, ARENAS_PER_CPU * process->n_cpus, n + 1);
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

static bool is_java(const struct evidence *evidence)
{
	return evidence_owned(evidence, LEDGER_JVM_HEAP) > 0 ||
	       strcmp(evidence->profile->process.comm, "java") == 0;
}

/* In each allocator's own terms: what whole free pages are there, and what returns them. */
static const struct foreign {
	uint32_t allocator; /* enum mt_allocator */
	enum arenas_allocator arenas;
	const char *whole, *partly, *advice;
} foreign[] = {
	{MT_ALLOCATOR_JEMALLOC, ARENAS_JEMALLOC, "dirty pages and caches of threads", "slabs",
	 "start it with MALLOC_CONF=dirty_decay_ms:0,muzzy_decay_ms:0, which returns dirty pages at "
	 "once and costs time"},
	{MT_ALLOCATOR_TCMALLOC, ARENAS_TCMALLOC, "free spans and caches of threads", "spans",
	 "call MallocExtension_ReleaseFreeMemory() when a peak is over"},
	{MT_ALLOCATOR_MIMALLOC, ARENAS_MIMALLOC, "free pages of its segments", "pages of mimalloc",
	 "call mi_collect(true) in each thread when a peak is over"},
	{MT_ALLOCATOR_UNKNOWN, ARENAS_GLIBC, "whole pages and caches of threads", "pages",
	 "let the program call malloc_trim(0) and see what comes back"},
};

static const struct foreign *find_foreign(const struct evidence *evidence)
{
	size_t i = 0;

	while (foreign[i].allocator != MT_ALLOCATOR_UNKNOWN &&
	       foreign[i].allocator != evidence->profile->agent.allocator)
		i++;
	return &foreign[i];
}

static int advise_foreign(const struct evidence *evidence, const struct foreign *own,
			  struct verdict *verdict)
{
	const uint64_t trimmable = evidence->heap.trimmable;

	/* of another thread's heap mimalloc returns nothing */
	if (!evidence->running || own->arenas == ARENAS_MIMALLOC)
		return verdict_advise(verdict, trimmable, "%s", own->advice);
	return verdict_advise(verdict, trimmable, "%s; at once: memtrace trim --yes %u",
			      own->advice, evidence->profile->process.pid);
}

static int advise_trim(const struct evidence *evidence, struct verdict *verdict)
{
	const uint64_t trimmable = evidence->heap.trimmable;
	const struct profile_process *process = &evidence->profile->process;

	for (size_t i = 0; evidence->heap.most && i < ARRAY_SIZE(foreign) - 1; i++)
		if (foreign[i].arenas == evidence->heap.most->allocator)
			return advise_foreign(evidence, &foreign[i], verdict);
	if (!evidence->running)
		return verdict_advise(verdict, trimmable,
				      "call malloc_trim(0) when a peak is over");
	if (is_java(evidence))
		return verdict_advise(
			verdict, trimmable,
			"call malloc_trim(0) when a peak is over; of a Java machine: jcmd "
			"%u System.trim_native_heap",
			process->pid);
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

	if (evidence->profile->agent.mode != MT_MODE_PRELOAD || peak == PROFILE_UNKNOWN ||
	    peak == 0 || heap->peak_system == PROFILE_UNKNOWN)
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

/* Free and in no page with a live block; PROFILE_UNKNOWN if only a sample of the blocks is known. */
static uint64_t whole_pages(const struct evidence *evidence)
{
	const uint64_t heap = evidence_heap_resident(evidence);

	if (evidence->live_pages == PROFILE_UNKNOWN)
		return PROFILE_UNKNOWN;
	return heap - MIN(evidence->live_pages, heap);
}

static int say_pages(const struct evidence *evidence, const struct foreign *own,
		     struct verdict *verdict)
{
	const uint64_t whole = whole_pages(evidence), kept = kept_unread(evidence);
	char bytes[UNITS_MAX], rest[UNITS_MAX];

	if (whole == PROFILE_UNKNOWN)
		return verdict_say(verdict,
				   "that is %s, or %s with few live blocks in them: memtrace run "
				   "--sample=all tells which",
				   own->whole, own->partly);
	verdict->confidence = 0.8;
	if (whole < kept / 2)
		verdict->code = VERDICT_FRAGMENTATION;
	return verdict_say(
		verdict,
		"%s of it are in pages without a live block (%s), %s share their pages with "
		"live blocks (%s)",
		units_format_bytes(MIN(whole, kept), bytes), own->whole,
		units_format_bytes(kept - MIN(whole, kept), rest), own->partly);
}

static int judge_unread(const struct evidence *evidence, struct verdict *verdict)
{
	const char *refused = evidence->arenas ? evidence->arenas->refused : NULL;
	const struct foreign *own = find_foreign(evidence);
	char bytes[UNITS_MAX], rss[UNITS_MAX];
	int r;

	verdict->confidence = 0.5;
	units_format_bytes(kept_unread(evidence), bytes);
	units_format_bytes(evidence->rss, rss);
	r = verdict_say(verdict, "%s of %s resident are in the heap but in no live block", bytes,
			rss);
	if (r >= 0)
		r = say_pages(evidence, own, verdict);
	if (r >= 0 && refused)
		r = verdict_say(verdict, "%s", refused);
	if (r < 0)
		return r;
	if (verdict->code == VERDICT_FRAGMENTATION)
		return verdict_advise(
			verdict, kept_unread(evidence) - whole_pages(evidence),
			"allocate what stays apart from what goes: a pool or an arena for "
			"the long-lived blocks; no setting of the allocator gives this back");
	return verdict_advise(verdict, whole_pages(evidence), "%s", own->advice);
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
		r = say_limit(evidence, verdict);
	if (r >= 0)
		r = say_rest(evidence, verdict);
	if (r >= 0)
		r = cause_say_threshold(evidence, verdict);
	if (r >= 0)
		r = cause_say_pin(evidence, verdict);
	if (r >= 0)
		r = advise_trim(evidence, verdict);
	if (r >= 0)
		r = verdict_java_advise_trim(evidence, verdict);
	if (r >= 0)
		r = cause_advise_threshold(evidence, verdict);
	if (r >= 0)
		r = cause_advise_pin(evidence, verdict);
	return r < 0 ? r : judge_arena_max(evidence, verdict);
}

const struct verdict_rule verdict_rule_retention = {stake_retention, judge_retention,
						    "were freed and are kept by the allocator"};
