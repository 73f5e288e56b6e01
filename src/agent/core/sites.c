/* SPDX-License-Identifier: MIT */
/*
 * sites.c: deduplicates stacks and adds up what is allocated and freed at each.
 *
 * The entries and their frames stand in the region, append only. The index that finds them is private:
 * open addressing, linear probing, one word a place,
 *
 *	| upper half of the hash | site |
 *
 * and at most half full. It is spread over two megabytes, of which a program with few sites is to touch little: an
 * entry goes to the first page of it, if one of a few places there is empty, else to the first 8 pages, to the
 * first 64, and only then anywhere. Entries are never taken out, so whoever looks for one tries the same
 * places in the same order. Two stacks are taken for the same when all 64 bits of their hash are equal: with
 * a million stacks the chance that any two are is 3 in 100 million, and frames need not be compared.
 *
 * A new site is written whole, made visible to readers (n_frames), and only then put into the index by
 * compare-and-swap. A thread that loses that race to another one with the same stack hides its entry
 * again and keeps it for its next new stack. So whoever finds a site in the index finds it complete, and a
 * process that dies at any moment leaves at worst a complete site without allocations.
 *
 * Counters are added to by all threads, atomically and relaxed: each is monotonic, readers order nothing
 * by them. They are bytes times weight; the variance is a double, added by compare-and-swap, and only
 * where sampling makes it other than zero. What the thread allocates that made the site is counted apart,
 * without the bus being locked (mt_site.own_bytes): most sites are one thread's. The number of a thread is that
 * of its state, which has one owner at a time; handlers, which interrupt it, count with all others.
 *
 * After fork. The child has copied the parent's sites as far as they were when it made its region, a
 * little further than its index knows. Entries of the index whose site has another hash (an entry that
 * was in the making at the fork) never match and are passed over.
 *
 * Context: any thread, inside malloc, signal handlers. No locks.
 */
#include "agent/core/sites.h"

#include "agent/core/annotate.h"
#include "agent/core/fmath.h"
#include "agent/core/stack-hash.h"
#include "agent/core/sys.h"
#include "agent/core/writer.h"

enum {
	SITES_OWN_MAX = 1 << 30,
	SITES_FIRST = 512, /* places that are tried first: a page */
	SITES_WINDOW = 4,  /* places that are tried in each part of the index */
	SITES_PARTS = 3,
};

static uint64_t *sites_index;
static uint32_t sites_mask;
static uint32_t *sites_owner; /* by site: number of the thread that made it */
static uint32_t sites_used;   /* entries given away, from 1 on */
static uint64_t sites_frames; /* frames given away */

int sites_init(void)
{
	uint32_t places = 64;

	while (places < writer.sites_capacity * 2)
		places *= 2;
	if (!sites_index)
		sites_index = sys_map_private((size_t)places * sizeof(uint64_t));
	if (!sites_owner)
		sites_owner = sys_map_private(writer.sites_capacity * sizeof(uint32_t));
	if (!sites_index || !sites_owner)
		return -SYS_ENOMEM;
	sites_mask = places - 1;
	sites_used = 1;
	sites_frames = 0;
	return 0;
}

static uint64_t sites_mix(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Kind, flags and tag tell sites with one stack apart. */
static uint64_t sites_hash(unsigned kind, unsigned flags, uint64_t stack_hash)
{
	const unsigned telling = MT_STACK_BACKING | MT_STACK_POOL;
	const uint64_t apart =
		kind | (flags & telling) << 8 | (uint64_t)(flags >> ANNOTATE_TAG_SHIFT) << 32;
	uint64_t hash =
		sites_mix(stack_hash ^ 0x1d8e4e27c47d124full, 0xeb44accab455d165ull ^ apart);

	return hash ? hash : 1;
}

/* Room for n frames; false, and nothing taken, if there is none. */
static bool sites_take_frames(unsigned n, uint64_t *ret)
{
	uint64_t old = __atomic_load_n(&sites_frames, __ATOMIC_RELAXED);

	do {
		if (old + n > writer.stacks_capacity || !writer_make_ready(WRITER_STACKS, old + n))
			return false;
	} while (!__atomic_compare_exchange_n(&sites_frames, &old, old + n, true, __ATOMIC_RELAXED,
					      __ATOMIC_RELAXED));
	*ret = old;
	return true;
}

static bool sites_reserve(struct thread *thread, unsigned kind, unsigned n_frames,
			  struct thread_spare_site *ret)
{
	uint32_t site = __atomic_load_n(&sites_used, __ATOMIC_RELAXED);

	if (thread->depth == 1 && thread->spare.site && thread->spare.n_frames >= n_frames) {
		*ret = thread->spare;
		thread->spare.site = 0;
		return true;
	}
	/* mappings are few and large: the last of the room is theirs */
	if (kind == MT_SITE_MALLOC && writer_is_scarce())
		return false;
	if (site >= writer.sites_capacity || !writer_make_ready(WRITER_SITES, site + 1) ||
	    !sites_take_frames(n_frames, &ret->stack))
		return false;
	do {
		/* the frames are lost if it fails here, but then the table is full for good */
		if (site >= writer.sites_capacity || !writer_make_ready(WRITER_SITES, site + 1))
			return false;
	} while (!__atomic_compare_exchange_n(&sites_used, &site, site + 1, true, __ATOMIC_RELAXED,
					      __ATOMIC_RELAXED));
	ret->site = site;
	ret->n_frames = n_frames;
	return true;
}

/* A stack to look for, as sites_get was given it. */
struct sites_key {
	uint64_t hash;
	unsigned kind, flags;
	const uint64_t *frames;
	unsigned n_frames;
};

static void sites_fill(const struct thread_spare_site *place, const struct sites_key *key,
		       uint64_t now_ns)
{
	struct mt_site *site = &writer.sites[place->site];

	for (unsigned i = 0; i < key->n_frames; i++)
		__atomic_store_n(&writer.stacks[place->stack + i], key->frames[i],
				 __ATOMIC_RELAXED);
	site->stack = place->stack;
	site->kind = (uint16_t)key->kind;
	site->flags = (uint16_t)key->flags;
	site->tag = annotate_tag_string(key->flags);
	site->first_ns = now_ns;
	__atomic_store_n(&site->hash, key->hash, __ATOMIC_RELAXED);
	/* release pairs with the reader's load of n_frames */
	__atomic_store_n(&site->n_frames, key->n_frames, __ATOMIC_RELEASE);
	writer_raise64(&writer.header->n_stacks, place->stack + key->n_frames);
	writer_raise32(&writer.header->n_sites, place->site + 1);
}

/* The k-th place where the entry may be. */
static _always_inline_ uint32_t sites_place(uint64_t hash, unsigned k)
{
	const unsigned part = k / SITES_WINDOW;
	uint32_t mask = sites_mask;

	if (part < SITES_PARTS)
		mask &= (SITES_FIRST << (3 * part)) - 1;
	return ((uint32_t)hash + k) & mask;
}

static bool sites_is_at(uint64_t word, uint64_t hash)
{
	return word >> 32 == hash >> 32 &&
	       __atomic_load_n(&writer.sites[(uint32_t)word].hash, __ATOMIC_RELAXED) == hash;
}

uint32_t sites_find(enum mt_site_kind kind, unsigned flags, uint64_t stack_hash)
{
	uint64_t hash = sites_hash(kind, flags, stack_hash);

	for (unsigned k = 0;; k++) {
		/* acquire pairs with the release in sites_get */
		uint64_t word =
			__atomic_load_n(&sites_index[sites_place(hash, k)], __ATOMIC_ACQUIRE);

		if (word == 0 || sites_is_at(word, hash))
			return (uint32_t)word;
	}
}

/* A site that nobody finds yet; false if there is no room. */
static bool sites_make(struct thread *thread, const struct sites_key *key, uint64_t now_ns,
		       struct thread_spare_site *ret)
{
	if (!sites_reserve(thread, key->kind, key->n_frames, ret))
		return false;
	sites_owner[ret->site] = thread->number;
	sites_fill(ret, key, now_ns);
	return true;
}

/* Another thread came first: the place, if there is one, waits for the next stack. */
static void sites_unmake(struct thread *thread, const struct thread_spare_site *mine)
{
	if (!mine->site)
		return;
	__atomic_store_n(&writer.sites[mine->site].n_frames, 0, __ATOMIC_RELAXED);
	if (thread->depth == 1)
		thread->spare = *mine;
}

uint32_t sites_get(struct thread *thread, enum mt_site_kind kind, unsigned flags,
		   const uint64_t *frames, unsigned n_frames, uint64_t now_ns)
{
	uint64_t hash = sites_hash(kind, flags, stack_hash(frames, n_frames));
	struct sites_key key = {hash, kind, flags, frames, n_frames};
	struct thread_spare_site mine = {0};

	for (unsigned k = 0;; k++) {
		uint64_t *entry = &sites_index[sites_place(hash, k)];
		/* acquire pairs with the release below */
		uint64_t word = __atomic_load_n(entry, __ATOMIC_ACQUIRE);

		if (word == 0 && !mine.site && !sites_make(thread, &key, now_ns, &mine))
			return 0;
		/* release pairs with the acquire above: found sites are complete */
		if (word == 0 &&
		    __atomic_compare_exchange_n(entry, &word, (hash >> 32 << 32) | mine.site, false,
						__ATOMIC_RELEASE, __ATOMIC_ACQUIRE))
			return mine.site;
		if (sites_is_at(word, hash)) {
			sites_unmake(thread, &mine);
			return (uint32_t)word;
		}
	}
}

struct sites_weight sites_weigh(uint64_t size, uint64_t interval)
{
	double bytes = (double)size, p;

	if (interval == 0)
		return (struct sites_weight){.bytes = size, .blocks = MT_BLOCKS_ONE};
	p = fmath_one_minus_exp((double)MAX(size, 1) / (double)interval);
	return (struct sites_weight){
		.bytes = (uint64_t)(bytes / p + 0.5),
		.blocks = (uint64_t)((double)MT_BLOCKS_ONE / p + 0.5),
		.variance = bytes * bytes * (1 - p) / (p * p),
	};
}

static void sites_add_variance(uint64_t *bits, double variance)
{
	union {
		uint64_t bits;
		double value;
	} old, new;

	if (variance <= 0)
		return;
	old.bits = __atomic_load_n(bits, __ATOMIC_RELAXED);
	do {
		new.value = old.value + variance;
	} while (!__atomic_compare_exchange_n(bits, &old.bits, new.bits, true, __ATOMIC_RELAXED,
					      __ATOMIC_RELAXED));
}

void sites_add_allocated(uint32_t id, const struct sites_weight *weight)
{
	struct mt_site *site = &writer.sites[id];

	__atomic_fetch_add(&site->alloc_bytes, weight->bytes, __ATOMIC_RELAXED);
	__atomic_fetch_add(&site->alloc_blocks, weight->blocks, __ATOMIC_RELAXED);
	__atomic_fetch_add(&site->alloc_samples, 1, __ATOMIC_RELAXED);
	sites_add_variance(&site->alloc_variance, weight->variance);
}

bool sites_is_own(const struct thread *thread, uint32_t site)
{
	return thread->depth == 1 && thread->number && sites_owner[site] == thread->number;
}

void sites_add_exact(uint32_t id, uint64_t bytes, uint32_t n_blocks)
{
	struct mt_site *site = &writer.sites[id];

	__atomic_fetch_add(&site->alloc_bytes, bytes, __ATOMIC_RELAXED);
	__atomic_fetch_add(&site->alloc_blocks, n_blocks * MT_BLOCKS_ONE, __ATOMIC_RELAXED);
}

void sites_settle_own(uint32_t id)
{
	struct mt_site *site = &writer.sites[id];
	const uint64_t bytes = site->own_bytes, blocks = site->own_blocks;

	if (likely(blocks < SITES_OWN_MAX))
		return;
	__atomic_store_n(&site->own_blocks, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&site->own_bytes, 0, __ATOMIC_RELAXED);
	__atomic_fetch_add(&site->alloc_bytes, bytes, __ATOMIC_RELAXED);
	__atomic_fetch_add(&site->alloc_blocks, blocks * MT_BLOCKS_ONE, __ATOMIC_RELAXED);
}

void sites_add_gathered(uint32_t id, const struct thread_tally *tally)
{
	struct mt_site *site = &writer.sites[id];

	if (tally->n_allocated)
		__atomic_fetch_add(&site->alloc_samples, tally->n_allocated, __ATOMIC_RELAXED);
	if (tally->n_freed) {
		__atomic_fetch_add(&site->freed_bytes, tally->freed, __ATOMIC_RELAXED);
		__atomic_fetch_add(&site->freed_blocks, tally->n_freed * MT_BLOCKS_ONE,
				   __ATOMIC_RELAXED);
		__atomic_fetch_add(&site->freed_samples, tally->n_freed, __ATOMIC_RELAXED);
	}
}

void sites_add_freed(uint32_t id, const struct sites_weight *weight)
{
	struct mt_site *site = &writer.sites[id];

	__atomic_fetch_add(&site->freed_bytes, weight->bytes, __ATOMIC_RELAXED);
	__atomic_fetch_add(&site->freed_blocks, weight->blocks, __ATOMIC_RELAXED);
	__atomic_fetch_add(&site->freed_samples, 1, __ATOMIC_RELAXED);
	sites_add_variance(&site->freed_variance, weight->variance);
}

void sites_add_inherited(uint32_t id, const struct sites_weight *weight)
{
	struct mt_site *site = &writer.sites[id];

	sites_add_allocated(id, weight);
	__atomic_fetch_add(&site->inherited_bytes, weight->bytes, __ATOMIC_RELAXED);
	__atomic_fetch_add(&site->inherited_blocks, weight->blocks, __ATOMIC_RELAXED);
}

void sites_after_fork(void)
{
	sites_used = MAX(writer.header->n_sites, 1);
	sites_frames = writer.header->n_stacks;
}

uint32_t sites_n_used(void)
{
	return __atomic_load_n(&sites_used, __ATOMIC_RELAXED);
}

uint64_t sites_n_frames_used(void)
{
	return __atomic_load_n(&sites_frames, __ATOMIC_RELAXED);
}

uint64_t sites_own_bytes(void)
{
	const uint64_t n = sites_n_used();
	uint64_t places = SITES_FIRST;

	/* up to where entries are */
	while (places < 2 * n && places <= sites_mask)
		places *= 8;
	return MIN(places, (uint64_t)sites_mask + 1) * sizeof(uint64_t) +
	       ALIGN_UP(n * sizeof(uint32_t), sys_page_size());
}
