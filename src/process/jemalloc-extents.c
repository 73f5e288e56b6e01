/* SPDX-License-Identifier: MIT */
/*
 * jemalloc-extents.c: the tree of jemalloc 5.3 on machines with 48 bits of address has two levels of 2 MiB:
 *
 *	root, in the static data   address bits 47..30 -> leaf
 *	leaf                       address bits 29..12 -> size class : 16 │ extent : 41 │ flags : 7
 *
 * The extent itself:
 *
 *	bits: nfree : 10 │ size class : 8 │ state : 3 │ guarded zeroed huge committed slab │ arena : 12
 *	address
 *	size, with a number in the bits below a page's
 *
 * Each entry says state, kind and size class of its extent again, in bits that other versions use in another
 * way, so that these are not taken for this one.
 */
#include "process/jemalloc-extents.h"

#include <errno.h>

#include "base/macro.h"

enum {
	EXTENT_ALIGNMENT = 128,
	ENTRY_SLAB = 1,
	ENTRY_STATE_SHIFT = 2,
	ENTRY_SIZE_SHIFT = 48,
	/* in an extent's bits */
	ARENA_BITS = 12,
	SLAB_SHIFT = ARENA_BITS,
	HUGE_SHIFT = 14,
	STATE_SHIFT = 17,
	SIZE_SHIFT = 20,
	NFREE_SHIFT = 28,
};

static const uint64_t address_mask = (1ull << 48) - 1;

uint64_t jemalloc_size(uint32_t size_class)
{
	const uint32_t group = size_class < 5 ? 0 : (size_class - 5) / 4;

	if (size_class == 0)
		return 8;
	if (size_class < 5)
		return 16ull * size_class;
	return (64ull << group) + (((size_class - 5) % 4 + 1ull) << (4 + group));
}

static uint64_t bits_of(uint64_t word, unsigned shift, unsigned width)
{
	return word >> shift & ((1ull << width) - 1);
}

/* Whether an entry and its extent say the same. What was said of an extent when it was last active may stand on. */
static bool agree(uint64_t entry, const struct jemalloc_extent *extent)
{
	if (bits_of(entry, ENTRY_STATE_SHIFT, 3) != extent->state)
		return false;
	return extent->state != JEMALLOC_ACTIVE ||
	       ((entry & ENTRY_SLAB) == extent->is_slab &&
		entry >> ENTRY_SIZE_SHIFT == extent->size_class);
}

static bool is_valid(const struct jemalloc_extent *extent)
{
	const uint32_t class = extent->size_class;

	if (!extent->size || extent->size > address_mask || !extent->address ||
	    extent->state > JEMALLOC_RETAINED)
		return false;
	if (extent->state != JEMALLOC_ACTIVE)
		return class <= JEMALLOC_SIZES;
	if (class >= JEMALLOC_SIZES)
		return false;
	return extent->is_slab
		       ? (uint64_t)extent->free_blocks * jemalloc_size(class) <= extent->size
		       : jemalloc_size(class) <= extent->size;
}

/* See pagetree.h. */
static int read_extent(void *tree_, uint64_t entry, struct pagetree_range *ret)
{
	struct jemalloc_tree *tree = tree_;
	struct jemalloc_extent *extent = &tree->extent;
	const uint64_t address = entry & address_mask & ~(uint64_t)(EXTENT_ALIGNMENT - 1);
	uint64_t words[3] = {};
	int r;

	if (!address)
		return 0;
	r = pagecache_follow(&tree->pages.cache, address, words, sizeof(words));
	if (r < 0)
		return r;
	*extent = (struct jemalloc_extent){
		.address = ALIGN_DOWN(words[1], (uint64_t)MEMORY_PAGE_SIZE),
		.size = ALIGN_DOWN(words[2], (uint64_t)MEMORY_PAGE_SIZE),
		.arena = (uint32_t)bits_of(words[0], 0, ARENA_BITS),
		.state = (enum jemalloc_state)bits_of(words[0], STATE_SHIFT, 3),
		.is_slab = bits_of(words[0], SLAB_SHIFT, 1),
		.is_huge_page = bits_of(words[0], HUGE_SHIFT, 1),
		.size_class = (uint32_t)bits_of(words[0], SIZE_SHIFT, 8),
		.free_blocks = (uint32_t)bits_of(words[0], NFREE_SHIFT, 10),
	};
	if (!is_valid(extent) || !agree(entry, extent))
		return -EBADMSG;
	extent->is_slab &= extent->state == JEMALLOC_ACTIVE;
	*ret = (struct pagetree_range){extent->address, extent->size};
	return 1;
}

static int visit_extent(void *tree_)
{
	struct jemalloc_tree *tree = tree_;

	return tree->visit(&tree->extent, tree->userdata);
}

static const struct pagetree_form form = {"libjemalloc", 12, 64, read_extent, visit_extent};

int jemalloc_tree_open(const struct space *space, struct jemalloc_tree *tree)
{
	int r = pagetree_init(&tree->pages, &form, tree, space);

	return r < 0 ? r : pagetree_find(&tree->pages);
}

void jemalloc_tree_close(struct jemalloc_tree *tree)
{
	pagetree_deinit(&tree->pages);
}

int jemalloc_tree_walk(struct jemalloc_tree *tree, jemalloc_visit visit, void *userdata)
{
	tree->visit = visit;
	tree->userdata = userdata;
	return pagetree_walk(&tree->pages);
}
