/* SPDX-License-Identifier: MIT */
/*
 * residency.c: memory_pages as bits, two for a page. A residency is a copy: pages come and go meanwhile,
 * and a reader has to bear that.
 */
#include "process/residency.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/macro.h"

enum { PAGE = MEMORY_PAGE_SIZE, PAGES_AT_ONCE = 4096 };

static void set_bit(uint64_t *bits, size_t i)
{
	bits[i / 64] |= UINT64_C(1) << (i % 64);
}

static int read_pages(struct memory *memory, struct residency *residency)
{
	size_t n_pages = (residency->end - residency->start) / PAGE;
	uint8_t pages[PAGES_AT_ONCE];

	for (size_t done = 0; done < n_pages;) {
		size_t n = MIN(n_pages - done, PAGES_AT_ONCE);
		int r = memory_pages(memory, residency->start + done * PAGE, n, pages);

		if (r < 0)
			return r;
		for (size_t i = 0; i < n; i++) {
			if (pages[i] & MEMORY_RESIDENT)
				set_bit(residency->present, done + i);
			else if (pages[i] & MEMORY_SWAPPED)
				set_bit(residency->swapped, done + i);
		}
		done += n;
	}
	return 0;
}

int residency_read(struct memory *memory, uint64_t start, uint64_t end, struct residency *ret)
{
	_cleanup_(residency_deinit) struct residency residency = {};
	size_t n_words;
	int r;

	if (end < start || end > UINT64_MAX - PAGE)
		return -EINVAL;
	residency.start = ALIGN_DOWN(start, (uint64_t)PAGE);
	residency.end = ALIGN_UP(end, (uint64_t)PAGE);
	n_words = DIV_ROUND_UP((residency.end - residency.start) / PAGE, 64) + 1;
	residency.present = calloc(n_words, sizeof(*residency.present));
	residency.swapped = calloc(n_words, sizeof(*residency.swapped));
	if (!residency.present || !residency.swapped)
		return -ENOMEM;
	r = read_pages(memory, &residency);
	if (r < 0)
		return r;
	*ret = residency;
	residency = (struct residency){};
	return 0;
}

void residency_deinit(struct residency *residency)
{
	free(residency->present);
	free(residency->swapped);
	*residency = (struct residency){};
}

static bool test_bit(const struct residency *residency, const uint64_t *bits, uint64_t address)
{
	size_t i = (address - residency->start) / PAGE;

	return bits[i / 64] >> (i % 64) & 1;
}

/* Set bits of [first, last). */
static size_t count_bits(const uint64_t *bits, size_t first, size_t last)
{
	size_t n = 0;

	while (first < last) {
		size_t width = MIN(64 - first % 64, last - first);
		uint64_t word = bits[first / 64] >> (first % 64);

		if (width < 64)
			word &= (UINT64_C(1) << width) - 1;
		n += (size_t)__builtin_popcountll(word);
		first += width;
	}
	return n;
}

uint64_t residency_bytes(const struct residency *residency, uint64_t start, uint64_t end)
{
	uint64_t first, last, bytes = 0;

	start = MAX(start, residency->start);
	end = MIN(end, residency->end);
	if (start >= end)
		return 0;
	first = ALIGN_DOWN(start, (uint64_t)PAGE);
	last = ALIGN_DOWN(end - 1, (uint64_t)PAGE);
	if (first == last)
		return test_bit(residency, residency->present, first) ? end - start : 0;
	if (test_bit(residency, residency->present, first))
		bytes += first + PAGE - start;
	if (test_bit(residency, residency->present, last))
		bytes += end - last;
	return bytes + PAGE * count_bits(residency->present, (first - residency->start) / PAGE + 1,
					 (last - residency->start) / PAGE);
}

uint64_t residency_run(const struct residency *residency, uint64_t address, uint64_t max)
{
	uint64_t at = address, end;

	if (address < residency->start || address >= residency->end)
		return 0;
	end = max < residency->end - address ? address + max : residency->end;
	while (at < end && test_bit(residency, residency->present, at))
		at = ALIGN_DOWN(at, (uint64_t)PAGE) + PAGE;
	return MIN(at, end) - address;
}

bool residency_is_swapped(const struct residency *residency, uint64_t address)
{
	return address >= residency->start && address < residency->end &&
	       test_bit(residency, residency->swapped, address);
}
