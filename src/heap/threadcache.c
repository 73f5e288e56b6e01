/* SPDX-License-Identifier: MIT */
/*
 * threadcache.c: the slow half of a thread's cache.
 *
 * A list of each class starts without capacity and doubles it with each visit here, so that a thread
 * which allocates little holds little. It grows further while all lists together are below a limit, unless what
 * is freed at a time is far more than any list holds. What is freed when it is full goes through the outbox, whose
 * blocks are not touched. A thread that only frees
 * gives a batch of linked blocks instead: its newest ones, which whoever gets them next finds in the
 * processor's cache. Every TIDY visits, lists that were not visited since go back as a whole.
 *
 * Caches lie in the heap's own memory and not in the thread's: those of threads that vanished without a
 * word can still be looked at. They are never given back but used again.
 *
 * Only the owner touches a cache, with two exceptions: others store 0 into countdown, which the owner
 * may overwrite if it is just subtracting (it then learns from the epoch, later), and statistics read
 * lengths.
 */
#include "heap/threadcache.h"

#include <string.h>

#include "heap/central.h"
#include "heap/hooks.h"
#include "heap/outbox.h"
#include "heap/owners.h"
#include "heap/pagemap.h"
#include "heap/picks.h"
#include "heap/place.h"
#include "heap/tagged.h"
#include "heap/tidy.h"

#define TIDY        512u
#define FIRST_BYTES 512u /* of blocks that a list's first refill asks for */
#define FIRST_N     4u   /* of small ones at least: neighbours of one thread's */
#define FIRST_SMALL 1024u
#define LIST_BYTES  (1u << 20) /* of blocks that a list may grow to hold */
#define LIST_BLOCKS 8192u      /* the same in blocks */
#define FLOOD       8u /* outboxes filled between two refills, beyond what the longest list would hold */
#define SPILLS_MAX  127u
#define OUTBOX_SIZE 1024u /* larger blocks have no outbox: few of them are quickly walked over */
#define CACHE_MAX   (8u << 20)  /* of all lists of a thread: then they hold a batch or two */
#define CACHE_MIN   (64u << 10) /* the same where there are very many threads */
#define CACHES_MAX  (64u << 20) /* of the lists of all threads, in between */
#define SHARE       8u
#define HELD        2u
#define RESTARTS    3u

/* What a thread has before its first allocation, and after its end. */
static const struct threadcache nobody, ended;
__thread struct threadcache *threadcache_self = (struct threadcache *)&nobody;

static uint32_t trim_epoch;

static struct threadcache *begin(void)
{
	const struct heap_hooks *hooks;
	struct threadcache *cache;

	if (!pagemap_init())
		return NULL;
	cache = owners_adopt();
	if (!cache)
		return NULL;
	cache->epoch = __atomic_load_n(&heap_published.epoch, __ATOMIC_ACQUIRE);
	cache->trim_epoch = __atomic_load_n(&trim_epoch, __ATOMIC_RELAXED);
	cache->all_reported = false;
	/* the hook may allocate: what it gets is not sampled */
	cache->countdown = INT64_MAX;
	threadcache_self = cache;
	hooks = hooks_get();
	if (hooks && hooks->thread_started)
		hooks->thread_started();
	threadcache_set_countdown(cache, hooks_first_countdown());
	return cache;
}

static void catch_up(struct threadcache *cache, uint32_t epoch)
{
	cache->epoch = epoch;
	if (cache->trim_epoch != __atomic_load_n(&trim_epoch, __ATOMIC_RELAXED)) {
		cache->trim_epoch = __atomic_load_n(&trim_epoch, __ATOMIC_RELAXED);
		threadcache_flush(cache);
	}
	threadcache_set_countdown(cache, hooks_first_countdown());
}

struct threadcache *threadcache_enter(void)
{
	struct threadcache *cache = threadcache_self;
	uint32_t epoch;

	if (unlikely(cache == &nobody || cache == &ended)) {
		cache = begin();
		if (!cache)
			return NULL;
	}
	if (unlikely(cache->busy))
		return NULL;
	cache->busy = 1;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	epoch = __atomic_load_n(&heap_published.epoch, __ATOMIC_ACQUIRE);
	if (unlikely(cache->epoch != epoch))
		catch_up(cache, epoch);
	return cache;
}

struct threadcache *threadcache_enter_to_give(void)
{
	/* what libc frees of the thread's own, after the last destructor, is not worth a new cache */
	return unlikely(threadcache_self == &ended) ? NULL : threadcache_enter();
}

/*
 * Empties a list into the central one, which sees a block that is on it twice. If it was, and the list goes
 * in a circle, more may have been taken from it than were there: n is very large then, but the walk ends
 * at the block that comes again.
 */
static void empty(struct threadcache *cache, unsigned class)
{
	struct threadcache_bin *bin = &cache->bins[class];
	unsigned n;
	void *list;

	outbox_flush(cache, class);
	bin->room += picks_flush(cache, class);
	n = bin->capacity - bin->room;
	list = bin->head;
	cache->capacity_bytes -= (uint64_t)bin->capacity * sizeclass_get(class)->size;
	*bin = (struct threadcache_bin){0};
	cache->demands[class] = (struct threadcache_demand){0};
	if (n)
		central_give(class, list, n);
}

/* Whether there is anything to be emptied: what a thread frees of a class without a list goes to its outbox. */
static bool has_any(const struct threadcache_bin *bin)
{
	return bin->capacity || bin->end;
}

/* Notes a visit of the class's slow path. */
static void visit(struct threadcache *cache, unsigned class)
{
	cache->active[class / 64] |= 1ull << (class % 64);
	if (likely(++cache->n_slow % TIDY))
		return;
	for (unsigned i = 1; i < SIZECLASS_N; i++)
		if (has_any(&cache->bins[i]) && !(cache->active[i / 64] >> (i % 64) & 1))
			empty(cache, i);
	tagged_flush(cache);
	cache->active[0] = cache->active[1] = 0;
	/* a thread that only frees */
	tidy_visit(cache);
}

uint64_t threadcache_share(void)
{
	const uint32_t n = owners_count();

	return n <= CACHES_MAX / CACHE_MAX ? CACHE_MAX : MAX(CACHES_MAX / n, CACHE_MIN);
}

/*
 * What a list's first refill asks for. Where two threads take single blocks in turn, each has the other's for
 * neighbours, and what one writes at its end takes the line from the other.
 */
static unsigned first_blocks(const struct sizeclass *sizeclass)
{
	return MAX(sizeclass_index(sizeclass, FIRST_BYTES),
		   sizeclass->size <= FIRST_SMALL ? FIRST_N : 1u);
}

unsigned threadcache_part(unsigned class, unsigned fraction, unsigned most)
{
	const unsigned least = first_blocks(sizeclass_get(sizeclass_plain(class)));
	uint64_t n_blocks, n_parts;

	if (most <= least)
		return most;
	n_blocks = __atomic_load_n(&central_table[class].n_blocks, __ATOMIC_RELAXED);
	n_parts = (uint64_t)fraction * owners_count();
	/* mostly there is plenty, and nothing has to be divided */
	if (most * n_parts <= n_blocks)
		return most;
	return (unsigned)MAX(n_blocks / n_parts, least);
}

/* Room for so many blocks more. */
static void widen(struct threadcache *cache, unsigned class, unsigned n)
{
	struct threadcache_bin *bin = &cache->bins[class];

	bin->capacity = (uint16_t)(bin->capacity + n);
	bin->room += n;
	cache->capacity_bytes += (uint64_t)n * sizeclass_get(class)->size;
}

/*
 * Brings about n blocks: one for the caller, the others for the list, which is empty, or as a pick. That is for what
 * goes on allocating. Where lists and picks of the classes take turns, the processor cannot guess which comes next; so
 * it is between threads, whose blocks come back through lists.
 */
static unsigned refill(struct threadcache *cache, unsigned class, unsigned n, void **ret)
{
	struct threadcache_bin *bin = &cache->bins[class];
	unsigned taken = 0;

	bin->head = NULL;
	if (n == sizeclass_get(class)->batch && n > 1 && owners_count() == 1) {
		struct span_pick pick;

		taken = central_pick(class, n, &pick);
		if (taken)
			*ret = picks_begin(cache, class, &pick);
	}
	if (!taken) {
		taken = central_take(class, n, 0, ret);
		if (taken > 1)
			bin->head = *(void **)*ret;
	}
	return taken;
}

/* How many blocks of a class a list may ever hold. */
static unsigned list_max(const struct sizeclass *sizeclass)
{
	return MAX(2u * sizeclass->batch, MIN(LIST_BYTES / sizeclass->size, LIST_BLOCKS));
}

/*
 * What was freed since the last refill was more than the list could hold; it is empty now. Of a flood the list keeps
 * what came first: out of the processor's caches when its turn comes, and each block is to be waited for, since only it
 * knows the next. So it stays short then.
 */
static void learn(struct threadcache *cache, unsigned class)
{
	const struct sizeclass *sizeclass = sizeclass_get(class);
	struct threadcache_demand *demand = &cache->demands[class];
	struct threadcache_bin *bin = &cache->bins[class];
	const unsigned least = 2u * sizeclass->batch,
		       most = MAX(list_max(sizeclass), bin->capacity);

	demand->floods = demand->spills >= FLOOD + (most - bin->capacity) / least;
	demand->spills = 0;
	if (demand->floods && bin->capacity > least) {
		cache->capacity_bytes -= (uint64_t)(bin->capacity - least) * sizeclass->size;
		bin->capacity = (uint16_t)least;
	}
}

void *threadcache_take(struct threadcache *cache, unsigned class)
{
	const struct sizeclass *sizeclass = sizeclass_get(class);
	struct threadcache_demand *demand = &cache->demands[class];
	struct threadcache_bin *bin = &cache->bins[class];
	unsigned want = MAX(demand->batch * 2u, first_blocks(sizeclass));
	void *block = bin->head;
	unsigned n;

	if (block) {
		bin->head = *(void **)block;
		bin->room++;
		return block;
	}
	block = picks_take(cache, class);
	if (block) {
		bin->room++;
		return block;
	}
	visit(cache, class);
	outbox_flush(cache, class);
	/* what threads hold and do not use stays a fraction of what there is of the class */
	want = threadcache_part(class, SHARE, MIN(want, sizeclass->batch));
	n = refill(cache, class, want, &block);
	if (!n)
		return NULL;
	/* n may be a whole batch where less was wanted, or a whole span */
	demand->batch = (uint8_t)want;
	if (demand->spills)
		learn(cache, class);
	bin->room = bin->capacity;
	want = cache->capacity_bytes < threadcache_share() ? 2 * MAX(n, want) : n;
	if (bin->room < want)
		widen(cache, class, want - bin->room);
	bin->room -= n - 1;
	return block;
}

/* The newest batch of a full list goes to the central one. Those are the blocks that are near. */
static void give_batch(struct threadcache_bin *bin, unsigned class)
{
	const unsigned batch = sizeclass_get(class)->batch;
	void **last = (void **)bin->head;
	void *list = bin->head;

	for (unsigned i = batch; i > 1; i--)
		last = *last;
	bin->head = *last;
	*last = NULL;
	bin->room += batch;
	central_give(class, list, batch);
}

/*
 * How many blocks a list may hold. A thread that only frees has no use for many; and where there are other
 * threads, what all of them hold is to be no more than what is in use.
 */
static unsigned longest(const struct threadcache *cache, unsigned class)
{
	const struct threadcache_demand *demand = &cache->demands[class];
	const struct sizeclass *sizeclass = sizeclass_get(class);
	const unsigned least = 2u * sizeclass->batch;
	const unsigned most = list_max(sizeclass);

	if (!demand->batch)
		return sizeclass->batch;
	if (demand->floods)
		return least;
	/* most lists never come to be so long that it has to be asked */
	if (cache->bins[class].capacity < least || owners_count() == 1)
		return most;
	return MAX(threadcache_part(class, HELD, most), least);
}

/* Makes room in a full list. False if the block has found its way already. */
static bool make_room(struct threadcache *cache, unsigned class, void *block)
{
	const struct sizeclass *sizeclass = sizeclass_get(class);
	struct threadcache_demand *demand = &cache->demands[class];
	struct threadcache_bin *bin = &cache->bins[class];
	const unsigned limit = longest(cache, class);
	unsigned n_picked;

	visit(cache, class);
	/* it may have been emptied, as one that was in no use */
	outbox_flush(cache, class);
	if (bin->capacity < limit && cache->capacity_bytes < threadcache_share()) {
		widen(cache, class,
		      MIN(MAX(bin->capacity, first_blocks(sizeclass)), limit - bin->capacity));
		return true;
	}
	/* to a thread that allocates, what it freed before is nearer; nor is there anybody else to find it near */
	if ((demand->batch || owners_count() == 1) && sizeclass->size <= OUTBOX_SIZE &&
	    outbox_put(cache, class, block)) {
		demand->spills = MIN(demand->spills + 1u, SPILLS_MAX);
		return false;
	}
	n_picked = picks_flush(cache, class);
	if (n_picked) {
		bin->room += n_picked;
		return true;
	}
	if (bin->capacity >= sizeclass->batch) {
		give_batch(bin, class);
		return true;
	}
	central_give(class, block, 1);
	return false;
}

void threadcache_give(struct threadcache *cache, unsigned class, void *block)
{
	struct threadcache_bin *bin = &cache->bins[class];

	if (unlikely(bin->head == block))
		hooks_corruption(HEAP_ERROR_DOUBLE_FREE, block);
	if (!bin->room && !make_room(cache, class, block))
		return;
	*(void **)block = bin->head;
	bin->head = block;
	bin->room--;
}

void threadcache_flush(struct threadcache *cache)
{
	for (unsigned class = 1; class < SIZECLASS_N; class ++)
		if (has_any(&cache->bins[class]))
			empty(cache, class);
	cache->has_picks = 0;
	tagged_flush(cache);
	place_flush(cache);
}

void threadcache_end(void)
{
	struct threadcache *cache = threadcache_self;

	if (cache == &nobody || cache == &ended || cache->busy)
		return;
	cache->busy = 1;
	threadcache_flush(cache);
	cache->busy = 0;
	cache->countdown = 0;
	threadcache_self = (struct threadcache *)&ended;
	owners_release(cache);
}

static void forget(struct threadcache *cache)
{
	for (unsigned class = 1; class < SIZECLASS_N; class ++) {
		struct threadcache_bin *bin = &cache->bins[class];

		heap_published.lost_blocks += threadcache_count(bin);
		*bin = (struct threadcache_bin){0};
		cache->demands[class] = (struct threadcache_demand){0};
	}
	memset(cache->picks_next, 0, sizeof(cache->picks_next));
	heap_published.lost_blocks += tagged_forget(cache);
	outbox_forget(cache);
	cache->countdown = 0;
	cache->capacity_bytes = 0;
	cache->busy = 0;
	cache->active[0] = cache->active[1] = 0;
	cache->kept = 0;
	cache->has_picks = 0;
	cache->owner = 0;
}

void threadcache_forget_others(void)
{
	owners_reset();
	for (struct threadcache *cache = owners_newest(); cache; cache = cache->next) {
		if (cache != threadcache_self && cache->owner)
			forget(cache);
		owners_enter(cache, cache == threadcache_self);
	}
}

void threadcache_restart_all(void)
{
	const uint32_t epoch = __atomic_add_fetch(&heap_published.epoch, 1, __ATOMIC_ACQ_REL);

	/* a store is lost if the owner was between its load and its store: look again */
	for (unsigned i = 0; i < RESTARTS; i++)
		for (struct threadcache *cache = owners_newest(); cache; cache = cache->next)
			if (__atomic_load_n(&cache->epoch, __ATOMIC_RELAXED) != epoch)
				__atomic_store_n(&cache->countdown, 0, __ATOMIC_RELAXED);
}

void threadcache_trim_all(void)
{
	__atomic_add_fetch(&trim_epoch, 1, __ATOMIC_RELAXED);
	__atomic_add_fetch(&heap_published.epoch, 1, __ATOMIC_ACQ_REL);
}
