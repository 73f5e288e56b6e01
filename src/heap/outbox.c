/* SPDX-License-Identifier: MIT */
/*
 * outbox.c: the slow half of outbox.h.
 *
 * A thread that frees many blocks of a class more than it allocates would have each of them brought from
 * memory to link it, walk over it, and give it away. As an array of addresses they go to the central tier
 * unseen, where a bit is set for each.
 *
 * Outboxes are made for classes that need one, and stay.
 */
#include "heap/outbox.h"

#include "heap/central.h"
#include "heap/meta.h"
#include "heap/owners.h"
#include "heap/putback.h"

/* A thread that is alone gives away more at a time; of many threads each has one for each class. */
static uint32_t limit_of(unsigned class)
{
	const uint32_t batch = sizeclass_get(class)->batch;

	return MIN(OUTBOX_N, owners_count() == 1 ? 2 * batch : batch);
}

static struct threadcache_outbox *outbox_of(struct threadcache *cache, unsigned class)
{
	struct threadcache_outbox *outbox = cache->outboxes[class];
	const uint32_t limit = limit_of(class);

	if (likely(outbox))
		return outbox;
	outbox = meta_alloc(sizeof(*outbox) + limit * sizeof(outbox->blocks[0]));
	if (outbox)
		outbox->limit = limit;
	cache->outboxes[class] = outbox;
	return outbox;
}

bool outbox_put(struct threadcache *cache, unsigned class, void *block)
{
	struct threadcache_outbox *outbox = outbox_of(cache, class);
	struct threadcache_bin *bin = &cache->bins[class];
	unsigned limit;

	if (!outbox || bin->end)
		return false;
	limit = (unsigned)outbox->limit;
	outbox->blocks[limit - 1] = block;
	bin->end = (uint8_t)limit;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	bin->top = (uint8_t)(limit - 1);
	return true;
}

void outbox_flush(struct threadcache *cache, unsigned class)
{
	struct threadcache_bin *bin = &cache->bins[class];
	unsigned top, n;

	if (!bin->end)
		return;
	/* in one instruction: a signal handler's block comes in before or not at all */
	top = __atomic_exchange_n(&bin->top, 0, __ATOMIC_RELAXED);
	n = bin->end - top;
	bin->end = 0;
	for (void **blocks = &cache->outboxes[class]->blocks[top]; n > 0;) {
		const unsigned part = MIN(n, PUTBACK_MAX);

		central_put(class, blocks, part);
		blocks += part;
		n -= part;
	}
}

void outbox_forget(struct threadcache *cache)
{
	for (unsigned class = 1; class < SIZECLASS_N; class ++) {
		struct threadcache_outbox *outbox = cache->outboxes[class];

		if (!outbox)
			continue;
		/* in a forked child it may be there before what was stored to it; it has room for a batch at least */
		if (outbox->limit == 0)
			outbox->limit = MIN(OUTBOX_N, sizeclass_get(class)->batch);
	}
}
