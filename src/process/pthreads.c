/* SPDX-License-Identifier: MIT */
/*
 * pthreads.c: glibc's struct pthread, without its header files or debug information.
 *
 * On x86-64 the descriptor begins with the thread control block, whose first word and third word point
 * to the block itself; a page with such words, at an address of 64 bytes' alignment, is rare enough to
 * look closer. The list of stacks and the thread's id stand where they have stood since 2.4, 0x2c0
 * and 0x2d0 bytes in. Where the stack's extent stands changes between versions; but it is three words,
 * start, size and guard, of which the first two have to enclose the descriptor itself and end a page.
 * What passes all that is a descriptor.
 *
 * Stacks in use and stacks kept for reuse stand in two rings, whose heads are libc's. Which ring is which:
 * if one of its threads lives, it is the ring of those in use. If none does, since 2.34 the heads lie
 * in a row (used, user, cache), and the one in the middle leads to the main thread.
 *
 * AArch64 has no pointer to itself in the descriptor: there nothing is found, and stack pointers have to
 * do.
 */
#include "process/pthreads.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "base/macro.h"

enum {
	OFFSET_SELF = 16,
	OFFSET_LIST = 0x2c0,
	OFFSET_TID = 0x2d0,
	EXTENT_FIRST = 0x500, /* where the stack's extent is looked for */
	EXTENT_LAST = 0xb00,
	DESCRIPTOR_ALIGN = 64,
	RING_MAX = 1 << 16,
	HEAD_SIZE = 16,
};

void pthreads_deinit(struct pthreads *pthreads)
{
	free(pthreads->pthreads);
	*pthreads = (struct pthreads){};
}

static int add_pthread(struct pthreads *pthreads, const struct pthread *one)
{
	if (GROW(pthreads->pthreads, pthreads->n_pthreads) < 0)
		return -ENOMEM;
	pthreads->pthreads[pthreads->n_pthreads++] = *one;
	return 0;
}

/* Whether words are the extent of a stack at whose end the descriptor at address lies. */
static bool is_extent(const uint64_t *words, uint64_t address)
{
	const uint64_t block = words[0], size = words[1], guard = words[2];
	uint64_t end;

	if (!block || __builtin_add_overflow(block, size, &end))
		return false;
	return block < address && end > address + OFFSET_TID && end - address < size &&
	       block % MEMORY_PAGE_SIZE == 0 && size % MEMORY_PAGE_SIZE == 0 &&
	       guard % MEMORY_PAGE_SIZE == 0 && guard < size && end - address < (1 << 16);
}

/* A descriptor may be close to the end of what can be read: each word is asked for by itself. */
static bool find_extent(struct memory *memory, uint64_t address, struct pthread *one)
{
	uint64_t words[(EXTENT_LAST - EXTENT_FIRST) / 8];
	size_t n = sizeof(words);

	while (n >= 64 && memory_read(memory, address + EXTENT_FIRST, words, n) < 0)
		n -= 64;
	for (size_t i = 0; i + 3 <= n / 8; i++) {
		if (!is_extent(&words[i], address))
			continue;
		one->block = words[i];
		one->size = words[i + 1];
		one->guard = words[i + 2];
		return true;
	}
	return false;
}

static int look_at(struct pthreads *pthreads, struct memory *memory, uint64_t address)
{
	struct pthread one = {.address = address};
	int32_t tid;

	if (!find_extent(memory, address, &one) ||
	    memory_read(memory, address + OFFSET_TID, &tid, sizeof(tid)) < 0)
		return 0;
	one.tid = MAX(tid, 0);
	return add_pthread(pthreads, &one);
}

static int scan_page(struct pthreads *pthreads, struct memory *memory, uint64_t address)
{
	uint64_t words[MEMORY_PAGE_SIZE / 8];

	if (memory_read(memory, address, words, sizeof(words)) < 0)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(words); i += DESCRIPTOR_ALIGN / 8) {
		int r;

		if (words[i] != address + i * 8 || words[i + OFFSET_SELF / 8] != words[i])
			continue;
		r = look_at(pthreads, memory, words[i]);
		if (r < 0)
			return r;
	}
	return 0;
}

int pthreads_scan(struct pthreads *pthreads, struct memory *memory, uint64_t start, uint64_t end)
{
	uint8_t pages[1024];

	while (start < end) {
		size_t n = MIN((end - start) / MEMORY_PAGE_SIZE, ARRAY_SIZE(pages));
		int r = n ? memory_pages(memory, start, n, pages) : 0;

		for (size_t i = 0; i < n && r >= 0; i++)
			if (pages[i] & MEMORY_RESIDENT)
				r = scan_page(pthreads, memory, start + i * MEMORY_PAGE_SIZE);
		if (r < 0 || n == 0)
			return r;
		start += n * MEMORY_PAGE_SIZE;
	}
	return 0;
}

static int compare_addresses(const void *a, const void *b)
{
	const struct pthread *x = a, *y = b;

	return (x->address > y->address) - (x->address < y->address);
}

/* Whose place in its ring is at node; they are sorted. */
static struct pthread *find_node(struct pthreads *pthreads, uint64_t node)
{
	const struct pthread key = {.address = node - OFFSET_LIST};

	return bsearch(&key, pthreads->pthreads, pthreads->n_pthreads, sizeof(key),
		       compare_addresses);
}

/* Whether the head of a ring leads to the main thread, whose id is the process's. */
static bool leads_to_main(struct memory *memory, uint64_t head, pid_t pid)
{
	uint64_t node;
	int32_t tid;

	return memory_read(memory, head, &node, sizeof(node)) >= 0 && node > OFFSET_LIST &&
	       memory_read(memory, node - OFFSET_LIST + OFFSET_TID, &tid, sizeof(tid)) >= 0 &&
	       tid == pid;
}

/* Follows the ring that first stands in, once for all that are met, and tells them what it is. */
static void resolve_ring(struct pthreads *pthreads, struct pthread *first, uint32_t ring, pid_t pid,
			 struct memory *memory)
{
	uint64_t node = first->address + OFFSET_LIST, head = 0;
	bool lives = false, is_cache;

	first->ring = ring;
	for (unsigned i = 0; i < RING_MAX; i++) {
		struct pthread *other;

		if (memory_read(memory, node, &node, sizeof(node)) < 0 ||
		    node == first->address + OFFSET_LIST)
			break;
		other = find_node(pthreads, node);
		if (!other) {
			head = node;
		} else {
			other->ring = ring;
			lives |= other->tid > 0;
		}
	}
	is_cache = !lives && head > HEAD_SIZE && leads_to_main(memory, head - HEAD_SIZE, pid);
	for (size_t i = 0; i < pthreads->n_pthreads; i++)
		if (pthreads->pthreads[i].ring == ring)
			pthreads->pthreads[i].is_cached = is_cache;
}

void pthreads_resolve(struct pthreads *pthreads, pid_t pid, struct memory *memory)
{
	uint32_t ring = 0;

	if (pthreads->n_pthreads == 0)
		return;
	qsort(pthreads->pthreads, pthreads->n_pthreads, sizeof(*pthreads->pthreads),
	      compare_addresses);
	for (size_t i = 0; i < pthreads->n_pthreads; i++)
		if (pthreads->pthreads[i].tid == 0 && pthreads->pthreads[i].ring == 0)
			resolve_ring(pthreads, &pthreads->pthreads[i], ++ring, pid, memory);
}
