/* SPDX-License-Identifier: MIT */
/*
 * tally.c: batches of counts.
 *
 * The header's counters are added to after TALLY_BATCH events of a thread, or after fewer when its
 * share of live bytes matters. At exit, and when a thread ends, all are added. So that the peak is right
 * all the same, a thread keeps the highest of its share since it was last added.
 *
 * Of a site's counters the bytes and blocks that were allocated are added at once: reports show them, also
 * of a process that was killed. What was freed is the difference to the live slots, so the counters of
 * frees and of samples can lag. Each thread keeps them for the sites that it used last, in a small table
 * by site, and adds an entry's when another site needs it, or when the thread or process ends. A thread's first events
 * are added at once: what hardly recorded anything tells it right.
 *
 * Context: any thread, inside malloc and free, signal handlers. No locks.
 */
#include "agent/core/tally.h"

#include "agent/core/blockindex.h"
#include "agent/core/live.h"
#include "agent/core/maps.h"
#include "agent/core/modules.h"
#include "agent/core/recall.h"
#include "agent/core/sampler.h"
#include "agent/core/writer.h"

enum {
	TALLY_BATCH = 64,
	TALLY_BATCH_MIN = 8,
	TALLY_FIRST = 64,      /* events of a thread that are added at once */
	TALLY_LIVE_SHIFT = 9,  /* 1/512 of live bytes matters */
	TALLY_LIVE_MIN = 4096, /* bytes; less never does */
	TALLY_WEIGHTY = 65536, /* bytes; samples that stand for more are added at once */
};

/* Of all threads; may be below zero for a moment, the header's copy is not. */
static int64_t tally_live;          /* bytes */
static int64_t tally_live_variance; /* KiB² */

void tally_init(void)
{
	tally_live = tally_live_variance = 0;
}

static int64_t tally_variance(const struct sites_weight *weight)
{
	return weight->variance > 0 ? (int64_t)(weight->variance * 0x1p-20) : 0;
}

/*
 * The peak is the highest of many estimates, which would be too high by about their error: it is taken
 * of the estimate less its standard error. Exact where the estimate is.
 */
static void tally_add_live(int64_t bytes, int64_t variance, int64_t peak)
{
	int64_t live = __atomic_add_fetch(&tally_live, bytes, __ATOMIC_RELAXED);

	__atomic_store_n(&writer.header->live_bytes, (uint64_t)MAX(live, 0), __ATOMIC_RELAXED);
	if (variance)
		variance = __atomic_add_fetch(&tally_live_variance, variance, __ATOMIC_RELAXED);
	else
		variance = __atomic_load_n(&tally_live_variance, __ATOMIC_RELAXED);
	live += MAX(peak - bytes, 0);
	if (variance > 0)
		live -= (int64_t)(__builtin_sqrt((double)variance) * 1024);
	if (live > 0)
		writer_raise64(&writer.header->peak_live_bytes, (uint64_t)live);
}

static void tally_write_own_bytes(void)
{
	uint64_t bytes = live_own_bytes() + sites_own_bytes() + thread_own_bytes() +
			 blockindex_own_bytes() + maps_own_bytes() + unwind_own_bytes() +
			 modules_own_bytes() + recall_own_bytes();

	__atomic_store_n(&writer.header->own_bytes, bytes, __ATOMIC_RELAXED);
}

/* The owner's half of a counter that tally_flush may take from another thread at exit. */
#define tally_bump(counter, n)                                                            \
	__atomic_store_n(&(counter), __atomic_load_n(&(counter), __ATOMIC_RELAXED) + (n), \
			 __ATOMIC_RELAXED)

#define tally_take(counter) __atomic_exchange_n(&(counter), 0, __ATOMIC_RELAXED)

static void tally_flush_site(struct thread_tally *tally)
{
	uint32_t n_allocated = tally_take(tally->n_allocated), n_freed = tally_take(tally->n_freed);
	uint64_t freed_bytes = tally_take(tally->freed_bytes);

	sites_add_lagging(tally->site, n_allocated, n_freed, freed_bytes);
}

static void tally_flush_sites(struct thread *thread)
{
	uint32_t used = tally_take(thread->tallies_used);

	for (; used; used &= used - 1)
		tally_flush_site(&thread->tallies[__builtin_ctz(used)]);
}

/* The thread's counts for a site. */
static _always_inline_ struct thread_tally *tally_get(struct thread *thread, uint32_t site)
{
	struct thread_tally *tally = &thread->tallies[site % THREAD_TALLIES];

	if (unlikely(tally->site != site)) {
		if (tally->site)
			tally_flush_site(tally);
		tally->site = site;
	}
	__atomic_store_n(&thread->tallies_used,
			 __atomic_load_n(&thread->tallies_used, __ATOMIC_RELAXED) |
				 1u << (site % THREAD_TALLIES),
			 __ATOMIC_RELAXED);
	return tally;
}

static void tally_flush_header(struct thread *thread)
{
	struct sampler_account account = {
		.samples = tally_take(thread->pending_samples),
		.allocated = tally_take(thread->pending_allocated),
		.own_ns = tally_take(thread->pending_own_ns),
	};
	uint64_t freed = tally_take(thread->pending_freed);
	int64_t live = tally_take(thread->pending_live);
	int64_t variance = tally_take(thread->pending_variance);
	int64_t peak = tally_take(thread->pending_peak);

	__atomic_store_n(&thread->n_pending, 0, __ATOMIC_RELAXED);
	if (account.samples)
		__atomic_fetch_add(&writer.header->samples, account.samples, __ATOMIC_RELAXED);
	if (freed)
		__atomic_fetch_add(&writer.header->samples_freed, freed, __ATOMIC_RELAXED);
	if (live || variance || peak)
		tally_add_live(live, variance, peak);
	sampler_add(&account);
	tally_write_own_bytes();
}

void tally_flush(struct thread *thread)
{
	tally_flush_sites(thread);
	tally_flush_header(thread);
}

static _always_inline_ void tally_flush_if_due(struct thread *thread,
					       const struct sites_weight *weight)
{
	int64_t live, threshold;

	tally_bump(thread->n_pending, 1);
	/* at wide intervals samples are few, and each is worth much */
	if (unlikely(weight->variance > 0 && weight->bytes >= TALLY_WEIGHTY)) {
		tally_flush_header(thread);
		return;
	}
	if (likely(thread->n_pending < TALLY_BATCH_MIN))
		return;
	live = __atomic_load_n(&thread->pending_live, __ATOMIC_RELAXED);
	threshold = __atomic_load_n(&tally_live, __ATOMIC_RELAXED) >> TALLY_LIVE_SHIFT;
	threshold = MAX(threshold, (int64_t)TALLY_LIVE_MIN);
	if (thread->n_pending >= TALLY_BATCH || live > threshold || -live > threshold)
		tally_flush_header(thread);
}

/* Whether the counts are added at once. */
static _always_inline_ bool tally_is_direct(const struct thread *thread,
					    const struct sites_weight *weight)
{
	return weight->variance > 0 || thread->depth > 1 || thread->n_events <= TALLY_FIRST;
}

void tally_allocated(struct thread *thread, uint32_t site, const struct sites_weight *weight,
		     uint64_t now_ns)
{
	struct mt_thread *entry = &writer.threads[thread->index];

	sites_add_size(site, weight);
	if (unlikely(tally_is_direct(thread, weight)))
		sites_add_lagging(site, 1, 0, 0);
	else
		tally_bump(tally_get(thread, site)->n_allocated, 1);
	if (unlikely(thread->depth > 1)) {
		__atomic_fetch_add(&writer.header->samples, 1, __ATOMIC_RELAXED);
		tally_add_live((int64_t)weight->bytes, tally_variance(weight), 0);
		return;
	}
	tally_bump(thread->pending_samples, 1);
	tally_bump(thread->pending_allocated, weight->bytes);
	tally_bump(thread->pending_live, (int64_t)weight->bytes);
	if (unlikely(thread->pending_live > thread->pending_peak))
		__atomic_store_n(&thread->pending_peak, thread->pending_live, __ATOMIC_RELAXED);
	if (unlikely(weight->variance > 0))
		tally_bump(thread->pending_variance, tally_variance(weight));
	if (likely(thread->index)) {
		tally_bump(entry->alloc_bytes, weight->bytes);
		tally_bump(entry->samples, 1);
	}
	thread_count_sample(thread, now_ns);
	tally_flush_if_due(thread, weight);
}

void tally_freed(struct thread *thread, uint32_t site, const struct sites_weight *weight)
{
	struct mt_thread *entry = &writer.threads[thread->index];

	if (unlikely(tally_is_direct(thread, weight))) {
		sites_add_freed(site, weight);
	} else {
		struct thread_tally *tally = tally_get(thread, site);

		tally_bump(tally->n_freed, 1);
		tally_bump(tally->freed_bytes, weight->bytes);
	}
	if (unlikely(thread->depth > 1)) {
		__atomic_fetch_add(&writer.header->samples_freed, 1, __ATOMIC_RELAXED);
		tally_add_live(-(int64_t)weight->bytes, -tally_variance(weight), 0);
		return;
	}
	tally_bump(thread->pending_freed, 1);
	tally_bump(thread->pending_live, -(int64_t)weight->bytes);
	if (unlikely(weight->variance > 0))
		tally_bump(thread->pending_variance, -tally_variance(weight));
	if (likely(thread->index))
		tally_bump(entry->freed_bytes, weight->bytes);
	tally_flush_if_due(thread, weight);
}

void tally_own_ns(struct thread *thread, uint64_t ns)
{
	tally_bump(thread->pending_own_ns, ns);
}

void tally_inherited(const struct sites_weight *weight)
{
	tally_live += (int64_t)weight->bytes;
	tally_live_variance += tally_variance(weight);
}

void tally_publish(void)
{
	tally_add_live(0, 0, 0);
	tally_write_own_bytes();
}
