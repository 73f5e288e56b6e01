/* SPDX-License-Identifier: MIT */
/*
 * zeropages.c: a private page that is read before it is written to is the one page of zeros that the
 * kernel has for all. It is mapped, so pagemap has it as present, but it is nobody's memory: Rss does not
 * count it and nothing gives it back. A sparse table that was looked through has many, and so has a heap of which
 * somebody has made a core file.
 *
 * pagemap does not tell it from other pages; the ioctl PAGEMAP_SCAN (Linux 6.7) does. It is asked only where
 * a page is mapped more than once and is not a file's, which else only pages are that a fork has shared.
 */
#include "process/zeropages.h"

#include <errno.h>
#include <linux/ioctl.h>
#include <sys/ioctl.h>

#include "process/memory.h"

enum { MAX_PAGES = 512, PAGE_IS_PFNZERO = 1 << 5 };

/* As in <linux/fs.h> of a newer kernel. */
struct scan_region {
	uint64_t start, end, categories;
};

struct scan {
	uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
	uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};

bool zeropages_may_be(uint64_t entry)
{
	static const uint64_t present = 1ull << 63, file = 1ull << 61, exclusive = 1ull << 56;

	return (entry & (present | file | exclusive)) == present;
}

int zeropages_clear(int pagemap, uint64_t address, size_t n, uint8_t *pages)
{
	/* no two of them are neighbours */
	struct scan_region regions[MAX_PAGES / 2 + 1];
	struct scan scan = {
		.size = sizeof(scan),
		.start = address,
		.end = address + n * MEMORY_PAGE_SIZE,
		.vec = (uintptr_t)regions,
		.vec_len = sizeof(regions) / sizeof(*regions),
		.category_mask = PAGE_IS_PFNZERO,
		.return_mask = PAGE_IS_PFNZERO,
	};
	int n_regions;

	if (n > MAX_PAGES)
		return -EINVAL;
	n_regions = ioctl(pagemap, _IOWR('f', 16, struct scan), &scan);
	if (n_regions < 0)
		return -errno;
	for (int i = 0; i < n_regions; i++)
		for (uint64_t at = regions[i].start; at < regions[i].end; at += MEMORY_PAGE_SIZE)
			if (at >= address && (at - address) / MEMORY_PAGE_SIZE < n)
				pages[(at - address) / MEMORY_PAGE_SIZE] &=
					(uint8_t)~MEMORY_RESIDENT;
	return 0;
}
