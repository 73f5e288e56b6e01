/* SPDX-License-Identifier: MIT */
/*
 * test-heap-published.c: another process's heap, read as published.h says, by the reader's rules: sizes
 * and offsets from the root, nothing but copies.
 */
#include "heap/published.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "heap/heap.h"
#include "test.h"

#define N_SMALL   20000u /* more than a thread keeps in a list */
#define SMALL     48u
#define LARGE     300000u
#define HUGE      (64ul << 20)
#define N_SAMPLED 7u

static pid_t child;

static void copy(void *to, uintptr_t from, size_t size)
{
	struct iovec local = {to, size}, remote = {(void *)from, size};

	assert_int_equal(process_vm_readv(child, &local, 1, &remote, 1, 0), (ssize_t)size);
}

static int64_t countdown;

static uint32_t count(void *block, size_t size, int64_t *ret_next)
{
	*ret_next = countdown;
	return 1000;
}

static const struct heap_hooks hooks = {.allocated = count};

/* Allocates what the parent expects, frees some of it, and waits to be killed. */
static void fill(int ready)
{
	static void *blocks[2 * N_SMALL];
	void *large = heap_alloc(LARGE), *huge = heap_alloc(HUGE);

	for (unsigned i = 0; i < 2 * N_SMALL; i++)
		blocks[i] = heap_alloc(SMALL);
	for (unsigned i = 0; i < 2 * N_SMALL; i += 2)
		heap_free(blocks[i]);
	heap_free(heap_alloc(3ul << 20));
	heap_set_hooks(&hooks);
	for (unsigned i = 0; i < N_SAMPLED; i++)
		blocks[2 * i] = heap_alloc(SMALL);
	if (!large || !huge || write(ready, "", 1) != 1)
		_exit(1);
	for (;;)
		(void)pause();
}

static int begin(void **state)
{
	int ends[2];
	char byte;

	if (pipe(ends) < 0)
		return -1;
	child = fork();
	if (child == 0) {
		alarm(180);
		fill(ends[1]);
	}
	return read(ends[0], &byte, 1) == 1 ? 0 : -1;
}

static int end(void **state)
{
	(void)kill(child, SIGKILL);
	(void)waitpid(child, NULL, 0);
	return 0;
}

static struct heap_root read_root(void)
{
	struct heap_root root;

	/* the child is a fork: its root is where ours is */
	copy(&root, (uintptr_t)heap_root(), sizeof(root));
	assert_int_equal(root.magic, HEAP_MAGIC);
	assert_int_equal(root.version, HEAP_VERSION);
	assert_int_equal(root.root_size, sizeof(root));
	return root;
}

static struct span read_span(const struct heap_root *root, uint32_t i)
{
	struct span span;

	copy(&span, root->spans + (uintptr_t)i * root->span_size, sizeof(span));
	return span;
}

static uint64_t cached(const struct heap_root *root, unsigned class)
{
	const unsigned plain = class < root->tagged ? class : class - root->tagged;
	uint64_t n = 0;
	struct threadcache cache;

	for (uintptr_t at = root->caches; at; at = (uintptr_t)cache.next) {
		struct threadcache_list list = {0};
		struct threadcache_bin bin;

		copy(&cache, at, sizeof(cache));
		copy(&bin, at + root->bins_offset + (uintptr_t)plain * root->bin_size, sizeof(bin));
		if (cache.tagged)
			copy(&list, (uintptr_t)cache.tagged + (uintptr_t)plain * root->list_size,
			     sizeof(list));
		n += class < root->tagged ? threadcache_count(&bin) : threadcache_list_count(&list);
	}
	return n;
}

static uint64_t in_use(const struct heap_root *root, unsigned class)
{
	struct sizeclass sizeclass;
	struct central central;

	copy(&central, root->centrals + (uintptr_t) class * root->central_size, sizeof(central));
	copy(&sizeclass, root->classes + (uintptr_t) class * root->class_size, sizeof(sizeclass));
	assert_int_equal(sizeclass.size, SMALL);
	return central.n_blocks - central.n_free - (uint64_t)central.n_batches * sizeclass.batch -
	       cached(root, class);
}

static void blocks_in_use_can_be_counted_from_outside(void **state)
{
	const struct heap_root root = read_root();

	assert_int_equal(in_use(&root, sizeclass_of(SMALL)), N_SMALL);
	assert_int_equal(in_use(&root, root.tagged + sizeclass_of(SMALL)), N_SAMPLED);
}

/* Counts a block that is free without a bit, once. */
static void meet(const struct heap_root *root, uintptr_t block, uint8_t *met, uint64_t *n)
{
	struct span span;
	uint32_t i;
	size_t index;

	copy(&i, root->span_of + ((block - root->base) >> root->page_shift) * sizeof(i), sizeof(i));
	span = read_span(root, i);
	assert_int_equal(span.class, sizeclass_of(SMALL));
	index = (block - root->base - ((uintptr_t)span.page << root->page_shift)) / SMALL;
	assert_int_equal((block - root->base - ((uintptr_t)span.page << root->page_shift)) % SMALL,
			 0);
	assert_false(span.free[index / 64] >> (index % 64) & 1);
	assert_int_equal(met[(block - root->base) / 16]++, 0);
	++*n;
}

/* A list, an outbox and a pick of the class, in the only thread. */
static void what_a_thread_holds_is_found_block_by_block(void **state)
{
	const struct heap_root root = read_root();
	const unsigned class = sizeclass_of(SMALL);
	uint8_t *met = calloc(root.used / 16, 1);
	uint64_t n = 0, n_picked = 0, n_sent = 0;
	struct threadcache cache;
	uintptr_t block;

	assert_non_null(met);
	copy(&cache, root.caches, sizeof(cache));
	assert_null(cache.next);
	for (unsigned word = 0; word < SPAN_BITMAP_WORDS; word++) {
		const uint64_t bits =
			word ? cache.picks_next[class][word - 1] : cache.bins[class].picks;

		for (unsigned i = 0; i < 64; i++)
			if (bits >> i & 1)
				meet(&root, cache.bins[class].start + (word * 64 + i) * SMALL, met,
				     &n_picked);
	}
	assert_true(n_picked > 0);
	for (unsigned i = cache.bins[class].top; i < cache.bins[class].end; i++) {
		copy(&block,
		     (uintptr_t)cache.outboxes[class] +
			     offsetof(struct threadcache_outbox, blocks) + i * sizeof(block),
		     sizeof(block));
		meet(&root, block, met, &n_sent);
	}
	assert_true(n_sent > 0);
	for (block = (uintptr_t)cache.bins[class].head; block; copy(&block, block, sizeof(block)))
		meet(&root, block, met, &n);
	assert_int_equal(n + n_sent + n_picked, cached(&root, class));
	free(met);
}

static void spans_cover_the_range_without_gap_or_overlap(void **state)
{
	const struct heap_root root = read_root();
	const size_t n_pages = root.used >> root.page_shift;
	uint8_t *owned = calloc(n_pages, 1);

	assert_non_null(owned);
	for (uint32_t i = 1; i < root.n_spans; i++) {
		const struct span span = read_span(&root, i);

		if (span.state == SPAN_NONE || span.state == SPAN_HUGE)
			continue;
		for (uint32_t page = span.page; page < span.page + span.n_pages; page++) {
			uint8_t class;

			assert_true(page < n_pages);
			assert_int_equal(owned[page]++, 0);
			copy(&class, root.class_of + page, 1);
			assert_int_equal(class, span.state == SPAN_SMALL && span.class < root.tagged
							? span.class
							: 0);
			if (span.state == SPAN_SMALL) {
				uint32_t index;

				copy(&index, root.span_of + (size_t)page * sizeof(index),
				     sizeof(index));
				assert_int_equal(index, i);
			}
		}
	}
	/* page 0 is nobody's */
	for (size_t page = 1; page < n_pages; page++)
		assert_int_equal(owned[page], 1);
	free(owned);
}

static void large_and_huge_blocks_are_found(void **state)
{
	const struct heap_root root = read_root();
	unsigned n_large = 0, n_huge = 0, n_free = 0;

	for (uint32_t i = 1; i < root.n_spans; i++) {
		const struct span span = read_span(&root, i);

		if (span.state == SPAN_LARGE) {
			n_large++;
			assert_int_equal(span.n_pages, (LARGE + 4095) / 4096);
		} else if (span.state == SPAN_HUGE) {
			n_huge++;
			assert_int_equal(span.huge.size, HUGE);
		} else if (span.state == SPAN_DIRTY) {
			n_free += span.n_pages;
		}
	}
	assert_int_equal(n_large, 1);
	assert_int_equal(n_huge, 1);
	assert_int_equal(root.n_huge, 1);
	assert_int_equal(root.huge_bytes, HUGE);
	/* but for what sampled blocks took of it */
	assert_true(n_free >= (3ul << 20) / 4096 - 64);
}

static void tags_can_be_read(void **state)
{
	const struct heap_root root = read_root();
	const unsigned class = root.tagged + sizeclass_of(SMALL);
	unsigned n_tags = 0;

	for (uint32_t i = 1; i < root.n_spans; i++) {
		const struct span span = read_span(&root, i);
		uint32_t tags[SIZECLASS_BLOCKS_MAX];
		struct sizeclass sizeclass;

		if (span.state != SPAN_SMALL || span.class != class)
			continue;
		copy(&sizeclass, root.classes + class * root.class_size, sizeof(sizeclass));
		copy(tags, root.tags + (uintptr_t)span.tags * 16,
		     sizeclass.n_blocks * sizeof(tags[0]));
		for (unsigned k = 0; k < sizeclass.n_blocks; k++) {
			assert_true(tags[k] == 0 || tags[k] == 1000);
			n_tags += tags[k] == 1000;
		}
	}
	assert_int_equal(n_tags, N_SAMPLED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks_in_use_can_be_counted_from_outside),
		cmocka_unit_test(what_a_thread_holds_is_found_block_by_block),
		cmocka_unit_test(spans_cover_the_range_without_gap_or_overlap),
		cmocka_unit_test(large_and_huge_blocks_are_found),
		cmocka_unit_test(tags_can_be_read),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
