/* SPDX-License-Identifier: MIT */
/*
 * thread-entry.c: who is who in the region's table of threads.
 *
 * Fresh entries are taken in order while not many of those in use are of ended threads. Else a hand goes round
 * them, as a clock's, and takes the entries of ended threads, the longest ended mostly first: the
 * compare-and-swap that clears end_ns has one winner. So the table does not grow with each thread that a program
 * ever had. Entries of threads that ended before anything of theirs was recorded say nothing to anybody and go first.
 *
 * An entry is written by the thread that has it. tid is stored last, with release order, and cleared
 * first when the entry changes hands. Blocks may still refer to it; they are then shown as the new
 * owner's (region/abi.h says so).
 *
 * Context: any thread, inside malloc, signal handlers. No locks. prctl for names, unless confined.
 */
#include "agent/core/thread-entry.h"

#include "agent/core/sys.h"
#include "agent/core/writer.h"

enum {
	THREAD_ENTRY_KEPT = 256,  /* of ended threads: 144 KiB, and more than people look at */
	THREAD_ENTRY_LOOKS = 256, /* entries that the hand looks at before it gives up */
	THREAD_ENTRY_BLANKS = 16,
	THREAD_ENTRY_PR_GET_NAME = 16,
};

static uint32_t thread_entry_next;                       /* the next fresh one */
static uint32_t thread_entry_blank[THREAD_ENTRY_BLANKS]; /* ended without a record, or 0 */
static uint32_t thread_entry_hand;
static uint32_t thread_entry_ended; /* entries of ended threads */
static bool thread_entry_confined;

void thread_entry_init(void)
{
	thread_entry_next = 1;
}

void thread_entry_confine(void)
{
	__atomic_store_n(&thread_entry_confined, true, __ATOMIC_RELAXED);
}

void thread_entry_put_event(int type, uint32_t entry, int tid, uint64_t now_ns)
{
	writer_put_event(&(struct mt_event){
		.type = (uint16_t)type,
		.time_ns = now_ns,
		.aux = (uint64_t)tid,
		.thread = (uint16_t)entry,
	});
}

static uint32_t thread_entry_take_fresh(int tid, uint64_t now_ns)
{
	uint32_t index = __atomic_load_n(&thread_entry_next, __ATOMIC_RELAXED);

	do {
		if (index >= writer.threads_capacity ||
		    !writer_make_ready(WRITER_THREADS, index + 1))
			return 0;
	} while (!__atomic_compare_exchange_n(&thread_entry_next, &index, index + 1, true,
					      __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	writer.threads[index].start_ns = now_ns;
	/* release pairs with the reader's load of tid */
	__atomic_store_n(&writer.threads[index].tid, (uint32_t)tid, __ATOMIC_RELEASE);
	writer_raise32(&writer.header->n_threads, index + 1);
	return index;
}

static bool thread_entry_take_ended(struct mt_thread *entry, int tid, uint64_t now_ns)
{
	uint64_t ended = __atomic_load_n(&entry->end_ns, __ATOMIC_RELAXED);

	/* acquire pairs with the release in thread_entry_end */
	if (ended == 0 || !__atomic_compare_exchange_n(&entry->end_ns, &ended, 0, false,
						       __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return false;
	__atomic_fetch_sub(&thread_entry_ended, 1, __ATOMIC_RELAXED);
	__atomic_store_n(&entry->tid, 0, __ATOMIC_RELAXED);
	entry->generation++;
	entry->start_ns = now_ns;
	memset(entry->name, 0, sizeof(entry->name));
	/* its last owner may still count what destructors do */
	__atomic_store_n(&entry->alloc_bytes, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&entry->freed_bytes, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&entry->samples, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&entry->tid, (uint32_t)tid, __ATOMIC_RELEASE);
	return true;
}

static uint32_t thread_entry_take_blank(int tid, uint64_t now_ns)
{
	for (unsigned i = 0; i < THREAD_ENTRY_BLANKS; i++) {
		uint32_t index = __atomic_load_n(&thread_entry_blank[i], __ATOMIC_RELAXED);

		if (index == 0)
			continue;
		index = __atomic_exchange_n(&thread_entry_blank[i], 0, __ATOMIC_RELAXED);
		/* the hand may have had it meanwhile */
		if (index && thread_entry_take_ended(&writer.threads[index], tid, now_ns))
			return index;
	}
	return 0;
}

static uint32_t thread_entry_take_oldest(int tid, uint64_t now_ns)
{
	for (unsigned i = 0; i < THREAD_ENTRY_LOOKS; i++) {
		/* what was never made ready is not to be touched */
		uint32_t hand = __atomic_add_fetch(&thread_entry_hand, 1, __ATOMIC_RELAXED) %
				__atomic_load_n(&thread_entry_next, __ATOMIC_RELAXED);

		if (hand > 0 && thread_entry_take_ended(&writer.threads[hand], tid, now_ns))
			return hand;
	}
	return 0;
}

uint32_t thread_entry_take(int tid, uint64_t now_ns)
{
	const bool are_many =
		__atomic_load_n(&thread_entry_ended, __ATOMIC_RELAXED) >= THREAD_ENTRY_KEPT;
	uint32_t index = thread_entry_take_blank(tid, now_ns);

	if (index == 0 && are_many)
		index = thread_entry_take_oldest(tid, now_ns);
	if (index == 0)
		index = thread_entry_take_fresh(tid, now_ns);
	if (index == 0 && !are_many)
		index = thread_entry_take_oldest(tid, now_ns);
	return index;
}

void thread_entry_read_name(uint32_t index, int tid, bool announce, uint64_t now_ns)
{
	struct mt_thread *entry = &writer.threads[index];
	char name[MT_THREAD_NAME] = {0};

	if (index == 0 || __atomic_load_n(&thread_entry_confined, __ATOMIC_RELAXED))
		return;
	if (sys_call3(SYS_NR_prctl, THREAD_ENTRY_PR_GET_NAME, (long)name, 0) < 0)
		return;
	if (memcmp(name, entry->name, sizeof(name)) == 0)
		return;
	memcpy(entry->name, name, sizeof(name));
	if (announce)
		thread_entry_put_event(MT_EVENT_THREAD_NAME, index, tid, now_ns);
}

void thread_entry_end(uint32_t index, bool is_blank, uint64_t now_ns)
{
	if (!index)
		return;
	/* release pairs with the acquire in thread_entry_take_ended; destructors may end it again */
	if (__atomic_exchange_n(&writer.threads[index].end_ns, now_ns, __ATOMIC_RELEASE) == 0)
		__atomic_fetch_add(&thread_entry_ended, 1, __ATOMIC_RELAXED);
	if (is_blank)
		__atomic_store_n(&thread_entry_blank[index % THREAD_ENTRY_BLANKS], index,
				 __ATOMIC_RELAXED);
}

uint32_t thread_entry_after_fork(uint32_t index, int tid, uint64_t now_ns)
{
	uint32_t n = MIN(writer.header->n_threads, writer.threads_capacity);

	thread_entry_next = MAX(n, 1);
	thread_entry_ended = 0;
	memset(thread_entry_blank, 0, sizeof(thread_entry_blank));
	for (uint32_t i = 1; i < n; i++) {
		struct mt_thread *entry = &writer.threads[i];

		entry->alloc_bytes = entry->freed_bytes = entry->samples = 0;
		memset(entry->tallies, 0, sizeof(entry->tallies));
		if (entry->tid && !entry->end_ns)
			entry->end_ns = now_ns;
		thread_entry_ended += entry->end_ns != 0;
	}
	if (index == 0 || index >= n)
		return thread_entry_take(tid, now_ns);
	thread_entry_ended -= writer.threads[index].end_ns != 0;
	writer.threads[index].end_ns = 0;
	writer.threads[index].tid = (uint32_t)tid;
	return index;
}
