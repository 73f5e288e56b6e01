/* SPDX-License-Identifier: MIT */
/*
 * blockindex.c: a set of addresses that every free asks and samples alter.
 *
 * A chain of open-addressing tables, the newest first, each up to four times as large as the one before:
 *
 *	blockindex_newest → | 64K keys | → | 16K keys | → | 4K keys |
 *
 * A key may stand anywhere in a window of 16 places, two cache lines, that begins where its hash says. A
 * look-up reads the whole window whether it finds gaps or not, so that a removal just stores 0: there are
 * no tombstones and a table never degrades. A window that is full makes a new table the newest. Tables are
 * never moved or freed; one that has emptied costs a look-up one load.
 *
 * A key is claimed by compare-and-swap, its slot stored after it: nobody else can ask for an address
 * before the allocation that adds it has returned. Removal reads the slot, then claims the key by
 * compare-and-swap to 0.
 *
 * Context: any thread, inside malloc and free, signal handlers. No locks. Copied by fork like any
 * memory; a key whose slot was not stored at that moment has slot 0 in the child, which says "not there".
 */
#include "agent/core/blockindex.h"

#include "agent/core/sys.h"

enum {
	BLOCKINDEX_FIRST_BITS = 12,
	BLOCKINDEX_WINDOW = 16,
	BLOCKINDEX_LINE = 8, /* keys of a cache line */
};

struct blockindex_table {
	struct blockindex_table *older;
	uint32_t bits;
	uint32_t count; /* keys in it; on another line than the keys */
	uint64_t *keys; /* 1 << bits, and another line for the last window */
	uint32_t *slots;
	uint8_t *
		used; /* keys in each line: most windows of a sparse table need no more than this */
};

static struct blockindex_table *blockindex_newest;
static uint32_t blockindex_max_bits; /* of the largest table */
static uint64_t blockindex_bytes;

static size_t blockindex_table_size(uint32_t bits)
{
	size_t n = ((size_t)1 << bits) + BLOCKINDEX_LINE;

	return 64 + n * (sizeof(uint64_t) + sizeof(uint32_t)) + n / BLOCKINDEX_LINE;
}

static struct blockindex_table *blockindex_new_table(uint32_t bits)
{
	struct blockindex_table *table;
	size_t size = blockindex_table_size(bits);

	table = sys_map_private(size);
	if (!table)
		return NULL;
	table->bits = bits;
	table->keys = (uint64_t *)((char *)table + 64);
	table->slots = (uint32_t *)(table->keys + ((size_t)1 << bits) + BLOCKINDEX_LINE);
	table->used = (uint8_t *)(table->slots + ((size_t)1 << bits) + BLOCKINDEX_LINE);
	return table;
}

int blockindex_init(uint32_t max_entries)
{
	if (blockindex_newest)
		return 0;
	blockindex_max_bits = BLOCKINDEX_FIRST_BITS;
	while (blockindex_max_bits < 30 &&
	       1ull << blockindex_max_bits < max_entries + max_entries / 2ull)
		blockindex_max_bits++;
	blockindex_newest = blockindex_new_table(BLOCKINDEX_FIRST_BITS);
	if (!blockindex_newest)
		return -SYS_ENOMEM;
	blockindex_bytes = blockindex_table_size(BLOCKINDEX_FIRST_BITS);
	return 0;
}

/* Where the window of an address begins: at the start of a cache line. */
static size_t blockindex_window(const struct blockindex_table *table, uintptr_t addr)
{
	uint64_t hash = (addr >> 3) * 0x9e3779b97f4a7c15ull;

	return (size_t)(hash >> (64 - table->bits)) & ~(size_t)(BLOCKINDEX_LINE - 1);
}

/* A key comes to place i, or goes. */
static void blockindex_count(struct blockindex_table *table, size_t i, int change)
{
	__atomic_fetch_add(&table->count, (uint32_t)change, __ATOMIC_RELAXED);
	__atomic_fetch_add(&table->used[i / BLOCKINDEX_LINE], (uint8_t)change, __ATOMIC_RELAXED);
}

static bool blockindex_add_to(struct blockindex_table *table, uintptr_t addr, uint32_t slot)
{
	size_t window = blockindex_window(table, addr);

	for (size_t i = window; i < window + BLOCKINDEX_WINDOW; i++) {
		uint64_t empty = 0;

		if (__atomic_load_n(&table->keys[i], __ATOMIC_RELAXED) != 0)
			continue;
		/* counted first: who sees the key must not see an empty table or line */
		blockindex_count(table, i, 1);
		if (__atomic_compare_exchange_n(&table->keys[i], &empty, addr, false,
						__ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
			__atomic_store_n(&table->slots[i], slot, __ATOMIC_RELEASE);
			return true;
		}
		blockindex_count(table, i, -1);
	}
	return false;
}

/* Puts a larger table in front, unless somebody else just did. */
static bool blockindex_grow(struct blockindex_table *newest)
{
	uint32_t bits = MIN(newest->bits + 2, blockindex_max_bits);
	size_t size = blockindex_table_size(bits);
	struct blockindex_table *table = NULL;

	if (newest->bits < blockindex_max_bits)
		table = blockindex_new_table(bits);
	if (!table)
		return __atomic_load_n(&blockindex_newest, __ATOMIC_RELAXED) != newest;
	table->older = newest;
	/* release pairs with the acquire loads of blockindex_newest */
	if (__atomic_compare_exchange_n(&blockindex_newest, &newest, table, false, __ATOMIC_RELEASE,
					__ATOMIC_RELAXED))
		__atomic_fetch_add(&blockindex_bytes, size, __ATOMIC_RELAXED);
	else
		sys_unmap(table, size);
	return true;
}

bool blockindex_add(uintptr_t addr, uint32_t slot)
{
	struct blockindex_table *table;

	do {
		table = __atomic_load_n(&blockindex_newest, __ATOMIC_ACQUIRE);
		if (blockindex_add_to(table, addr, slot))
			return true;
	} while (blockindex_grow(table));
	/* no larger table may be made: the older ones have room again where blocks were freed */
	for (table = table->older; table; table = table->older)
		if (blockindex_add_to(table, addr, slot))
			return true;
	return false;
}

/* The key's place in a table, NULL if it is not there. */
static _always_inline_ uint64_t *blockindex_find(struct blockindex_table *table, uintptr_t addr)
{
	size_t window = blockindex_window(table, addr);
	uint64_t *keys = table->keys + window;
	const uint8_t *used = &table->used[window / BLOCKINDEX_LINE];

	if (!(__atomic_load_n(&used[0], __ATOMIC_RELAXED) |
	      __atomic_load_n(&used[1], __ATOMIC_RELAXED)))
		return NULL;
	for (unsigned i = 0; i < BLOCKINDEX_WINDOW; i++)
		if (__atomic_load_n(&keys[i], __ATOMIC_RELAXED) == addr)
			return &keys[i];
	return NULL;
}

bool blockindex_has(uintptr_t addr)
{
	struct blockindex_table *table = __atomic_load_n(&blockindex_newest, __ATOMIC_ACQUIRE);

	for (; table; table = table->older)
		if (__atomic_load_n(&table->count, __ATOMIC_RELAXED) != 0 &&
		    blockindex_find(table, addr))
			return addr != 0;
	return false;
}

uint32_t blockindex_remove(uintptr_t addr)
{
	struct blockindex_table *table = __atomic_load_n(&blockindex_newest, __ATOMIC_ACQUIRE);

	for (; table && addr; table = table->older) {
		uint64_t *key, expected = addr;
		uint32_t slot;

		if (__atomic_load_n(&table->count, __ATOMIC_RELAXED) == 0)
			continue;
		key = blockindex_find(table, addr);
		if (!key)
			continue;
		slot = __atomic_load_n(&table->slots[key - table->keys], __ATOMIC_ACQUIRE);
		if (!__atomic_compare_exchange_n(key, &expected, 0, false, __ATOMIC_RELAXED,
						 __ATOMIC_RELAXED))
			return 0; /* freed twice, and the other one was first */
		blockindex_count(table, (size_t)(key - table->keys), -1);
		return slot;
	}
	return 0;
}

uint64_t blockindex_own_bytes(void)
{
	return __atomic_load_n(&blockindex_bytes, __ATOMIC_RELAXED);
}
