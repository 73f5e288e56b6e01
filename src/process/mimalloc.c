/* SPDX-License-Identifier: MIT */
/*
 * mimalloc.c: its memory is in segments of 32 MiB that begin at multiples of that, each with a table of its
 * 64 KiB slices in front:
 *
 *	segment   decommit mask · commit mask · lists · cookie · n slices · slices of the table · kind ·
 *	          slices in use · thread | slice | slice | ...
 *	slice     n slices of this page or free span · flags · capacity · reserved · free list · used ·
 *	          block size · ...
 *
 * A page has blocks of one size; its used counts those that the program has and those that another thread
 * has freed and nobody has collected yet. A free span has a block size of 0. A huge segment, larger than
 * 32 MiB, has one page.
 *
 * What is taken for a segment has to hold together: as many slices as entries, walked from the first to the
 * last without a gap, no page with more blocks than fit, and a cookie that, exclusive-ored with the
 * segment's address, is the same in all. The process runs on meanwhile, so that a page in the making may
 * make a segment look broken; that one is read once more.
 */
#include "process/mimalloc.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/macro.h"
#include "process/residency.h"

enum {
	SEGMENT_SIZE = 32 << 20,
	SLICE_SIZE = 64 << 10,
	N_SLICES = SEGMENT_SIZE / SLICE_SIZE,
	/* offsets of words in a segment */
	WORD_COOKIE = 27,
	WORD_N_SLICES = 28, /* of the segment */
	WORD_INFO_SLICES = 29,
	WORD_KIND = 30,
	WORD_ENTRIES = 31,
	WORD_SLICES = 33,
	KIND_HUGE = 1,
	TRIES = 2,
};

struct slice {
	uint32_t count, offset; /* slices; 0 and the way back within a page */
	uint8_t flags, pad;
	uint16_t capacity, reserved; /* blocks */
	uint8_t more_flags[2];
	uint64_t free;
	uint32_t used, block_size; /* blocks; bytes, 0 of a free span */
	uint64_t local_free, thread_free, heap, next, previous, padding;
};
assert_size(struct slice, 80);

struct segment {
	uint64_t words[WORD_SLICES];
	struct slice slices[N_SLICES + 1];
};

struct reader {
	struct memory *memory;
	struct arenas *arenas;
	struct arena sum;
	bool is_collected; /* of the segment, what is free in whole pages */
	uint64_t key;      /* cookie without the address; 0: none seen */
	struct segment segment;
};

static uint64_t segment_end(const struct reader *reader, uint64_t start)
{
	return start + reader->segment.words[WORD_N_SLICES] * SLICE_SIZE;
}

static bool fits(const struct slice *slice, uint64_t bytes)
{
	return slice->used <= slice->reserved && slice->capacity <= slice->reserved &&
	       (uint64_t)slice->block_size * slice->reserved <= bytes;
}

static bool is_segment(const struct reader *reader, uint64_t start, uint64_t mapping_end)
{
	const uint64_t *words = reader->segment.words;
	const uint64_t n = words[WORD_ENTRIES];
	const bool is_huge = words[WORD_KIND] == KIND_HUGE;

	if (words[WORD_KIND] > KIND_HUGE || n == 0 || n > N_SLICES || words[WORD_N_SLICES] < n ||
	    words[WORD_N_SLICES] > (1ull << 32) || (!is_huge && words[WORD_N_SLICES] != N_SLICES) ||
	    words[WORD_INFO_SLICES] == 0 || words[WORD_INFO_SLICES] > n ||
	    segment_end(reader, start) > mapping_end ||
	    (reader->key && (words[WORD_COOKIE] ^ start) != reader->key))
		return false;
	if (is_huge)
		return true;
	for (uint64_t i = 0, count; i < n; i += count) {
		const struct slice *slice = &reader->segment.slices[i];

		count = slice->count;
		if (count == 0 || count > n - i || slice->offset != 0)
			return false;
		if (i > 0 && slice->block_size && !fits(slice, count * SLICE_SIZE))
			return false;
	}
	return true;
}

/* Bytes of blocks in a page, and how many blocks. */
static uint64_t in_use(const struct slice *slice, uint64_t bytes, bool is_huge,
		       uint64_t *ret_blocks)
{
	*ret_blocks = slice->used;
	/* sizes of 2 GiB and more have no room in the field */
	if (is_huge || slice->reserved == 1)
		return slice->used ? bytes : 0;
	return MIN((uint64_t)slice->used * slice->block_size, bytes);
}

static void tally_page(struct reader *reader, const struct residency *map, uint64_t start,
		       uint64_t bytes, const struct slice *slice, struct arena_range *range)
{
	const bool is_huge = reader->segment.words[WORD_KIND] == KIND_HUGE;
	const uint64_t resident = residency_bytes(map, start, start + bytes);
	struct arena *sum = &reader->sum;
	uint64_t n = 0, used = 0, used_resident;

	if (slice->block_size)
		used = in_use(slice, bytes, is_huge, &n);
	if (n) {
		const size_t index = arena_sizes_class(used / n);

		reader->arenas->sizes.in_use[index].blocks += n;
		reader->arenas->sizes.in_use[index].bytes += used;
	}
	/* what is not returned by collecting goes by and by */
	if (n == 0 && reader->is_collected)
		sum->trimmable += resident;
	else if (n == 0)
		sum->cached += resident;
	used_resident = MIN(used, resident);
	sum->in_use += used;
	sum->in_use_blocks += n;
	sum->free += bytes - used;
	range->in_use_resident += used_resident;
	range->free_resident += resident - used_resident;
}

/*
 * Whether collecting returns its free spans: a segment without a block goes as a whole; in another one, a
 * page that is empty and kept becomes a free span, at which the older ones are returned, too. That holds
 * half a second after its last page was freed at the latest: before, mimalloc keeps them for its next need.
 */
static bool is_collected(const struct segment *segment)
{
	bool has_blocks = false, has_kept = false;

	for (uint64_t i = segment->words[WORD_INFO_SLICES]; i < segment->words[WORD_ENTRIES];
	     i += MAX(segment->slices[i].count, 1u)) {
		const struct slice *slice = &segment->slices[i];

		has_blocks |= slice->block_size > 1 && slice->used;
		has_kept |= slice->block_size > 1 && !slice->used;
	}
	return !has_blocks || has_kept;
}

static int tally_segment(struct reader *reader, uint64_t start)
{
	const struct segment *segment = &reader->segment;
	const uint64_t end = segment_end(reader, start), n = segment->words[WORD_ENTRIES];
	const uint64_t info = segment->words[WORD_INFO_SLICES] * SLICE_SIZE;
	_cleanup_(residency_deinit) struct residency map = {};
	struct arena_range *range;
	int r = residency_read(reader->memory, start, end, &map);

	if (r < 0)
		return r;
	reader->is_collected = is_collected(segment);
	range = arenas_add_range(reader->arenas);
	if (!range)
		return -ENOMEM;
	range->start = start;
	range->end = end;
	range->arena = (uint32_t)reader->arenas->n_arenas;
	range->metadata_resident = residency_bytes(&map, start, start + info);
	reader->sum.metadata += info;
	if (segment->words[WORD_KIND] == KIND_HUGE) {
		const uint64_t i = segment->words[WORD_INFO_SLICES];

		tally_page(reader, &map, start + info, end - start - info,
			   &segment->slices[MIN(i, (uint64_t)N_SLICES)], range);
	} else {
		for (uint64_t i = segment->slices[0].count; i < n; i += segment->slices[i].count)
			tally_page(reader, &map, start + i * SLICE_SIZE,
				   (uint64_t)segment->slices[i].count * SLICE_SIZE,
				   &segment->slices[i], range);
	}
	reader->sum.n_heaps++;
	reader->sum.system += end - start;
	reader->sum.in_use_resident += range->in_use_resident;
	reader->sum.free_resident += range->free_resident;
	reader->sum.metadata_resident += range->metadata_resident;
	return 0;
}

/* The table is written to from its beginning on: pages of it that are absent are zeros. -EFAULT: none is there. */
static int read_table(struct reader *reader, uint64_t start)
{
	uint8_t *bytes = (uint8_t *)&reader->segment;
	int r;

	memset(bytes, 0, sizeof(reader->segment));
	for (size_t at = 0; at < sizeof(reader->segment); at += MEMORY_PAGE_SIZE) {
		size_t size = MIN(sizeof(reader->segment) - at, (size_t)MEMORY_PAGE_SIZE);

		r = memory_read_present(reader->memory, start + at, bytes + at, size);
		if (r < 0 && (r != -EFAULT || at == 0))
			return r;
	}
	return 0;
}

/* 1: a segment; 0: something else. */
static int consider(struct reader *reader, uint64_t start, uint64_t mapping_end)
{
	for (unsigned i = 0; i < TRIES; i++) {
		int r = read_table(reader, start);

		if (r == -EFAULT)
			return 0;
		if (r < 0)
			return r;
		if (!is_segment(reader, start, mapping_end))
			continue;
		reader->key = reader->segment.words[WORD_COOKIE] ^ start;
		r = tally_segment(reader, start);
		return r < 0 ? r : 1;
	}
	return 0;
}

/* Neighbouring mappings, which the kernel does not merge if they differ in their flags, as one. */
static uint64_t anonymous_end(const struct maps *maps, size_t i)
{
	uint64_t end = maps->mappings[i].end;

	for (i++; i < maps->n_mappings; i++) {
		const struct mapping *mapping = &maps->mappings[i];

		if (mapping->start != end || mapping->path[0] || mapping->shared)
			break;
		end = mapping->end;
	}
	return end;
}

static int find_segments(struct reader *reader, const struct maps *maps)
{
	size_t n_candidates = 0;
	uint64_t at = 0;

	for (size_t i = 0; i < maps->n_mappings; i++) {
		const struct mapping *mapping = &maps->mappings[i];
		uint64_t end;

		if (mapping->path[0] || mapping->shared || !mapping->write)
			continue;
		end = anonymous_end(maps, i);
		for (at = MAX(at, ALIGN_UP(mapping->start, (uint64_t)SEGMENT_SIZE));
		     at < mapping->end;) {
			int r = consider(reader, at, end);

			if (r < 0)
				return r;
			n_candidates++;
			at = r ? ALIGN_UP(segment_end(reader, at), (uint64_t)SEGMENT_SIZE)
			       : at + SEGMENT_SIZE;
		}
	}
	return n_candidates && !reader->sum.n_heaps ? -EBADMSG : 0;
}

int mimalloc_read(struct memory *memory, const struct maps *maps, struct arenas *ret)
{
	struct reader reader = {
		.memory = memory,
		.arenas = ret,
		.sum = {.allocator = ARENAS_MIMALLOC,
			.kind = ARENA_MAIN,
			.peak_system = ARENAS_UNKNOWN,
			.top = ARENAS_UNKNOWN,
			.largest_free = ARENAS_UNKNOWN,
			.free_blocks = ARENAS_UNKNOWN},
	};
	struct arena *arena;
	int r = find_segments(&reader, maps);

	if (r < 0 || !reader.sum.n_heaps)
		return r;
	arena = arenas_add(ret);
	if (!arena)
		return -ENOMEM;
	reader.sum.resident = reader.sum.in_use_resident + reader.sum.free_resident +
			      reader.sum.metadata_resident;
	*arena = reader.sum;
	arenas_sort(ret);
	return 0;
}
