/* SPDX-License-Identifier: MIT */
/*
 * mapindex.c: a treap of ranges, in an array.
 *
 * Nodes are ordered by start; their priorities are a hash of their numbers, so that the tree is the same
 * as a random one: about 2·log n deep. Links are numbers. Nothing recurses: this may run on a small
 * signal stack.
 *
 * Invariants: start[left] < start < start[right]; priority >= those of the children;
 * start + size <= start of the next. Free entries have start 0 and are linked through left.
 *
 * A range that is cut keeps its entry for its lower part; the upper part, if any, gets a new one. The
 * lower part is told to the hooks first, so that entries never overlap where a reader can see them.
 *
 * Context: the caller holds a lock; private memory, copied by fork.
 */
#include "agent/core/mapindex.h"

#include "agent/core/sys.h"

struct mapindex_node {
	struct mapindex_range range;
	uint32_t left, right;
	uint32_t reserved[4];
};
assert_size(struct mapindex_node, 64); /* one cache line, one page */

int mapindex_init(struct mapindex *index, uint32_t capacity, const struct mapindex_hooks *hooks)
{
	capacity = MAX(capacity, 2);
	index->nodes = sys_map_private((size_t)capacity * sizeof(struct mapindex_node));
	if (!index->nodes)
		return -SYS_ENOMEM;
	index->capacity = capacity;
	index->n_used = 1;
	index->root = index->free = 0;
	index->hooks = hooks;
	return 0;
}

static uint32_t mapindex_priority(uint32_t number)
{
	uint32_t x = number * 0x9e3779b9u;

	x ^= x >> 16;
	x *= 0x85ebca6bu;
	return x ^ x >> 13;
}

static uint64_t mapindex_start(const struct mapindex *index, uint32_t number)
{
	return index->nodes[number].range.start;
}

/* Splits the tree at root into what starts below start and the rest. */
static void mapindex_split(struct mapindex *index, uint32_t root, uint64_t start,
			   uint32_t *ret_left, uint32_t *ret_right)
{
	uint32_t *left = ret_left, *right = ret_right;

	while (root) {
		if (mapindex_start(index, root) < start) {
			*left = root;
			left = &index->nodes[root].right;
			root = *left;
		} else {
			*right = root;
			right = &index->nodes[root].left;
			root = *right;
		}
	}
	*left = *right = 0;
}

static void mapindex_link(struct mapindex *index, uint32_t number)
{
	struct mapindex_node *node = &index->nodes[number];
	uint32_t *link = &index->root;

	while (*link && mapindex_priority(*link) >= mapindex_priority(number))
		link = node->range.start < mapindex_start(index, *link)
			       ? &index->nodes[*link].left
			       : &index->nodes[*link].right;
	mapindex_split(index, *link, node->range.start, &node->left, &node->right);
	*link = number;
}

static void mapindex_unlink(struct mapindex *index, uint32_t number)
{
	uint64_t start = mapindex_start(index, number);
	uint32_t *link = &index->root, left, right;

	while (*link && *link != number)
		link = start < mapindex_start(index, *link) ? &index->nodes[*link].left
							    : &index->nodes[*link].right;
	left = index->nodes[number].left;
	right = index->nodes[number].right;
	while (left && right) {
		if (mapindex_priority(left) >= mapindex_priority(right)) {
			*link = left;
			link = &index->nodes[left].right;
			left = *link;
		} else {
			*link = right;
			link = &index->nodes[right].left;
			right = *link;
		}
	}
	*link = left ? left : right;
}

/* The last entry that starts at or below addr. */
static uint32_t mapindex_floor(const struct mapindex *index, uint64_t addr)
{
	uint32_t number = index->root, found = 0;

	while (number) {
		if (mapindex_start(index, number) <= addr) {
			found = number;
			number = index->nodes[number].right;
		} else {
			number = index->nodes[number].left;
		}
	}
	return found;
}

/* The first entry that starts at or above addr. */
static uint32_t mapindex_ceiling(const struct mapindex *index, uint64_t addr)
{
	uint32_t number = index->root, found = 0;

	while (number) {
		if (mapindex_start(index, number) >= addr) {
			found = number;
			number = index->nodes[number].left;
		} else {
			number = index->nodes[number].right;
		}
	}
	return found;
}

/* The first entry of which some part is in [start, end). */
static uint32_t mapindex_first_in(const struct mapindex *index, uint64_t start, uint64_t end)
{
	uint32_t number = mapindex_floor(index, start);

	if (number && mapindex_start(index, number) + index->nodes[number].range.size > start)
		return number;
	number = mapindex_ceiling(index, start);
	return number && mapindex_start(index, number) < end ? number : 0;
}

static uint32_t mapindex_take(struct mapindex *index)
{
	uint32_t number = index->free;

	if (number)
		index->free = index->nodes[number].left;
	else if (index->n_used < index->capacity)
		number = index->n_used++;
	return number;
}

static void mapindex_give(struct mapindex *index, uint32_t number)
{
	index->nodes[number].range.start = 0;
	index->nodes[number].left = index->free;
	index->free = number;
}

bool mapindex_insert(struct mapindex *index, const struct mapindex_range *range)
{
	uint32_t number = mapindex_take(index);

	if (!number) {
		index->hooks->lost(range);
		return false;
	}
	index->nodes[number].range = *range;
	mapindex_link(index, number);
	index->hooks->changed(number, range);
	return true;
}

/*
 * Makes addr, inside the entry, the boundary of two. The upper part is lost, and the entry only shorter, if
 * there is no room. Returns the upper part's number or 0.
 */
static uint32_t mapindex_cut(struct mapindex *index, uint32_t number, uint64_t addr)
{
	struct mapindex_range *lower = &index->nodes[number].range, upper = *lower;
	uint32_t rest = mapindex_take(index);

	upper.start = addr;
	upper.size = lower->start + lower->size - addr;
	lower->size = addr - lower->start;
	index->hooks->changed(number, lower);
	if (!rest) {
		index->hooks->removed(&upper, upper.size, 0);
		index->hooks->lost(&upper);
		return 0;
	}
	index->hooks->removed(&upper, 0, -1);
	index->nodes[rest].range = upper;
	mapindex_link(index, rest);
	index->hooks->changed(rest, &upper);
	return rest;
}

static void mapindex_remove_entry(struct mapindex *index, uint32_t number)
{
	struct mapindex_range old = index->nodes[number].range;

	mapindex_unlink(index, number);
	mapindex_give(index, number);
	index->hooks->changed(number, &index->nodes[number].range);
	index->hooks->removed(&old, old.size, 1);
}

void mapindex_remove(struct mapindex *index, uint64_t start, uint64_t size)
{
	uint64_t end = start + size;
	uint32_t number;

	if (size == 0 || end < start)
		return;
	while ((number = mapindex_first_in(index, start, end)) != 0) {
		struct mapindex_range *range = &index->nodes[number].range;
		uint64_t range_end = range->start + range->size, bytes;

		if (range->start < start && range_end > end) {
			mapindex_cut(index, number, end);
			range_end = range->start + range->size;
		}
		if (range->start < start) {
			range->size = start - range->start;
			index->hooks->changed(number, range);
			index->hooks->removed(range, range_end - start, 0);
		} else if (range_end > end) {
			bytes = end - range->start;
			range->size -= bytes;
			range->start = end;
			index->hooks->changed(number, range);
			index->hooks->removed(range, bytes, 0);
		} else {
			mapindex_remove_entry(index, number);
		}
	}
}

void mapindex_move(struct mapindex *index, uint64_t start, uint64_t size, uint64_t to)
{
	uint64_t end = start + size;
	uint32_t number;

	if (size == 0 || end < start)
		return;
	while ((number = mapindex_first_in(index, start, end)) != 0) {
		struct mapindex_range *range = &index->nodes[number].range;

		if (range->start < start) {
			mapindex_cut(index, number, start);
			continue;
		}
		if (range->start + range->size > end)
			mapindex_cut(index, number, end);
		mapindex_unlink(index, number);
		range->start = to + (range->start - start);
		mapindex_link(index, number);
		index->hooks->changed(number, range);
	}
}

const struct mapindex_range *mapindex_find(const struct mapindex *index, uint64_t addr)
{
	uint32_t number = mapindex_first_in(index, addr, addr + 1);

	return number ? &index->nodes[number].range : NULL;
}

bool mapindex_extend(struct mapindex *index, uint64_t end, uint64_t size)
{
	uint32_t number = mapindex_first_in(index, end - 1, end);
	struct mapindex_range *range;

	if (!number)
		return false;
	range = &index->nodes[number].range;
	if (range->start + range->size != end)
		return false;
	range->size += size;
	index->hooks->changed(number, range);
	return true;
}

void mapindex_rebuild(struct mapindex *index)
{
	index->root = index->free = 0;
	/* one more than n_used: the entry that was being taken */
	index->n_used = MIN(index->n_used + 1, index->capacity);
	for (uint32_t number = 1; number < index->n_used; number++) {
		const struct mapindex_range *range = &index->nodes[number].range;

		if (range->start && range->size && range->start + range->size > range->start &&
		    !mapindex_first_in(index, range->start, range->start + range->size))
			mapindex_link(index, number);
		else
			mapindex_give(index, number);
	}
}

void mapindex_for_each(const struct mapindex *index,
		       void (*function)(uint32_t number, struct mapindex_range *range))
{
	for (uint32_t number = 1; number < index->n_used; number++)
		if (index->nodes[number].range.start)
			function(number, &index->nodes[number].range);
}

bool mapindex_is_valid(const struct mapindex *index)
{
	uint32_t n_linked = 0, n_free = 0;
	uint64_t end = 0;

	for (uint32_t number = mapindex_ceiling(index, 0); number;
	     number = mapindex_ceiling(index, mapindex_start(index, number) + 1)) {
		const struct mapindex_node *node = &index->nodes[number];

		if (node->range.start < end || node->range.size == 0)
			return false;
		if ((node->left && mapindex_priority(node->left) > mapindex_priority(number)) ||
		    (node->right && mapindex_priority(node->right) > mapindex_priority(number)))
			return false;
		end = node->range.start + node->range.size;
		if (++n_linked > index->n_used)
			return false;
	}
	for (uint32_t number = index->free; number; number = index->nodes[number].left)
		if (index->nodes[number].range.start || ++n_free > index->n_used)
			return false;
	return n_linked + n_free + 1 == index->n_used;
}

_hot_ uint64_t mapindex_own_bytes(const struct mapindex *index)
{
	return (uint64_t)index->n_used * sizeof(struct mapindex_node);
}
