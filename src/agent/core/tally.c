/* SPDX-License-Identifier: MIT */
/*
 * tally.c: batches of counts.
 *
 * Of blocks that were recorded exactly each thread gathers what it counts for the sites that it used last,
 * in a table by site, and adds an entry when another site needs its place. All are added after
 * TALLY_BATCH events, at the first allocation in another tick of the coarse clock, and when the thread or
 * the process ends. What a site has allocated, bytes and blocks, readers see at once, of
 * threads that wait and of processes that were killed, too: it is counted where they look, the owner's in the site
 * and that of all others in the entries of threads. What was freed is the difference to the live slots,
 * so those counters can lag. A thread's first events are added at once: what hardly recorded anything tells
 * it right.
 *
 * A sample that stands for more than itself is added at once: such are few.
 *
 * The header's figure of live bytes is moved when a thread's share of it matters. So that the peak is right
 * all the same, a thread keeps the highest of its share since it was last added.
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
	TALLY_FEW = 64,        /* samples that are added at once reach the header so often */
	TALLY_LIVE_SHIFT = 9,  /* 1/512 of live bytes matters */
	TALLY_LIVE_MIN = 4096, /* bytes; less never does */
	TALLY_WEIGHTY = 65536, /* bytes; samples that stand for more reach the header at once */
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

#define tally_take(counter) __atomic_exchange_n(&(counter), 0, __ATOMIC_RELAXED)

/* What is counted in the entry goes to the site. Readers look at entries first: they may see it twice. */
static void tally_flush_shared(struct thread *thread, unsigned i)
{
	struct mt_tally *shared = &writer.threads[thread->index].tallies[i];
	uint32_t n_blocks;

	if (!thread->index)
		return;
	n_blocks = tally_take(shared->blocks);
	if (n_blocks)
		sites_add_exact(shared->site, tally_take(shared->bytes), n_blocks);
}

static void tally_flush_site(struct thread *thread, struct thread_tally *tally)
{
	struct mt_thread *entry = &writer.threads[thread->index];
	const struct thread_tally taken = {
		.n_allocated = tally_take(tally->n_allocated),
		.n_freed = tally_take(tally->n_freed),
		.allocated = tally_take(tally->allocated),
		.freed = tally_take(tally->freed),
	};

	tally_flush_shared(thread, (unsigned)(tally - thread->tallies));
	sites_add_gathered(tally->site, &taken);
	tally_bump(thread->pending_samples, taken.n_allocated);
	tally_bump(thread->pending_allocated, taken.allocated);
	tally_bump(thread->pending_freed, taken.n_freed);
	if (likely(thread->index)) {
		__atomic_fetch_add(&entry->alloc_bytes, taken.allocated, __ATOMIC_RELAXED);
		__atomic_fetch_add(&entry->samples, taken.n_allocated, __ATOMIC_RELAXED);
		__atomic_fetch_add(&entry->freed_bytes, taken.freed, __ATOMIC_RELAXED);
	}
}

static void tally_flush_sites(struct thread *thread)
{
	for (unsigned i = 0; i < THREAD_TALLIES; i++) {
		struct thread_tally *tally = &thread->tallies[i];

		if (tally->n_allocated || tally->n_freed)
			tally_flush_site(thread, tally);
	}
}

_noinline_ void tally_change_site(struct thread *thread, struct thread_tally *tally, uint32_t site)
{
	if (tally->n_allocated || tally->n_freed)
		tally_flush_site(thread, tally);
	tally->site = site;
	tally->is_own = sites_is_own(thread, site);
}

/* The thread's share of live bytes. It matters again when it is a part of all of them. */
static void tally_flush_live(struct thread *thread)
{
	const int64_t variance =
		thread->pending_variance ? tally_take(thread->pending_variance) : 0;
	const int64_t live = tally_take(thread->pending_live);
	const int64_t peak = thread->pending_peak ? tally_take(thread->pending_peak) : 0;

	if (live || variance || peak)
		tally_add_live(live, variance, peak);
	thread->live_limit = MAX(__atomic_load_n(&tally_live, __ATOMIC_RELAXED) >> TALLY_LIVE_SHIFT,
				 (int64_t)TALLY_LIVE_MIN);
}

static void tally_flush_header(struct thread *thread)
{
	struct sampler_account account = {
		.samples = tally_take(thread->pending_samples),
		.allocated = tally_take(thread->pending_allocated),
		.own_ns = tally_take(thread->pending_own_ns),
	};
	uint64_t freed = tally_take(thread->pending_freed);

	/* it hardly changes: as often as the clock is looked at is enough */
	if (account.own_ns)
		tally_write_own_bytes();
	__atomic_store_n(&thread->n_pending, 0, __ATOMIC_RELAXED);
	if (account.samples)
		__atomic_fetch_add(&writer.header->samples, account.samples, __ATOMIC_RELAXED);
	if (freed)
		__atomic_fetch_add(&writer.header->samples_freed, freed, __ATOMIC_RELAXED);
	tally_flush_live(thread);
	sampler_add(&account);
}

void tally_flush(struct thread *thread)
{
	tally_flush_sites(thread);
	tally_flush_header(thread);
}

/* By the owner of the sites only, as tally_flush may not be. */
static void tally_settle_own(struct thread *thread)
{
	for (unsigned i = 0; i < THREAD_TALLIES; i++)
		if (thread->tallies[i].is_own && thread->tallies[i].n_allocated)
			sites_settle_own(thread->tallies[i].site);
}

_noinline_ void tally_flush_due(struct thread *thread)
{
	if (thread->n_pending >= TALLY_BATCH) {
		tally_settle_own(thread);
		tally_flush(thread);
		return;
	}
	/* live bytes alone cannot wait: where blocks are large they matter with each one */
	tally_flush_live(thread);
}

/* At wide intervals samples are few, and each is worth much. */
static void tally_flush_if_due(struct thread *thread, const struct sites_weight *weight)
{
	const int64_t live = thread->pending_live, limit = thread->live_limit;

	tally_bump(thread->n_pending, 1);
	if ((weight->variance > 0 && weight->bytes >= TALLY_WEIGHTY) || live > limit ||
	    -live > limit || thread->n_pending % TALLY_FEW == 0)
		tally_flush_header(thread);
}

_noinline_ void tally_allocated_at_once(struct thread *thread, uint32_t site, uint64_t size,
					uint32_t interval, uint64_t now_ns)
{
	const struct sites_weight weight = sites_weigh(size, interval);
	struct mt_thread *entry = &writer.threads[thread->index];

	sites_add_allocated(site, &weight);
	if (unlikely(thread->depth > 1)) {
		__atomic_fetch_add(&writer.header->samples, 1, __ATOMIC_RELAXED);
		tally_add_live((int64_t)weight.bytes, tally_variance(&weight), 0);
		return;
	}
	tally_bump(thread->pending_samples, 1);
	tally_bump(thread->pending_allocated, weight.bytes);
	tally_bump(thread->pending_live, (int64_t)weight.bytes);
	if (thread->pending_live > thread->pending_peak)
		__atomic_store_n(&thread->pending_peak, thread->pending_live, __ATOMIC_RELAXED);
	tally_bump(thread->pending_variance, tally_variance(&weight));
	if (likely(thread->index)) {
		tally_bump(entry->alloc_bytes, weight.bytes);
		tally_bump(entry->samples, 1);
	}
	thread_count_sample(thread, now_ns);
	tally_flush_if_due(thread, &weight);
}

_noinline_ void tally_freed_at_once(struct thread *thread, uint32_t site, uint64_t size,
				    uint32_t interval)
{
	const struct sites_weight weight = sites_weigh(size, interval);
	struct mt_thread *entry = &writer.threads[thread->index];

	sites_add_freed(site, &weight);
	if (unlikely(thread->depth > 1)) {
		__atomic_fetch_add(&writer.header->samples_freed, 1, __ATOMIC_RELAXED);
		tally_add_live(-(int64_t)weight.bytes, -tally_variance(&weight), 0);
		return;
	}
	tally_bump(thread->pending_freed, 1);
	tally_bump(thread->pending_live, -(int64_t)weight.bytes);
	tally_bump(thread->pending_variance, -tally_variance(&weight));
	if (likely(thread->index))
		tally_bump(entry->freed_bytes, weight.bytes);
	tally_flush_if_due(thread, &weight);
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
