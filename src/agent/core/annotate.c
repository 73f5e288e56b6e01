/* SPDX-License-Identifier: MIT */
/*
 * annotate.c: the functions that a program's tables are filled with (include/memtrace.h).
 *
 * A block of a pool is recorded as malloc's are: sampled by a countdown of the thread's, at the interval in
 * force. It is found again by its address; since the first block of a chunk has the chunk's address, pools
 * have a key space of their own in the index.
 *
 * Tags are numbered, and their names stand in the region's strings, which a forked child copies: so the
 * table, which it inherits, stays right. An entry is one word, published whole.
 *
 * Context: any thread, signal handlers; called by the program. No locks. errno is not touched.
 */
#include "agent/core/annotate.h"

#include "agent/core/blockindex.h"
#include "agent/core/core-door.h"
#include "agent/core/recorder.h"
#include "agent/core/sys.h"
#include "agent/core/thread.h"
#include "agent/core/writer.h"

enum {
	ANNOTATE_TAGS = 1024, /* the last number stands for "no room" */
	ANNOTATE_NAME_MAX = 128,
};

/* Upper half of a name's hash, and its offset in the strings; 0: free. */
static uint64_t annotate_tags[ANNOTATE_TAGS];

static uint32_t annotate_length(const char *name)
{
	uint32_t n = 0;

	while (n < ANNOTATE_NAME_MAX && name[n])
		n++;
	return n;
}

static uint64_t annotate_hash(const char *name, uint32_t length)
{
	uint64_t hash = 0xcbf29ce484222325ull;

	for (uint32_t i = 0; i < length; i++)
		hash = (hash ^ (uint8_t)name[i]) * 0x100000001b3ull;
	return hash ^ hash >> 29;
}

/* The tag's number; 0 if there is no room. */
static uint32_t annotate_tag(const char *name)
{
	uint32_t length = annotate_length(name), string = 0;
	uint64_t hash = annotate_hash(name, length), upper = hash >> 32 << 32;

	for (uint32_t probe = 0; probe < ANNOTATE_TAGS - 1; probe++) {
		uint32_t i = (uint32_t)(hash + probe) % (ANNOTATE_TAGS - 1);
		/* acquire pairs with the release below: the string is there */
		uint64_t entry = __atomic_load_n(&annotate_tags[i], __ATOMIC_ACQUIRE);

		if (entry == 0) {
			if (!string)
				string = writer_add_string(name, length);
			if (!string)
				return 0;
			if (__atomic_compare_exchange_n(&annotate_tags[i], &entry, upper | string,
							false, __ATOMIC_RELEASE, __ATOMIC_ACQUIRE))
				return i + 1;
		}
		if (entry >> 32 == hash >> 32)
			return i + 1;
	}
	return 0;
}

uint32_t annotate_tag_string(unsigned flags)
{
	uint32_t tag = flags >> ANNOTATE_TAG_SHIFT;

	if (tag == 0 || tag > ANNOTATE_TAGS)
		return 0;
	return (uint32_t)__atomic_load_n(&annotate_tags[tag - 1], __ATOMIC_RELAXED);
}

unsigned annotate_flags(const struct thread *thread)
{
	unsigned flags = thread->n_backing ? MT_STACK_BACKING : 0;

	if (thread->n_tags)
		flags |= (unsigned)thread->tags[MIN(thread->n_tags, (uint32_t)THREAD_TAGS) - 1]
			 << ANNOTATE_TAG_SHIFT;
	return flags;
}

static void annotate_tag_push(const char *name)
{
	struct thread *thread = core_enter();

	if (!thread)
		return;
	if (thread->n_tags < THREAD_TAGS)
		thread->tags[thread->n_tags] = (uint16_t)annotate_tag(name);
	thread->n_tags++;
	thread_leave(thread);
}

static void annotate_tag_pop(void)
{
	struct thread *thread = core_enter();

	if (!thread)
		return;
	if (thread->n_tags)
		thread->n_tags--;
	thread_leave(thread);
}

static void annotate_backing(int change)
{
	struct thread *thread = core_enter();

	if (!thread)
		return;
	if (change > 0 || thread->n_backing)
		thread->n_backing += (uint32_t)change;
	thread_leave(thread);
}

static void annotate_backing_begin(void)
{
	annotate_backing(1);
}

static void annotate_backing_end(void)
{
	annotate_backing(-1);
}

static void annotate_pool_alloc(const void *block, size_t size)
{
	struct thread *thread = block ? core_enter() : NULL;

	if (!thread)
		return;
	recorder_pool_allocated(thread, (uintptr_t)block, size);
	thread_leave(thread);
}

static void annotate_pool_free(const void *block)
{
	struct thread *thread;

	if (!block || !core_is_recording() ||
	    !blockindex_has((uintptr_t)block | RECORDER_POOL_KEY) || !(thread = core_enter()))
		return;
	recorder_pool_freed(thread, (uintptr_t)block);
	thread_leave(thread);
}

static void annotate_pool_move(const void *from, const void *to, size_t size)
{
	annotate_pool_free(from);
	annotate_pool_alloc(to, size);
}

static void annotate_mark(const char *name)
{
	uint32_t tag;

	if (!name || !core_is_recording())
		return;
	struct thread *thread = core_enter();

	if (!thread)
		return;
	thread->mentioned = true;
	tag = annotate_tag(name);
	writer_put_event(&(struct mt_event){
		.type = MT_EVENT_MARK,
		.time_ns = sys_clock_ns(),
		.aux = annotate_tag_string(tag << ANNOTATE_TAG_SHIFT),
		.thread = (uint16_t)thread->index,
	});
	thread_leave(thread);
}

/* Fills one slot that the program's table has. */
#define annotate_set(slots, end, member, function)                                        \
	do {                                                                              \
		if ((uintptr_t)(&(slots)->member + 1) <= (end))                           \
			__atomic_store_n(&(slots)->member, (function), __ATOMIC_RELEASE); \
	} while (0)

void annotate_fill(struct annotate_slots *slots, uintptr_t end)
{
	uintptr_t start = (uintptr_t)slots;

	if (!IS_ALIGNED(start, sizeof(void *)) ||
	    end - start < offsetof(struct annotate_slots, pool_alloc) || slots->size > 4096 ||
	    __atomic_load_n(&slots->mark, __ATOMIC_RELAXED))
		return;
	end = MIN(end, start + slots->size);
	/* the release of each pairs with the acquire in the macros */
	annotate_set(slots, end, pool_alloc, annotate_pool_alloc);
	annotate_set(slots, end, pool_free, annotate_pool_free);
	annotate_set(slots, end, pool_move, annotate_pool_move);
	annotate_set(slots, end, backing_begin, annotate_backing_begin);
	annotate_set(slots, end, backing_end, annotate_backing_end);
	annotate_set(slots, end, tag_push, annotate_tag_push);
	annotate_set(slots, end, tag_pop, annotate_tag_pop);
	annotate_set(slots, end, mark, annotate_mark);
}
