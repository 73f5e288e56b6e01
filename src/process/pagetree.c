/* SPDX-License-Identifier: MIT */
/*
 * pagetree.c: the root and the leaves are tables of words:
 *
 *	root, in the static data   high bits of the page's number -> leaf
 *	leaf                       low 18 bits -> entry
 *
 * A range's first and last page have entries that lead to it, and those between may have some. A
 * word of the static data that leads to a leaf is known by entries there which lead to ranges that
 * begin on the very page that the entry stands for, in its low bits; the high bits then say which
 * of the root's words it is.
 *
 * A walk goes from a range to its end and looks for the next entry from there: what stands between, and may have been
 * left over, is not asked. Of a process at work some entries lead to what is being split or merged just then; these
 * are counted.
 */
#include "process/pagetree.h"

#include <errno.h>
#include <stdbool.h>

#include "base/macro.h"
#include "process/statics.h"

enum {
	LEAF_BITS = 18,
	LEAF_SIZE = 8 << LEAF_BITS,
	ROOT_SIZE = 8 << 17,
	/* of a candidate; a program may have tables of pointers of its own */
	ENTRIES_TRIED = 64,
	LEAVES_TRIED = 4096,
	/* of a tree: more terabytes than a process has */
	LEAVES_MAX = 4096,
	TORN_MAX = 4, /* and one in 256 */
	TORN_TOO_MUCH = 1 << 16,
};

int pagetree_init(struct pagetree *tree, const struct pagetree_form *form, void *owner,
		  const struct space *space)
{
	int r;

	*tree = (struct pagetree){.form = form, .owner = owner, .space = space};
	r = pagecache_init(&tree->cache, space->memory);
	if (r >= 0)
		r = window_init(&tree->window, space->memory);
	if (r < 0)
		pagetree_deinit(tree);
	return r;
}

void pagetree_deinit(struct pagetree *tree)
{
	pagecache_deinit(&tree->cache);
	window_deinit(&tree->window);
	*tree = (struct pagetree){0};
}

/* The search for the root. */
struct search {
	struct pagetree *tree;
	uint64_t leaf;
	uint64_t place; /* of the leaf in the root */
	unsigned n_entries, n_leaves;
};

static int try_entry(uint64_t address, uint64_t entry, void *search_)
{
	struct search *search = search_;
	const uint64_t place = (address - search->leaf) / sizeof(entry);
	struct pagetree_range range = {};
	uint64_t page;
	int r = search->tree->form->read(search->tree->owner, entry, &range);

	if (r == 0 || (r < 0 && r != -EBADMSG))
		return r;
	page = range.start >> search->tree->form->page_shift;
	search->place = page >> LEAF_BITS;
	if (r > 0 && (page & ((1 << LEAF_BITS) - 1)) == place)
		return 1;
	return ++search->n_entries == ENTRIES_TRIED ? -ENOENT : 0;
}

/* 1 if a word of the static data is one of the root's. */
static int try_word(uint64_t address, uint64_t word, void *search_)
{
	struct search *search = search_;
	struct pagetree *tree = search->tree;
	int r;

	if (!IS_ALIGNED(word, tree->form->alignment) || !statics_is_mapped(tree->space->maps, word))
		return 0;
	if (++search->n_leaves > LEAVES_TRIED)
		return -ENOENT;
	search->leaf = word;
	search->n_entries = 0;
	r = statics_range(&tree->window, word, word + LEAF_SIZE, try_entry, search);
	if (r == -ENOENT)
		return 0;
	if (r <= 0 || search->place >= ROOT_SIZE / 8 || search->place * 8 > address)
		return MIN(r, 0);
	tree->root = address - search->place * 8;
	return 1;
}

int pagetree_find(struct pagetree *tree)
{
	struct search search = {.tree = tree};
	int r = statics_words(tree->space, tree->form->library, try_word, &search);

	if (r == 0 || r == -ENOENT)
		return -EBADMSG;
	return MIN(r, 0);
}

struct walk {
	struct pagetree *tree;
	struct window leaves; /* the tree's window has the root */
	uint64_t leaf, first; /* where the leaf is, and the first page that it is for */
	uint64_t end;         /* of the last range */
	unsigned n_leaves;
};

static int visit_entry(uint64_t address, uint64_t entry, void *walk_)
{
	struct walk *walk = walk_;
	struct pagetree *tree = walk->tree;
	const uint64_t page = walk->first + (address - walk->leaf) / sizeof(entry);
	const uint64_t start = page << tree->form->page_shift;
	struct pagetree_range range = {};
	int r;

	if (start < walk->end)
		return 0;
	r = tree->form->read(tree->owner, entry, &range);
	if (r == 0 || (r < 0 && r != -EBADMSG))
		return r;
	if (r < 0 || range.start != start)
		return ++tree->torn == TORN_TOO_MUCH ? -EAGAIN : 0;
	walk->end = start + range.size;
	tree->n_ranges++;
	return tree->form->visit(tree->owner);
}

static int visit_leaf(uint64_t address, uint64_t leaf, void *walk_)
{
	struct walk *walk = walk_;

	if (++walk->n_leaves > LEAVES_MAX)
		return -EBADMSG;
	walk->leaf = leaf;
	walk->first = (address - walk->tree->root) / sizeof(leaf) << LEAF_BITS;
	return statics_range(&walk->leaves, leaf, leaf + LEAF_SIZE, visit_entry, walk);
}

int pagetree_walk(struct pagetree *tree)
{
	struct walk walk = {.tree = tree};
	int r = window_init(&walk.leaves, tree->space->memory);

	pagecache_forget(&tree->cache);
	tree->n_ranges = tree->torn = 0;
	tree->window.size = 0;
	if (r >= 0)
		r = statics_range(&tree->window, tree->root, tree->root + ROOT_SIZE, visit_leaf,
				  &walk);
	window_deinit(&walk.leaves);
	if (r == 0 && tree->torn > tree->n_ranges / 256 + TORN_MAX)
		r = -EAGAIN;
	return r;
}
