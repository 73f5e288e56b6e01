/* SPDX-License-Identifier: MIT */
#include "process/foreign.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "process/mimalloc.h"
#include "tests/unit/test.h"

static const uint64_t data_at = 0x7000;

/* As if the calls had been made there. */
static void relocate(struct inject_calls *calls)
{
	calls->data_at = data_at;
	for (size_t i = 0; i < calls->n_calls; i++)
		for (size_t k = 0; k < ARRAY_SIZE(calls->calls[i].arguments); k++)
			if (calls->pointers[i] >> k & 1)
				calls->calls[i].arguments[k] += data_at;
}

static const char *name_of(const struct inject_calls *calls, size_t i)
{
	return (const char *)calls->data + (calls->calls[i].arguments[0] - data_at);
}

static void reply(struct inject_calls *calls, const char *name, uint64_t value)
{
	for (size_t i = 0; i < calls->n_calls; i++)
		if (calls->pointers[i] & 1 && strcmp(name_of(calls, i), name) == 0) {
			calls->calls[i].result = 0;
			memcpy(calls->data + (calls->calls[i].arguments[1] - data_at), &value,
			       sizeof(value));
			return;
		}
	fail_msg("%s is not asked", name);
}

static void refuse_all(struct inject_calls *calls)
{
	for (size_t i = 0; i < calls->n_calls; i++)
		calls->calls[i].result = ENOENT;
}

static void reply_arena(struct inject_calls *calls, unsigned arena)
{
	static const struct {
		const char *name;
		uint64_t value;
	} values[] = {{"pactive", 1000},
		      {"pdirty", 20},
		      {"pmuzzy", 5},
		      {"retained", 1 << 20},
		      {"base", 50000},
		      {"internal", 4096},
		      {"tcache_bytes", 500},
		      {"small.allocated", 3000},
		      {"large.allocated", 2000000}};
	char name[64];

	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		snprintf(name, sizeof(name), "stats.arenas.%u.%s", arena, values[i].name);
		reply(calls, name, values[i].value);
	}
}

static void jemalloc_is_told_in_our_words(void **state)
{
	struct inject_calls *calls = calloc(1, sizeof(*calls));
	struct arenas arenas = {};

	(void)state;
	assert_int_equal(jemalloc_ask(calls), 0);
	relocate(calls);
	refuse_all(calls);
	assert_int_equal(jemalloc_understand(calls, &arenas), -EBADMSG);
	reply(calls, "arenas.page", 4096);
	reply(calls, "arenas.narenas", 9);
	reply_arena(calls, 3);
	reply_arena(calls, 9);
	reply(calls, "arenas.bin.0.size", 64);
	reply(calls, "stats.arenas.4096.bins.0.curregs", 7);
	assert_int_equal(jemalloc_understand(calls, &arenas), 0);
	assert_int_equal(arenas.n_arenas, 1);
	assert_int_equal(arenas.arenas[0].id, 3);
	assert_int_equal(arenas.arenas[0].in_use, 2003000 - 500);
	assert_int_equal(arenas.arenas[0].cached, 500);
	assert_int_equal(arenas.arenas[0].trimmable, 25 * 4096);
	assert_int_equal(arenas.arenas[0].metadata, 50000 + 4096);
	assert_int_equal(arenas.arenas[0].free_resident,
			 1000 * 4096 - 2003000 - 4096 + 500 + 25 * 4096);
	assert_int_equal(arenas.arenas[0].system, 1000 * 4096 + 25 * 4096 + (1 << 20) + 50000);
	assert_int_equal(arena_sizes_total(arenas.sizes.in_use).bytes, 7 * 64);
	arenas_deinit(&arenas);
	free(calls);
}

static void tcmalloc_is_told_in_our_words(void **state)
{
	static const char text[] = "MALLOC:  1 ( 0.0 MiB) Bytes in use by application\n"
				   "MALLOC: +       27525 (    0.0 MiB) Bytes in malloc metadata\n";
	struct inject_calls *calls = calloc(1, sizeof(*calls));
	struct arenas arenas = {};

	(void)state;
	assert_int_equal(tcmalloc_ask(calls), 0);
	relocate(calls);
	reply(calls, "generic.heap_size", 1000000);
	assert_int_equal(tcmalloc_understand(calls, &arenas), -EBADMSG);
	reply(calls, "tcmalloc.pageheap_free_bytes", 100000);
	reply(calls, "tcmalloc.pageheap_unmapped_bytes", 200000);
	reply(calls, "tcmalloc.central_cache_free_bytes", 3000);
	reply(calls, "tcmalloc.transfer_cache_free_bytes", 40);
	reply(calls, "tcmalloc.thread_cache_free_bytes", 5);
	for (size_t i = 0; i + 1 < calls->n_calls; i++)
		calls->calls[i].result = 1;
	memcpy(calls->data + (calls->calls[calls->n_calls - 1].arguments[0] - data_at), text,
	       sizeof(text));
	assert_int_equal(tcmalloc_understand(calls, &arenas), 0);
	assert_int_equal(arenas.n_arenas, 1);
	assert_int_equal(arenas.arenas[0].in_use, 1000000 - 303045);
	assert_int_equal(arenas.arenas[0].free, 303045);
	assert_int_equal(arenas.arenas[0].free_resident, 103045);
	assert_int_equal(arenas.arenas[0].cached, 45);
	assert_int_equal(arenas.arenas[0].trimmable, 100000);
	assert_int_equal(arenas.arenas[0].metadata, 27525);
	arenas_deinit(&arenas);
	free(calls);
}

enum { SEGMENT = 32 << 20, SLICE = 64 << 10 };
static const uint64_t segment_at = 3ull * SEGMENT;

/* An info slice, a page of 100 blocks of 512 bytes of which 40 are out, and a free span. */
static void fill_segment(uint64_t *words)
{
	uint8_t *slices = (uint8_t *)&words[33];
	const uint32_t counts[] = {1, 2, 509}, firsts[] = {0, 1, 3};
	const uint16_t blocks = 100;
	const uint32_t page[] = {40, 512};

	words[27] = segment_at ^ 0x1234567812345678;
	words[28] = words[31] = 512;
	words[29] = 1;
	for (size_t i = 0; i < 3; i++)
		memcpy(slices + (size_t)80 * firsts[i], &counts[i], sizeof(counts[i]));
	memcpy(slices + 80 + 10, &blocks, sizeof(blocks));
	memcpy(slices + 80 + 12, &blocks, sizeof(blocks));
	memcpy(slices + 80 + 24, page, sizeof(page));
}

static int read_segment(const void *bytes, struct arenas *ret)
{
	char line[80];
	struct maps maps;
	const struct memory_piece piece = {segment_at, SEGMENT, bytes};
	struct memory *memory = memory_new_pieces(&piece, 1);
	int r;

	snprintf(line, sizeof(line), "%lx-%lx rw-p 00000000 00:00 0\n", segment_at,
		 segment_at + SEGMENT);
	assert_int_equal(maps_parse(line, strlen(line), &maps), 0);
	r = mimalloc_read(memory, &maps, ret);
	maps_deinit(&maps);
	memory_free(memory);
	return r;
}

static void mimalloc_is_read_by_its_shape(void **state)
{
	uint64_t *words = calloc(1, SEGMENT);
	struct arenas arenas = {};

	(void)state;
	fill_segment(words);
	assert_int_equal(read_segment(words, &arenas), 0);
	assert_int_equal(arenas.n_arenas, 1);
	assert_int_equal(arenas.n_ranges, 1);
	assert_int_equal(arenas.arenas[0].system, SEGMENT);
	assert_int_equal(arenas.arenas[0].in_use, 40 * 512);
	assert_int_equal(arenas.arenas[0].in_use_blocks, 40);
	assert_int_equal(arenas.arenas[0].metadata, SLICE);
	assert_int_equal(arenas.arenas[0].free, SEGMENT - SLICE - 40 * 512);
	assert_int_equal(arenas.arenas[0].trimmable, 0);
	arenas_deinit(&arenas);
	free(words);
}

static void what_is_no_segment_is_refused(void **state)
{
	uint64_t *words = calloc(1, SEGMENT);
	uint8_t *slices = (uint8_t *)&words[33];
	struct arenas arenas = {};
	uint16_t too_many = 99;

	(void)state;
	assert_int_equal(read_segment(words, &arenas), -EBADMSG);
	fill_segment(words);
	words[31] = 513;
	assert_int_equal(read_segment(words, &arenas), -EBADMSG);
	words[31] = 511;
	assert_int_equal(read_segment(words, &arenas), -EBADMSG);
	words[31] = 512;
	/* more blocks in use than there are */
	memcpy(slices + 80 + 12, &too_many, sizeof(too_many));
	assert_int_equal(read_segment(words, &arenas), -EBADMSG);
	assert_int_equal(arenas.n_arenas + arenas.n_ranges, 0);
	free(words);
	arenas_deinit(&arenas);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(jemalloc_is_told_in_our_words),
		cmocka_unit_test(tcmalloc_is_told_in_our_words),
		cmocka_unit_test(mimalloc_is_read_by_its_shape),
		cmocka_unit_test(what_is_no_segment_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
