/* SPDX-License-Identifier: MIT */
/*
 * writer-fill.c: makes tables ready as they fill, and writes what is written in one place.
 *
 * A table is made ready in steps that double from a page to 64 KiB, so that a small program pays for little:
 * MADV_POPULATE_WRITE, because a store into a sparse file for which the kernel has no memory left would be
 * a SIGBUS in the program, while madvise only fails and the table counts as full; and MADV_DODUMP, because core
 * files contain shared files whole, holes included, unless told otherwise. Ring and modules are small
 * and ready at once.
 *
 * Context: any thread and signal handlers, without locks; writer_begin as writer.c.
 */
#include "agent/core/writer-fill.h"

#include "agent/core/sys.h"
#include "region/ring.h"

enum { WRITER_LIVE_INDEX = 32 /* blockindex.c, on the average */ };

/* Bytes from each table's start that are ready. Written by any thread, only upwards. */
static uint64_t writer_ready[WRITER_N_TABLES];
/* Bytes of private memory that go with an entry: mirrors and indices. */
static uint16_t writer_private_size[WRITER_N_TABLES] = {
	[WRITER_SITES] = 20,
	[WRITER_LIVE] = WRITER_LIVE_MIRROR,
	[WRITER_MAPS] = 64,
};
/* Bytes that all tables together may take, and what is left of them. */
static int64_t writer_memory, writer_left;
/* Bytes of strings that are given away. */
static uint64_t writer_strings_used;

const uint32_t writer_entry_size[WRITER_N_TABLES] = {
	[WRITER_STACKS] = sizeof(uint64_t),          [WRITER_SITES] = sizeof(struct mt_site),
	[WRITER_LIVE] = sizeof(struct mt_live),      [WRITER_MAPS] = sizeof(struct mt_map),
	[WRITER_RING] = sizeof(struct mt_event),     [WRITER_MODULES] = sizeof(struct mt_module),
	[WRITER_THREADS] = sizeof(struct mt_thread), [WRITER_STRINGS] = 1,
};

void writer_expect_index(void)
{
	writer_private_size[WRITER_LIVE] = WRITER_LIVE_MIRROR + WRITER_LIVE_INDEX;
}

/* Ready means: the kernel has the memory, and core files have it. Older kernels cannot populate. */
static bool writer_prepare(char *start, uint64_t size)
{
	int r = sys_madvise(start, size, SYS_MADV_POPULATE_WRITE);

	if (r < 0 && r != -SYS_EINVAL)
		return false;
	sys_madvise(start, size, SYS_MADV_DODUMP);
	return true;
}

/* Where the next step ends that makes a table, ready up to there, ready up to end. */
static uint64_t writer_step_end(uint64_t ready, uint64_t end)
{
	const uint64_t step = MAX((uint64_t)sys_page_size(), ready);

	return ALIGN_UP(end, MIN(step, (uint64_t)WRITER_STEP));
}

/* What a table's next size bytes cost, with the private memory that goes with its entries. */
static int64_t writer_cost(enum writer_table table, uint64_t size)
{
	return (int64_t)(size + size / writer_entry_size[table] * writer_private_size[table]);
}

bool writer_make_ready(enum writer_table table, uint64_t n_entries)
{
	const struct mt_table *place = &writer_tables(writer.header)[table];
	uint64_t end = n_entries * writer_entry_size[table];
	uint64_t ready = __atomic_load_n(&writer_ready[table], __ATOMIC_RELAXED);
	int64_t cost;

	if (likely(end <= ready))
		return true;
	end = writer_step_end(ready, end);
	cost = writer_cost(table, end - ready);
	/* the first piece of each table is always given */
	if (ready > 0 && cost > __atomic_load_n(&writer_left, __ATOMIC_RELAXED))
		return false;
	/* two threads may do this at once; nothing is lost by doing it twice */
	if (!writer_prepare((char *)writer.header + place->offset + ready, end - ready))
		return false;
	if (__atomic_compare_exchange_n(&writer_ready[table], &ready, end, false, __ATOMIC_RELAXED,
					__ATOMIC_RELAXED))
		__atomic_fetch_sub(&writer_left, cost, __ATOMIC_RELAXED);
	return end <= __atomic_load_n(&writer_ready[table], __ATOMIC_RELAXED) ||
	       writer_make_ready(table, n_entries);
}

bool writer_is_scarce(void)
{
	return __atomic_load_n(&writer_left, __ATOMIC_RELAXED) < writer_memory / 32;
}

bool writer_begin(struct mt_header *header, int64_t memory, uint64_t n_strings)
{
	struct mt_table *tables = writer_tables(header);

	if (!writer_prepare((char *)header, ALIGN_UP(sizeof(*header), sys_page_size())))
		return false;
	for (unsigned i = 0; i < WRITER_N_TABLES; i++)
		__atomic_store_n(&writer_ready[i], 0, __ATOMIC_RELAXED);
	if (memory)
		writer_memory = memory;
	writer_strings_used = n_strings;
	__atomic_store_n(&writer_left, writer_memory, __ATOMIC_RELAXED);
	sys_madvise((char *)header + tables[WRITER_RING].offset,
		    tables[WRITER_THREADS].offset - tables[WRITER_RING].offset, SYS_MADV_DODUMP);
	return true;
}

void writer_publish(enum mt_state state)
{
	__atomic_store_n(&writer.header->state, state, __ATOMIC_RELAXED);
	/* pairs with the reader's load of magic: everything else is laid out */
	__atomic_store_n(&writer.header->magic, MT_MAGIC, __ATOMIC_RELEASE);
}

void writer_raise32(uint32_t *mark, uint32_t value)
{
	uint32_t old = __atomic_load_n(mark, __ATOMIC_RELAXED);

	/* release pairs with readers of the mark, who then look at the entries below it */
	while (old < value && !__atomic_compare_exchange_n(mark, &old, value, true,
							   __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		;
}

void writer_raise64(uint64_t *mark, uint64_t value)
{
	uint64_t old = __atomic_load_n(mark, __ATOMIC_RELAXED);

	while (old < value && !__atomic_compare_exchange_n(mark, &old, value, true,
							   __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		;
}

uint32_t writer_add_string(const char *string, uint32_t length)
{
	uint64_t old = __atomic_load_n(&writer_strings_used, __ATOMIC_RELAXED), end;

	do {
		end = old + length + 1;
		if (length > MT_PATH_MAX || end > writer.strings_capacity ||
		    !writer_make_ready(WRITER_STRINGS, end))
			return 0;
	} while (!__atomic_compare_exchange_n(&writer_strings_used, &old, end, true,
					      __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	memcpy(writer.strings + old, string, length);
	writer.strings[old + length] = 0;
	writer_raise64(&writer.header->n_strings, end);
	return (uint32_t)old;
}

void writer_put_event(const struct mt_event *event)
{
	ring_put(writer.ring, writer.ring_capacity, &writer.header->n_events, event);
}

void writer_set_flag(uint32_t flag)
{
	if ((__atomic_load_n(&writer.header->flags, __ATOMIC_RELAXED) & flag) != flag)
		__atomic_fetch_or(&writer.header->flags, flag, __ATOMIC_RELAXED);
}

void writer_count_lost(uint64_t *counter)
{
	__atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
	writer_set_flag(MT_HEADER_INEXACT);
}
