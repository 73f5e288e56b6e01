/* SPDX-License-Identifier: MIT */
/*
 * tally.c: see the header.
 *
 * When the table is full and may not grow, the median of the counts is taken from every entry, and those
 * that are left with nothing go: half of them at once, so that an addition costs little on average. What
 * was taken adds up in error. The median is that of a sample of entries.
 */
#include "process/tally.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/macro.h"

enum { CAPACITY_LEAST = 1024, SAMPLE = 1023 };

static size_t entry_size(const struct tally *tally)
{
	return ALIGN_UP(sizeof(struct tally_entry) + tally->text_size, sizeof(uint64_t));
}

static struct tally_entry *entry_at(const struct tally *tally, size_t i)
{
	return (struct tally_entry *)(tally->entries + i * entry_size(tally));
}

void tally_init(struct tally *tally, size_t text_size, size_t max_size)
{
	*tally = (struct tally){.text_size = text_size, .max_size = max_size};
}

void tally_deinit(struct tally *tally)
{
	free(tally->entries);
	*tally = (struct tally){0};
}

/* The place of key, or the empty one where it belongs; there is always one. */
static struct tally_entry *find(const struct tally *tally, uint64_t key)
{
	size_t mask = tally->capacity - 1;
	size_t i = (size_t)((key ^ key >> 29) * 0x9e3779b97f4a7c15ull >> 20) & mask;

	while (entry_at(tally, i)->count && entry_at(tally, i)->key != key)
		i = (i + 1) & mask;
	return entry_at(tally, i);
}

static int compare_numbers(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static uint64_t median(const struct tally *tally)
{
	uint64_t counts[SAMPLE];
	size_t n = 0, step = MAX(tally->capacity / (SAMPLE + 1), (size_t)1);

	for (size_t i = 0; i < tally->capacity && n < SAMPLE; i += step)
		if (entry_at(tally, i)->count)
			counts[n++] = entry_at(tally, i)->count;
	if (!n)
		return 1;
	qsort(counts, n, sizeof(*counts), compare_numbers);
	return counts[n / 2];
}

/* All entries of another table, less what is taken from each. */
static void take_over(struct tally *tally, char *entries, size_t capacity, uint64_t less)
{
	const size_t size = entry_size(tally);

	for (size_t i = 0; i < capacity; i++) {
		const struct tally_entry *from = (struct tally_entry *)(entries + i * size);
		struct tally_entry *to;

		if (from->count <= less)
			continue;
		to = find(tally, from->key);
		memcpy(to, from, size);
		to->count -= less;
		tally->n_entries++;
	}
}

static int grow(struct tally *tally)
{
	size_t capacity = tally->capacity ? 2 * tally->capacity : CAPACITY_LEAST, old;
	char *entries = calloc(capacity, entry_size(tally)), *before = tally->entries;

	if (!entries)
		return -ENOMEM;
	old = tally->capacity;
	tally->entries = entries;
	tally->capacity = capacity;
	tally->n_entries = 0;
	take_over(tally, before, old, 0);
	free(before);
	return 0;
}

static int prune(struct tally *tally)
{
	const size_t size = entry_size(tally), before = tally->n_entries;
	const uint64_t less = median(tally);
	_cleanup_free_ char *kept = NULL;
	size_t n = 0;

	for (size_t i = 0; i < tally->capacity; i++)
		n += entry_at(tally, i)->count > less;
	kept = malloc(n * size + 1);
	if (!kept)
		return -ENOMEM;
	n = 0;
	for (size_t i = 0; i < tally->capacity; i++)
		if (entry_at(tally, i)->count > less)
			memcpy(kept + n++ * size, entry_at(tally, i), size);
	memset(tally->entries, 0, tally->capacity * size);
	tally->n_entries = 0;
	take_over(tally, kept, n, less);
	tally->error += less;
	tally->n_pruned += before - tally->n_entries;
	return 0;
}

static int make_room(struct tally *tally)
{
	if (tally->capacity && tally->n_entries < tally->capacity - tally->capacity / 4)
		return 0;
	if (!tally->capacity || 2 * tally->capacity * entry_size(tally) <= tally->max_size)
		return grow(tally);
	return prune(tally);
}

int tally_add(struct tally *tally, uint64_t key, uint64_t length, const char *text)
{
	struct tally_entry *entry = tally->capacity ? find(tally, key) : NULL;
	size_t kept;
	int r;

	tally->n_added++;
	if (entry && entry->count) {
		entry->count++;
		return 0;
	}
	r = make_room(tally);
	if (r < 0)
		return r;
	entry = find(tally, key);
	entry->key = key;
	entry->count = 1;
	entry->length = length;
	if (tally->text_size) {
		kept = (size_t)MIN(length, tally->text_size - 1);
		memcpy(entry->text, text, kept);
		entry->text[kept] = '\0';
	}
	tally->n_entries++;
	return 0;
}

static uint64_t weight(const struct tally_entry *entry, enum tally_order order)
{
	return order == TALLY_BY_BYTES ? entry->count * entry->length : entry->count;
}

static int compare_entries(const void *a, const void *b, void *order_)
{
	const struct tally_entry *x = *(struct tally_entry *const *)a,
				 *y = *(struct tally_entry *const *)b;
	enum tally_order order = *(enum tally_order *)order_;

	for (int i = 0; i < 2; i++, order ^= 1)
		if (weight(x, order) != weight(y, order))
			return weight(x, order) < weight(y, order) ? 1 : -1;
	return x->key < y->key ? -1 : x->key > y->key;
}

int tally_rank(const struct tally *tally, enum tally_order order, size_t n,
	       const struct tally_entry ***ret, size_t *ret_n)
{
	const struct tally_entry **entries = calloc(tally->n_entries + 1, sizeof(*entries));
	size_t found = 0;

	if (!entries)
		return -ENOMEM;
	for (size_t i = 0; i < tally->capacity; i++)
		if (entry_at(tally, i)->count)
			entries[found++] = entry_at(tally, i);
	qsort_r(entries, found, sizeof(*entries), compare_entries, &order);
	*ret = entries;
	*ret_n = MIN(found, n);
	return 0;
}
