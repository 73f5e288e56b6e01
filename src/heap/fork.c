/* SPDX-License-Identifier: MIT */
/*
 * fork.c: the heap on both sides of a fork.
 *
 * With handlers, all locks are held over the fork, so that the child's heap is consistent. Only what
 * other threads had in their caches is lost to the child: their lists may have been copied in the middle
 * of a change, page by page, and cannot be trusted.
 *
 * Without handlers, a word in a page with MADV_WIPEONFORK is 0 in the child, and only there. It is looked
 * at when a thread is about to sleep for a lock. The holder may have been in the middle of a change then, so
 * everything that is linked is made anew (rebuild.c).
 */
#include "heap/fork.h"

#include "heap/area.h"
#include "heap/central.h"
#include "heap/heap.h"
#include "heap/huge.h"
#include "heap/meta.h"
#include "heap/os.h"
#include "heap/owners.h"
#include "heap/pageheap.h"
#include "heap/rebuild.h"
#include "heap/threadcache.h"

static uint32_t *mark;

void fork_watch(void)
{
	uint32_t *page;

	if (__atomic_load_n(&mark, __ATOMIC_RELAXED))
		return;
	page = os_map(HEAP_PAGE);
	if (!page)
		return;
	if (os_wipe_on_fork(page, HEAP_PAGE) < 0) {
		os_unmap(page, HEAP_PAGE);
		return;
	}
	*page = 1;
	/* pairs with the acquire in fork_adopt_child */
	__atomic_store_n(&mark, page, __ATOMIC_RELEASE);
}

/* In the order in which they nest. */
static struct lock *lock_number(unsigned i)
{
	struct lock *const others[] = {
		pageheap_lock(), huge_lock(), owners_lock(), span_lock(), meta_lock(), area_lock(),
	};

	if (i < SIZECLASS_IDS)
		return &central_table[i].lock;
	return i - SIZECLASS_IDS < ARRAY_SIZE(others) ? others[i - SIZECLASS_IDS] : NULL;
}

static void reset(void)
{
	struct lock *lock;

	for (unsigned i = 0; (lock = lock_number(i)); i++)
		lock_reset(lock);
	threadcache_forget_others();
}

void fork_adopt_child(void)
{
	uint32_t *page = __atomic_load_n(&mark, __ATOMIC_ACQUIRE);
	uint32_t expected = 0;

	if (page && __atomic_compare_exchange_n(page, &expected, 1, false, __ATOMIC_ACQ_REL,
						__ATOMIC_RELAXED)) {
		reset();
		rebuild_all();
	}
}

/*
 * A signal handler that interrupted the heap in this thread and forks: the locks are this thread's own, and
 * the code that holds them goes on when the handler returns, here and in the child. So nothing is taken;
 * the child is adopted as one of a raw clone if it ever has to wait. Only this thread reads what it wrote.
 */
static _Thread_local bool inside;

void heap_before_fork(void)
{
	struct lock *lock;

	inside = threadcache_self->busy != 0;
	if (inside)
		return;
	for (unsigned i = 0; (lock = lock_number(i)); i++)
		lock_take(lock);
}

void heap_after_fork_parent(void)
{
	struct lock *lock;

	if (inside)
		return;
	for (unsigned i = 0; (lock = lock_number(i)); i++)
		lock_drop(lock);
}

void heap_after_fork_child(void)
{
	if (inside)
		return;
	if (mark)
		*mark = 1;
	reset();
}
