/* SPDX-License-Identifier: MIT */
/*
 * conform: what programs rely on beyond the family itself: each byte of a block's usable size, figures
 * that tell the truth, memory that is given back, nearly all of a limited address space. It is run
 * without the agent too, which shows that what is asked for here is what glibc does.
 */
#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "check.h"

enum {
	LIMIT = 128 << 20,
	N_BLOCKS = 20000,
	N_SIZES = 5000,
};

static bool is_filled(const unsigned char *block, unsigned char byte, size_t size)
{
	while (size > 0 && block[size - 1] == byte)
		size--;
	return size == 0;
}

/* A block of each size among its neighbours, all of which are used to their last byte. */
static void check_usable_sizes(void)
{
	unsigned char *blocks[3] = {NULL};
	size_t sizes[3] = {0}, i;

	for (i = 0; i < N_SIZES; i++) {
		const size_t size = i < 4000 ? i : i * 7919 % 600000, k = i % 3;

		if (blocks[k])
			CHECK(is_filled(blocks[k], (unsigned char)k, sizes[k]));
		free(blocks[k]);
		blocks[k] = malloc(size);
		CHECK(blocks[k] && (uintptr_t)blocks[k] % 16 == 0);
		sizes[k] = malloc_usable_size(blocks[k]);
		CHECK(sizes[k] >= size);
		memset(blocks[k], (int)k, sizes[k]);
	}
	for (i = 0; i < 3; i++)
		free(blocks[i]);
}

/* Usable bytes belong to the block for realloc too. */
static void check_usable_sizes_in_realloc(void)
{
	size_t size;

	for (size = 1; size < 2 << 20; size = size * 3 / 2 + 1) {
		unsigned char *block = malloc(size);
		const size_t usable = malloc_usable_size(block);

		CHECK(block);
		memset(block, 0x3c, usable);
		block = realloc(block, usable + 1000);
		CHECK(block && is_filled(block, 0x3c, size));
		free(block);
	}
}

static size_t in_use(const struct mallinfo2 *info)
{
	return info->uordblks + info->hblkhd;
}

/* glibc counts blocks in its threads' caches as used: these are too large for those. */
static size_t block_size(size_t i)
{
	return 2000 + i * 7919 % 6000;
}

static void check_mallinfo(void)
{
	static void *blocks[N_BLOCKS];
	struct mallinfo2 before, during, after;
	size_t total = 0, i;

	before = mallinfo2();
	for (i = 0; i < N_BLOCKS; i++) {
		blocks[i] = malloc(block_size(i));
		CHECK(blocks[i]);
		total += block_size(i);
	}
	during = mallinfo2();
	/* rounding is at most an eighth, and 16 bytes of a header */
	CHECK(in_use(&during) >= in_use(&before) + total);
	CHECK(in_use(&during) <= in_use(&before) + total + total / 8 + N_BLOCKS * 16);
	CHECK(during.arena + during.hblkhd >= in_use(&during));
	for (i = 0; i < N_BLOCKS; i++)
		free(blocks[i]);
	after = mallinfo2();
	CHECK(in_use(&after) <= in_use(&before) + 4096 && in_use(&after) + 4096 >= in_use(&before));
	CHECK(after.uordblks + after.fordblks <= after.arena);
}

static void check_mallinfo_of_mapped_blocks(void)
{
	const size_t size = 128 << 20;
	struct mallinfo2 before = mallinfo2(), during, after;
	void *volatile block = malloc(size);

	CHECK(block);
	during = mallinfo2();
	CHECK(during.hblks == before.hblks + 1);
	CHECK(during.hblkhd >= before.hblkhd + size &&
	      during.hblkhd <= before.hblkhd + size + (1 << 20));
	free(block);
	after = mallinfo2();
	CHECK(after.hblks == before.hblks && after.hblkhd == before.hblkhd);
}

static long resident_pages(void)
{
	char line[128];
	FILE *file = fopen("/proc/self/statm", "r");

	CHECK(file && fgets(line, sizeof(line), file));
	fclose(file);
	return strtol(strchr(line, ' '), NULL, 10);
}

/* Free memory between blocks that stay, which only malloc_trim finds. */
static void check_trim(void)
{
	static char *blocks[N_BLOCKS];
	long full, i;

	for (i = 0; i < N_BLOCKS; i++) {
		blocks[i] = malloc(3000);
		CHECK(blocks[i]);
		memset(blocks[i], 1, 3000);
	}
	full = resident_pages();
	for (i = 0; i < N_BLOCKS; i++)
		if (i % 100)
			free(blocks[i]);
	CHECK(malloc_trim(0) == 1);
	CHECK(full - resident_pages() > N_BLOCKS / 4096.0 * 3000 * 0.8);
	for (i = 0; i < N_BLOCKS; i += 100) {
		CHECK(is_filled((unsigned char *)blocks[i], 1, 3000));
		free(blocks[i]);
	}
}

static void check_options(void)
{
	static const int options[] = {M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD, M_MMAP_MAX,
				      M_CHECK_ACTION,   M_PERTURB, M_ARENA_TEST,     M_ARENA_MAX};
	size_t i;

	for (i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		CHECK(mallopt(options[i], 8) == 1);
	free(malloc(100));
}

static size_t address_space(void)
{
	char line[128];
	FILE *file = fopen("/proc/self/statm", "r");

	CHECK(file && fgets(line, sizeof(line), file));
	fclose(file);
	return strtoul(line, NULL, 10) * (size_t)sysconf(_SC_PAGESIZE);
}

/* Until there is no more; each block is linked to the one before. */
static size_t use_all(size_t size, void ***ret_list)
{
	size_t total = 0;
	void **block;

	*ret_list = NULL;
	errno = 0;
	while ((block = malloc(size))) {
		*block = *ret_list;
		*ret_list = block;
		total += size;
		errno = 0;
	}
	CHECK(errno == ENOMEM);
	return total;
}

static void free_all(void **list)
{
	while (list) {
		void **next = *list;

		errno = 4711;
		free(list);
		CHECK(errno == 4711);
		list = next;
	}
}

static void use_limited_memory(size_t size)
{
	const struct rlimit limit = {address_space() + LIMIT, address_space() + LIMIT};
	void **list;
	size_t round;

	CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
	for (round = 0; round < 2; round++) {
		CHECK(use_all(size, &list) >= LIMIT / 100 * 85ul);
		free_all(list);
	}
	errno = 0;
	CHECK(!calloc(2, LIMIT) && errno == ENOMEM);
	errno = 0;
	CHECK(!memalign(1 << 20, 2ul * LIMIT) && errno == ENOMEM);
	/* it still works */
	list = malloc(1000);
	CHECK(list);
	list = realloc(list, LIMIT / 4);
	CHECK(list);
	errno = 0;
	CHECK(!realloc(list, 2ul * LIMIT) && errno == ENOMEM);
	free(list);
}

static void check_limits(void)
{
	static const size_t sizes[] = {200, 20000, 1 << 20, 4 << 20};
	size_t i;
	int status;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		pid_t pid = fork();

		CHECK(pid >= 0);
		if (pid == 0) {
			alarm(60);
			use_limited_memory(sizes[i]);
			_exit(0);
		}
		CHECK(waitpid(pid, &status, 0) == pid);
		if (status)
			fprintf(stderr, "blocks of %zu bytes\n", sizes[i]);
		CHECK(status == 0);
	}
}

int main(void)
{
	check_usable_sizes();
	check_usable_sizes_in_realloc();
	check_mallinfo();
	check_mallinfo_of_mapped_blocks();
	check_trim();
	check_limits();
	check_options();
	return 0;
}
