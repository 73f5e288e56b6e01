/* SPDX-License-Identifier: MIT */
/*
 * glibc-image.c: writes malloc_state, malloc_par, heap_info, chunks and caches as each version lays them
 * out, by its own tables: what the reader finds must not come from the reader's own idea of them.
 */
#include "tests/support/glibc-image.h"

#include <stdlib.h>
#include <string.h>

#include "base/macro.h"

const struct glibc_version glibc_versions[] = {
	{"2.17", 104, false, 32, 2, false, 0},    {"2.23", 104, true, 32, 2, false, 0},
	{"2.24", 104, true, 32, 1, false, 0},     {"2.26", 104, true, 32, 1, false, 0x250},
	{"2.27", 112, true, 32, 1, false, 0x250}, {"2.30", 112, true, 32, 1, false, 0x290},
	{"2.32", 112, true, 32, 1, true, 0x290},  {"2.35", 112, true, 48, 0, true, 0x290},
	{"2.42", 112, true, 48, 0, true, 0x300},  {"later", 24, true, 48, 0, true, 0x300},
};
const size_t glibc_n_versions = ARRAY_SIZE(glibc_versions);

enum { NEXT = 127 * 16 + 16, PARAMS = 0x100 };

static uint8_t *place(struct glibc_image *image, uint64_t address)
{
	if (address - GLIBC_IMAGE_DATA_START < GLIBC_IMAGE_DATA)
		return image->data + (address - GLIBC_IMAGE_DATA_START);
	if (address - GLIBC_IMAGE_BREAK_START < GLIBC_IMAGE_HEAP)
		return image->brk + (address - GLIBC_IMAGE_BREAK_START);
	if (address - GLIBC_IMAGE_HEAP_START < GLIBC_IMAGE_HEAP)
		return image->heap + (address - GLIBC_IMAGE_HEAP_START);
	abort();
}

uint64_t glibc_image_get(struct glibc_image *image, uint64_t address)
{
	uint64_t word;

	memcpy(&word, place(image, address), sizeof(word));
	return word;
}

void glibc_image_set(struct glibc_image *image, uint64_t address, uint64_t word)
{
	memcpy(place(image, address), &word, sizeof(word));
}

static void set_half(struct glibc_image *image, uint64_t address, uint32_t half)
{
	memcpy(place(image, address), &half, sizeof(half));
}

static uint64_t state_size(const struct glibc_version *version)
{
	return version->bins + NEXT + 32 + 8 * version->counts_threads;
}

static void write_state(struct glibc_image *image, uint64_t arena, uint64_t next)
{
	uint64_t bins = arena + image->version->bins, counts = bins + NEXT + 16;

	for (uint64_t bin = bins; bin < bins + 127 * 16; bin += 16) {
		glibc_image_set(image, bin, bin - 16);
		glibc_image_set(image, bin + 8, bin - 16);
	}
	glibc_image_set(image, bins + NEXT, next);
	if (image->version->counts_threads) {
		glibc_image_set(image, counts, 1);
		counts += 8;
	}
	glibc_image_set(image, counts, GLIBC_IMAGE_HEAP);
	glibc_image_set(image, counts + 8, GLIBC_IMAGE_HEAP);
}

static void write_params(struct glibc_image *image)
{
	static const uint64_t counts[] = {60, 40, 40}, base[] = {96, 72, 80};
	uint64_t at = GLIBC_IMAGE_DATA_START + PARAMS;

	glibc_image_set(image, at, 4 << 20);
	glibc_image_set(image, at + 8, 128 << 10);
	glibc_image_set(image, at + 16, 2 << 20);
	glibc_image_set(image, at + 24, 8);
	set_half(image, at + counts[image->version->params] + 4, 65536);
	glibc_image_set(image, at + base[image->version->params], GLIBC_IMAGE_BREAK_START);
}

static void map(struct glibc_image *image, size_t i, uint64_t start, uint64_t size,
		const char *path)
{
	static char paths[3][32];

	strcpy(paths[i], path);
	image->mappings[i] = (struct mapping){
		.start = start, .end = start + size, .read = true, .write = true, .path = paths[i]};
}

void glibc_image_init(struct glibc_image *image, const struct glibc_version *version)
{
	struct memory_piece pieces[] = {
		{GLIBC_IMAGE_BREAK_START, GLIBC_IMAGE_HEAP, image->brk},
		{GLIBC_IMAGE_HEAP_START, GLIBC_IMAGE_HEAP, image->heap},
		{GLIBC_IMAGE_DATA_START, GLIBC_IMAGE_DATA, image->data},
	};

	memset(image, 0, sizeof(*image));
	image->version = version;
	image->arena = GLIBC_IMAGE_HEAP_START + version->heap_info;
	write_state(image, GLIBC_IMAGE_MAIN, image->arena);
	write_state(image, image->arena, GLIBC_IMAGE_MAIN);
	write_params(image);
	glibc_image_set(image, GLIBC_IMAGE_HEAP_START, image->arena);
	glibc_image_set(image, GLIBC_IMAGE_HEAP_START + 16, GLIBC_IMAGE_HEAP);
	glibc_image_set(image, GLIBC_IMAGE_HEAP_START + 24, GLIBC_IMAGE_HEAP);
	image->next_in_brk = GLIBC_IMAGE_BREAK_START;
	image->next_in_heap = ALIGN_UP(image->arena + state_size(version), 16);
	map(image, 0, GLIBC_IMAGE_BREAK_START, GLIBC_IMAGE_HEAP, "[heap]");
	map(image, 1, GLIBC_IMAGE_HEAP_START, GLIBC_IMAGE_HEAP, "");
	map(image, 2, GLIBC_IMAGE_DATA_START, GLIBC_IMAGE_DATA, "/lib/libc.so.6");
	image->maps = (struct maps){image->mappings, 3};
	image->target = (struct glibc_target){
		.memory = memory_new_pieces(pieces, ARRAY_SIZE(pieces)),
		.maps = &image->maps,
	};
	if (!image->target.memory)
		abort();
	glibc_image_set(image, image->next_in_brk + 8, 1);
	glibc_image_set(image, image->next_in_heap + 8, 1);
	if (version->table)
		glibc_image_add(image, true, version->table, true);
}

void glibc_image_deinit(struct glibc_image *image)
{
	memory_free(image->target.memory);
}

/* Puts a chunk into the nth bin. */
static void link_free(struct glibc_image *image, bool in_heap, uint64_t chunk, unsigned nth)
{
	uint64_t arena = in_heap ? image->arena : GLIBC_IMAGE_MAIN;
	uint64_t bin = arena + image->version->bins + 16 * nth;
	uint64_t first = glibc_image_get(image, bin);

	glibc_image_set(image, chunk + 16, first);
	glibc_image_set(image, chunk + 24, bin - 16);
	glibc_image_set(image, first + 24, chunk);
	glibc_image_set(image, bin, chunk);
}

static uint64_t append(struct glibc_image *image, bool in_heap, uint64_t size, bool in_use)
{
	uint64_t *next = in_heap ? &image->next_in_heap : &image->next_in_brk, chunk = *next;
	uint64_t flags = glibc_image_get(image, chunk + 8) & 1;

	*next += size;
	if (in_use && in_heap)
		flags |= 4;
	glibc_image_set(image, chunk + 8, size | flags);
	glibc_image_set(image, *next + 8, in_use);
	if (!in_use)
		glibc_image_set(image, *next, size);
	return chunk;
}

uint64_t glibc_image_add(struct glibc_image *image, bool in_heap, uint64_t size, bool in_use)
{
	uint64_t chunk = append(image, in_heap, size, in_use);

	if (!in_use)
		link_free(image, in_heap, chunk, 0);
	return chunk;
}

void glibc_image_add_to_bin(struct glibc_image *image, bool in_heap, uint64_t size, unsigned nth)
{
	link_free(image, in_heap, append(image, in_heap, size, false), nth);
}

static void push(struct glibc_image *image, uint64_t head, uint64_t chunk, uint64_t target)
{
	uint64_t first = glibc_image_get(image, head);

	if (image->version->mangled)
		first ^= (chunk + 16) >> 12;
	glibc_image_set(image, chunk + 16, first);
	glibc_image_set(image, head, target);
}

void glibc_image_add_fast(struct glibc_image *image, uint64_t chunk)
{
	uint64_t size = glibc_image_get(image, chunk + 8) & ~UINT64_C(7);
	uint64_t arena = chunk >= GLIBC_IMAGE_HEAP_START ? image->arena : GLIBC_IMAGE_MAIN;

	push(image, arena + image->version->bins - 96 + (size - 32) / 2, chunk, chunk);
}

void glibc_image_add_cached(struct glibc_image *image, uint64_t chunk)
{
	uint64_t size = glibc_image_get(image, chunk + 8) & ~UINT64_C(7), i = (size - 32) / 16;
	uint64_t table = ALIGN_UP(image->arena + state_size(image->version), 16) + 16;
	uint64_t width = image->version->table == 0x250 ? 1 : 2;
	uint64_t n_lists = image->version->table == 0x300 ? 76 : 64;

	place(image, table + i * width)[0]++;
	push(image, table + n_lists * width + i * 8, chunk, chunk + 16);
}

static void set_top(struct glibc_image *image, uint64_t arena, uint64_t top, uint64_t end)
{
	glibc_image_set(image, top + 8, (end - top) | (glibc_image_get(image, top + 8) & 1));
	glibc_image_set(image, arena + image->version->bins - 16, top);
}

void glibc_image_finish(struct glibc_image *image)
{
	set_top(image, GLIBC_IMAGE_MAIN, image->next_in_brk,
		GLIBC_IMAGE_BREAK_START + GLIBC_IMAGE_HEAP);
	set_top(image, image->arena, image->next_in_heap,
		GLIBC_IMAGE_HEAP_START + GLIBC_IMAGE_HEAP);
}
