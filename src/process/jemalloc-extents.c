/* SPDX-License-Identifier: MIT */
/*
 * jemalloc-extents.c: the tree of jemalloc 5.3 on machines with 48 bits of address has two levels of 2 MiB:
 *
 *	root, in the static data   address bits 47..30 -> leaf
 *	leaf                       address bits 29..12 -> size class : 16 │ extent : 41 │ flags : 7
 *
 * An extent's first and last page have entries, and each page of a slab. The extent itself:
 *
 *	bits: nfree : 10 │ size class : 8 │ state : 3 │ guarded zeroed huge committed slab │ arena : 12
 *	address
 *	size, with a number in the bits below a page's
 *
 * The root is found without its name. A word of the static data that leads to a leaf leads to entries that
 * lead to extents whose addresses have the entry's place for their bits 29..12; bits 47..30 then say which of
 * the root's words it is. Each entry says state, kind and size class of its extent again, in bits that other versions use in
 * another way, so that these are not taken for this one.
 *
 * A walk goes from an extent to its end and looks for the next entry from there, so that entries within one
 * need not be asked. Of a process at work some lead to what is being split or merged just then: these are counted.
 */
#include "process/jemalloc-extents.h"

#include <errno.h>
#include <string.h>

#include "base/macro.h"
#include "process/statics.h"

enum {
	LEAF_SHIFT = 30,
	TREE_WORDS = 1 << 18,
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
	/* of a candidate */
	ENTRIES_TRIED = 64,
	LEAVES_TRIED = 1 << 16,
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

/* 1: the entry leads to an extent. 0: it does not. */
static int read_extent(struct jemalloc_tree *tree, uint64_t entry, struct jemalloc_extent *ret)
{
	const uint64_t address = entry & address_mask & ~(uint64_t)(EXTENT_ALIGNMENT - 1);
	uint64_t words[3];
	int r = pagecache_read(&tree->cache, address, words, sizeof(words));

	if (r < 0)
		return r == -EFAULT ? 0 : r;
	*ret = (struct jemalloc_extent){
		.address = ALIGN_DOWN(words[1], (uint64_t)MEMORY_PAGE_SIZE),
		.size = ALIGN_DOWN(words[2], (uint64_t)MEMORY_PAGE_SIZE),
		.arena = (uint32_t)bits_of(words[0], 0, ARENA_BITS),
		.state = (enum jemalloc_state)bits_of(words[0], STATE_SHIFT, 3),
		.is_slab = bits_of(words[0], SLAB_SHIFT, 1),
		.is_huge_page = bits_of(words[0], HUGE_SHIFT, 1),
		.size_class = (uint32_t)bits_of(words[0], SIZE_SHIFT, 8),
		.free_blocks = (uint32_t)bits_of(words[0], NFREE_SHIFT, 10),
	};
	if (!is_valid(ret) || !agree(entry, ret))
		return 0;
	ret->is_slab &= ret->state == JEMALLOC_ACTIVE;
	return 1;
}

static bool has_extent(uint64_t entry)
{
	return (entry & address_mask) >= EXTENT_ALIGNMENT;
}

/* The search for the root. */
struct search {
	struct jemalloc_tree *tree;
	uint64_t leaf;
	unsigned n_entries, n_leaves;
	uint64_t place; /* of the leaf in the root */
};

static int try_entry(uint64_t address, uint64_t entry, void *search_)
{
	struct search *search = search_;
	const uint64_t place = (address - search->leaf) / sizeof(entry);
	struct jemalloc_extent extent = {};
	int r;

	if (!has_extent(entry))
		return 0;
	r = read_extent(search->tree, entry, &extent);
	if (r < 0)
		return r;
	search->place = extent.address >> LEAF_SHIFT;
	if (r && bits_of(extent.address, 12, 18) == place)
		return 1;
	return ++search->n_entries == ENTRIES_TRIED ? -ENOENT : 0;
}

/* 1 if a word of the static data is one of the root's. */
static int try_word(uint64_t address, uint64_t word, void *search_)
{
	struct search *search = search_;
	struct jemalloc_tree *tree = search->tree;
	int r;

	if (!IS_ALIGNED(word, 64) || !statics_is_mapped(tree->space->maps, word))
		return 0;
	if (++search->n_leaves > LEAVES_TRIED)
		return -ENOENT;
	search->leaf = word;
	search->n_entries = 0;
	r = statics_range(&tree->window, word, word + TREE_WORDS * sizeof(word), try_entry, search);
	if (r == -ENOENT)
		return 0;
	if (r <= 0 || search->place * sizeof(word) > address)
		return r;
	tree->root = address - search->place * sizeof(word);
	return 1;
}

int jemalloc_tree_open(const struct space *space, struct jemalloc_tree *ret)
{
	struct jemalloc_tree tree = {.space = space};
	struct search search = {.tree = &tree};
	int r = pagecache_init(&tree.cache, space->memory);

	if (r >= 0)
		r = window_init(&tree.window, space->memory);
	if (r >= 0)
		r = statics_words(space, "libjemalloc", try_word, &search);
	if (r <= 0) {
		jemalloc_tree_close(&tree);
		return r == 0 || r == -ENOENT ? -EBADMSG : r;
	}
	*ret = tree;
	return 0;
}

void jemalloc_tree_close(struct jemalloc_tree *tree)
{
	pagecache_deinit(&tree->cache);
	window_deinit(&tree->window);
	*tree = (struct jemalloc_tree){0};
}

struct walk {
	struct jemalloc_tree *tree;
	struct window leaves; /* the tree's window has the root */
	uint64_t leaf, base;  /* where the leaf is, and the first address that it is for */
	uint64_t end;         /* of the last extent */
	jemalloc_visit visit;
	void *userdata;
};

static int visit_entry(uint64_t address, uint64_t entry, void *walk_)
{
	struct walk *walk = walk_;
	const uint64_t page =
		walk->base + (address - walk->leaf) / sizeof(entry) * MEMORY_PAGE_SIZE;
	struct jemalloc_extent extent;
	int r;

	if (!has_extent(entry) || page < walk->end)
		return 0;
	r = read_extent(walk->tree, entry, &extent);
	if (r < 0)
		return r;
	if (!r || extent.address != page) {
		walk->tree->torn++;
		return 0;
	}
	walk->end = page + extent.size;
	walk->tree->n_extents++;
	return walk->visit(&extent, walk->userdata);
}

static int visit_leaf(uint64_t address, uint64_t leaf, void *walk_)
{
	struct walk *walk = walk_;

	walk->leaf = leaf;
	walk->base = (address - walk->tree->root) / sizeof(leaf) << LEAF_SHIFT;
	return statics_range(&walk->leaves, leaf, leaf + TREE_WORDS * sizeof(leaf), visit_entry,
			     walk);
}

int jemalloc_tree_walk(struct jemalloc_tree *tree, jemalloc_visit visit, void *userdata)
{
	struct walk walk = {.tree = tree, .visit = visit, .userdata = userdata};
	int r = window_init(&walk.leaves, tree->space->memory);

	pagecache_forget(&tree->cache);
	tree->torn = tree->n_extents = 0;
	tree->window.size = 0;
	if (r >= 0)
		r = statics_range(&tree->window, tree->root,
				  tree->root + TREE_WORDS * sizeof(uint64_t), visit_leaf, &walk);
	window_deinit(&walk.leaves);
	return r;
}
